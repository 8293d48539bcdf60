"""How an edition decides about parcels: packing units of an order, and what happens to each parcel. The order follows:
it is shipped once all units that its buyer keeps are on their way, and delivered once all have arrived."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, UNKNOWN_VARIANT, Edition, Outcome
from buystream.aggregates.edition.fulfilment import Parcel, Units, units_in
from buystream.aggregates.edition.order import Order
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.fulfilment import ALL_STAGES, ARRIVED, ENDED, FULFILLING, PACKED
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.values import LineUnits


@decides(commands.CreateShipment)
def create_shipment(edition: Edition, command: commands.CreateShipment, moment: Moment) -> Outcome:
    """Units of an order go into one parcel."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    if (known := order.parcel(command.shipment_id)) is not None:
        return REPEATED if _asks_the_same(command, known) else "shipment_id_conflict"
    if command.stage not in PACKED:
        return "bad_stage"
    if reason := _why_not_packed(edition, order):
        return reason
    contents = _contents(order, command)
    if isinstance(contents, str):
        return contents
    if order.fulfilment is not None and len(order.fulfilment.parcels) >= moment.rules.parcels_per_order_max:
        return "too_many_parcels"
    edition.record_order(
        events.ShipmentCreated,
        order,
        moment,
        shipment_id=command.shipment_id,
        contents=tuple(LineUnits(variant_id=name, quantity=units) for name, units in contents.items() if units),
        stage=command.stage,
        carrier=command.carrier,
        tracking=command.tracking,
    )
    follow(edition, order, moment, carrier=command.carrier, tracking=command.tracking)
    return None


def _asks_the_same(command: commands.CreateShipment, known: Parcel) -> bool:
    """The tracking number is a ciphertext, which differs each time."""
    contents = units_in(command.contents)
    return (command.stage, command.carrier) == (known.begun, known.carrier) and contents in ({}, known.contents)


def _why_not_packed(edition: Edition, order: Order) -> str:
    if order.stage not in SOLD:
        return f"order_{order.stage}"
    return "cancelled" if edition.cancellation is not None else ""


def _contents(order: Order, command: commands.CreateShipment) -> Units | str:
    """What goes into the parcel, or the reason of a refusal. Units on their way back to the shop stay out of it."""
    left = order.left_to_pack
    is_returning = order.free < order.kept
    if any(units.quantity <= 0 for units in command.contents):
        return "bad_quantity"
    wanted = units_in(command.contents) if command.contents else left
    if any(variant_id not in left for variant_id in wanted):
        return UNKNOWN_VARIANT
    if not any(left.values()):
        return "return_under_way" if is_returning else "nothing_to_pack"
    if any(quantity > left[variant_id] for variant_id, quantity in wanted.items()):
        return "return_under_way" if is_returning else "bad_quantity"
    return wanted


@decides(commands.RecordFulfilment)
def record_fulfilment(edition: Edition, command: commands.RecordFulfilment, moment: Moment) -> Outcome:
    """Something happened to a parcel. One that has left the merchant may arrive, whatever became of its order."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    parcel = order.parcel(command.shipment_id)
    if parcel is None:
        return "unknown_shipment"
    if (known := parcel.known.get(command.fulfilment_id)) is not None:
        return REPEATED if known == command.stage else "fulfilment_id_conflict"
    if command.stage not in ALL_STAGES or (command.stage == "processing" and parcel.stage != "processing"):
        return "bad_stage"
    if parcel.stage in ENDED:
        return "parcel_ended"
    if parcel.stage not in FULFILLING and command.stage in PACKED and (reason := _why_not_packed(edition, order)):
        return reason
    if len(parcel.known) >= moment.rules.fulfilment_events_max:
        return "too_many_events"
    edition.record_order(
        events.FulfilmentRecorded,
        order,
        moment,
        shipment_id=command.shipment_id,
        fulfilment_id=command.fulfilment_id,
        stage=command.stage,
        carrier=command.carrier,
        tracking=command.tracking,
    )
    follow(edition, order, moment, carrier=command.carrier or parcel.carrier, tracking=command.tracking)
    return None


def follow(edition: Edition, order: Order, moment: Moment, *, carrier: str = "", tracking: str = "") -> None:
    """The order is shipped with the last unit that its buyer keeps, and delivered once all of them have arrived."""
    if order.fulfilment is None or order.stage not in SOLD or not order.kept or edition.cancellation is not None:
        return
    kept = order.kept_units
    if order.stage != "delivered" and order.fulfilment.is_at(ARRIVED, kept):
        edition.record_order(events.OrderDelivered, order, moment)
    elif order.stage == "confirmed" and order.fulfilment.is_at(FULFILLING, kept):
        edition.record_order(events.OrderShipped, order, moment, carrier=carrier, tracking=tracking)
