"""From records to batches of events: each decoded once, its place in the dense sequence checked."""

from collections.abc import Mapping, Sequence

import msgspec

from buystream.delivery.dead_letters import Unfit
from buystream.delivery.policy import Place
from buystream.delivery.sequence import EventSequence, Foreign
from buystream.log import Log, Record
from buystream.vocabulary.codec import Unreadable, read_event
from buystream.vocabulary.events import Event

Batch = list[tuple[int, Event, Record]]
"""Events of one partition in order: position, event, and the record that it was read from."""


Places = dict[int, Place]
"""By partition: the next record's position, and the sequence that it must carry."""


class Slice(msgspec.Struct):
    """What was read of one partition: the readable events, those that can't be read, what is foreign, and the place
    after them all."""

    partition: int
    place: Place
    events: Batch = []
    poison: list[Unfit] = []
    foreign: list[Unfit] = []


class BatchReader:
    """Follows the dense sequence of each partition; see `buystream.delivery.sequence`."""

    def __init__(self, log: Log, places: Mapping[int, Place]) -> None:
        """`places` says where the first record of each partition is expected."""
        self._sequence = EventSequence(log, "views", {number: place.sequence for number, place in places.items()})

    def read(self, records: Sequence[Record]) -> list[Slice]:
        """One slice per partition, in order; raises Damaged and LogUnavailable."""
        slices: dict[int, Slice] = {}
        for record in records:
            part = slices.get(record.partition)
            if part is None:
                part = slices[record.partition] = Slice(record.partition, Place())
            self._take(part, record)
            part.place = Place(record.position + 1, self._sequence.expected(record.partition))
        return list(slices.values())

    def _take(self, part: Slice, record: Record) -> None:
        try:
            if self._sequence.next_head(record):
                part.events.append((record.position, read_event(record.value), record))
        except Foreign as error:
            part.foreign.append(Unfit(record, str(error)))
        except Unreadable as error:
            part.poison.append(Unfit(record, str(error)))
