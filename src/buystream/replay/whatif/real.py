"""What happened: a partition's recorded events, counted for each edition, and what a refold has to know of them."""

from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from buystream.consumers.answering import UNDECIDABLE, UNREADABLE
from buystream.delivery.sequence import EventSequence
from buystream.log import EVENTS, READ_LIMIT, Log, Record
from buystream.replay.whatif.tally import COUNTS, SaleTally
from buystream.vocabulary import codec, events


class Recorded(msgspec.Struct, kw_only=True):
    """Of one partition."""

    partition: int
    tallies: dict[str, SaleTally]
    """By edition."""
    set_aside: set[int] = set()
    """Positions of commands that were not decided."""
    decided_at_ms: dict[int, int] = {}
    """By position, the time of commands about whose time an operator gave a verdict."""
    last_command: int = -1
    """Position of the last one that was decided."""


class _Answer(msgspec.Struct, frozen=True, gc=False):
    """What is read of every event; `data` only of those that count."""

    type: str
    commandposition: int
    data: msgspec.Raw


def read_recorded(log: Log, partition: int, editions: Collection[str] | None) -> Recorded:
    """Count the events of these editions, or of all. Raises Damaged, Unreadable and LogUnavailable."""
    recorded = Recorded(partition=partition, tallies={})
    tallies, verdicts = recorded.tallies, []
    read = msgspec.json.Decoder(_Answer).decode
    for record in _own_events(log, partition):
        answer = read(record.value)
        recorded.last_command = answer.commandposition
        if answer.type in _SKIPPED:
            continue
        event = codec.decode_event(answer.data)
        if (count := COUNTS.get(type(event))) is not None:
            edition_id: str = event.edition_id  # type: ignore[attr-defined]
            if isinstance(event, events.EditionReleased) and (editions is None or edition_id in editions):
                tallies[edition_id] = SaleTally()
            if (tally := tallies.get(edition_id)) is not None:
                count(tally, event)
        elif isinstance(event, events.TimePassedOver):
            verdicts.append((event.position, answer.commandposition))
        elif isinstance(event, events.CommandRefused) and event.reason in (UNDECIDABLE, UNREADABLE):
            recorded.set_aside.add(answer.commandposition)
    if verdicts:
        recorded.decided_at_ms = _times_within(log, partition, verdicts)
    return recorded


def _own_events(log: Log, partition: int) -> Iterator[Record]:
    """Each event once; what is foreign is passed over."""
    sequence = EventSequence(log, "whatif", {partition: 0})
    position = 0
    while records := log.read(EVENTS, partition, position, READ_LIMIT):
        if sequence.takes_all(records):
            yield from records
        else:
            yield from (record for record in records if sequence.takes(record) is not None)
        position = records[-1].position + 1


def _times_within(log: Log, partition: int, verdicts: list[tuple[int, int]]) -> dict[int, int]:
    """When the commands were decided that stand between a wrong time and the verdict that says so."""
    times = {}
    for record in _own_events(log, partition):
        position = codec.read_head(record.value).commandposition
        if any(first <= position <= last for first, last in verdicts):
            times[position] = codec.read_event(record.value).at_ms
    return times


_SKIPPED: Final = frozenset(
    codec.type_name(kind)
    for kind in codec.EVENTS
    if kind not in COUNTS and kind not in (events.CommandRefused, events.TimePassedOver)
)
"""Types of events that say nothing to a tally or a refold; one in an old version is read, whatever it is."""
