"""A log in memory, for tests that need its clock, its refusals and its outages in their hand. Implements
`buystream.log.Log` for one process; the real ones are held to it by the contract suite."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from buystream.log import (
    READ_LIMIT,
    TOPICS,
    Assignment,
    Fenced,
    LogUnavailable,
    Message,
    Record,
    Rejected,
    Writer,
)

OnCommit = Callable[[Mapping[str, Sequence[Message]]], None]


class MemoryLog:
    """`stamp` is the log's clock. `on_commit` may raise what a log raises."""

    def __init__(self, *, partitions: int = 1, stamp: Callable[[], int], on_commit: OnCommit = lambda _: None) -> None:
        self.partitions = partitions
        self.stamp = stamp
        self.on_commit = on_commit
        self.away = False
        self.unreached = 0
        """How often somebody tried while it was away."""
        self.changed = threading.Condition(threading.RLock())
        self.epochs = [0] * partitions
        self._records: dict[tuple[str, int], list[Record]] = {
            (topic, partition): [] for topic in TOPICS for partition in range(partitions)
        }

    @property
    def problem(self) -> None:
        """It never has one."""
        return None

    def look_for_partitions(self) -> None:
        """None are ever added."""

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """In this order, with the clock's time."""
        self._reach()
        with self.changed:
            records = self._records[topic, partition]
            first, at_ms = len(records), self.stamp()
            for position, one in enumerate(messages, first):
                records.append(Record(topic, partition, position, at_ms, one.value, one.key))
            self.changed.notify_all()
        return first

    def faults(self, topic: str, partition: int, start: int = 0) -> Iterator[tuple[int, str]]:
        """It keeps nothing beside its records."""
        yield from ()

    def read(self, topic: str, partition: int, start: int, limit: int = READ_LIMIT) -> list[Record]:
        """From `start` on."""
        self._reach()
        with self.changed:
            return self._records[topic, partition][start : start + limit]

    def replace(self, record: Record, **changes: Any) -> None:
        """Falsify what is there."""
        self._records[record.topic, record.partition][record.position] = msgspec.structs.replace(record, **changes)

    def put(self, record: Record) -> None:
        """The next record of its partition, as it is."""
        records = self._records[record.topic, record.partition]
        assert record.position == len(records)
        records.append(record)

    def end(self, topic: str, partition: int) -> int:
        """The number of records."""
        self._reach()
        return len(self._records[topic, partition])

    def tail(self, topic: str, starts: Mapping[int, int]) -> "MemoryTail":
        """Follows one partition."""
        ((partition, start),) = starts.items()
        return MemoryTail(self, topic, partition, start)

    def own(self, partition: int) -> "MemoryOwner":
        """Fences earlier owners."""
        self._reach()
        self.epochs[partition] += 1
        return MemoryOwner(self, partition, self.epochs[partition])

    def writer(self, topic: str, *, on_failure: Callable[[Sequence[Message], Exception], None]) -> Writer:
        """Nobody needs it here."""
        raise NotImplementedError

    def assignment(self, role: str) -> Assignment:
        """Nobody needs it here."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to release."""

    def _reach(self) -> None:
        if self.away:
            self.unreached += 1
            raise LogUnavailable("the log is away")


class MemoryTail:
    """Implements `buystream.log.Tail`."""

    def __init__(self, log: MemoryLog, topic: str, partition: int, start: int) -> None:
        self._log, self._place, self._next = log, (topic, partition), start
        self._woken = False

    def poll(self, timeout_seconds: float, limit: int = READ_LIMIT) -> list[Record]:
        """The next records, after waiting for them."""
        with self._log.changed:
            self._log.changed.wait_for(lambda: self._woken or self._log.end(*self._place) > self._next, timeout_seconds)
            self._woken = False
            found = self._log.read(*self._place, self._next, limit)
            self._next += len(found)
            return found

    def wake(self) -> None:
        """End a poll that waits."""
        with self._log.changed:
            self._woken = True
            self._log.changed.notify_all()

    def close(self) -> None:
        """Nothing to release."""


class MemoryOwner:
    """Implements `buystream.log.Owner`."""

    def __init__(self, log: MemoryLog, partition: int, epoch: int) -> None:
        self._log, self._partition, self._epoch = log, partition, epoch

    def commit(self, batches: Mapping[str, Sequence[Message]]) -> None:
        """All or nothing."""
        self._log.on_commit(batches)
        if self._log.epochs[self._partition] != self._epoch:
            raise Fenced("there is a newer owner")
        for topic, messages in batches.items():
            self._log.append(topic, self._partition, messages)

    def close(self) -> None:
        """Nothing to release."""


def rejecting(unwanted: Callable[[Message], bool]) -> OnCommit:
    """A log that never takes such messages."""

    def on_commit(batches: Mapping[str, Sequence[Message]]) -> None:
        if any(unwanted(message) for messages in batches.values() for message in messages):
            raise Rejected("too large")

    return on_commit
