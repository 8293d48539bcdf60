"""Orders as their buyers see them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, cast

from msgspec import Meta, Struct

from buystream.gateway.pages.order_words import state_words
from buystream.gateway.routes.bodies.fields import (
    Amount,
    EditionId,
    GivenCodeText,
    OrderId,
    Quantity,
    Request,
    VariantId,
)
from buystream.gateway.routes.bodies.parcels import FulfilmentBody, UnitsByLine
from buystream.gateway.routes.bodies.payments import PaymentBody
from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.heads import Head
from buystream.gateway.server.placements import forbids
from buystream.projections import allowed
from buystream.projections.boards import Board
from buystream.projections.campaigns import Charged
from buystream.projections.order_lines import DiscountView, LineView, discount_view
from buystream.projections.order_views import OrderView
from buystream.vocabulary import events
from buystream.vocabulary.codes import CodeUse
from buystream.vocabulary.order_states import CANCELLABLE, PAYABLE, OrderState
from buystream.vocabulary.placements import Placement
from buystream.vocabulary.shipping import DeliveryCharge
from buystream.vocabulary.values import ORDER_LINES_MAX, OrderLine


class ClickFrom(Request, frozen=True, kw_only=True):
    """Where a click came from, as the link or the button named it: in letters, digits, dots and dashes, 40 at most.
    Other names are left out; they never stop an order. Nothing is kept of a browser with Sec-GPC or DNT."""

    source: str = ""
    campaign: str = ""
    post: str = ""


def placement_of(named: ClickFrom | None, head: Head, host: str) -> Placement | None:
    """Where a click came from, as far as its visitor's settings allow; `host` is the application that vouched for
    them."""
    if forbids(head):
        return None
    one = named or ClickFrom()
    return Placement.of(source=one.source, campaign=one.campaign, post=one.post, app=host)


class NewOrder(Request, frozen=True, kw_only=True):
    """A tap on Buy. The browser generates the order id; `price_minor` is the unit price that the buyer saw.
    `variant_id` names the variant of an edition that has several. A `code` takes at least `discount_minor` off, or the
    order is refused."""

    order_id: OrderId
    edition_id: EditionId
    variant_id: VariantId = ""
    quantity: Quantity
    price_minor: Amount
    placement: ClickFrom | None = None
    code: GivenCodeText = ""
    discount_minor: Amount = 0


class NewLine(Request, frozen=True, kw_only=True):
    """What an order asks of one variant; `price_minor` is the unit price that the buyer saw."""

    variant_id: VariantId = ""
    quantity: Quantity
    price_minor: Amount


class NewOrderOfLines(Request, frozen=True, kw_only=True):
    """A tap on Buy for several variants of an edition, each once: all of them, or nothing. The browser generates the
    order id."""

    order_id: OrderId
    edition_id: EditionId
    lines: Annotated[tuple[NewLine, ...], Meta(min_length=1, max_length=ORDER_LINES_MAX)]
    placement: ClickFrom | None = None
    code: GivenCodeText = ""
    discount_minor: Amount = 0


class NewReturn(Request, frozen=True, kw_only=True):
    """The buyer returns an order, or units of some of its `lines`. `refund_id` identifies this return, unless an
    Idempotency-Key does."""

    refund_id: Annotated[str, Meta(min_length=8, max_length=64, pattern="^[0-9a-zA-Z-]*$")] | None = None
    lines: UnitsByLine | None = None


class ReturnableBody(Struct, frozen=True):
    """The buyer may return the order until `until_ms` (null: until it ships), for `amount_minor`."""

    amount_minor: int
    until_ms: int | None


class PledgeBody(Struct, frozen=True):
    """When a pledge is charged: `when_reached`, or `at_end`; never, if the target isn't reached by `ends_at_ms`."""

    charged: Charged
    ends_at_ms: int | None


class BuyerActionBody(Struct, frozen=True):
    """What the buyer has to do before `until_ms` for the payment to go through: `authenticate` with the bank, at the
    payment's `authentication_url`, or pay with `another_card` (`attempt` is the number of the next payment)."""

    action: Literal["authenticate", "another_card"]
    until_ms: int
    attempt: int


