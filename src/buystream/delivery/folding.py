"""Folding: how an owner gets a partition's state back from its events."""

import gc
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

from buystream.aggregates.partition import Partition
from buystream.delivery.sequence import EventSequence, head_of
from buystream.log import EVENTS, READ_LIMIT, Damaged, Log, Record
from buystream.metrics import FOLD_SECONDS
from buystream.vocabulary.codec import Unreadable, read_event

logger = logging.getLogger(__name__)


class SnapshotStore(Protocol):
    """Where folded partitions are kept."""

    def newest(self, partition: int) -> tuple[Partition, int] | None:
        """A partition as it once was, and the position of the first event after it. Raises LogUnavailable when the
        store is away."""
        ...


def recover(log: Log, number: int, snapshots: SnapshotStore | None) -> Partition:
    """Fold the partition to the end of its events: from the newest snapshot if one can be had, otherwise from the first
    event. Raises Damaged when the sequence isn't dense."""
    with FOLD_SECONDS.time():
        partition, start = _newest(snapshots, number) if snapshots else (Partition(number), 0)
        fold_from(log, partition, start)
        gc.freeze()  # what was folded stays for as long as the owner: no need to visit it at every collection
        return partition


def _newest(snapshots: SnapshotStore, number: int) -> tuple[Partition, int]:
    """Deciding needs only the log: while the snapshots are away, all events are folded."""
    try:
        found = snapshots.newest(number)
    except Exception as error:  # whatever it is
        logger.warning(
            "partition %d is folded from its first event, there is no snapshot now: %s",
            *(number, error),
            extra={"partition": number},
        )
        found = None
    return found or (Partition(number), 0)


def fold_from(log: Log, partition: Partition, start: int) -> int:
    """Fold all events from position `start` to the end; returns the position after the last one. While some are
    folded, the next are read."""
    read = partial(log.read, EVENTS, partition.state.number, limit=READ_LIMIT)
    sequence = EventSequence(log, "folding", {partition.state.number: partition.state.sequence + 1})
    end = start
    with ThreadPoolExecutor(1, thread_name_prefix="reads ahead") as reading:
        ahead = reading.submit(read, start)
        while records := ahead.result():
            start = records[-1].position + 1
            ahead = reading.submit(read, start)
            if folded := fold_batch(partition, records, sequence):
                end = folded[-1].position + 1
    return end


def fold_batch(partition: Partition, records: Sequence[Record], sequence: EventSequence) -> Sequence[Record]:
    """Fold these events, in order, and return them without what was passed over; raises Damaged when some are missing.
    Where the first and the last are as many apart as there are records, those between are known by their aggregates'
    dense versions: attributes take as long to read as events to fold."""
    if not sequence.takes_all(records):
        records = [record for record in records if sequence.takes(record)]
    happens_next = partition.happens_next
    try:
        for record in records:
            event = read_event(record.value)
            if not happens_next(event):
                raise Damaged(f"event {_place(record)} has no dense version")
    except Unreadable as error:
        raise Damaged(f"event {_place(record)}: {error}") from error
    if records:
        state, last = partition.state, records[-1]
        head = head_of(last)
        state.sequence, state.at_ms = int(head.sequence), event.at_ms
        state.command_position = head.commandposition
    return records


def _place(record: Record) -> str:
    return f"at position {record.position} of partition {record.partition}"
