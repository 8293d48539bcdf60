"""What every event is."""

from typing import Annotated

import msgspec

from buystream.vocabulary.fields import meaning
from buystream.vocabulary.values import LineUnits


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    tag_field="type",
    tag=lambda name: f"{name}.v1",
):
    """A fact. `at_ms` is the time of the command that it answers."""

    originator_id: Annotated[str, meaning("The aggregate that the event belongs to.", feed=True)]
    originator_version: Annotated[int, meaning("Dense per aggregate, counted from 1.", feed=True)]
    at_ms: Annotated[
        int, meaning("Time of the command that this event answers; never decreases within a partition.", feed=True)
    ]


class MovesUnits:
    """Of an event that moves units of an order: `quantity` of `variant_id`, or with several lines those of `units`."""

    __slots__ = ()

    quantity: int
    variant_id: str
    units: tuple[LineUnits, ...]

    @property
    def moved(self) -> tuple[LineUnits, ...]:
        """The units that it moves, by variant."""
        if self.units or not self.quantity:
            return self.units
        return (LineUnits(variant_id=self.variant_id, quantity=self.quantity),)
