"""The hot path: POST /v1/orders, in front of the framework. A click is taken by one call and answered by another,
without a task of its own; `gateway.connection` brings it here straight from the wire, and ASGI does too."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from buystream.gateway.routes.bodies.fields import encode
from buystream.gateway.routes.bodies.orders import (
    ClickFrom,
    NewOrder,
    NewOrderOfLines,
    placed_order_body,
    placement_of,
    repeated_order_body,
)
from buystream.gateway.routes.checkout import body_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import idempotency
from buystream.gateway.server.answers import Answer
from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.decisions import OnAnswer
from buystream.gateway.server.guard import JSON, Caller, admit
from buystream.gateway.server.heads import Head, read_request_head
from buystream.gateway.server.json_bodies import refuse_double_members
from buystream.gateway.server.problems import HttpProblem, limits_of, refused, slug_of
from buystream.gateway.server.replies import COMMON_HEADERS, Reply, reply_of
from buystream.projections import order_views
from buystream.vocabulary import events
from buystream.vocabulary.commands import PlaceOrder
from buystream.vocabulary.ids import (
    ALPHABET,
    ORDER_RANDOM_CHARS,
    ORDER_RANDOM_CHARS_MAX,
    MalformedId,
    edition_of,
    is_derived,
)
from buystream.vocabulary.money import TOO_LARGE, chargeable_words, currency_of
from buystream.vocabulary.trace import traceparent_of
from buystream.vocabulary.values import OrderLine

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

PATH = "/v1/orders"
PLAIN_TYPE = JSON.encode()
BODY_BYTES_MAX = 16 * 1024
IDEMPOTENCY_KEY = idempotency.IDEMPOTENCY_KEY.encode()
ORDER_QUOTES = 12
"""Quotation marks of four names and two texts. With fewer or more, something is escaped or there twice."""
VARIANT_QUOTES = 4
"""Of the name and the text of a variant, and of each name in a placement."""
PLACEMENT_QUOTES = 2
"""Of its name."""

_ORDER_ID = (
    f"order_id must be edition_id, '-' and {ORDER_RANDOM_CHARS} to {ORDER_RANDOM_CHARS_MAX} random characters of"
    f" {ALPHABET}."
)

_LINES = b'"lines"'
UNKNOWN_CODE = "unknown_code"
_TOO_FEW = ("sold_out", "few_at_this_price")

_decode = msgspec.json.Decoder(NewOrder).decode
_decode_lines = msgspec.json.Decoder(NewOrderOfLines).decode


Answered = Callable[[Reply], None]


class BuyRoute:
    """Answers 201 held, 200 repeated, 409 refused; other problems as everywhere."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._fingerprint = gateway.fingerprints.hashed
        self._looking: set[asyncio.Task[Reply]] = set()
        self._answered = {
            status: gateway.orders_answered.labels(str(status))
            for status in (200, 201, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503)
        }

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request, as ASGI has it."""
        reply: Reply
        try:
            head = read_request_head(list(scope["headers"]))
            body = await _body(receive, head.get(b"content-length", b""))
        except HttpProblem as problem:
            reply = self._count(_reply_of(problem))
        else:
            answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            client = scope.get("client")
            self.take(head, body, client[0] if client else "", answer.set_result)
            reply = await asyncio.shield(answer)  # a client that left leaves an answer that nobody receives
        content = (b"content-type", reply.content_type), (b"content-length", b"%d" % len(reply.body))
        headers = [*content, *COMMON_HEADERS, *reply.extra]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body, "more_body": False})

    def take(self, head: Head, body: bytes, client: str, answered: Answered) -> None:
        """One click; `answered` is called once, now or later, on the event loop."""
        key = head.get(IDEMPOTENCY_KEY)
        session = self._gateway.sessions.bearer(head.get(b"authorization", b"")) if key else None
        if key and session is not None:
            self._later(self._keyed(key, session.buyer_id, partial(self._take, head, body, client), body), answered)
        else:
            self._take(head, body, client, answered)

    async def _keyed(self, key: bytes, buyer_id: str, take: Callable[[Answered], None], body: bytes) -> Reply:
        """An order's id is its key, and needs no other; one that is sent anyway has its usual meaning."""
        named = {"who": buyer_id, "asked": f"POST {PATH}", "key": key.decode("latin-1")}
        try:
            claim = await idempotency.claim_of(self._gateway, **named, body=body)
        except Exception as error:
            return self._count(_reply_of(error))
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        take(answer.set_result)
        reply = await answer
        if claim is not None and reply.status < HTTPStatus.BAD_REQUEST:
            await idempotency.keep(self._gateway, claim)
        return reply

    def _take(self, head: Head, body: bytes, client: str, answered: Answered) -> None:
        counted = ""
        try:
            command, offer, actor = self._command(head, body, client)
            on_answer: OnAnswer = partial(self._on_answer, offer, answered)
            if command.code:
                on_answer = partial(self._on_answer_about_code, client, on_answer)
            units = _units(command.lines)
            if not command.vouched and self._gateway.rates.hold(offer, command.order_id, units, client):
                counted = command.order_id
                on_answer = partial(self._on_counted_answer, counted, on_answer)
            self._gateway.decisions.submit(
                command,
                actor=actor,
                address=(offer.partition, offer.edition_id),
                on_answer=on_answer,
                traceparent=traceparent_of(trace.decode("latin-1")) if (trace := head.get(b"traceparent")) else "",
            )
        except Exception as error:
            self._gateway.rates.release(counted)
            answered(self._count(_reply_of(error)))

    def refuse(self, problem: HttpProblem) -> Reply:
        """The answer to a click that can't be read."""
        return self._count(_reply_of(problem))

    def _command(self, head: Head, body: bytes, client: str) -> tuple[PlaceOrder, Listing, str]:
        gateway = self._gateway
        authorization = head.get(b"authorization", b"")
        if b"origin" in head or head.get(b"content-type") != PLAIN_TYPE:  # of any other, there is nothing to refuse
            admit(gateway.origins, self._caller(head), changes=True, has_body=bool(body))
        session = gateway.sessions.bearer(authorization)
        if session is None:
            raise HttpProblem("no-session")
        gateway.rates.order(session.buyer_id)
        order = _order(body)
        offer, lines = gateway.offer(order.edition_id), _lines(order)
        placement = None
        if order.placement is not None or session.host:
            placement = placement_of(order.placement, head, session.host)
        _refuse_too_large(lines, offer.currency)
        if offer.is_sold_out(lines) and not gateway.catalogue.was_sent(order.order_id):
            raise gateway.latch.refuse(offer, _units(lines), placement)
        reason = offer.why_never(lines, vouched=session.hosted)
        if reason and not gateway.catalogue.was_sent(order.order_id):
            raise refused(reason)
        if offer.limited:
            gateway.catalogue.remember_sent(order.order_id)
        if order.code:
            gateway.rates.try_code(client)
        command = PlaceOrder(
            order_id=order.order_id,
            edition_id=order.edition_id,
            buyer_id=session.buyer_id,
            lines=lines,
            device=self._fingerprint(head.get(b"user-agent", b"")),
            network=self._fingerprint(client.encode()) if client else "",
            vouched=session.hosted,
            placement=placement,
            code=gateway.order_codes.key_of(order.edition_id, order.code) if order.code else "",
            discount_minor=order.discount_minor,
        )
        return command, offer, session.actor

    def _caller(self, head: Head) -> Caller:
        cookies, origin = head.get(b"cookie", b""), head.get(b"origin", b"")
        return Caller(
            origin.decode("latin-1"),
            head.get(b"host", b"").decode("latin-1"),
            head.get(b"content-type", b"").decode("latin-1"),
            bool(origin and cookies) and self._gateway.sessions.has_cookie(cookies),
            bool(head.get(b"authorization")),
        )

    def _on_counted_answer(self, order_id: str, on_answer: OnAnswer, answer: Answer | HttpProblem) -> None:
        """The network holds nothing by an order that wasn't placed."""
        event = None if isinstance(answer, HttpProblem) else answer.event
        is_held = isinstance(event, events.OrderPlaced) or (
            isinstance(event, events.OrderRepeated) and event.state == "held"
        )
        if not is_held:
            self._gateway.rates.release(order_id)
        on_answer(answer)

    def _on_answer_about_code(self, client: str, on_answer: OnAnswer, answer: Answer | HttpProblem) -> None:
        """A code that doesn't exist counts against its network, as a guess."""
        event = None if isinstance(answer, HttpProblem) else answer.event
        if isinstance(event, events.CommandRefused) and event.reason == UNKNOWN_CODE:
            self._gateway.rates.code_was_wrong(client)
        on_answer(answer)

    def _on_answer(self, offer: Listing, answered: Answered, answer: Answer | HttpProblem) -> None:
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
            elif isinstance(event, events.OrderRefused) and event.reason in _TOO_FEW and event.available:
                raise _too_few(event, offer)
            elif isinstance(event, events.OrderRefused | events.OrderRepeated | events.CommandRefused):
                raise refused(event.reason, currency=offer.currency)
            else:
                raise TypeError(f"the log answered with {type(event).__name__}")
        except Exception as error:
            reply = _reply_of(error)
        answered(self._count(reply))

    def _look(self, event: events.OrderRepeated, answer: Answer, offer: Listing, answered: Answered) -> None:
        """Once there is a payment, the views know more about the order than its owner does."""
        self._later(self._repeated(event, answer, offer), lambda reply: answered(self._count(reply)))

    def _later(self, looking: Coroutine[Any, Any, Reply], answered: Answered) -> None:
        """Answer once the views, or the keys that were used, have been looked at."""
        task = asyncio.get_running_loop().create_task(looking)
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)
        task.add_done_callback(lambda done: answered(done.result()))

    async def _repeated(self, event: events.OrderRepeated, answer: Answer, offer: Listing) -> Reply:
        """What the order is now."""
        reads = self._gateway.reads
        try:
            if await reads.passed(answer.partition, answer.position):
                view = await reads.query(lambda cur: order_views.order(cur, event.order_id))
                if view is not None:
                    return Reply(200, encode(await body_of(self._gateway, view)))
        except HttpProblem:
            pass  # the owner's word is as good, it only says less
        except Exception as error:
            return _reply_of(error)
        return Reply(200, encode(repeated_order_body(event, offer)))

    def _count(self, reply: Reply) -> Reply:
        self._answered[reply.status].inc()
        return reply


