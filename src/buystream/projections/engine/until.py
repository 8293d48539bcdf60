"""How far the past goes: to the end of a moment, or to a place on the log. What isn't included had not happened yet."""

from collections.abc import Iterator
from typing import Final

import msgspec

from buystream.delivery.sequence import is_foreign
from buystream.errors import BuystreamError
from buystream.log import EVENTS, Log, read_all
from buystream.vocabulary.codec import read_event
from buystream.vocabulary.events import Event

RECORDS_AT_ONCE: Final = 100
"""One moment's events are looked at, which are seldom more."""


class NoSuchPast(BuystreamError):
    """The moment or the place is not one that the log can be read up to; the message says why."""


class Until(msgspec.Struct, frozen=True):
    """Everything that happened up to the end of the millisecond `at_ms`, without what came after the place that was
    named: `later` holds those events of that millisecond, by aggregate and version."""

    at_ms: int
    later: frozenset[tuple[str, int]] = frozenset()

    def includes(self, event: Event) -> bool:
        """Whether it had happened. Of the events of one partition, in order, a first part is included."""
        return event.at_ms <= self.at_ms and (event.originator_id, event.originator_version) not in self.later


def until_position(log: Log, partition: int, position: int) -> Until:
    """Up to the event at that position, and in the other partitions up to the end of its millisecond. Raises
    NoSuchPast."""
    if not 0 <= partition < log.partitions:
        raise NoSuchPast(f"there is no partition {partition}: the log has {log.partitions}, counted from 0")
    found = _events_from(log, partition, position)
    at, event = next(found, (-1, None))
    if event is None:
        end = log.end(EVENTS, partition)
        raise NoSuchPast(f"position {position} of partition {partition} isn't there yet: its events end before {end}")
    if at != position:
        raise NoSuchPast(f"position {position} of partition {partition} is not an event's; the next event is at {at}")
    later = set()
    for _, one in found:
        if one.at_ms > event.at_ms:
            break
        later.add((one.originator_id, one.originator_version))
    return Until(event.at_ms, frozenset(later))


def first_at_ms(log: Log) -> int | None:
    """When the first event of all happened; None while there is none."""
    firsts = (next(_events_from(log, partition, 0), None) for partition in range(log.partitions))
    return min((first[1].at_ms for first in firsts if first is not None), default=None)


def _events_from(log: Log, partition: int, position: int) -> Iterator[tuple[int, Event]]:
    """Positions and events, in order, without what no owner wrote. Raises Unreadable."""
    for record in read_all(log, EVENTS, partition, position, at_once=RECORDS_AT_ONCE):
        if not is_foreign(record):
            yield record.position, read_event(record.value)
