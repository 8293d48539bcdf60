"""From records to batches of events: each decoded once, its place in the dense sequence checked."""

from collections.abc import Mapping, Sequence

import msgspec

from buystream.codec import Unreadable, decode_event
from buystream.consumers.delivery import Place
from buystream.events import Event
from buystream.log import Damaged, Record

Batch = list[tuple[int, Event, Record]]
"""Events of one partition in order: position, event, and the record that it was read from."""


Places = dict[int, Place]
"""By partition: the next record's position, and the sequence that it must carry."""


class Poison(msgspec.Struct, frozen=True):
    """A record that is no event, and why."""

    record: Record
    reason: str


class Slice(msgspec.Struct):
    """What was read of one partition: the readable events, the others, and the place after them all."""

    partition: int
    place: Place
    events: Batch = []
    poison: list[Poison] = []


class BatchReader:
    """Follows the dense `ce_sequence` of each partition: a number seen before is a repeat and dropped, a gap is
    damage."""

    def __init__(self, places: Mapping[int, Place]) -> None:
        """`places` tells where the first record of each partition is expected."""
        self._sequences = {partition: place.sequence for partition, place in places.items()}

    def read(self, records: Sequence[Record]) -> list[Slice]:
        """One slice per partition, in order; raises Damaged."""
        slices: dict[int, Slice] = {}
        for record in records:
            part = slices.get(record.partition)
            if part is None:
                part = slices[record.partition] = Slice(record.partition, Place())
            self._take(part, record)
            part.place = Place(record.position + 1, self._sequences.get(record.partition))
        return list(slices.values())

    def _take(self, part: Slice, record: Record) -> None:
        try:
            sequence = int(record.headers["ce_sequence"])
        except (KeyError, ValueError):
            part.poison.append(Poison(record, "it carries no ce_sequence"))
            return
        expected = self._sequences.get(record.partition)
        if expected is not None and sequence < expected:
            return
        if expected is not None and sequence > expected:
            raise Damaged(
                f"events of partition {record.partition} have a gap: {sequence} stands at position"
                f" {record.position}, where {expected} should be. Stop writing, and compare with a backup."
            )
        self._sequences[record.partition] = sequence + 1
        try:
            part.events.append((record.position, decode_event(record.value), record))
        except Unreadable as error:
            part.poison.append(Poison(record, str(error)))
