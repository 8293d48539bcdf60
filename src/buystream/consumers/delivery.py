"""The one delivery policy of everything that reads events. Poison (a record that can't be read) goes to the dead-letter
topic with its reason, and reading goes on; when there is nothing but poison, reading stops. Failure (something is away)
is retried in place with growing pauses, and says so. A record is done when its work is done, never before."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from random import random

import msgspec
import psycopg2
from psycopg2.extensions import connection, cursor

from buystream.codec import EVENTS as EVENT_KINDS
from buystream.codec import Unreadable, decode_event, type_name
from buystream.errors import BuystreamError
from buystream.events import Event
from buystream.log import DEADLETTER, EVENTS, READ_LIMIT, Damaged, Log, LogUnavailable, Message, Record
from buystream.metrics import PARTITIONS_ASSIGNED

logger = logging.getLogger(__name__)

PAUSE_SECONDS_FIRST = 0.05
PAUSE_SECONDS_MAX = 5.0
POISON_IN_A_ROW_MAX = 100


class Poisoned(BuystreamError):
    """So many unreadable records in a row that the reader, not the records, must be wrong."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where to read on: a position, and the sequence expected there (None: any)."""

    position: int = 0
    sequence: int | None = None


class Backoff:
    """Growing pauses with jitter between attempts at something that fails. Says what fails when it starts to."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pause_seconds = PAUSE_SECONDS_FIRST

    def wait(self, stop: threading.Event, error: Exception) -> None:
        """Pause, or return at once when `stop` is set."""
        if self._pause_seconds == PAUSE_SECONDS_FIRST:
            logger.warning("%s: %s; trying again until it works", self._name, error)
        stop.wait(self._pause_seconds * (0.5 + random() / 2))
        self._pause_seconds = min(self._pause_seconds * 2, PAUSE_SECONDS_MAX)

    def reset(self) -> None:
        """It worked."""
        if self._pause_seconds != PAUSE_SECONDS_FIRST:
            logger.warning("%s: works again", self._name)
            self._pause_seconds = PAUSE_SECONDS_FIRST


def work_while_assigned(
    log: Log, role: str, stop: threading.Event, work: Callable[[frozenset[int], Callable[[], bool]], None]
) -> None:
    """Until `stop`: do the role's work for the partitions that are assigned to this process. `work` gets the partitions
    and a function that says when to end: at `stop`, or when the assignment changes."""
    backoff = Backoff(role)
    assignment = log.assignment(role)
    assigned: frozenset[int] = frozenset()

    def ended() -> bool:
        backoff.reset()  # it is asked between two pieces of work, so the last one went well
        return stop.is_set() or assignment.poll(0) != assigned

    try:
        while not stop.is_set():
            before, assigned = assigned, assignment.poll(timeout_seconds=0.5)
            if assigned != before:
                tell_assigned(role, assigned)
            if assigned:
                try:
                    work(assigned, ended)
                except LogUnavailable as error:
                    backoff.wait(stop, error)
    finally:
        assignment.close()


def tell_assigned(role: str, partitions: frozenset[int]) -> None:
    """Say what this process works on now, whenever that changes."""
    logger.info("%s works on partitions %s", role, sorted(partitions))
    PARTITIONS_ASSIGNED.labels(role).set(len(partitions))


class EventReader:
    """Follows the events of some partitions, each once, without gaps. Decodes only the wanted kinds: most consumers act
    on few. Used by one thread."""

    def __init__(
        self,
        log: Log,
        consumer: str,
        starts: Mapping[int, Place],
        *,
        wanted: Iterable[type[Event]] = EVENT_KINDS,
    ) -> None:
        self._wanted = frozenset(_without_version(type_name(kind)) for kind in wanted)
        self._log = log
        self._consumer = consumer
        self._tail = log.tail(EVENTS, {partition: place.position for partition, place in starts.items()})
        self._sequences = {partition: place.sequence for partition, place in starts.items()}
        self._poison_in_a_row = 0

    def poll(self, timeout_seconds: float, limit: int = READ_LIMIT) -> list[tuple[Record, Event | None]]:
        """The next records; with None where the event isn't wanted. Raises LogUnavailable (poll again), Damaged and
        Poisoned (stop)."""
        read: list[tuple[Record, Event | None]] = []
        for record in self._tail.poll(timeout_seconds, limit):
            if self._is_next(record):
                wanted = _without_version(record.headers["ce_type"]) in self._wanted
                read.append((record, self._decode(record) if wanted else None))
        return read

    def wake(self) -> None:
        """Make a poll that waits in another thread return now."""
        self._tail.wake()

    def close(self) -> None:
        """Release what the reader holds."""
        self._tail.close()

    def _is_next(self, record: Record) -> bool:
        expected, sequence = self._sequences[record.partition], int(record.headers["ce_sequence"])
        if expected is not None and sequence < expected:
            return False
        if expected is not None and sequence > expected:
            raise Damaged(
                f"events of partition {record.partition} jump from sequence {expected - 1} to {sequence}"
                f" at position {record.position}"
            )
        self._sequences[record.partition] = sequence + 1
        return True

    def _decode(self, record: Record) -> Event | None:
        try:
            event = decode_event(record.value)
        except Unreadable as error:
            self._bury(record, error)
            return None
        self._poison_in_a_row = 0
        return event

    def _bury(self, record: Record, error: Unreadable) -> None:
        self._poison_in_a_row += 1
        if self._poison_in_a_row > POISON_IN_A_ROW_MAX:
            raise Poisoned(f"{self._consumer}: {POISON_IN_A_ROW_MAX} unreadable events in a row, the last: {error}")
        self._log.append(DEADLETTER, record.partition, [dead_letter(record, str(error), self._consumer)])


def _without_version(ce_type: str) -> str:
    """`buystream.OrderPlaced.v1` becomes `buystream.OrderPlaced`: an old version is upcast when it is decoded."""
    return ce_type.rpartition(".")[0]


def dead_letter(record: Record, reason: str, consumer: str) -> Message:
    """A record as it was, with where it stood and why `consumer` couldn't read it."""
    return Message(
        record.value,
        record.key,
        {
            **record.headers,
            "dl_topic": record.topic,
            "dl_position": str(record.position),
            "dl_reason": reason,
            "dl_consumer": consumer,
        },
    )


