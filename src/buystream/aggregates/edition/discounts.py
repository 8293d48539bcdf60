"""Arithmetic with what a code took off the lines of an order: by variant, without zeros."""

from buystream.aggregates.edition.units import by_variant
from buystream.vocabulary import events
from buystream.vocabulary.codes import CodeUse
from buystream.vocabulary.values import OrderLine, Units


def discounts_of(lines: tuple[OrderLine, ...], code: CodeUse) -> dict[str, int]:
    """What the code took off each line."""
    amounts = zip(lines, code.amounts_minor, strict=True)
    return {line.variant_id: amount_minor for line, amount_minor in amounts if amount_minor}


def discounted_minor(lines: tuple[OrderLine, ...], discounts: dict[str, int], units: Units, free: Units) -> int:
    """What these of the free units cost. Each line is shared out over its units in their order, so that all together
    cost what the line does, to the last minor unit."""
    left, asked, total_minor = by_variant(free), by_variant(units), 0
    for line in lines:
        if count := asked.get(line.variant_id, 0):
            line_minor = line.total_minor - discounts.get(line.variant_id, 0)
            gone = line.quantity - left.get(line.variant_id, 0)
            total_minor += line_minor * (gone + count) // line.quantity - line_minor * gone // line.quantity
    return total_minor


def moved_discounts(
    discounts: dict[str, int], lines: tuple[OrderLine, ...], event: events.UnitsExchanged
) -> dict[str, int]:
    """The discounts after an exchange: units take their share of their line's along."""
    taken_minor = discounts.get(event.variant_id, 0)
    if not taken_minor:
        return discounts
    quantity = next(line.quantity for line in lines if line.variant_id == event.variant_id)
    moved_minor = taken_minor * event.quantity // quantity
    return discounts | {
        event.variant_id: taken_minor - moved_minor,
        event.instead_variant_id: discounts.get(event.instead_variant_id, 0) + moved_minor,
    }
