"""What happened: a partition's recorded events, counted for each edition, and what a refold has to know of them."""

from collections.abc import Collection

import msgspec

from buystream.consumers.answering import UNDECIDABLE, UNREADABLE
from buystream.delivery.sequence import EventSequence
from buystream.log import EVENTS, Log, read_all
from buystream.replay.whatif.tally import SaleTally
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
    events: int = 0


def read_recorded(log: Log, partition: int, editions: Collection[str] | None) -> Recorded:
    """Count the events of these editions, or of all. Raises Damaged, Unreadable and LogUnavailable."""
    recorded = Recorded(partition=partition, tallies={})
    tallies, verdicts = recorded.tallies, []
    sequence = EventSequence(log, "whatif", {partition: 0})
    for record in read_all(log, EVENTS, partition):
        head = sequence.takes(record)
        if head is None:
            continue
        event = codec.read_event(record.value)
        recorded.events += 1
        recorded.last_command = head.commandposition
        match event:
            case events.CommandRefused(reason=reason) if reason in (UNDECIDABLE, UNREADABLE):
                recorded.set_aside.add(head.commandposition)
            case events.TimePassedOver(position=position):
                verdicts.append((position, head.commandposition))
            case events.PartitionEvent():
                pass
            case _ if edition_id := getattr(event, "edition_id", ""):
                if isinstance(event, events.EditionReleased) and (editions is None or edition_id in editions):
                    tallies[edition_id] = SaleTally()
                if edition_id in tallies and not isinstance(event, events.MerchantEvent):
                    tallies[edition_id].note(event)
    if verdicts:
        recorded.decided_at_ms = _times_within(log, partition, verdicts)
    return recorded


def _times_within(log: Log, partition: int, verdicts: list[tuple[int, int]]) -> dict[int, int]:
    """When the commands were decided that stand between a wrong time and the verdict that says so."""
    times = {}
    sequence = EventSequence(log, "whatif", {partition: 0})
    for record in read_all(log, EVENTS, partition):
        head = sequence.takes(record)
        if head is not None and any(first <= head.commandposition <= last for first, last in verdicts):
            times[head.commandposition] = codec.read_event(record.value).at_ms
    return times
