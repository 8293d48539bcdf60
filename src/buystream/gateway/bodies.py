"""The shapes of the API's requests and answers."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from buystream import events
from buystream.gateway.catalogue import Offer
from buystream.money import AMOUNT_MINOR_MAX
from buystream.projections.campaigns import Charged
from buystream.projections.edition_board import Board
from buystream.projections.order_views import OrderView
from buystream.projections.recurring_gifts import GiftView
from buystream.providers.sandbox import SandboxCard

Id = Annotated[str, Meta(min_length=1, max_length=80)]
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MINOR_MAX)]
Quantity = Annotated[int, Meta(ge=1, le=100)]
Stock = Annotated[int, Meta(ge=1, le=100_000_000)]
AtMs = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]
PLAIN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""People's texts hold no control characters but tabs and line ends; PostgreSQL couldn't even keep a NUL."""

Token = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body: unknown fields are an error, so that a misspelt one doesn't pass for a missing one."""


class NewSession(Request, frozen=True, kw_only=True):
    """Who comes: nobody known, or a user that a host application vouches for."""

    host_token: Annotated[str, Meta(max_length=4096)] | None = None


class NewOrder(Request, frozen=True, kw_only=True):
    """A tap on Buy. The order id is minted by the browser; `price_minor` is the unit price that the buyer saw."""

    order_id: Id
    edition_id: Id
    quantity: Quantity
    price_minor: Amount


