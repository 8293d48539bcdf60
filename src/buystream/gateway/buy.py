"""The hot path: POST /v1/orders, in front of the framework. A click is taken by one call and answered by another,
without a task of its own; `gateway.connection` brings it here straight from the wire, and ASGI does too."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from buystream import events
from buystream.commands import PlaceOrder
from buystream.gateway.answers import Answer
from buystream.gateway.bodies import NewOrder, encode, order_body, placed_order_body, repeated_order_body
from buystream.gateway.catalogue import Offer
from buystream.gateway.problems import MEDIA_TYPE, HttpProblem, problem_of, refused
from buystream.gateway.reads import now_ms
from buystream.gateway.runtime import Gateway
from buystream.ids import MalformedId, edition_of
from buystream.money import AMOUNT_MINOR_MAX
from buystream.projections import order_views

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

PATH = "/v1/orders"
BODY_BYTES_MAX = 16 * 1024
COMMON_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"retry-after"),
    (b"x-content-type-options", b"nosniff"),
)
HASHES_KEPT = 4_096
"""A crowd has few kinds of browsers, and a network many buyers."""

_decode = msgspec.json.Decoder(NewOrder).decode


class Reply(msgspec.Struct, frozen=True):
    """What a click is answered with."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    extra: tuple[tuple[bytes, bytes], ...] = ()


Headers = Iterable[tuple[bytes, bytes]]
"""Of a request, their names in lower case."""

Answered = Callable[[Reply], None]


class BuyRoute:
    """Answers 201 held, 200 repeated, 409 refused; other problems as everywhere."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._keyed_hash = lru_cache(HASHES_KEPT)(partial(_keyed_hash, gateway.origin_key))
        self._buyer_of_request = gateway.sessions.buyer_of_request
        self._looking: set[asyncio.Task[Reply]] = set()
        self._answered = {
            status: gateway.orders_answered.labels(str(status))
            for status in (200, 201, 400, 401, 404, 409, 413, 422, 500, 503)
        }

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request, as ASGI has it."""
        reply: Reply
        try:
            body = await _body(receive, _header(scope["headers"], b"content-length"))
        except HttpProblem as problem:
            reply = self._count(_reply_of(problem))
        else:
            answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            client = scope.get("client")
            self.take(scope["headers"], body, client[0] if client else "", answer.set_result)
            reply = await asyncio.shield(answer)  # who went away leaves an answer that nobody hears
        content = (b"content-type", reply.content_type), (b"content-length", b"%d" % len(reply.body))
        headers = [*content, *COMMON_HEADERS, *reply.extra]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body, "more_body": False})

    def take(self, headers: Headers, body: bytes, client: str, answered: Answered) -> None:
        """One click; `answered` is called once, now or later, on the event loop."""
        try:
            command, offer = self._command(headers, body, client)
            heard = partial(self._hear, offer, answered)
            self._gateway.decisions.submit(command, key=offer.edition_id, partition=offer.partition, heard=heard)
        except Exception as error:
            answered(self._count(_reply_of(error)))

    def refuse(self, problem: HttpProblem) -> Reply:
        """The answer to a click that can't be read."""
        return self._count(_reply_of(problem))

    def _command(self, headers: Headers, body: bytes, client: str) -> tuple[PlaceOrder, Offer]:
        gateway = self._gateway
        authorization = cookies = device = b""
        for name, value in headers:
            if name == b"authorization":
                authorization = value
            elif name == b"cookie":
                cookies = value
            elif name == b"user-agent":
                device = value
        order = _order(body)
        buyer_id = self._buyer_of_request(authorization, cookies)
        if buyer_id is None:
            raise HttpProblem("no-session")
        offer = gateway.offer(order.edition_id)
        if offer.sold_out and not gateway.catalogue.was_sent(order.order_id):
            raise gateway.latch.refuse(offer, order.quantity)
        if offer.limited:
            gateway.catalogue.remember_sent(order.order_id)
        command = PlaceOrder(
            order_id=order.order_id,
            edition_id=order.edition_id,
            buyer_id=buyer_id,
            quantity=order.quantity,
            price_minor=order.price_minor,
            device=self._keyed_hash(device),
            network=self._keyed_hash(client.encode()) if client else "",
        )
        return command, offer

    def _hear(self, offer: Offer, answered: Answered, answer: Answer | HttpProblem) -> None:
        try:
            if isinstance(answer, HttpProblem):
                raise answer
            event = answer.event
            if isinstance(event, events.OrderPlaced):
                reply = Reply(201, encode(placed_order_body(event, offer)))
            elif isinstance(event, events.OrderRepeated) and event.state != "refused":
                if event.payment_id:
                    self._look(event, answer, offer, answered)
                    return
                reply = Reply(200, encode(repeated_order_body(event, offer)))
            elif isinstance(event, events.OrderRefused | events.OrderRepeated | events.CommandRefused):
                raise refused(event.reason)
            else:
                raise HttpProblem("internal", f"The log answered with {type(event).__name__}.")
        except Exception as error:
            reply = _reply_of(error)
        answered(self._count(reply))

    def _look(self, event: events.OrderRepeated, answer: Answer, offer: Offer, answered: Answered) -> None:
        """Once there is a payment, the views know more of the order than its owner says."""
        looking = asyncio.get_running_loop().create_task(self._repeated(event, answer, offer))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)
        looking.add_done_callback(lambda done: answered(self._count(done.result())))

    async def _repeated(self, event: events.OrderRepeated, answer: Answer, offer: Offer) -> Reply:
        """What the order is now."""
        reads = self._gateway.reads
        try:
            if await reads.passed(answer.partition, answer.position):
                view = await reads.query(lambda cur: order_views.order(cur, event.order_id))
                if view is not None:
                    return Reply(200, encode(order_body(view, at_ms=now_ms())))
        except HttpProblem:
            pass  # the owner's word is as good, it only says less
        except Exception as error:
            return _reply_of(error)
        return Reply(200, encode(repeated_order_body(event, offer)))

    def _count(self, reply: Reply) -> Reply:
        self._answered[reply.status].inc()
        return reply


def _reply_of(error: Exception) -> Reply:
    problem = problem_of(error, f"POST {PATH}")
    extra = tuple((name.lower().encode(), value.encode()) for name, value in problem.headers.items())
    return Reply(problem.status, problem.body(), MEDIA_TYPE.encode(), extra)


def _header(headers: Headers, wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")


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
