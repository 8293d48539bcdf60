"""Parcels of an order."""

from buystream.vocabulary.events.orders import OrderEvent
from buystream.vocabulary.fields import Carrier, FulfilmentId, ShipmentId, Tracking
from buystream.vocabulary.fulfilment import Contents, Stage


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