class Delivery(Request, frozen=True, kw_only=True):
    """Where it goes. Encrypted with the buyer's own key before it is kept anywhere."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]
    email: Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")]
    address: Annotated[str, Meta(max_length=1000, pattern=PLAIN)] = ""


class NewPayment(Request, frozen=True, kw_only=True):
    """A payment method (the provider's token, never a card) and delivery details; or `one_tap`, by what was saved.
    `attempt` (1 for the order's first payment) keeps a request that is sent again from becoming one more attempt."""

    payment_method: Token | None = None
    delivery: Delivery | None = None
    save: bool = False
    one_tap: bool = False
    attempt: Annotated[int, Meta(ge=0, le=100)] = 0


class Authentication(Request, frozen=True, kw_only=True):
    """What the card holder told the sandbox's bank."""

    outcome: Literal["approved", "rejected"]


class NewReturn(Request, frozen=True, kw_only=True):
    """The buyer gives an order back. `refund_id` names this return, unless an Idempotency-Key does."""

    refund_id: Annotated[str, Meta(min_length=8, max_length=64, pattern="^[0-9a-zA-Z-]*$")] | None = None


class NewGift(Request, frozen=True, kw_only=True):
    """Give so much now, and again every so many months, by what was saved (`one_tap`). The gift's id is minted by the
    browser, in the form of an order id."""

    gift_id: Id
    edition_id: Id
    amount_minor: Amount
    interval_months: Literal[1, 3, 6, 12]
    one_tap: bool = True


class NewRefundRule(Request, frozen=True, kw_only=True):
    """Who may give an order back. With `by` buyer the buyer too, before `until_ms` (null: any time) and before it is
    shipped, for `share_bps` of the money (10 000: all of it); `restock` puts what comes back on sale again."""

    by: Literal["merchant", "buyer"] = "merchant"
    until_ms: AtMs | None = None
    share_bps: BasisPoints = 10_000
    restock: bool = True


class NewEdition(Request, frozen=True, kw_only=True):
    """Terms of something new on sale. `price_minor` for a fixed price, or both bounds; `stock` null means unlimited.
    Prices include `tax_bps` of tax (1900: 19 %). `target_minor` makes it a campaign; `all_or_nothing` takes the money
    only when the target is reached before `closes_at_ms`, and `if_missed` says whether givers may choose another
    project then. `receipts` numbers a receipt for each gift: null means for gifts only."""

    title: Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    price_minor: Amount | None = None
    price_min_minor: Amount | None = None
    price_max_minor: Amount | None = None
    stock: Stock | None = None
    limit_per_buyer: Quantity = 4
    hold_seconds: Annotated[int, Meta(ge=1, le=7 * 24 * 3600)] = 600
    description: Annotated[str, Meta(max_length=2000, pattern=PLAIN)] = ""
    kind: Literal["ticket", "record", "gift", "item"] = "item"
    image: Annotated[str, Meta(max_length=40, pattern="^[a-z0-9-]*$")] = ""
    suggested_minor: Annotated[tuple[Amount, ...], Meta(max_length=8)] = ()
    opens_at_ms: AtMs | None = None
    closes_at_ms: AtMs | None = None
    needs_address: bool = True
    tax_bps: BasisPoints = 0
    tax_label: Annotated[str, Meta(max_length=40, pattern=PLAIN)] = ""
    refund: NewRefundRule = NewRefundRule()
    target_minor: Amount | None = None
    all_or_nothing: bool = False
    if_missed: Literal["void", "choose"] = "void"
    receipts: bool | None = None


class StockChange(Request, frozen=True, kw_only=True):
    """Exactly one of both."""

    add: Stock | None = None
    withdraw: Stock | None = None


class Shipment(Request, frozen=True, kw_only=True):
    """Who carries the parcel, under which number."""

    carrier: Annotated[str, Meta(min_length=1, max_length=80, pattern=PLAIN)]
    tracking: Annotated[str, Meta(max_length=120, pattern=PLAIN)] = ""


Reason = Annotated[str, Meta(max_length=500, pattern=PLAIN)]


class Refund(Request, frozen=True, kw_only=True):
    """All that is left, or `amount_minor` of it. `quantity` pieces come back with it (null: all of them with the last
    of the money, otherwise none); `restock` puts them on sale again, otherwise they are withdrawn. The platform gives
    its fee back in proportion, unless `keep_fee`."""

    amount_minor: Annotated[int, Meta(ge=1, le=AMOUNT_MINOR_MAX)] | None = None
    quantity: Annotated[int, Meta(ge=0, le=100)] | None = None
    restock: bool = False
    keep_fee: bool = False
    reason: Reason = ""


class EditionEnd(Request, frozen=True, kw_only=True):
    """It won't take place. `restock` counts what comes back as available again, otherwise as withdrawn; nobody can buy
    it any more."""

    restock: bool = False
    reason: Reason = ""


class Details(Request, frozen=True, kw_only=True):
    """A merchant's legal details, as they stand on receipts from now on."""

    legal_name: Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]
    address: Annotated[str, Meta(min_length=1, max_length=1000, pattern=PLAIN)]
    tax_id: Annotated[str, Meta(max_length=80, pattern=PLAIN)] = ""
    charity_id: Annotated[str, Meta(max_length=80, pattern=PLAIN)] = ""
    email: Annotated[str, Meta(max_length=254, pattern=PLAIN)] = ""


class SessionBody(Struct, frozen=True):
    """The buyer's session."""

    buyer_id: str
    token: str
    registered: bool


class DeliveryBody(Struct, frozen=True):
    """Where it goes."""

    name: str
    email: str
    address: str


class MeBody(Struct, frozen=True):
    """What is remembered about the buyer."""

    buyer_id: str
    registered: bool
    card_label: str | None
    delivery: DeliveryBody | None


class PaymentBody(Struct, frozen=True):
    """The newest attempt to pay. `off_session`: it was made by the clock, while the buyer was away."""

    payment_id: str
    state: str
    reason: str | None = None
    authentication_url: str | None = None
    off_session: bool = False


class ReturnableBody(Struct, frozen=True):
    """The buyer may give the order back until `until_ms` (null: until it is shipped), and gets so much."""

    amount_minor: int
    until_ms: int | None


class PledgeBody(Struct, frozen=True):
    """When the money of a pledge moves: `when_reached`, or `at_end`; if the target isn't reached by `ends_at_ms`,
    never."""

    charged: Charged
    ends_at_ms: int | None


class BuyerActionBody(Struct, frozen=True):
    """A payment needs its buyer, before `until_ms`: to show up at the bank (`authenticate`, at the payment's
    `authentication_url`), or to pay by `another_card` (`attempt` is the next one's)."""

    action: Literal["authenticate", "another_card"]
    until_ms: int
    attempt: int


class OrderBody(Struct, frozen=True, kw_only=True):
    """An order. Of what was `paid_minor`, `refunded_minor` is back (with `returned` pieces) and `refunding_minor` is on
    its way. `returnable` is there when the buyer may give it back now, `pledge` while no money has moved yet, `dispute`
    (open, won, lost) when a bank was asked. `alternatives` are other projects of a merchant whose campaign missed its
    target. `version` grows with every change."""

    order_id: str
    edition_id: str
    merchant_id: str
    title: str
    quantity: int
    price_minor: int
    total_minor: int
    currency: str
    state: str
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
    alternatives: list[Board] = []


class MerchantOrderBody(OrderBody, frozen=True, kw_only=True):
    """An order as its merchant sees it; `buyer` is null before a payment and after an erasure."""

    buyer: DeliveryBody | None


class OrdersBody(Struct, frozen=True):
    """The buyer's orders, newest first."""

    orders: list[OrderBody]


class GiftBody(Struct, frozen=True, kw_only=True):
    """A recurring gift. States: running, ended (`reason`: giver, declined, closed). `given` gifts were paid so far,
    `next_at_ms` is when the next one is asked for, `last` the newest one."""

    gift_id: str
    edition_id: str
    merchant_id: str
    title: str
    amount_minor: int
    currency: str
    interval_months: int
    state: str
    reason: str | None
    started_at_ms: int
    next_at_ms: int | None
    given: int
    given_minor: int
    last: OrderBody | None
    version: int


class GiftsBody(Struct, frozen=True):
    """The buyer's recurring gifts, newest first."""

    gifts: list[GiftBody]


class MerchantOrdersBody(Struct, frozen=True):
    """A page of the merchant's orders; `next` goes into `after`, null at the end."""

    orders: list[MerchantOrderBody]
    next: str | None


class EditionsBody(Struct, frozen=True):
    """Everything on sale."""

    editions: list[Board]


class ConfigBody(Struct, frozen=True):
    """What the payment form needs to know."""

    provider: str
    publishable_key: str | None
    sandbox_cards: list[SandboxCard]


encode = msgspec.json.Encoder().encode


OPEN_TO_BUYER: Final[Mapping[str, Literal["authenticate", "another_card"]]] = {
    "authentication_required": "authenticate",
    "declined": "another_card",
}
"""What a payment in such a state waits for."""


def order_body(view: OrderView, *, at_ms: int, alternatives: Sequence[Board] = ()) -> OrderBody:
    """What the buyer may see of a view, and may do at that time."""
    returnable_minor = view.returnable_minor(at_ms)
    fields = _order_fields(view) | {"buyer_action": _buyer_action(view), "alternatives": list(alternatives)}
    if returnable_minor is not None and view.terms is not None:
        fields["returnable"] = ReturnableBody(returnable_minor, view.terms.refund_until_ms)
    return OrderBody(**fields)  # type: ignore[arg-type]


def merchant_order_body(view: OrderView, buyer: DeliveryBody | None) -> MerchantOrderBody:
    """What the merchant may see of a view."""
    return MerchantOrderBody(**_order_fields(view), buyer=buyer)  # type: ignore[arg-type]


_SHOWN: Final = tuple(name for name in OrderBody.__struct_fields__ if name in OrderView.__struct_fields__)


def _order_fields(view: OrderView) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(view, name) for name in _SHOWN}
    if (payment := view.payment) is not None:
        fields["payment"] = PaymentBody(
            payment.payment_id, payment.state, payment.reason, payment.authentication_url, payment.off_session
        )
    if view.state == "pledged" and view.terms is not None and (campaign := view.terms.campaign) is not None:
        fields["pledge"] = PledgeBody(campaign.charged, campaign.ends_at_ms)
    if view.paid_minor:
        fields["receipt_url"] = f"/orders/{view.order_id}/receipt"
    return fields