class OrderBody(Struct, frozen=True, kw_only=True):
    """An order. `variant_id` and `price_minor` are those of its only line; with several they are empty and null. Of the
    `paid_minor`, `refunded_minor` has been refunded (with `returned` units) and `refunding_minor` is being refunded.
    `returnable` is present while the buyer may return the order, `pledge` while nothing has been charged yet,
    `fulfilment` once it is sold, `dispute` (open, won, lost, withdrawn) once a bank has been involved. `alternatives`
    are other projects of a merchant whose campaign missed its target. `shipping` is what delivery costs, which
    `total_minor` includes: null before a payment was requested, and where delivery has no price. `discount` is what a
    code took off, which `total_minor` and those of the lines are without. `state_name` and `meaning` describe the state
    in words. `can_pay`, `can_cancel`, `can_return`, `can_change_address` and `can_ask_back` (ask the merchant to take
    something back) are what the buyer can do now: a moment later the shop may refuse it. `version` grows with every
    change."""

    order_id: str
    edition_id: str
    merchant_id: str
    merchant_name: str = ""
    title: str
    variant_id: str = ""
    quantity: int
    price_minor: int | None
    total_minor: int
    lines: list[LineView]
    shipping: DeliveryCharge | None = None
    discount: DiscountView | None = None
    currency: str
    state: OrderState
    state_name: str = ""
    meaning: str = ""
    reason: str | None = None
    hold_expires_at_ms: int | None = None
    placed_at_ms: int
    payment: PaymentBody | None = None
    tracking: str | None = None
    version: int
    paid_minor: int = 0
    refunded_minor: int = 0
    refunding_minor: int = 0
    returned: int = 0
    dispute: str | None = None
    gift_id: str | None = None
    returnable: ReturnableBody | None = None
    pledge: PledgeBody | None = None
    buyer_action: BuyerActionBody | None = None
    receipt_url: str | None = None
    fulfilment: FulfilmentBody | None = None
    tickets_url: str | None = None
    downloads_url: str | None = None
    alternatives: list[Board] = []
    can_pay: bool = False
    can_cancel: bool = False
    can_return: bool = False
    can_change_address: bool = False
    can_ask_back: bool = False


class PastOrderBody(OrderBody, frozen=True, kw_only=True):
    """The order as it was at the end of the millisecond `as_of_ms`; what the buyer can do, could be done then."""

    as_of_ms: int


class OrdersBody(Struct, frozen=True):
    """The buyer's orders, newest first."""

    orders: list[OrderBody]


class MineOfVariantBody(Struct, frozen=True):
    """For one variant of an edition: how many units the buyer holds or has bought, and how many more its limit per
    buyer allows."""

    variant_id: str
    taken: int
    left: int


class MineBody(Struct, frozen=True):
    """For one edition: how many units the buyer holds or has bought, and how many more the limits per buyer allow;
    and the same for each of its variants."""

    taken: int
    left: int
    variants: list[MineOfVariantBody]


OPEN_TO_BUYER: Final[Mapping[str, Literal["authenticate", "another_card"]]] = {
    "authentication_required": "authenticate",
    "declined": "another_card",
}
"""What a payment in such a state waits for."""


def order_body(
    view: OrderView,
    *,
    at_ms: int,
    tracking: str | None = None,
    fulfilment: FulfilmentBody | None = None,
    alternatives: Sequence[Board] = (),
) -> OrderBody:
    """What the buyer may see of a view, and may do at that time; `tracking` is decrypted."""
    returnable_minor = view.returnable_minor(at_ms)
    state_name, meaning = state_words(view)
    can = allowed.by_buyer(view, at_ms)
    fields = order_fields(view, tracking) | {
        **can,
        "buyer_action": _buyer_action(view, can_pay=can["can_pay"]),
        "alternatives": list(alternatives),
        "fulfilment": fulfilment,
        "state_name": state_name,
        "meaning": meaning,
    }
    if returnable_minor is not None and view.terms is not None:
        fields["returnable"] = ReturnableBody(returnable_minor, view.terms.refund.until_ms)
    return OrderBody(**fields)  # type: ignore[arg-type]


