"""The hot path: POST /v1/orders as a plain ASGI route, in front of the framework."""

import hashlib
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from buystream import events
from buystream.commands import PlaceOrder
from buystream.gateway.answers import Answer
from buystream.gateway.bodies import NewOrder, encode, order_body, placed_order_body, repeated_order_body
from buystream.gateway.catalogue import Offer
from buystream.gateway.problems import MEDIA_TYPE, HttpProblem, problem_of, refused
from buystream.gateway.runtime import Gateway
from buystream.ids import MalformedId, edition_of
from buystream.money import AMOUNT_MINOR_MAX
from buystream.projections import order_views

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

PATH = "/v1/orders"
BODY_BYTES_MAX = 16 * 1024
HASHES_KEPT = 4_096
"""A crowd has few kinds of browsers, and a network many buyers."""

_decode = msgspec.json.Decoder(NewOrder).decode


class BuyRoute:
    """Answers 201 held, 200 repeated, 409 refused; other problems as everywhere."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._keyed_hash = lru_cache(HASHES_KEPT)(partial(_keyed_hash, gateway.origin_key))
        self._answered = {
            status: gateway.orders_answered.labels(str(status))
            for status in (200, 201, 400, 401, 404, 409, 413, 422, 500, 503)
        }

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request."""
        content_type = b"application/json"
        extra: list[tuple[bytes, bytes]] = []
        try:
            status, body = await self._place(scope, receive)
        except Exception as error:
            problem = problem_of(error, f"POST {PATH}")
            status, body, content_type = problem.status, problem.body(), MEDIA_TYPE.encode()
            extra = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        self._answered[status].inc()
        await send({
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
                (b"access-control-allow-origin", b"*"),
                (b"access-control-expose-headers", b"retry-after"),
                (b"x-content-type-options", b"nosniff"),
                *extra,
            ],
        })  # fmt: skip
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _place(self, scope: "Scope", receive: "Receive") -> tuple[int, bytes]:
        gateway = self._gateway
        authorization = cookies = device = length = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"cookie":
                cookies = value
            elif name == b"user-agent":
                device = value
            elif name == b"content-length":
                length = value
        order = _order(await _body(receive, length))
        buyer_id = gateway.sessions.buyer_of_request(authorization, cookies)
        if buyer_id is None:
            raise HttpProblem("no-session")
        offer = gateway.offer(order.edition_id)
        if offer.sold_out and not gateway.catalogue.was_sent(order.order_id):
            raise gateway.latch.refuse(offer, order.quantity)
        client = scope.get("client")
        command = PlaceOrder(
            order_id=order.order_id,
            edition_id=order.edition_id,
            buyer_id=buyer_id,
            quantity=order.quantity,
            price_minor=order.price_minor,
            device=self._keyed_hash(device),
            network=self._keyed_hash(client[0].encode()) if client else "",
        )
        if offer.limited:
            gateway.catalogue.remember_sent(order.order_id)
        return await self._answer(await gateway.ask(command, offer), offer)

    async def _answer(self, answer: Answer, offer: Offer) -> tuple[int, bytes]:
        event = answer.event
        if isinstance(event, events.OrderPlaced):
            return 201, encode(placed_order_body(event, offer))
        if isinstance(event, events.OrderRefused):
            raise refused(event.reason)
        if isinstance(event, events.OrderRepeated):
            if event.state == "refused":
                raise refused(event.reason)
            return 200, encode(await self._repeated(event, answer, offer))
        if isinstance(event, events.CommandRefused):
            raise refused(event.reason)
        raise HttpProblem("internal", f"The log answered with {type(event).__name__}.")

    async def _repeated(self, event: events.OrderRepeated, answer: Answer, offer: Offer) -> Any:
        """What the order is now. The owner said it; once there is a payment, the views know more of it."""
        if not event.payment_id:
            return repeated_order_body(event, offer)
        reads = self._gateway.reads
        try:
            if await reads.passed(answer.partition, answer.position):
                view = await reads.query(lambda cur: order_views.order(cur, event.order_id))
                if view is not None:
                    return order_body(view)
        except HttpProblem:
            pass  # the owner's word is as good, it only says less
        return repeated_order_body(event, offer)


def _keyed_hash(key: bytes, value: bytes) -> str:
    return hashlib.blake2b(value, key=key, digest_size=8).hexdigest()


async def _body(receive: "Receive", length: bytes) -> bytes:
    if length.isdigit() and int(length) > BODY_BYTES_MAX:
        raise HttpProblem("too-large")
    body = b""
    more = True
    while more:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise HttpProblem("bad-request", "The request ended before its body did.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_BYTES_MAX:
            raise HttpProblem("too-large")
    return body


def _order(body: bytes) -> NewOrder:
    try:
        order = _decode(body)
        if edition_of(order.order_id) != order.edition_id:
            raise HttpProblem("invalid", "order_id must start with edition_id.")
    except msgspec.ValidationError as error:
        raise HttpProblem("invalid", f"{error}.") from None
    except MalformedId as error:
        raise HttpProblem("invalid", f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HttpProblem("malformed-json", f"The body is not JSON: {error}.") from None
    if order.quantity * order.price_minor > AMOUNT_MINOR_MAX:
        raise HttpProblem("invalid", f"The order's total is above {AMOUNT_MINOR_MAX} minor units.")
    return order
