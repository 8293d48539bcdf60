"""The auditor's books of parcels: how many units of an order are packed, counted from the events alone."""

from collections.abc import Iterator

from buystream.replay.accounts import EditionAccount, Finding, OrderAccount
from buystream.vocabulary import events
from buystream.vocabulary.ids import rest_parcel_id

FOUND_AGAIN = ("lost", "returned_to_sender")
"""The merchant may send these units again."""

Served = events.OrderShipped | events.OrderDelivered | events.ShipmentCreated | events.FulfilmentRecorded


def serve(event: Served, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    """The merchant sends or hands over units of an order, whole or in parcels."""
    match event:
        case events.ShipmentCreated():
            yield from _pack(event, order, account)
        case events.FulfilmentRecorded():
            if event.shipment_id not in order.parcels:
                yield "what happens to a parcel happens to one that was packed", f"{event.order_id}: {event.stage}"
            if event.stage in FOUND_AGAIN:
                order.parcels[event.shipment_id] = {}
        case _:
            yield from _serve_whole(event, order, account)


def _pack(event: events.ShipmentCreated, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    units = {one.variant_id: one.quantity for one in event.contents}
    free = {variant_id: left - order.packed.get(variant_id, 0) for variant_id, left in order.left.items()}
    is_free = all(0 < quantity <= free.get(variant_id, 0) for variant_id, quantity in units.items())
    if not units or not is_free or len(units) < len(event.contents) or event.shipment_id in order.parcels:
        yield "a unit is in one parcel", f"{event.order_id}: {event.shipment_id} has {units} of {free}"
    if not order.confirmed:
        yield "what goes back is neither shipped nor used", event.order_id
    if account.over:
        yield "what is over is neither shipped nor used", f"{event.order_id}: {account.over}"
    order.parcels[event.shipment_id] = units


def _serve_whole(
    event: events.OrderShipped | events.OrderDelivered, order: OrderAccount, account: EditionAccount
) -> Iterator[Finding]:
    if not order.shipped:
        if not order.confirmed or sum(order.left.values()) <= 0:
            yield "what goes back is neither shipped nor used", event.order_id
        if account.over:
            yield "what is over is neither shipped nor used", f"{event.order_id}: {account.over}"
    order.shipped = True
    packed = order.packed
    rest = {
        variant_id: left
        for variant_id, units in order.bought.items()
        if (left := units - order.returned.get(variant_id, 0) - packed.get(variant_id, 0)) > 0
    }
    if rest:
        order.parcels[rest_parcel_id(event.order_id)] = rest
