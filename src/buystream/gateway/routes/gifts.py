"""Recurring gifts: charged to a saved payment method at a fixed interval until their giver ends them."""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream.gateway.routes.bodies.gifts import GiftBody, GiftsBody, NewGift, gift_body
from buystream.gateway.routes.bodies.orders import placement_of
from buystream.gateway.routes.checkout import Http, client_of, language_of
from buystream.gateway.routes.details import DETAILS_NEEDED, payment_details
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.guard import own_pages_only
from buystream.gateway.server.problems import HttpProblem, refused
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import Session
from buystream.projections import recurring_gifts
from buystream.vocabulary import events
from buystream.vocabulary.commands import EndRecurringGift, StartRecurringGift
from buystream.vocabulary.ids import MalformedId, edition_of, is_mintable, recurring_order_id
from buystream.vocabulary.values import OrderLine

FIRST_GIFT_EVENTS = 2
"""At least so many stand behind the one that answers a start: the first order, and its payment."""


@post(
    "/v1/gifts",
    status_code=201,
    guards=[own_pages_only],
    opt=asks(StartRecurringGift, also=["not-registered", "too-many-holds", "unknown-gift", "bad-address"]),
    summary="Start a recurring gift",
)
async def start(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    data: JSONBody[NewGift],
) -> Response[GiftBody]:
    """The first gift is paid now, later ones when they are due, with what the buyer has saved or saves with the first.
    A repeat with the same `gift_id` starts nothing more and is answered with 200. Limited like orders and payments:
    429 too-many-requests or too-many-holds."""
    offer = gateway.offer(data.edition_id)
    if not is_mintable(data.gift_id, data.edition_id):
        raise HttpProblem("invalid", "gift_id must start with edition_id, then '-' and 20 random characters or more.")
    if offer.kind != "gift":
        raise HttpProblem("not-recurring", reason="not_recurring")
    details = await payment_details(
        gateway, buyer_id, offer, data, is_sent=offer.needs_address, language=language_of(request)
    )
    if not details.payment_method:
        raise HttpProblem("invalid", DETAILS_NEEDED)
    known = await gateway.reads.query(lambda cur: recurring_gifts.gift(cur, data.gift_id, buyer_id=buyer_id))
    first = (OrderLine(quantity=1, price_minor=data.amount_minor),)
    reason = offer.why_never(first, vouched=session.hosted)
    if known is None and reason:
        raise refused(reason)
    command = StartRecurringGift(
        gift_id=data.gift_id,
        edition_id=data.edition_id,
        buyer_id=buyer_id,
        amount_minor=data.amount_minor,
        interval_months=data.interval_months,
        payment_method=details.payment_method,
        delivery=details.delivery,
        save=not data.one_tap,
        vouched=session.hosted,
        placement=placement_of(data.placement, dict(request.scope["headers"]), session.host),
    )
    if known is None:
        _limit(gateway, offer, data.gift_id, session, client_of(request))
    with gateway.rates.counting_what_is_decided(buyer_id):
        answer = await gateway.decisions.ask(command, actor=session.actor)
    if isinstance(answer.event, events.CommandRefused):
        gateway.rates.release(recurring_order_id(data.gift_id, 1))
        raise refused(answer.event.reason, currency=offer.currency)
    started = isinstance(answer.event, events.RecurringGiftStarted)
    position = answer.position + (FIRST_GIFT_EVENTS if started else 0)
    body = await _gift(gateway, data.gift_id, buyer_id, in_time=await gateway.reads.passed(answer.partition, position))
    return Response(body, status_code=201 if started else 200)


@get("/v1/gifts", summary="The buyer's recurring gifts")
async def gifts(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> GiftsBody:
    """Newest first, including those that have ended."""
    await gateway.views_show_the_seen(*range(gateway.partitions))
    views = await gateway.reads.query(lambda cur: recurring_gifts.gifts_of_buyer(cur, buyer_id))
    at_ms = now_ms()
    return GiftsBody([gift_body(view, at_ms=at_ms) for view in views])


@post("/v1/gifts/{gift_id:str}/end", status_code=200, opt=asks(EndRecurringGift), summary="End a recurring gift")
async def end(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    gift_id: FromPath[str],
) -> GiftBody:
    """A gift that is being paid still goes through; there is no next one."""
    try:
        offer = gateway.offer(edition_of(gift_id))
    except MalformedId as error:
        raise HttpProblem("unknown-gift") from error
    if await gateway.views_show_the_log(offer.partition):
        await _gift(gateway, gift_id, buyer_id, in_time=True)
    answer = await gateway.decide(EndRecurringGift(gift_id=gift_id, buyer_id=buyer_id), actor=session.actor)
    in_time = await gateway.reads.passed(answer.partition, answer.position)
    return await _gift(gateway, gift_id, buyer_id, in_time=in_time)


ROUTES = [start, gifts, end]


def _limit(gateway: Gateway, offer: Listing, gift_id: str, session: Session, client: str) -> None:
    """A gift that starts is an order and its payment; raises HttpProblem (429)."""
    first = recurring_order_id(gift_id, 1)
    gateway.rates.order(session.buyer_id)
    gateway.rates.pay(first, session.buyer_id, client)
    if not session.hosted:
        gateway.rates.hold(offer, first, 1, client)


async def _gift(gateway: Gateway, gift_id: str, buyer_id: str, *, in_time: bool) -> GiftBody:
    view = await gateway.reads.query(lambda cur: recurring_gifts.gift(cur, gift_id, buyer_id=buyer_id))
    if view is None:
        if not in_time:
            raise HttpProblem("unavailable", "The gift's page isn't written yet. Ask again in a moment.")
        raise HttpProblem("unknown-gift")
    return gift_body(view, at_ms=now_ms())
