"""The shapes of the API's requests and answers."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from buystream import events
from buystream.gateway.catalogue import Offer
from buystream.money import AMOUNT_MINOR_MAX
from buystream.projections.edition_board import Board
from buystream.projections.order_views import OrderView
from buystream.providers.sandbox import SandboxCard

Id = Annotated[str, Meta(min_length=1, max_length=80)]
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MINOR_MAX)]
Quantity = Annotated[int, Meta(ge=1, le=100)]
Stock = Annotated[int, Meta(ge=1, le=100_000_000)]
AtMs = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
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


class NewEdition(Request, frozen=True, kw_only=True):
    """Terms of something new on sale. `price_minor` for a fixed price, or both bounds; `stock` null means unlimited."""

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
    """The newest attempt to pay."""

    payment_id: str
    state: str
    reason: str | None = None
    authentication_url: str | None = None


class OrderBody(Struct, frozen=True, kw_only=True):
    """An order. `version` grows with every change."""

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


class MerchantOrderBody(OrderBody, frozen=True, kw_only=True):
    """An order as its merchant sees it; `buyer` is null before a payment and after an erasure. Of `paid_minor`,
    `refunded_minor` went back, and with it `returned` pieces; `dispute` is open, won or lost."""

    buyer: DeliveryBody | None
    paid_minor: int
    refunded_minor: int
    returned: int
    dispute: str | None


class OrdersBody(Struct, frozen=True):
    """The buyer's orders, newest first."""

    orders: list[OrderBody]


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


def order_body(view: OrderView) -> OrderBody:
    """What the buyer may see of a view."""
    return OrderBody(**_order_fields(view))  # type: ignore[arg-type]


def merchant_order_body(view: OrderView, buyer: DeliveryBody | None) -> MerchantOrderBody:
    """What the merchant may see of a view."""
    return MerchantOrderBody(
        **_order_fields(view),  # type: ignore[arg-type]
        buyer=buyer,
        paid_minor=view.paid_minor,
        refunded_minor=view.refunded_minor,
        returned=view.returned,
        dispute=view.dispute,
    )


def _order_fields(view: OrderView) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(view, name) for name in OrderBody.__struct_fields__}
    if (payment := view.payment) is not None:
        fields["payment"] = PaymentBody(payment.payment_id, payment.state, payment.reason, payment.authentication_url)
    return fields


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
