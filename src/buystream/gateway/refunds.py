"""The merchant's way to give money back: refunds of orders, cancelled editions, and the disputes that banks decide."""

from typing import Annotated, Literal

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from buystream import events
from buystream.commands import CancelEdition, RefundOrder
from buystream.gateway.bodies import EditionEnd, MerchantOrderBody
from buystream.gateway.bodies import Refund as RefundWish
from buystream.gateway.checkout import Http, order_after
from buystream.gateway.merchants import own_offer, seen_by_merchant
from buystream.gateway.naming import IDEMPOTENCY_KEY, name_of
from buystream.gateway.problems import HttpProblem, refused
from buystream.gateway.runtime import Gateway
from buystream.projections import order_views, refunds
from buystream.projections.people import Merchant
from buystream.projections.refunds import Cancellation, Dispute, Refund

InState = Annotated[Literal["open", "won", "lost"] | None, QueryParameter(name="state")]

DISPUTES_MAX = 500
CANCELLATION_SECONDS = 0.5
"""How old a cancellation's progress may be."""


class RefundBody(Struct, frozen=True):
    """The refund that was asked for, and its order as it is now."""

    refund_id: str
    order: MerchantOrderBody


class OrderMoneyBody(Struct, frozen=True, kw_only=True):
    """An order's money: `refundable_minor` is what is neither back nor on its way back."""

    order_id: str
    currency: str
    paid_minor: int
    refunded_minor: int
    refundable_minor: int
    quantity: int
    returned: int
    dispute: str | None
    refunds: list[Refund]
    disputes: list[Dispute]


class DisputesBody(Struct, frozen=True):
    """The newest first."""

    disputes: list[Dispute]


@post("/v1/merchant/orders/{order_id:str}/refund", status_code=202, summary="Give money back: all of it or a part")
async def refund(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[Merchant],
    order_id: FromPath[str],
    data: JSONBody[RefundWish],
) -> RefundBody:
    """The provider moves the money; the refund says `refunded` when it has, or `failed`. A part needs an
    `Idempotency-Key` header, which a repeat sends again; without one, a second whole refund is the repeat of the
    first. Refusals: bad-amount, bad-quantity, refund-id-conflict, order-refunded, order-disputed, not-paid,
    not-refundable."""
    is_part = data.amount_minor is not None or data.quantity is not None
    if is_part and not request.headers.get(IDEMPOTENCY_KEY):
        raise HttpProblem("key-needed")
    refund_id = name_of(request, gateway, merchant.merchant_id) if request.headers.get(IDEMPOTENCY_KEY) else ""
    offer = own_offer(gateway, merchant, gateway.offer_of_order(order_id), "unknown-order")
    command = RefundOrder(
        order_id=order_id,
        merchant_id=merchant.merchant_id,
        restock=data.restock,
        refund_id=refund_id,
        amount_minor=data.amount_minor,
        quantity=data.quantity,
        keep_fee=data.keep_fee,
        reason=data.reason,
    )
    answer = await gateway.ask(command, offer)
    if isinstance(answer.event, events.CommandRefused):
        raise _not_refunded(answer.event.reason)
    view = await order_after(gateway, answer, order_id)
    return RefundBody(refund_id, await gateway.reads.run(lambda: seen_by_merchant(gateway, view)))


@get("/v1/merchant/orders/{order_id:str}/refunds", summary="An order's refunds and disputes")
async def order_money(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[Merchant], order_id: FromPath[str]
) -> OrderMoneyBody:
    """What was paid, what went back, and what can still be given back."""
    offer = own_offer(gateway, merchant, gateway.offer_of_order(order_id), "unknown-order")
    await gateway.views_show_the_seen(offer.partition)
    view, asked, disputes = await gateway.reads.query(
        lambda cur: (
            order_views.order(cur, order_id),
            refunds.refunds_of_order(cur, order_id),
            refunds.disputes_of_order(cur, order_id),
        )
    )
    if view is None:
        raise HttpProblem("unknown-order")
    on_its_way_minor = sum(one.amount_minor for one in asked if one.state == "requested")
    return OrderMoneyBody(
        order_id=order_id,
        currency=view.currency,
        paid_minor=view.paid_minor,
        refunded_minor=view.refunded_minor,
        refundable_minor=view.paid_minor - view.refunded_minor - on_its_way_minor,
        quantity=view.quantity,
        returned=view.returned,
        dispute=view.dispute,
        refunds=asked,
        disputes=disputes,
    )


@post("/v1/merchant/editions/{edition_id:str}/cancel", status_code=202, summary="It won't take place")
async def cancel_edition(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[Merchant],
    edition_id: FromPath[str],
    data: JSONBody[EditionEnd],
) -> Cancellation:
    """Ends the sale for good, gives holds up and everybody's money back, bit by bit as the provider answers. A repeat
    changes nothing."""
    offer = own_offer(gateway, merchant, gateway.offer(edition_id), "unknown-edition")
    command = CancelEdition(
        edition_id=edition_id, merchant_id=merchant.merchant_id, restock=data.restock, reason=data.reason
    )
    answer = await gateway.ask(command, offer)
    if isinstance(answer.event, events.CommandRefused):
        raise refused(answer.event.reason)
    if not await gateway.reads.passed(answer.partition, answer.position):
        raise HttpProblem("unavailable", "It is cancelled, but its page isn't written yet. Ask again in a moment.")
    return await _count(gateway, edition_id)


@get("/v1/merchant/editions/{edition_id:str}/cancellation", summary="How far a cancelled edition is")
async def cancellation(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[Merchant], edition_id: FromPath[str]
) -> Cancellation:
    """404 not-cancelled when it takes place."""
    offer = own_offer(gateway, merchant, gateway.offer(edition_id), "unknown-edition")
    await gateway.views_show_the_seen(offer.partition)
    return await gateway.reads.shared(
        f"cancellation {edition_id}", CANCELLATION_SECONDS, lambda: _count(gateway, edition_id)
    )


@get("/v1/merchant/disputes", summary="Money that buyers' banks want back")
async def disputes(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[Merchant],
    in_state: InState = None,
) -> DisputesBody:
    """The newest first, 500 at most. An open one needs an answer at the provider before `respond_by_ms`."""
    found = await gateway.reads.query(
        lambda cur: refunds.disputes_of_merchant(cur, merchant.merchant_id, state=in_state, limit=DISPUTES_MAX)
    )
    return DisputesBody(found)


ROUTES = [refund, order_money, cancel_edition, cancellation, disputes]


def _not_refunded(reason: str) -> HttpProblem:
    if reason.startswith("order_") and reason not in ("order_refunded", "order_disputed"):
        return HttpProblem("not-refundable", reason="not_refundable", because=reason)
    return refused(reason)


async def _count(gateway: Gateway, edition_id: str) -> Cancellation:
    """Looks at every order of the edition."""
    found = await gateway.reads.query(lambda cur: refunds.cancellation(cur, edition_id))
    if found is None:
        raise HttpProblem("not-cancelled")
    return found