def _buyer_action(view: OrderView) -> BuyerActionBody | None:
    payment = view.payment
    if payment is None or view.state != "held" or view.hold_expires_at_ms is None:
        return None
    action = OPEN_TO_BUYER.get(payment.state)
    if action is None:
        return None
    return BuyerActionBody(action, view.hold_expires_at_ms, int(payment.payment_id.rpartition(".")[2]) + 1)


def gift_body(view: GiftView, *, at_ms: int) -> GiftBody:
    """A recurring gift as its giver sees it."""
    fields: dict[str, object] = {name: getattr(view, name) for name in GiftView.__struct_fields__}
    fields["last"] = None if view.last is None else order_body(view.last, at_ms=at_ms)
    return GiftBody(**fields)  # type: ignore[arg-type]


def placed_order_body(event: events.OrderPlaced, offer: Offer) -> OrderBody:
    """The order that an event has just made, without a look at the views."""
    return OrderBody(
        order_id=event.originator_id,
        edition_id=event.edition_id,
        merchant_id=event.merchant_id,
        title=offer.title,
        quantity=event.quantity,
        price_minor=event.price_minor,
        total_minor=event.quantity * event.price_minor,
        currency=event.currency,
        state="held",
        hold_expires_at_ms=event.hold_expires_at_ms,
        placed_at_ms=event.at_ms,
        version=event.edition_version,
    )


def repeated_order_body(event: events.OrderRepeated, offer: Offer) -> OrderBody:
    """What an order is now by the owner's answer, when the views are behind. Its version is 0: anything newer wins."""
    payment = PaymentBody(event.payment_id, event.payment_state) if event.payment_id else None
    return OrderBody(
        order_id=event.order_id,
        edition_id=event.edition_id,
        merchant_id=offer.merchant_id,
        title=offer.title,
        quantity=event.quantity,
        price_minor=event.price_minor,
        total_minor=event.quantity * event.price_minor,
        currency=event.currency,
        state=event.state,
        reason=event.reason or None,
        hold_expires_at_ms=event.hold_expires_at_ms,
        placed_at_ms=event.placed_at_ms,
        payment=payment,
        version=0,
    )
