"""Parcels of an order."""

from typing import Annotated

from buystream.vocabulary.events.orders import OrderEvent
from buystream.vocabulary.fields import (
    Carrier,
    ExchangeId,
    FulfilmentId,
    OwnWords,
    Quantity,
    Restock,
    ReturnId,
    ReturnRequestId,
    ShipmentId,
    Tracking,
    VariantId,
    meaning,
)
from buystream.vocabulary.fulfilment import (
    Accepted,
    AskedUnits,
    BuyersWords,
    Contents,
    GoodsWord,
    InsteadVariantId,
    ReturnedUnits,
    Stage,
)
from buystream.vocabulary.values import LineUnits


class ShipmentCreated(OrderEvent):
    """Units of the order are in one parcel. `tracking` is a ciphertext under the buyer's key."""

    shipment_id: ShipmentId
    contents: Contents
    stage: Stage
    carrier: Carrier = ""
    tracking: Tracking = ""


class FulfilmentRecorded(OrderEvent):
    """Something happened to a parcel. An empty `carrier` or `tracking` leaves the one of before."""

    shipment_id: ShipmentId
    fulfilment_id: FulfilmentId
    stage: Stage
    carrier: Carrier = ""
    tracking: Tracking = ""


class UnitsReturned(OrderEvent):
    """Units that had been sent came back. Their stock moves with their refund, which has the same name."""

    return_id: ReturnId
    returned: ReturnedUnits
    goods: GoodsWord
    reason: OwnWords = ""


class ReturnInspected(OrderEvent):
    """Somebody has looked at the goods of a return. With `restock` they are on sale again."""

    return_id: ReturnId
    returned: ReturnedUnits
    restock: Restock

    @property
    def moved(self) -> tuple[LineUnits, ...]:
        """The units that it moves, by variant."""
        return self.returned if self.restock else ()


class UnitsExchanged(OrderEvent):
    """The buyer has other units instead, at the same price."""

    exchange_id: ExchangeId
    instead_variant_id: Annotated[str, meaning("The variant that the buyer has instead.", feed=True)]
    quantity: Quantity
    restock: Restock
    variant_id: VariantId = ""
    reason: OwnWords = ""

    @property
    def moved(self) -> tuple[LineUnits, ...]:
        """The units that it moves: what comes back is negative."""
        return (
            LineUnits(variant_id=self.variant_id, quantity=-self.quantity),
            LineUnits(variant_id=self.instead_variant_id, quantity=self.quantity),
        )


class ReturnRequested(OrderEvent):
    """The buyer asks to send units back, for the money or for another variant. `words` is a ciphertext under the
    buyer's key."""

    request_id: ReturnRequestId
    units: AskedUnits
    instead_variant_id: InsteadVariantId = None
    words: BuyersWords = ""


class ReturnRequestAnswered(OrderEvent):
    """The merchant accepts that the units come back, or doesn't."""

    request_id: ReturnRequestId
    accepted: Accepted
    reply: OwnWords = ""