_SHOWN: Final = tuple(
    name for name in OrderBody.__struct_fields__ if name in OrderView.__struct_fields__ and name != "tracking"
)
"""As the view has it; its tracking number is a ciphertext."""


def order_fields(view: OrderView, tracking: str | None) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(view, name) for name in _SHOWN} | {"tracking": tracking}
    if (payment := view.payment) is not None:
        fields["payment"] = PaymentBody(
            payment.payment_id, payment.state, payment.reason, payment.authentication_url, payment.off_session
        )
    if view.state == "pledged" and view.terms is not None and (campaign := view.terms.campaign) is not None:
        fields["pledge"] = PledgeBody(campaign.charged, campaign.ends_at_ms)
    if view.paid_minor:
        fields["receipt_url"] = f"/orders/{view.order_id}/receipt"
    if view.served and view.terms is not None and view.terms.is_ticketed:
        fields["tickets_url"] = f"/orders/{view.order_id}/tickets"
    if view.served and view.terms is not None and view.terms.has_downloads:
        fields["downloads_url"] = f"/orders/{view.order_id}/downloads"
    return fields


def _buyer_action(view: OrderView, *, can_pay: bool) -> BuyerActionBody | None:
    payment, is_over = view.payment, view.terms is not None and view.terms.is_over
    if payment is None or is_over or view.state not in PAYABLE or view.hold_expires_at_ms is None:
        return None
    action = OPEN_TO_BUYER.get(payment.state)
    if action is None or (action == "another_card" and not can_pay):
        return None
    return BuyerActionBody(action, view.hold_expires_at_ms, int(payment.payment_id.rpartition(".")[2]) + 1)


def placed_order_body(event: events.OrderPlaced, offer: Listing) -> OrderBody:
    """The order that an event has just created, without reading the views."""
    return OrderBody(
        order_id=event.originator_id,
        edition_id=event.edition_id,
        merchant_id=event.merchant_id,
        **_ordered(event.lines, offer, event.code),
        currency=event.currency,
        state="held",
        can_pay=True,
        can_cancel=True,
        hold_expires_at_ms=event.hold_expires_at_ms,
        placed_at_ms=event.at_ms,
        version=event.edition_version,
    )


def repeated_order_body(event: events.OrderRepeated, offer: Listing) -> OrderBody:
    """The order's current state from the owner's answer, for when the views are behind. Its version is 0: anything
    newer wins."""
    payment = PaymentBody(event.payment_id, event.payment_state) if event.payment_id else None
    is_asked = event.payment_state == "requested"
    return OrderBody(
        order_id=event.order_id,
        edition_id=event.edition_id,
        merchant_id=offer.merchant_id,
        **_ordered(event.lines, offer, event.code),
        currency=event.currency,
        state=cast("OrderState", event.state),
        reason=event.reason or None,
        hold_expires_at_ms=event.hold_expires_at_ms,
        placed_at_ms=event.placed_at_ms,
        payment=payment,
        can_pay=event.state in PAYABLE and not is_asked,
        can_cancel=event.state in CANCELLABLE,
        version=0,
    )


def _ordered(lines: tuple[OrderLine, ...], offer: Listing, code: CodeUse | None) -> dict[str, Any]:
    """What a new order says of its lines."""
    discounts = code.amounts_minor if code is not None else (0,) * len(lines)
    shown = [
        LineView(
            variant_id=line.variant_id,
            title=offer.variant_title(line.variant_id),
            quantity=line.quantity,
            price_minor=line.price_minor,
            discount_minor=discount_minor,
            total_minor=line.quantity * line.price_minor - discount_minor,
        )
        for line, discount_minor in zip(lines, discounts, strict=True)
    ]
    first, discount = shown[0], discount_view(code)
    if len(shown) == 1:
        title = f"{offer.title}: {first.title}" if first.title else offer.title
        return {
            "title": title,
            "variant_id": first.variant_id,
            "quantity": first.quantity,
            "price_minor": first.price_minor,
            "total_minor": first.total_minor,
            "lines": shown,
            "discount": discount,
        }
    return {
        "title": offer.title,
        "quantity": sum(line.quantity for line in shown),
        "price_minor": None,
        "total_minor": sum(line.total_minor for line in shown),
        "lines": shown,
        "discount": discount,
    }
