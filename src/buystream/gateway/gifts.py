"""Recurring gifts: given by a saved payment method, again every so many months, until their giver ends them."""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream import events
from buystream.commands import EndRecurringGift, StartRecurringGift
from buystream.gateway.bodies import GiftBody, GiftsBody, NewGift, gift_body
from buystream.gateway.problems import HttpProblem, refused
from buystream.gateway.reads import now_ms
from buystream.gateway.runtime import Gateway
from buystream.ids import MalformedId, edition_of, is_of_edition
from buystream.projections import people, recurring_gifts

FIRST_GIFT_EVENTS = 2
"""At least so many stand behind the one that answers a start: the first order, and its payment."""


@post("/v1/gifts", status_code=201, summary="Give every so many months")
async def start(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], data: JSONBody[NewGift]
) -> Response[GiftBody]:
    """The first gift is paid now, by what the buyer has saved; the next ones when they are due. A repeat with the same
    `gift_id` starts nothing more and is answered with 200."""
    offer = gateway.offer(data.edition_id)
    if not data.one_tap:
        raise HttpProblem("invalid", "A recurring gift is paid by what was saved: send one_tap true, or leave it out.")
    if not is_of_edition(data.gift_id, data.edition_id):
        raise HttpProblem("invalid", "gift_id must start with edition_id, then '-' and 20 random characters or more.")
    if offer.kind != "gift":
        raise HttpProblem("not-recurring", reason="not_recurring")
    saved = await gateway.reads.query(lambda cur: people.saved_details(cur, buyer_id))
    if saved is None:
        raise HttpProblem("not-registered", reason="not_registered")
    command = StartRecurringGift(
        gift_id=data.gift_id,
        edition_id=data.edition_id,
        buyer_id=buyer_id,
        amount_minor=data.amount_minor,
        interval_months=data.interval_months,
        payment_method=saved.payment_method,
        delivery=saved.delivery,
    )
    answer = await gateway.ask(command, offer)
    if isinstance(answer.event, events.CommandRefused):
        raise refused(answer.event.reason)
    started = isinstance(answer.event, events.RecurringGiftStarted)
    position = answer.position + (FIRST_GIFT_EVENTS if started else 0)
    body = await _gift(gateway, data.gift_id, buyer_id, in_time=await gateway.reads.passed(answer.partition, position))
    return Response(body, status_code=201 if started else 200)


@get("/v1/gifts", summary="The buyer's recurring gifts")
async def gifts(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> GiftsBody:
    """Newest first, the ended ones too."""
    await gateway.views_show_the_seen(*range(gateway.partitions))
    views = await gateway.reads.query(lambda cur: recurring_gifts.gifts_of_buyer(cur, buyer_id))
    at_ms = now_ms()
    return GiftsBody([gift_body(view, at_ms=at_ms) for view in views])


@post("/v1/gifts/{gift_id:str}/end", status_code=200, summary="Give no more")
async def end(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], gift_id: FromPath[str]) -> GiftBody:
    """A gift that is being paid goes on; there is no next one."""
    try:
        offer = gateway.offer(edition_of(gift_id))
    except MalformedId as error:
        raise HttpProblem("unknown-gift") from error
    answer = await gateway.ask(EndRecurringGift(gift_id=gift_id, buyer_id=buyer_id), offer)
    if isinstance(answer.event, events.CommandRefused):
        raise refused(answer.event.reason)
    in_time = await gateway.reads.passed(answer.partition, answer.position)
    return await _gift(gateway, gift_id, buyer_id, in_time=in_time)


ROUTES = [start, gifts, end]


async def _gift(gateway: Gateway, gift_id: str, buyer_id: str, *, in_time: bool) -> GiftBody:
    view = await gateway.reads.query(lambda cur: recurring_gifts.gift(cur, gift_id, buyer_id=buyer_id))
    if view is None:
        if not in_time:
            raise HttpProblem("unavailable", "The gift's page isn't written yet. Ask again in a moment.")
        raise HttpProblem("unknown-gift")
    return gift_body(view, at_ms=now_ms())
