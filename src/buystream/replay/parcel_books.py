"""The auditor's books of parcels: how many units of an order are packed, counted from the events alone."""

from collections.abc import Iterator

from buystream.replay.accounts import EditionAccount, Finding, OrderAccount
from buystream.vocabulary import events
from buystream.vocabulary.ids import rest_parcel_id

FOUND_AGAIN = ("lost", "returned_to_sender")
"""The merchant may send these units again."""

Served = (
    events.OrderShipped
    | events.OrderDelivered
    | events.ShipmentCreated
    | events.FulfilmentRecorded
    | events.UnitsReturned
    | events.ReturnInspected
    | events.UnitsExchanged
)


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
        case events.UnitsReturned():
            order.inspecting[event.return_id] = event.goods == "inspect"
            order.come_back({one.variant_id: one.quantity for one in event.returned})
        case events.ReturnInspected():
            yield from _inspect(event, order, account)
        case events.UnitsExchanged():
            yield from _exchange(event, order, account)
        case events.OrderShipped() | events.OrderDelivered():
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


def _inspect(event: events.ReturnInspected, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    if not order.inspecting.pop(event.return_id, False):
        yield "goods are inspected once, after they came back", f"{event.order_id}: {event.return_id}"
    _, done = order.done.get(event.return_id, (0, None))
    for one in event.returned:
        if one.quantity != (done or {}).get(one.variant_id):
            yield "goods are inspected once, after they came back", f"{event.order_id}: {one.quantity}, not {done}"
        if event.restock:
            variant = account.variants[one.variant_id]
            variant.withdrawn -= one.quantity
            variant.move(one.quantity)


def _exchange(event: events.UnitsExchanged, order: OrderAccount, account: EditionAccount) -> Iterator[Finding]:
    old, new, quantity = account.variants[event.variant_id], account.variants[event.instead_variant_id], event.quantity
    price_minor = order.prices[event.variant_id]
    is_equal = new.price_min_minor <= price_minor <= new.price_max_minor
    if not is_equal or order.prices.get(event.instead_variant_id, price_minor) != price_minor:
        yield "an exchange changes no price", f"{event.order_id}: {event.instead_variant_id} isn't {price_minor}"
    if not 0 < quantity <= order.left.get(event.variant_id, 0) or not order.confirmed:
        yield "what is exchanged is the buyer's", f"{event.order_id}: {quantity} of {order.left}"
    unsent = order.left.get(event.variant_id, 0) - order.packed.get(event.variant_id, 0)
    order.come_back({event.variant_id: max(quantity - max(unsent, 0), 0)})
    order.bought[event.variant_id] -= quantity
    order.bought[event.instead_variant_id] = order.bought.get(event.instead_variant_id, 0) + quantity
    order.prices[event.instead_variant_id] = price_minor
    old.sold -= quantity
    old.take(order.buyer_id, -quantity * order.counts)
    if event.restock:
        old.move(quantity)
    else:
        old.withdrawn += quantity
    new.sold += quantity
    new.move(-quantity)
    if new.take(order.buyer_id, quantity * order.counts) > new.limit_per_buyer:
        yield "a buyer's limit binds", f"{order.buyer_id} has more of {event.instead_variant_id}"