class Checkpoints:
    """How far a consumer has done its work, in PostgreSQL. What comes after a checkpoint may have been done too: the
    work is idempotent."""

    def __init__(self, dsn: str, consumer: str, *, partitions: int) -> None:
        self._dsn = dsn
        self._consumer = consumer
        self._partitions = partitions
        self._connection: connection | None = None

    def load(self) -> dict[int, Place]:
        """Where to start, for every partition; raises LogUnavailable."""
        places = dict.fromkeys(range(self._partitions), Place())
        with self._transaction() as cur:
            cur.execute("SELECT pg_advisory_xact_lock(hashtext('buystream consumer schema'))")
            cur.execute(_CREATE)
            cur.execute(
                "SELECT partition, position, sequence FROM consumer.checkpoint WHERE consumer = %s", (self._consumer,)
            )
            places.update((partition, Place(position, sequence)) for partition, position, sequence in cur)
        return places

    def save(self, places: Mapping[int, Place]) -> None:
        """Raises LogUnavailable."""
        rows = [(self._consumer, partition, place.position, place.sequence) for partition, place in places.items()]
        with self._transaction() as cur:
            cur.executemany(_SAVE, rows)

    def close(self) -> None:
        """Release the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self._dsn, connect_timeout=5, application_name="buystream")
            with self._connection as conn, conn.cursor() as cur:
                yield cur
        except psycopg2.Error as error:
            self.close()
            raise LogUnavailable(f"PostgreSQL can't be reached: {str(error).strip()}") from error


_CREATE = """
    CREATE SCHEMA IF NOT EXISTS consumer;
    CREATE TABLE IF NOT EXISTS consumer.checkpoint (
        consumer text,
        partition integer,
        position bigint NOT NULL,
        sequence bigint,
        PRIMARY KEY (consumer, partition)
    )"""
_SAVE = """
    INSERT INTO consumer.checkpoint (consumer, partition, position, sequence) VALUES (%s, %s, %s, %s)
    ON CONFLICT (consumer, partition) DO UPDATE SET position = excluded.position, sequence = excluded.sequence"""
