"""Orders, in their edition."""

from typing import Annotated

from buystream.vocabulary.codes import CodeKey, CodeUse
from buystream.vocabulary.events.event import Event, MovesUnits
from buystream.vocabulary.fields import (
    AmountMinor,
    Available,
    BuyerId,
    Carrier,
    CountryCode,
    Currency,
    Delivery,
    Device,
    EditionId,
    EditionVersion,
    GiftId,
    HoldExpiresAtMs,
    MerchantId,
    Network,
    NextDueMs,
    PaymentId,
    Quantity,
    Reason,
    Reference,
    RefundId,
    Restock,
    Tracking,
    VariantId,
    meaning,
)
from buystream.vocabulary.placements import PlacedFrom
from buystream.vocabulary.values import Lines, OrderLine, Units


class OrderEvent(Event):
    """Belongs to an order; counts in its edition's version too."""

    edition_id: EditionId
    edition_version: EditionVersion

    @property
    def order_id(self) -> str:
        """The order."""
        return self.originator_id


class OrderPlaced(OrderEvent):
    """Stock is held for this buyer until `hold_expires_at_ms`."""

    buyer_id: BuyerId
    merchant_id: MerchantId
    lines: Lines
    currency: Currency
    hold_expires_at_ms: HoldExpiresAtMs
    device: Device = ""
    network: Network = ""
    gift_id: GiftId = ""
    """The recurring gift that it belongs to; then `next_due_ms` is when the next one is placed."""
    next_due_ms: NextDueMs | None = None
    placement: PlacedFrom = None
    code: Annotated[CodeUse | None, meaning("The code that it uses; absent when it uses none.", feed=True)] = None

    @property
    def moved(self) -> tuple[OrderLine, ...]:
        """The units that it moves, by variant."""
        return self.lines


class OrderRefused(OrderEvent):
    """No stock was held; the id is spent. Reasons: sold_out, over_limit, not_open, closed, wrong_price, paused,
    too_fast, not_vouched, cancelled, and those of codes. Of an order with several lines, `variant_id` is the one that
    it failed at."""

    buyer_id: BuyerId
    merchant_id: MerchantId
    lines: Lines
    currency: Currency
    reason: Reason
    available: Available | None = None
    device: Device = ""
    network: Network = ""
    variant_id: VariantId = ""
    placement: PlacedFrom = None
    code_key: CodeKey = ""


class HoldExtended(OrderEvent):
    """The hold was extended: after an outage of ours, for a bank that requires authentication, or after a declined
    card."""

    hold_expires_at_ms: HoldExpiresAtMs


class OrderReclaimed(OrderEvent, MovesUnits):
    """The money arrived after the hold had expired, and there was stock: it is held again."""

    quantity: Quantity
    variant_id: VariantId = ""
    units: Units = ()


class OrderAuthorised(OrderEvent):
    """The stock is claimed for a reserved payment and can no longer expire; now the money may move."""

    payment_id: PaymentId
    reference: Reference
    amount_minor: AmountMinor
    currency: Currency


class OrderPledged(OrderEvent):
    """The pledge counts towards the target; no money moves before the target is reached."""

    payment_id: PaymentId
    amount_minor: AmountMinor
    currency: Currency
    buyer_id: BuyerId = ""


class OrderConfirmed(OrderEvent, MovesUnits):
    """Sold. `merchant_id` is present when a receipt is due."""

    payment_id: PaymentId
    buyer_id: BuyerId
    quantity: Quantity
    amount_minor: AmountMinor
    currency: Currency
    merchant_id: MerchantId = ""
    variant_id: VariantId = ""
    units: Units = ()


class OrderExpired(OrderEvent, MovesUnits):
    """The hold expired; the stock is released."""

    quantity: Quantity
    variant_id: VariantId = ""
    units: Units = ()


class OrderCancelled(OrderEvent, MovesUnits):
    """The order was cancelled and its stock released. Reasons: buyer, payment_declined, payment_failed,
    edition_cancelled, campaign_missed."""

    quantity: Quantity
    reason: Reason
    variant_id: VariantId = ""
    units: Units = ()


class AddressChanged(OrderEvent):
    """The buyer has the order sent elsewhere. `delivery` is a ciphertext under the buyer's key."""

    delivery: Delivery
    country: CountryCode = ""


class OrderShipped(OrderEvent):
    """The merchant marked the order as shipped. `tracking` is a ciphertext under the buyer's key."""

    carrier: Carrier
    tracking: Tracking


class OrderDelivered(OrderEvent):
    """The order was delivered, or the ticket used."""


class OrderRefunded(OrderEvent, MovesUnits):
    """Money was refunded, and `quantity` units were returned: they are on sale again or withdrawn. `whole` completes
    the return of the order. `merchant_id` is present when a receipt was due. Reasons: edition_cancelled, for units that
    are returned although a bank holds all their money; otherwise none."""

    quantity: Quantity
    amount_minor: AmountMinor
    currency: Currency
    restock: Restock
    whole: Annotated[bool, meaning("Whether this completes the refund of the order.", feed=True)] = True
    refund_id: RefundId = ""
    merchant_id: MerchantId = ""
    reason: Reason = ""
    variant_id: VariantId = ""
    units: Units = ()
