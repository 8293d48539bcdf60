"""What a merchant sends about orders and itself, and the orders that it sees."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from buystream.gateway.pages.order_words import desk_word
from buystream.gateway.routes.bodies.fields import Reason, Request
from buystream.gateway.routes.bodies.orders import OrderBody, order_fields
from buystream.gateway.routes.bodies.parcels import FulfilmentBody, UnitsByLine
from buystream.gateway.routes.bodies.payments import DeliveryBody
from buystream.projections import allowed
from buystream.projections.order_views import OrderView
from buystream.vocabulary.email_addresses import CHARS_MAX, EMAIL_OR_NONE
from buystream.vocabulary.money import ANY_AMOUNT_MINOR_MAX
from buystream.vocabulary.order_states import SENT
from buystream.vocabulary.placements import Placement
from buystream.vocabulary.texts import LINE, NAME, NOT_BLANK


class Shipment(Request, frozen=True, kw_only=True):
    """The carrier and the tracking number."""

    carrier: Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME)]
    tracking: Annotated[str, Meta(max_length=120, pattern=LINE)] = ""


class Refund(Request, frozen=True, kw_only=True):
    """Refunds everything that is left, or `amount_minor` of it. `quantity` units are returned with it (null: all of
    them with the last of the money, otherwise none), or those of the `lines` that are named, by default for what they
    cost; `restock` puts them back on sale, otherwise they are withdrawn. The platform refunds its fee in proportion,
    unless `keep_fee`."""

    amount_minor: Annotated[int, Meta(ge=1, le=ANY_AMOUNT_MINOR_MAX)] | None = None
    quantity: Annotated[int, Meta(ge=0, le=100)] | None = None
    lines: UnitsByLine | None = None
    restock: bool = False
    keep_fee: bool = False
    reason: Reason = ""


class Details(Request, frozen=True, kw_only=True):
    """A merchant's legal details, as shown on receipts from now on."""

    legal_name: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)]
    address: Annotated[str, Meta(min_length=1, max_length=1000, pattern=NOT_BLANK)]
    tax_id: Annotated[str, Meta(max_length=80, pattern=LINE)] = ""
    charity_id: Annotated[str, Meta(max_length=80, pattern=LINE)] = ""
    email: Annotated[str, Meta(max_length=CHARS_MAX, pattern=EMAIL_OR_NONE)] = ""


class TimeZone(Request, frozen=True, kw_only=True):
    """An IANA time zone."""

    time_zone: Annotated[str, Meta(min_length=1, max_length=80, pattern=LINE, examples=["Europe/Vienna"])]


class MerchantOrderBody(OrderBody, frozen=True, kw_only=True):
    """An order as its merchant sees it. `buyer` is null before a payment and, with `is_erased`, after an erasure.
    `refundable_minor` can still be refunded: it is neither refunded, being refunded nor disputed. `returning` units are
    being returned. `state_name` is the merchant's word for the state. `can_ship` (to an address), `can_pack` (units in
    one more parcel), `can_deliver` (or mark as used), `can_refund` and `can_resend` (the confirmation, by mail) are
    what the merchant can do now; `is_sent`: it was shipped, delivered or used. `placement` says where the click came
    from, if that is known."""

    buyer: DeliveryBody | None
    is_erased: bool
    refundable_minor: int
    returning: int
    is_sent: bool
    can_ship: bool
    can_pack: bool
    can_deliver: bool
    can_refund: bool
    can_resend: bool
    placement: Placement | None


class MerchantOrdersBody(Struct, frozen=True):
    """A page of the merchant's orders. Pass `next` as `after` to get the next page; it is null at the end."""

    orders: list[MerchantOrderBody]
    next: str | None


class FoundOrdersBody(MerchantOrdersBody, frozen=True):
    """A page of what was looked for. While `unread_events` is large, the index is being made, and some orders are not
    found yet."""

    unread_events: int


class PastMerchantOrdersBody(MerchantOrdersBody, frozen=True):
    """The orders as they were at the end of the millisecond `as_of_ms`, of those that had been placed by then. What
    buyers erased since is gone from them, too."""

    as_of_ms: int


_OWN: Final = MerchantOrderBody.__struct_fields__[len(OrderBody.__struct_fields__) :]
_SHOWN_TO_MERCHANTS: Final = tuple(name for name in _OWN if hasattr(OrderView, name))


def merchant_order_body(
    view: OrderView,
    *,
    buyer: DeliveryBody | None,
    tracking: str | None,
    is_erased: bool,
    fulfilment: FulfilmentBody | None = None,
) -> MerchantOrderBody:
    """What the merchant may see of a view, with `buyer` and `tracking` decrypted; the page where the buyer answers the
    bank is left out."""
    fields: dict[str, Any] = order_fields(view, tracking) | {"fulfilment": fulfilment}
    if (payment := fields.get("payment")) is not None:
        fields["payment"] = msgspec.structs.replace(payment, authentication_url=None)
    fields |= {name: getattr(view, name) for name in _SHOWN_TO_MERCHANTS}
    return MerchantOrderBody(
        **fields,
        **allowed.by_merchant(view),
        state_name=desk_word(view),
        buyer=buyer,
        is_erased=is_erased,
        is_sent=view.served in SENT,
    )