def _reply_of(error: Exception) -> Reply:
    return reply_of(error, f"POST {PATH}")


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


def _order(body: bytes) -> NewOrder | NewOrderOfLines:
    order: NewOrder | NewOrderOfLines
    try:
        if _LINES in body:
            order = _decode_lines(body)
            refuse_double_members(body)
        else:
            order = one = _decode(body)
            if body.count(b'"') != ORDER_QUOTES + (VARIANT_QUOTES if one.variant_id else 0) + _quotes(one.placement):
                refuse_double_members(body)
        if edition_of(order.order_id) != order.edition_id or is_derived(order.order_id):
            raise HttpProblem("invalid", _ORDER_ID)
    except msgspec.ValidationError as error:
        raise HttpProblem("invalid", f"{error}.") from None
    except MalformedId:
        raise HttpProblem("invalid", _ORDER_ID) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HttpProblem("malformed-json", f"The body is not JSON: {error}.") from None
    return order


def _quotes(placement: ClickFrom | None) -> int:
    """Of a placement, if nothing in it is escaped, there twice or empty."""
    if placement is None:
        return 0
    named = bool(placement.source) + bool(placement.campaign) + bool(placement.post)
    return PLACEMENT_QUOTES + VARIANT_QUOTES * named


def _lines(order: NewOrder | NewOrderOfLines) -> tuple[OrderLine, ...]:
    if isinstance(order, NewOrder):
        return (OrderLine(variant_id=order.variant_id, quantity=order.quantity, price_minor=order.price_minor),)
    return tuple(
        OrderLine(variant_id=line.variant_id, quantity=line.quantity, price_minor=line.price_minor)
        for line in order.lines
    )


