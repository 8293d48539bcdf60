"""The log port: topics of partitions, each a sequence of records at increasing positions. Two implementations stand
behind it, PostgresLog and KafkaLog, and one contract suite (`tests/contract/test_log.py`) holds both to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from buystream.errors import BuystreamError

COMMANDS = "buystream.commands"
EVENTS = "buystream.events"
DEADLETTER = "buystream.deadletter"

TOPICS = (COMMANDS, EVENTS, DEADLETTER)

MERCHANT = "buystream.merchant."
"""Before the merchant's id, the name of a merchant's public topic."""

READ_LIMIT = 5_000
"""The default limit of records per read or poll: bounds memory."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """What a writer hands over. `key` is for people and tools; it never chooses the partition."""

    value: bytes
    key: str = ""


class Record(msgspec.Struct, frozen=True, gc=False):
    """What a reader gets: a message at its place. Positions increase; they are dense in PostgresLog only, because in
    KafkaLog transaction markers take some: the dense number of an event is its `sequence`. `at_ms` is the log's time
    of the append; it never decreases but when a Kafka broker's clock steps back, so who decides by it keeps the
    greatest."""

    topic: str
    partition: int
    position: int
    at_ms: int
    value: bytes
    key: str


class LogError(BuystreamError):
    """The log did something unexpected."""


class LogUnavailable(LogError):
    """The log can't be reached now; whether the last append happened is unknown. Read the log to find out."""


class Rejected(LogError):
    """The log will never take one of these messages: it is too large, breaks a constraint, or isn't text where text is
    stored. Repeating the append or the commit fails again."""


class Fenced(LogError):
    """Another owner took this partition: forget everything and stop writing."""


class Damaged(LogError):
    """The log shows something impossible: a gap, or other bytes at a known place. Stop and investigate."""


class Tail(Protocol):
    """Follows partitions of one topic from given positions. Polled by one thread."""

    def poll(self, timeout_seconds: float, limit: int = READ_LIMIT) -> Sequence[Record]:
        """The next records, in order within each partition; empty after the time-out. Waits without busy polling;
        raises LogUnavailable, after which polling again resumes at the same place, and Damaged when there is no such
        place."""
        ...

    def wake(self) -> None:
        """Make a poll that waits in another thread return now; may be called from any thread, also once closed."""
        ...

    def close(self) -> None:
        """Release what the tail holds."""
        ...


class Writer(Protocol):
    """Appends single messages without blocking the caller. Those of one partition reach the log in the order of
    `submit`. A message that could not be appended is never repeated here, because it may be on the log after all:
    `on_failure` receives it, with Rejected when it is certain that it isn't."""

    @property
    def waiting(self) -> int:
        """How many are not yet appended."""
        ...

    def submit(self, partition: int, message: Message) -> bool:
        """Take one message; False when too many wait or the writer is closed. Raises LogUnavailable, and Rejected when
        the log would never take it. May be called from any thread."""
        ...

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Append what waits, for at most this many seconds, then release what the writer holds."""
        ...


class Owner(Protocol):
    """The one writer of a partition's events. Used by one thread."""

    def commit(self, batches: Mapping[str, Sequence[Message]]) -> None:
        """Append to several topics (this partition of each), all or nothing, durable on return. Raises Fenced when
        another owner took over, LogUnavailable when the outcome is unknown, Rejected when the log will never take
        them. After any of these the owner is of no use: own again and refold, because after LogUnavailable what was
        handed over last may be there."""
        ...

    def close(self) -> None:
        """Release connections; the partition stays fenced against earlier owners."""
        ...


class Assignment(Protocol):
    """Which partitions this process should work on, in one role. Polled by one thread."""

    def poll(self, timeout_seconds: float) -> frozenset[int]:
        """The partitions that are ours now, among those that the log had when it was opened; returns at a change or
        after the time-out. In PostgresLog the first process
        to come gets all and others stand by; in KafkaLog the processes share them."""
        ...

    def wake(self) -> None:
        """Make a poll that waits in another thread return now."""
        ...

    def close(self) -> None:
        """Give all partitions up."""
        ...


@runtime_checkable
class Log(Protocol):
    """An append-only store with one order per partition."""

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""
        ...

    @property
    def problem(self) -> str | None:
        """Why this process can't use all of the log, and what to do; or None. In KafkaLog: partitions were added since
        it was opened."""
        ...

    def look_for_partitions(self) -> None:
        """Find out whether partitions were added since the log was opened: `problem` then says so. For a process that
        no assignment tells. Raises LogUnavailable."""
        ...

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append in this order; returns the first position. Durable on return. Raises LogUnavailable, after which the
        messages may or may not be there, and Rejected when one of them can't be stored. In PostgresLog they are one
        commit; in KafkaLog each stands for itself: a reader may see some before the rest, others' may come between, and
        after LogUnavailable or Rejected any may be missing."""
        ...

    def writer(self, topic: str, *, on_failure: Callable[[Sequence[Message], Exception], None]) -> Writer:
        """Append one by one, without waiting; `on_failure` is called on a thread of the writer's."""
        ...

    def read(self, topic: str, partition: int, start: int, limit: int = READ_LIMIT) -> Sequence[Record]:
        """Up to `limit` committed records from position `start` on; fewer only at the end."""
        ...

    def end(self, topic: str, partition: int) -> int:
        """The position after the last committed record, 0 if there is none."""
        ...

    def faults(self, topic: str, partition: int, start: int = 0) -> Iterator[tuple[int, str]]:
        """Positions from `start` on where the store contradicts itself, each with what is wrong: a record that was
        there is missing, or what the store keeps beside a record, to find it, isn't what the record says. KafkaLog
        keeps nothing beside its records, and its positions may have gaps: it has no such faults."""
        ...

    def tail(self, topic: str, starts: Mapping[int, int]) -> Tail:
        """Follow the partitions named in `starts` (partition → position)."""
        ...

    def assignment(self, role: str) -> Assignment:
        """Share the partitions of a role with the other processes that have it."""
        ...

    def own(self, partition: int) -> Owner:
        """Become the owner of `partition`, fencing any earlier one at once."""
        ...

    def close(self) -> None:
        """Release connections. Writers, owners, tails and assignments are closed by those who opened them."""
        ...


def read_all(log: Log, topic: str, partition: int, position: int = 0, *, at_once: int = READ_LIMIT) -> Iterator[Record]:
    """Every record of a partition from that position to what is the end when it gets there; reads so many `at_once`."""
    while records := log.read(topic, partition, position, at_once):
        yield from records
        position = records[-1].position + 1
