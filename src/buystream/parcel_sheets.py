"""What is printed to pack orders: what to take off the shelves, and for each parcel what is in it and where it
goes. The buyer's name and address are in clear here, so nothing of this is kept."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from buystream.projections.order_views import NUMBER_CHARS, OrderView
from buystream.vocabulary.fulfilment import ENDED, STAGES

Print = Literal["pick-list", "packing-slips", "labels"]
Layout = Literal["3x8", "2x7", "2x4", "100x150"]
"""Labels on a sheet of A4, across and down; or one of so many millimetres."""

WAITING: Final = frozenset({"processing", "ready_for_pickup"})
"""Stages of a parcel that is packed and has not left."""


class PrintedUnits(Struct, frozen=True):
    """Units of one thing."""

    name: str
    quantity: int


class Picked(Struct, frozen=True):
    """Units of one thing to take off the shelf, for so many orders."""

    name: str
    quantity: int
    orders: int


class Slip(Struct, frozen=True, kw_only=True):
    """One parcel. `number` is the order's as pages show it. `address` are the lines of its label, with the recipient;
    none where there is none. `later` follows in another parcel, `sent` is in one that is on its way or arrived."""

    order_id: str
    number: str
    placed_on: str
    merchant_name: str
    address: tuple[str, ...]
    here: tuple[PrintedUnits, ...]
    later: tuple[PrintedUnits, ...] = ()
    sent: tuple[PrintedUnits, ...] = ()


def number_of(order_id: str) -> str:
    """The order's number, as pages show it."""
    return order_id[-NUMBER_CHARS:].upper()


def picked(orders: Iterable[OrderView]) -> list[Picked]:
    """What all of them have left to pack, by variant, in the order of the editions' lines."""
    units: dict[tuple[str, str], tuple[str, int, int]] = {}
    for order in orders:
        names = _names(order)
        for variant_id, quantity in order.left_to_pack.items():
            if quantity:
                key = order.edition_id, variant_id
                name, known, count = units.get(key, (names[variant_id], 0, 0))
                units[key] = name, known + quantity, count + 1
    return [Picked(*row) for row in sorted(units.values())]


def slips_of(
    orders: Iterable[OrderView], *, addresses: Mapping[str, tuple[str, ...]], day: Callable[[int], str]
) -> list[Slip]:
    """For each order the parcels that are packed and haven't left, and one for what is left to pack. Of an order that
    has neither, all parcels that there are: they are printed once more. `addresses` are lines, by the order's id; `day`
    writes a date."""
    return [
        Slip(
            order_id=order.order_id,
            number=number_of(order.order_id),
            placed_on=day(order.placed_at_ms),
            merchant_name=order.merchant_name,
            address=addresses.get(order.order_id, ()),
            **_split(order, here, shipment_id),
        )
        for order in orders
        for shipment_id, here in _parcels(order)
    ]


def _parcels(order: OrderView) -> list[tuple[str, dict[str, int]]]:
    """What is in each parcel, with its id; that of the rest is empty."""
    known = order.parcels.parcels
    contents = {
        shipment_id: order.parcels.rest(order.kept_units) if parcel.contents is None else parcel.contents
        for shipment_id, parcel in known.items()
    }
    found = [(one, contents[one]) for one, parcel in known.items() if parcel.stage in WAITING]
    rest = {variant_id: quantity for variant_id, quantity in order.left_to_pack.items() if quantity}
    if rest:
        found.append(("", rest))
    return found or [(one, contents[one]) for one, parcel in known.items() if parcel.stage not in _LOST]


_LOST: Final = frozenset(stage for stage in ENDED if not STAGES[stage].keeps)  # type: ignore[index]


def _split(order: OrderView, here: Mapping[str, int], shipment_id: str) -> dict[str, tuple[PrintedUnits, ...]]:
    """The units of the order that the buyer keeps: in this parcel, later, and sent before."""
    names, kept, sent = _names(order), order.kept_units, dict(order.fulfilled_units)
    parcel = order.parcels.parcels.get(shipment_id)
    if parcel is not None and STAGES[parcel.stage].fulfils:  # type: ignore[index]
        sent = {variant_id: max(units - here.get(variant_id, 0), 0) for variant_id, units in sent.items()}
    later = {variant_id: max(kept[variant_id] - here.get(variant_id, 0) - sent[variant_id], 0) for variant_id in kept}
    return {
        part: tuple(PrintedUnits(names[variant_id], quantity) for variant_id, quantity in units.items() if quantity)
        for part, units in (("here", here), ("later", later), ("sent", sent))
    }


def _names(order: OrderView) -> dict[str, str]:
    """What each line is called."""
    several = len(order.lines) > 1
    return {
        line.variant_id: f"{order.title}: {line.title}" if several and line.title else order.title
        for line in order.lines
    }
