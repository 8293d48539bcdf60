"""Arithmetic with units of an order's lines: `Units` without zeros, in the order of the lines."""

from collections.abc import Mapping

from msgspec.structs import replace

from buystream.vocabulary import events
from buystream.vocabulary.values import LineUnits, OrderLine, Units


def total(units: Units) -> int:
    """All of them."""
    return sum(one.quantity for one in units)


def plus(units: Units, others: Units, lines: tuple[OrderLine, ...], *, times: int = 1) -> Units:
    """Both together; with `times` -1, the first without the others."""
    if not others:
        return units
    quantities = by_variant(units)
    for one in others:
        quantities[one.variant_id] = quantities.get(one.variant_id, 0) + times * one.quantity
    return _in_order(quantities, lines)


def by_variant(units: Units) -> dict[str, int]:
    """As a table."""
    return {one.variant_id: one.quantity for one in units}


def at_most(units: Units, most: Mapping[str, int | None]) -> Units:
    """As many of each variant as the table allows; None: all."""
    kept = []
    for one in units:
        limit = most.get(one.variant_id, 0)
        quantity = one.quantity if limit is None else min(one.quantity, limit)
        if quantity:
            kept.append(LineUnits(variant_id=one.variant_id, quantity=quantity))
    return tuple(kept)


def named(units: Units, lines: tuple[OrderLine, ...], free: Units) -> Units | None:
    """What a command names; None when it names a variant twice, or more of one than are free."""
    quantities, most = by_variant(units), by_variant(free)
    if len(quantities) < len(units):
        return None
    if any(not 0 < quantity <= most.get(variant_id, 0) for variant_id, quantity in quantities.items()):
        return None
    return _in_order(quantities, lines)


def exchanged(lines: tuple[OrderLine, ...], event: events.UnitsExchanged) -> tuple[OrderLine, ...]:
    """The lines after an exchange. One stays although nothing of it is left: what happened to it names it."""
    given = next(line for line in lines if line.variant_id == event.variant_id)
    known = {line.variant_id: line for line in lines}
    known.setdefault(event.instead_variant_id, replace(given, variant_id=event.instead_variant_id, quantity=0))
    for one in event.moved:
        line = known[one.variant_id]
        known[one.variant_id] = replace(line, quantity=line.quantity + one.quantity)
    return tuple(known.values())


def _in_order(quantities: dict[str, int], lines: tuple[OrderLine, ...]) -> Units:
    return tuple(
        LineUnits(variant_id=line.variant_id, quantity=quantity)
        for line in lines
        if (quantity := quantities.get(line.variant_id, 0))
    )
