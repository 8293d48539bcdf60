"""The merchant's refunds of orders, cancelled editions, and the disputes that banks decide."""

from typing import Annotated, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from buystream.gateway.routes.bodies.editions import EditionEnd
from buystream.gateway.routes.bodies.merchants import MerchantOrderBody
from buystream.gateway.routes.bodies.merchants import Refund as RefundWish
from buystream.gateway.routes.bodies.parcels import units_of
from buystream.gateway.routes.checkout import Http, order_after, refuse_unknown_order
from buystream.gateway.routes.merchants import merchants_order, offer_of_own_order, own_edition, seen_by_merchant
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.idempotency import IDEMPOTENCY_KEY, idempotent_name
from buystream.gateway.server.problems import HttpProblem, refused
from buystream.gateway.server.refusals import asks
from buystream.projections import refunds
from buystream.projections.order_lines import LineView
from buystream.projections.people import MerchantView
from buystream.projections.refunds import CancellationProgress, DisputeView, RefundView
from buystream.vocabulary import events
from buystream.vocabulary.commands import CancelEdition, RefundOrder
from buystream.vocabulary.order_states import SOLD, DisputeState
from buystream.vocabulary.reasons import order_is_none_of

_SUMMED_UP: Final = order_is_none_of(SOLD | {"refunded", "disputed"})
"""Answered as `not-refundable`: the order isn't sold."""

InState = Annotated[DisputeState | None, QueryParameter(name="state")]

DISPUTES_MAX = 500
CANCELLATION_SECONDS = 0.5
"""How old a cancellation's progress may be."""


class RefundBody(Struct, frozen=True):
    """The requested refund, and the current state of its order."""

    refund_id: str
    order: MerchantOrderBody


class OrderMoneyBody(Struct, frozen=True, kw_only=True):
    """An order's money: `refundable_minor` is neither refunded, being refunded nor disputed."""

    order_id: str
    currency: str
    paid_minor: int
    refunded_minor: int
    refundable_minor: int
    quantity: int
    returned: int
    lines: list[LineView]
    dispute: str | None
    refunds: list[RefundView]
    disputes: list[DisputeView]


class DisputesBody(Struct, frozen=True):
    """Newest first."""

    disputes: list[DisputeView]


@post(
    "/v1/merchant/orders/{order_id:str}/refund",
    status_code=202,
    opt=asks(RefundOrder, restated=dict.fromkeys(_SUMMED_UP, "not-refundable")),
    summary="Refund an order, in full or in part",
)
async def refund(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[RefundWish],
) -> RefundBody:
    """The provider moves the money; the refund's state becomes `refunded` when it has, or `failed`. A partial refund
    needs an `Idempotency-Key` header, which a repeat sends again; without one, a second full refund counts as a repeat
    of the first. A refund that failed after it had succeeded may be requested again."""
    is_part = (data.amount_minor, data.quantity, data.lines) != (None, None, None)
    if is_part and not request.headers.get(IDEMPOTENCY_KEY):
        raise HttpProblem("key-needed")
    refund_id = idempotent_name(request, gateway, merchant.merchant_id) if request.headers.get(IDEMPOTENCY_KEY) else ""
    offer = offer_of_own_order(gateway, merchant, order_id)
    await refuse_unknown_order(gateway, order_id)
    command = RefundOrder(
        order_id=order_id,
        merchant_id=merchant.merchant_id,
        restock=data.restock,
        refund_id=refund_id,
        amount_minor=data.amount_minor,
        quantity=data.quantity,
        keep_fee=data.keep_fee,
        reason=data.reason,
        units=units_of(data.lines),
    )
    answer = await gateway.decisions.ask(command, actor=actor)
    if isinstance(answer.event, events.CommandRefused):
        raise _not_refunded(answer.event.reason, offer.currency)
    view = await order_after(gateway, answer, order_id)
    if (
        isinstance(answer.event, events.CommandRepeated)
        and not refund_id
        and not await _has_whole_refund(gateway, order_id)
    ):
        raise refused("order_refunded")  # by other refunds, of which this repeats none
    return RefundBody(refund_id, await gateway.reads.run(lambda: seen_by_merchant(gateway, view)))


