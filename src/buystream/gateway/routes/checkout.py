"""The buyer's side of the API after the tap: orders, payment, cancellation and erasure."""

from collections.abc import Mapping

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from psycopg2.extensions import cursor

from buystream.aggregates.edition.recurring import months_after
from buystream.aggregates.rules import NEWEST_RULES, RULES
from buystream.gateway.routes.bodies.orders import NewReturn, OrderBody, OrdersBody, PastOrderBody, order_body
from buystream.gateway.routes.bodies.parcels import FulfilmentBody, fulfilment_body, units_of
from buystream.gateway.routes.bodies.payments import Authentication, ConfigBody, MeBody, NewPayment, NextGiftBody
from buystream.gateway.routes.details import DETAILS_NEEDED, decrypted, payment_details
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import idempotency
from buystream.gateway.server.answers import Answer
from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.guard import SAFE_METHODS, own_pages_only, refuse_foreign
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.languages import preferred
from buystream.gateway.server.past_moments import nothing_yet, past_ms
from buystream.gateway.server.problems import HttpProblem, refused
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import Session
from buystream.projections import edition_board, order_views, people
from buystream.projections.boards import Board
from buystream.projections.order_views import OrderView
from buystream.projections.past_boards import past_projects_of_merchant, shallow
from buystream.projections.past_orders import past_orders
from buystream.vocabulary import events
from buystream.vocabulary.commands import CancelOrder, RequestPayment, ReturnOrder
from buystream.vocabulary.money import AMOUNT_REASONS
from buystream.vocabulary.reasons import DELIVERY_REASONS

ORDERS_MAX = 200
_OF_DELIVERY = DELIVERY_REASONS | AMOUNT_REASONS | {"wrong_delivery_price"}
"""Refusals of how the order would be delivered, which the buyer can change."""
_SUMMED_UP = RequestPayment.refusals - _OF_DELIVERY - {"unknown_order", "needs_payment_method"}
"""Refusals to pay that are answered as `not-payable`; `because` says which it is."""

Http = Request[None, None, State]


async def buyer_id(request: Http, gateway: NamedDependency[Gateway]) -> str:
    """The buyer who sent the request; raises HttpProblem (401)."""
    buyer = buyer_of(request, gateway)
    if buyer is None:
        raise HttpProblem("no-session")
    await idempotency.refuse_reused(request, gateway, buyer)
    return buyer


def buyer_of(request: Http, gateway: Gateway) -> str | None:
    """The buyer who sent the request, if any. The cookie counts only for reading."""
    headers = request.headers
    authorization = headers.get("authorization", "")
    if request.method in SAFE_METHODS:
        return gateway.sessions.buyer_of_request(authorization, headers.get("cookie", ""))
    session = gateway.sessions.bearer(authorization)
    return session.buyer_id if session else None


def client_of(request: Http) -> str:
    """The client's address, as the connection determined it."""
    return request.client.host if request.client else ""


def language_of(request: Http) -> str:
    """The language of mails to this buyer."""
    return preferred(request.headers.get("accept-language", ""))


async def bearer_session(request: Http, gateway: NamedDependency[Gateway]) -> Session:
    """The session of the request's Bearer token; raises HttpProblem (401)."""
    session = gateway.sessions.bearer(request.headers.get("authorization", ""))
    if session is None:
        raise HttpProblem("no-session")
    return session


