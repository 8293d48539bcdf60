"""The placements of one edition: as many as a merchant can look through, however many a stranger makes up. What doesn't
fit is counted together (docs/decisions/0058)."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from buystream.projections.sales_tally import SalesTally
from buystream.vocabulary.placements import NOWHERE, OTHER, Placement

PLACEMENTS_MAX: Final = 200
"""Of an edition, that are kept apart."""

UNKNOWN_NUMBER: Final = 0
OTHER_NUMBER: Final = 1


class PlacementTally(msgspec.Struct, gc=False):
    """What came of the clicks from somewhere, in a minute or in all. `impressions` says how often the button was seen;
    the others are as `buystream.projections.merchant_dashboard.Totals` has them, `paid` is its `confirmed`."""

    impressions: int = 0
    clicks: int = 0
    held: int = 0
    paid: int = 0
    refused: int = 0
    expired: int = 0
    revenue_minor: int = 0

    def add(self, other: "PlacementTally") -> None:
        """Both together."""
        self.impressions += other.impressions
        self.clicks += other.clicks
        self.held += other.held
        self.paid += other.paid
        self.refused += other.refused
        self.expired += other.expired
        self.revenue_minor += other.revenue_minor

    @classmethod
    def of(cls, counted: SalesTally) -> "PlacementTally":
        """As the merchant's figures count it."""
        return cls(
            clicks=counted.clicks,
            held=counted.held,
            paid=counted.confirmed,
            refused=counted.refused,
            expired=counted.expired,
            revenue_minor=counted.revenue_minor,
        )


class Entry(msgspec.Struct, gc=False):
    """A placement with its number and its totals."""

    number: int
    placement: Placement
    tally: PlacementTally


class PlacementBook:
    """The placements of an edition that are kept apart, while a batch is counted."""

    def __init__(self, entries: Iterable[Entry] = (), *, last_number: int = OTHER_NUMBER) -> None:
        self.last_number = last_number
        """The last one that was given."""
        self._last_before = last_number
        self._entries = {entry.number: entry for entry in entries}
        self._numbers = {entry.placement: number for number, entry in self._entries.items()}
        self._changed: set[int] = set()
        self.displaced: set[int] = set()
        """Numbers that were counted together with others in this batch."""

    def number_of(self, placement: Placement | None, *, is_held: bool) -> int:
        """The number that the placement is counted under. A new one may take the place of one that nobody paid by:
        with an order that holds stock, of the one with the fewest clicks, otherwise of one without any."""
        if placement is None:
            return UNKNOWN_NUMBER
        if (number := self._numbers.get(placement)) is not None:
            return number
        if placement == Placement(source=OTHER):
            return OTHER_NUMBER
        if len(self._kept) >= PLACEMENTS_MAX and not self._make_room(is_held=is_held):
            return OTHER_NUMBER
        self.last_number += 1
        self._enter(self.last_number, placement)
        return self.last_number

    def current(self, number: int) -> int:
        """Where what was counted under that number is counted now."""
        return number if number in self._entries or number == UNKNOWN_NUMBER else OTHER_NUMBER

    def add(self, number: int, tally: PlacementTally) -> None:
        """Count it."""
        if number not in self._entries:
            self._enter(number, NOWHERE if number == UNKNOWN_NUMBER else Placement(source=OTHER))
        self._entries[number].tally.add(tally)
        self._changed.add(number)

    def changed(self) -> Iterator[Entry]:
        """What is to be written."""
        return (self._entries[number] for number in sorted(self._changed) if number in self._entries)

    @property
    def has_grown(self) -> bool:
        """Whether numbers were given in this batch."""
        return self.last_number > self._last_before

    @property
    def _kept(self) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.number > OTHER_NUMBER]

    def _enter(self, number: int, placement: Placement) -> None:
        self._entries[number] = Entry(number, placement, PlacementTally())
        if number > OTHER_NUMBER:
            self._numbers[placement] = number

    def _make_room(self, *, is_held: bool) -> bool:
        unpaid = [one for one in self._kept if not one.tally.paid and (is_held or not one.tally.clicks)]
        if not unpaid:
            return False
        least = min(unpaid, key=lambda one: (one.tally.clicks, one.tally.impressions, one.number))
        del self._entries[least.number], self._numbers[least.placement]
        self.add(OTHER_NUMBER, least.tally)
        self.displaced.add(least.number)
        return True