def _units(lines: tuple[OrderLine, ...]) -> int:
    return lines[0].quantity if len(lines) == 1 else sum(line.quantity for line in lines)


def _too_few(event: events.OrderRefused, offer: Listing) -> HttpProblem:
    """Less is left than was ordered; of an order with several lines, the problem names the variant."""
    title = offer.variant_title(event.variant_id) if len(event.lines) > 1 else ""
    left = f"{event.available} left of {title}" if title else f"{event.available} left"
    left += " at this price" if event.reason == "few_at_this_price" else ""
    detail = f"There are only {left}. Order no more than that, with a new order id."
    fields: dict[str, Any] = {"reason": event.reason, "available": event.available}
    if len(event.lines) > 1:
        fields["variant_id"] = event.variant_id
    return HttpProblem(slug_of(event.reason), detail, **fields)


def _refuse_too_large(lines: tuple[OrderLine, ...], currency: str) -> None:
    """No edition has such a price, so it needn't reach the log. Other amounts that can't be charged are refused by the
    edition, which knows first whether the price is one of its own."""
    total_minor = 0
    for line in lines:
        total_minor += line.quantity * line.price_minor
    if total_minor > currency_of(currency).most_minor:
        raise HttpProblem("invalid", chargeable_words(TOO_LARGE, currency), reason=TOO_LARGE, **limits_of(currency))
