"""Parcels of an order: packing them, and what happens to each."""

from typing import Annotated

from buystream.vocabulary.actors import MERCHANT
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import BY_CLIENT, Carrier, FulfilmentId, MerchantId, OrderId, ShipmentId, Tracking
from buystream.vocabulary.fulfilment import Contents, Stage
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.reasons import order_is_none_of


@asked(
    MERCHANT,
    about="order_id",
    refusals=[
        *order_is_none_of(SOLD),
        *("unknown_order", "unknown_variant", "cancelled", "return_under_way", "nothing_to_pack", "bad_quantity"),
        *("bad_stage", "too_many_parcels", "shipment_id_conflict"),
    ],
)
class CreateShipment(Command):
    """Put units of an order into one parcel. Without `contents` it holds everything that isn't packed yet. `stage` says
    how far the parcel is; `tracking` is a ciphertext under the buyer's key. The caller chooses `shipment_id`."""

    order_id: OrderId
    merchant_id: MerchantId
    shipment_id: Annotated[ShipmentId, BY_CLIENT]
    contents: Contents = ()
    stage: Stage = "shipped"
    carrier: Carrier = ""
    tracking: Tracking = ""


@asked(
    MERCHANT,
    about="order_id",
    refusals=[
        *("order_refunded", "order_disputed", "unknown_order", "unknown_shipment", "cancelled", "bad_stage"),
        *("parcel_ended", "too_many_events", "fulfilment_id_conflict"),
    ],
)
class RecordFulfilment(Command):
    """Something happened to a parcel. `carrier` and `tracking` replace those of before, unless they are empty. The
    caller chooses `fulfilment_id`."""

    order_id: OrderId
    merchant_id: MerchantId
    shipment_id: ShipmentId
    fulfilment_id: Annotated[FulfilmentId, BY_CLIENT]
    stage: Stage
    carrier: Carrier = ""
    tracking: Tracking = ""
