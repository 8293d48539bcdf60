"""Orders, from the tap on Buy to the return."""

from typing import Annotated

from buystream.vocabulary.actors import BUYER, MERCHANT, SYSTEM
from buystream.vocabulary.codes import CodeKey
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import (
    BY_CLIENT,
    AmountMinor,
    BuyerId,
    Carrier,
    CountryCode,
    Delivery,
    Device,
    EditionId,
    InTables,
    KeepFee,
    MerchantId,
    Network,
    OrderId,
    OwnWords,
    PaymentMethod,
    Quantity,
    RefundId,
    Restock,
    Save,
    Statement,
    Tracking,
    Vouched,
    meaning,
)
from buystream.vocabulary.order_states import CANCELLABLE, PAYABLE, PROMISED, RETURNABLE, SENT, SHIPPABLE, SOLD
from buystream.vocabulary.placements import PlacedFrom
from buystream.vocabulary.reasons import CODE_REASONS, DELIVERY_REASONS, TO_BUYERS, order_is_none_of
from buystream.vocabulary.values import Lines, Units


@asked(
    BUYER,
    about="order_id",
    refusals=[*TO_BUYERS, *CODE_REASONS, "unknown_edition", "order_id_conflict", "variant_twice"],
)
class PlaceOrder(Command):
    """A tap on Buy: all of its lines, or nothing. They have the unit prices that the buyer saw; device and network are
    keyed hashes.
    `vouched`: a host application says who the buyer is. `placement` isn't part of what is ordered: a repeat may name
    another one. With a code it costs `discount_minor` less, or even less than that."""

    order_id: Annotated[OrderId, BY_CLIENT]
    edition_id: EditionId
    buyer_id: BuyerId
    lines: Lines
    device: Device = ""
    network: Network = ""
    vouched: Vouched = False
    placement: PlacedFrom = None
    code: CodeKey = ""
    discount_minor: Annotated[int, meaning("What the code takes off, as the buyer saw it.", tables=InTables.SHOWN)] = 0


@asked(
    BUYER,
    SYSTEM,
    about="order_id",
    refusals=[*order_is_none_of(CANCELLABLE | {"cancelled"}), "unknown_order", "target_reached"],
)
class CancelOrder(Command):
    """Cancel an order that is held or pledged. `buyer_id` must be the order's own."""

    order_id: OrderId
    buyer_id: BuyerId


@asked(
    BUYER,
    about="order_id",
    refusals=[
        *order_is_none_of(PAYABLE | PROMISED | SOLD),
        *("unknown_order", "needs_payment_method", "too_many_attempts", "campaign_missed", "edition_cancelled"),
        *DELIVERY_REASONS,
        *("wrong_delivery_price", "amount_too_large", "amount_too_small", "amount_off_step"),
    ],
)
class RequestPayment(Command):
    """Pay for a held order. `payment_method` is the provider's token, `delivery` a ciphertext under the buyer's key.
    `attempt` counts from 1, so that a repeat after a lost answer is not the next attempt; 0 means whichever is next.
    Where delivery has a price, `delivery_method` to `country` costs the `delivery_minor` that the buyer saw."""

    order_id: OrderId
    buyer_id: BuyerId
    payment_method: PaymentMethod
    delivery: Delivery
    save: Save = False
    attempt: Annotated[
        int, meaning("Which attempt to pay this is, counted from 1; 0 means whichever is next.", tables=InTables.SHOWN)
    ] = 0
    statement: Statement = ""
    country: CountryCode = ""
    delivery_method: Annotated[
        str, meaning("How it is delivered; empty where delivery has no price.", tables=InTables.SHOWN)
    ] = ""
    delivery_minor: Annotated[int, meaning("What delivery costs, as the buyer saw it.", tables=InTables.SHOWN)] = 0


@asked(
    BUYER,
    about="order_id",
    refusals=[
        *order_is_none_of(PROMISED | SOLD),
        *("unknown_order", "edition_cancelled", "campaign_missed", "already_packed", "not_posted"),
        "delivery_price_differs",
        "country_not_served",
    ],
)
class ChangeAddress(Command):
    """Send a paid order elsewhere, for the same price, until it is packed. `delivery` is a ciphertext under the buyer's
    key."""

    order_id: OrderId
    buyer_id: BuyerId
    delivery: Delivery
    country: CountryCode = ""


@asked(
    MERCHANT,
    about="order_id",
    refusals=[*order_is_none_of(SHIPPABLE | SENT), "unknown_order", "cancelled", "return_under_way"],
)
class ShipOrder(Command):
    """Mark an order as shipped. `tracking` is a ciphertext under the buyer's key: it leads to an address."""

    order_id: OrderId
    merchant_id: MerchantId
    carrier: Carrier
    tracking: Tracking


@asked(
    MERCHANT,
    about="order_id",
    refusals=[*order_is_none_of(SHIPPABLE | SENT), "unknown_order", "cancelled", "return_under_way"],
)
class RecordDelivery(Command):
    """Mark the order as delivered, or the ticket as used."""

    order_id: OrderId
    merchant_id: MerchantId


@asked(
    MERCHANT,
    about="order_id",
    refusals=[
        *order_is_none_of(SOLD),
        *("unknown_order", "amount_off_step", "amount_needed", "bad_amount", "bad_quantity", "refund_id_conflict"),
        "lines_needed",
    ],
)
class RefundOrder(Command):
    """Refunds `amount_minor`, or all that is left. `quantity` units are returned: by default all of them with the last
    of the money, otherwise none; for some of them the amount is required, unless nothing was paid. `units` names them
    by line instead, as an order with several lines needs it for some of them; by default their amount is what they
    cost. `restock` puts them on sale again, otherwise they are withdrawn. The platform returns its fee in proportion,
    unless `keep_fee`. The caller chooses `refund_id`, so that a repeat refunds nothing more; without one, a second
    whole refund is the repeat of the first. A failed refund may be requested again."""

    order_id: OrderId
    merchant_id: MerchantId
    restock: Restock
    refund_id: Annotated[RefundId, BY_CLIENT] = ""
    amount_minor: AmountMinor | None = None
    quantity: Quantity | None = None
    keep_fee: KeepFee = False
    reason: OwnWords = ""
    units: Units = ()


@asked(
    BUYER,
    about="order_id",
    refusals=[
        *order_is_none_of(RETURNABLE),
        *("unknown_order", "cancelled", "not_returnable", "too_late", "refund_id_conflict", "bad_quantity"),
        "ticket_used",
    ],
)
class ReturnOrder(Command):
    """The buyer returns the order, or `units` of some of its lines, by the edition's rule. The buyer chooses
    `refund_id`."""

    order_id: OrderId
    buyer_id: BuyerId
    refund_id: Annotated[RefundId, BY_CLIENT]
    units: Units = ()