@get("/v1/me", guards=[own_pages_only], summary="The buyer's saved details")
async def me(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> MeBody:
    """Delivery details are decrypted only for their buyer."""
    saved = await gateway.reads.query(lambda cur: people.saved_details(cur, buyer_id))
    if saved is None:
        return MeBody(buyer_id, registered=False, card_label=None, delivery=None, next_gifts=_next_gifts())
    delivery = await gateway.reads.run(lambda: decrypted(gateway, buyer_id, saved.delivery))
    card_label = await gateway.reads.run(lambda: card_label_of(gateway, buyer_id, saved.card_label)) or None
    return MeBody(buyer_id, registered=True, card_label=card_label, delivery=delivery, next_gifts=_next_gifts())


def _next_gifts() -> list[NextGiftBody]:
    """By the owner's own rule."""
    at_ms = now_ms()
    intervals = RULES[NEWEST_RULES].gift_interval_months
    return [NextGiftBody(months, months_after(at_ms, months)) for months in intervals]


@get("/v1/config", summary="What the payment form needs to know")
async def config(gateway: NamedDependency[Gateway]) -> ConfigBody:
    """The provider, its public key, and the sandbox's test cards."""
    return gateway.config


@get("/v1/orders", summary="The buyer's orders")
async def orders(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> OrdersBody:
    """Newest first."""
    await gateway.views_show_the_seen(*range(gateway.partitions))
    views = await gateway.reads.query(lambda cur: order_views.orders_of_buyer(cur, buyer_id, limit=ORDERS_MAX))
    return OrdersBody([await body_of(gateway, view) for view in views])


@get("/v1/orders/{order_id:str}", summary="One of the buyer's orders")
async def order(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    order_id: FromPath[str],
    as_of: FromQuery[str | None] = None,
) -> OrderBody | PastOrderBody:
    """Also 404 for another buyer's order. With `as_of`, as it was at that time in ISO 8601."""
    at_ms = None if as_of is None else past_ms(as_of)
    view = await own_order(gateway, buyer_id, order_id)
    if at_ms is None:
        return await body_of(gateway, view)
    await gateway.views_show_the_past(gateway.offer_of_order(order_id).partition)
    streams = gateway.order_streams
    found = await gateway.reads.query(lambda cur: past_orders(cur, streams, [order_id], at_ms=at_ms))
    if not found:
        raise nothing_yet(view.placed_at_ms)
    body = await body_of(gateway, found[0], as_of_ms=at_ms)
    return PastOrderBody(**shallow(body), as_of_ms=at_ms)


@post(
    "/v1/orders/{order_id:str}/payment",
    status_code=202,
    opt=asks(
        RequestPayment,
        restated={**dict.fromkeys(_SUMMED_UP, "not-payable"), "needs_payment_method": "invalid"},
        also=["not-registered", "bad-address"],
    ),
    summary="Pay for a held order",
)
async def pay(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    order_id: FromPath[str],
    data: JSONBody[NewPayment],
) -> OrderBody:
    """With new details, or with one tap and saved ones; in a browser, only the shop's own pages can do the latter. A
    free order needs no payment method, and delivery details only if it ships. Details are encrypted before they are
    passed on. Where delivery has a price, `delivery_method` and `delivery_minor` are one of its delivery options."""
    offer = gateway.offer_of_order(order_id)
    await refuse_unknown_order(gateway, order_id, buyer_id=buyer_id)
    if data.one_tap:
        refuse_foreign(request)
    is_sent = offer.needs_address and not await _is_collected(gateway, offer, order_id, data.delivery_method)
    details = await payment_details(gateway, buyer_id, offer, data, is_sent=is_sent, language=language_of(request))
    gateway.rates.pay(order_id, buyer_id, client_of(request))
    command = RequestPayment(
        order_id=order_id,
        buyer_id=buyer_id,
        payment_method=details.payment_method,
        delivery=details.delivery,
        save=data.save,
        attempt=data.attempt,
        statement=await gateway.statement_of(offer.merchant_id),
        country=details.country,
        delivery_method=data.delivery_method,
        delivery_minor=data.delivery_minor,
    )
    with gateway.rates.counting_what_is_decided(buyer_id):
        answer = await gateway.decisions.ask(command, actor=session.actor)
    if isinstance(answer.event, events.CommandRefused) and answer.event.reason == "needs_payment_method":
        raise HttpProblem("invalid", DETAILS_NEEDED, reason=answer.event.reason)
    if isinstance(answer.event, events.CommandRefused) and answer.event.reason in _OF_DELIVERY:
        raise refused(answer.event.reason, currency=offer.currency)
    if isinstance(answer.event, events.CommandRefused) and answer.event.reason != "unknown_order":
        raise HttpProblem("not-payable", reason="not_payable", because=answer.event.reason)
    return await body_of(gateway, await order_after(gateway, answer, order_id, buyer_id=buyer_id))


async def _is_collected(gateway: Gateway, offer: Listing, order_id: str, method_id: str) -> bool:
    """Whether an order that is delivered so needs no address, by what delivery cost when it was placed."""
    shipping = offer.shipping
    if shipping is None:
        return False
    if offer.past_shipping:
        shipping = offer.shipping_at((await order_view(gateway, order_id)).placed_at_ms)
    return shipping is not None and any(one.method_id == method_id for one in shipping.pickups)


@post(
    "/v1/orders/{order_id:str}/cancel",
    status_code=200,
    opt=asks(CancelOrder),
    summary="Cancel a hold or withdraw a pledge",
)
async def cancel(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    order_id: FromPath[str],
) -> OrderBody:
    """The stock is released at once; a pledge no longer counts, and nothing is charged."""
    gateway.offer_of_order(order_id)
    await refuse_unknown_order(gateway, order_id, buyer_id=buyer_id)
    command = CancelOrder(order_id=order_id, buyer_id=buyer_id)
    answer = await gateway.decisions.ask(command, actor=session.actor)
    return await body_of(gateway, await order_after(gateway, answer, order_id, buyer_id=buyer_id))


@post("/v1/orders/{order_id:str}/return", status_code=202, opt=asks(ReturnOrder), summary="Return a paid order")
async def give_back(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    order_id: FromPath[str],
    data: JSONBody[NewReturn],
) -> OrderBody:
    """Follows the edition's rule: the order's `returnable` says whether, until when, and for how much. A repeat with
    the same `refund_id` or `Idempotency-Key` returns nothing more."""
    gateway.offer_of_order(order_id)
    await refuse_unknown_order(gateway, order_id, buyer_id=buyer_id)
    refund_id = data.refund_id or f"return-{idempotent_name(request, gateway, buyer_id)}"
    command = ReturnOrder(order_id=order_id, buyer_id=buyer_id, refund_id=refund_id, units=units_of(data.lines))
    answer = await gateway.decisions.ask(command, actor=session.actor)
    return await body_of(gateway, await order_after(gateway, answer, order_id, buyer_id=buyer_id))


@post(
    "/v1/orders/{order_id:str}/authentication",
    status_code=202,
    opt=asks(also=["not-waiting"]),
    summary="Complete authentication in the sandbox",
)
async def authenticate(
    gateway: NamedDependency[Gateway], order_id: FromPath[str], data: JSONBody[Authentication]
) -> OrderBody:
    """The cardholder's answer on the sandbox bank's page. Needs no session, because the bank has none: the order's id,
    which nobody can guess, is the authorisation. This route exists only in the sandbox."""
    bank = gateway.bank
    if bank is None:
        raise HttpProblem("not-found")
    gateway.offer_of_order(order_id)
    view = await gateway.reads.query(lambda cur: order_views.order(cur, order_id))
    if view is None or view.payment is None or view.payment.state != "authentication_required":
        raise HttpProblem("not-waiting", reason="not_waiting")
    payment_id = view.payment.payment_id
    await gateway.reads.run(lambda: bank.complete_authentication(payment_id, data.outcome == "approved"))
    return await body_of(gateway, view)


ROUTES = [me, config, orders, order, pay, cancel, give_back, authenticate]


async def body_of(gateway: Gateway, view: OrderView, *, as_of_ms: int | None = None) -> OrderBody:
    """The order as its buyer sees it now, or saw it then; after a missed campaign, with the merchant's other
    projects."""
    at_ms = now_ms() if as_of_ms is None else as_of_ms
    tracking = await gateway.reads.run(lambda: decrypted_tracking(gateway, view)) if view.tracking else None
    fulfilment = await gateway.reads.run(lambda: fulfilment_of(gateway, view)) if view.served else None
    if not view.may_choose_another:
        return order_body(view, at_ms=at_ms, tracking=tracking, fulfilment=fulfilment)

    def read(cur: cursor) -> list[Board]:
        if as_of_ms is None:
            return edition_board.projects_of_merchant(cur, view.merchant_id, now_ms=at_ms)
        return past_projects_of_merchant(cur, view.merchant_id, at_ms=at_ms)

    others = await gateway.reads.query(read)
    alternatives = [one for one in others if one.edition_id != view.edition_id]
    return order_body(view, at_ms=at_ms, tracking=tracking, fulfilment=fulfilment, alternatives=alternatives)


async def own_order(gateway: Gateway, buyer_id: str, order_id: str) -> OrderView:
    """The buyer's own order; raises HttpProblem (404, 401 once the buyer is erased)."""
    if gateway.catalogue.is_erased(buyer_id):
        raise HttpProblem("no-session")
    await gateway.views_show_the_seen(gateway.offer_of_order(order_id).partition)
    return await order_view(gateway, order_id, buyer_id=buyer_id)


async def refuse_unknown_order(gateway: Gateway, order_id: str, *, buyer_id: str = "") -> None:
    """Raises HttpProblem (404) when there is no such order, or it is not that buyer's: a command about it would be kept
    for ever only to be refused. While the views are behind, the log decides."""
    offer = gateway.offer_of_order(order_id)
    view = await gateway.reads.query(lambda cur: order_views.order(cur, order_id))
    if view is None and (end := await gateway.log_end(offer.partition)) is not None:
        in_time = await gateway.reads.passed(offer.partition, end - 1)
        view = await gateway.reads.query(lambda cur: order_views.order(cur, order_id))
        has_read = gateway.decisions.next_position(offer.partition) >= end
        was_never_sent = has_read and offer.limited and not gateway.catalogue.was_sent(order_id)
        if view is None and (in_time or was_never_sent):
            raise HttpProblem("unknown-order")
    if view is not None and buyer_id and view.buyer_id != buyer_id:
        raise HttpProblem("unknown-order")


async def order_after(gateway: Gateway, answer: Answer, order_id: str, *, buyer_id: str = "") -> OrderView:
    """The order once the views hold the answer; raises HttpProblem for a refusal."""
    if isinstance(answer.event, events.CommandRefused):
        raise refused(answer.event.reason)
    await gateway.reads.passed(answer.partition, answer.position)
    return await order_view(gateway, order_id, buyer_id=buyer_id)


async def order_view(gateway: Gateway, order_id: str, *, buyer_id: str = "") -> OrderView:
    """The order; raises HttpProblem (404). Views that are behind can't say that there is no such order: that is 503,
    not 404."""
    view = await gateway.reads.query(lambda cur: order_views.order(cur, order_id))
    if view is None:
        in_time = await gateway.views_show_the_log(gateway.offer_of_order(order_id).partition)
        view = await gateway.reads.query(lambda cur: order_views.order(cur, order_id))
        if view is None and not in_time:
            raise HttpProblem("unavailable", "The order's page isn't written yet. Ask again in a moment.")
    if view is None or (buyer_id and view.buyer_id != buyer_id):
        raise HttpProblem("unknown-order")
    return view


def decrypted_tracking(gateway: Gateway, view: OrderView) -> str | None:
    """The order's tracking number in clear; None when there is none or the buyer's key is erased. Blocks."""
    plain = gateway.vault.decrypt(view.buyer_id, view.tracking) if view.tracking else None
    return plain.get("tracking") if plain else None


def fulfilment_of(gateway: Gateway, view: OrderView) -> FulfilmentBody | None:
    """How far an order is that was sold, with its parcels' numbers in clear. Blocks."""
    if not view.served:
        return None
    tracking = {shipment_id: (one.tracking, "tracking") for shipment_id, one in view.parcels.parcels.items()}
    words = {request_id: (one.words, "words") for request_id, one in view.parcels.requests.items()}
    return fulfilment_body(view, _in_clear(gateway, view, tracking), _in_clear(gateway, view, words))


def _in_clear(gateway: Gateway, view: OrderView, sealed: Mapping[str, tuple[str, str]]) -> dict[str, str | None]:
    """By the same names; of each, a ciphertext of the buyer's, and the field in it. Blocks."""
    plain = {name: gateway.vault.decrypt(view.buyer_id, text) if text else None for name, (text, _) in sealed.items()}
    return {name: found.get(sealed[name][1]) if found else None for name, found in plain.items()}


def card_label_of(gateway: Gateway, buyer_id: str, card_label: str) -> str:
    """How the buyer recognises the card; "" when it has no name or the buyer's key is erased. Blocks."""
    plain = gateway.vault.decrypt(buyer_id, card_label) if card_label else None
    return plain.get("card_label", "") if plain else ""
