"""Refunds of a payment, in its edition."""

from typing import Annotated

from buystream.vocabulary.events.event import MovesUnits
from buystream.vocabulary.events.payments import PaymentEvent
from buystream.vocabulary.fields import (
    AmountMinor,
    Currency,
    Destination,
    FeeReturnedMinor,
    InTables,
    KeepFee,
    MerchantId,
    OwnWords,
    Quantity,
    Reason,
    Reference,
    RefundId,
    Restock,
    VariantId,
    meaning,
)
from buystream.vocabulary.values import Units


class RefundRequested(PaymentEvent):
    """Requests a refund from the provider, with `quantity` units. `asked_by`: merchant, buyer or cancellation (the
    edition's own). `instead_of` is the failed refund that this one replaces."""

    reference: Reference
    amount_minor: AmountMinor
    currency: Currency
    restock: Restock
    refund_id: RefundId = ""
    quantity: Quantity | None = None
    keep_fee: KeepFee = False
    destination: Destination = ""
    reason: OwnWords = ""
    asked_by: Annotated[str, meaning("Who requested the refund: merchant, buyer or cancellation.", feed=True)] = ""
    instead_of: Annotated[
        str | None,
        meaning(
            "The failed refund that this one replaces; absent for a first refund.",
            feed=True,
            tables=InTables.LEFT_OUT,
        ),
    ] = None
    units: Units = ()


class PaymentRefunded(PaymentEvent):
    """The money was refunded, and so was `fee_returned_minor` of the platform's fee."""

    amount_minor: AmountMinor
    currency: Currency
    refund_id: RefundId = ""
    fee_returned_minor: FeeReturnedMinor = 0


class RefundFailed(PaymentEvent, MovesUnits):
    """The buyer's bank rejected the refund: the merchant has the money, and finds another way. If the refund had
    succeeded before, `fee_returned_minor` belongs to the platform again, and `quantity` units to the buyer: out of what
    is on sale (`from_stock`), or of what was withdrawn. `missing` ones had been sold to others, or their edition was
    cancelled. `was_whole`: the order had been refunded in full. `merchant_id` is present when a receipt was due."""

    refund_id: RefundId
    amount_minor: AmountMinor
    currency: Currency
    reason: Reason
    was_refunded: Annotated[bool, meaning("Whether the refund had been reported as completed.", feed=True)] = False
    fee_returned_minor: FeeReturnedMinor = 0
    quantity: Quantity = 0
    from_stock: Annotated[
        bool, meaning("Whether the units come out of what is on sale; otherwise out of what was withdrawn.", feed=True)
    ] = False
    missing: Annotated[
        int, meaning("Units that can't be returned to the buyer, because they were sold.", feed=True)
    ] = 0
    was_whole: Annotated[bool, meaning("Whether the order had been refunded in full.", feed=True)] = False
    merchant_id: MerchantId = ""
    variant_id: VariantId = ""
    units: Units = ()