@get("/v1/merchant/orders/{order_id:str}/refunds", summary="An order's refunds and disputes")
async def order_money(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], order_id: FromPath[str]
) -> OrderMoneyBody:
    """What was paid, what was refunded, and what can still be refunded."""
    view = await merchants_order(gateway, merchant, order_id)
    made, disputes = await gateway.reads.query(
        lambda cur: (refunds.refunds_of_order(cur, order_id), refunds.disputes_of_order(cur, order_id))
    )
    return OrderMoneyBody(
        order_id=order_id,
        currency=view.currency,
        paid_minor=view.paid_minor,
        refunded_minor=view.refunded_minor,
        refundable_minor=view.refundable_minor,
        quantity=view.quantity,
        returned=view.returned,
        lines=view.lines,
        dispute=view.dispute,
        refunds=made,
        disputes=disputes,
    )


@post(
    "/v1/merchant/editions/{edition_id:str}/cancel",
    status_code=202,
    opt=asks(CancelEdition),
    summary="Cancel an edition",
)
async def cancel_edition(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[EditionEnd],
) -> CancellationProgress:
    """Ends the sale for good, releases holds and refunds everyone as the provider answers. A repeat changes nothing;
    with another `restock` it is refused (cancelled)."""
    own_edition(gateway, merchant, edition_id)
    command = CancelEdition(
        edition_id=edition_id, merchant_id=merchant.merchant_id, restock=data.restock, reason=data.reason
    )
    answer = await gateway.decide(command, actor=actor)
    if not await gateway.reads.passed(answer.partition, answer.position):
        raise HttpProblem("unavailable", "It is cancelled, but its page isn't written yet. Ask again in a moment.")
    return await _count(gateway, edition_id)


@get("/v1/merchant/editions/{edition_id:str}/cancellation", summary="A cancelled edition's progress")
async def cancellation(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], edition_id: FromPath[str]
) -> CancellationProgress:
    """404 not-cancelled when it takes place."""
    offer = own_edition(gateway, merchant, edition_id)
    await gateway.views_show_the_seen(offer.partition)
    return await gateway.reads.shared(
        f"cancellation {edition_id}", CANCELLATION_SECONDS, lambda: _count(gateway, edition_id)
    )


@get("/v1/merchant/disputes", summary="The merchant's disputes")
async def disputes(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    in_state: InState = None,
) -> DisputesBody:
    """Newest first, at most 500. An open dispute needs a response at the provider before `respond_by_ms`."""
    found = await gateway.reads.query(
        lambda cur: refunds.disputes_of_merchant(cur, merchant.merchant_id, state=in_state, limit=DISPUTES_MAX)
    )
    return DisputesBody(found)


ROUTES = [refund, order_money, cancel_edition, cancellation, disputes]


def _not_refunded(reason: str, currency: str) -> HttpProblem:
    if reason in _SUMMED_UP:
        return HttpProblem("not-refundable", reason="not_refundable", because=reason)
    return refused(reason, currency=currency)


async def _has_whole_refund(gateway: Gateway, order_id: str) -> bool:
    """Whether a refund without a name is among the order's: the one that the next without a name repeats."""
    made = await gateway.reads.query(lambda cur: refunds.refunds_of_order(cur, order_id))
    return any(not one.refund_id for one in made)


async def _count(gateway: Gateway, edition_id: str) -> CancellationProgress:
    """Looks at every order of the edition."""
    found = await gateway.reads.query(lambda cur: refunds.cancellation(cur, edition_id))
    if found is None:
        raise HttpProblem("not-cancelled")
    return found
