"""The one delivery policy of everything that reads events. What is foreign or can't be read is passed over by every
reader, and set aside once, by the projector, as a dead letter with its place and its reason; when none of the shop's
own events can be read, reading stops. Failure (something is away) is retried in place with growing pauses, and says so.
A record is done when its work is done, never before."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from random import random
from typing import Final, NamedTuple

import msgspec
from prometheus_client import Counter
from psycopg2.extensions import cursor

from buystream import __version__
from buystream.database import DatabaseError, KeptConnection
from buystream.delivery.gathering import Gathering
from buystream.delivery.sequence import EventSequence
from buystream.errors import BuystreamError
from buystream.host.log_lines import about
from buystream.log import EVENTS, READ_LIMIT, Log, LogUnavailable, Message, Record
from buystream.metrics import PARTITIONS_ASSIGNED, RETRIES
from buystream.tables import Tables
from buystream.vocabulary.codec import EVENTS as EVENT_KINDS
from buystream.vocabulary.codec import SOURCE, EventHead, Unreadable, read_event, type_name
from buystream.vocabulary.events import Event

logger = logging.getLogger(__name__)

PAUSE_SECONDS_FIRST = 0.05
PAUSE_SECONDS_MAX = 5.0
POISON_IN_A_ROW_MAX = 100

DEAD_LETTER_BYTES_MAX = 1_000_000
"""Of a record that is repeated in its dead letter; a log takes four times as much."""

REASON_CHARS_MAX = 1_000

DEAD_LETTER_TYPE: Final = "buystream.DeadLetter.v1"


class Poisoned(BuystreamError):
    """So many unreadable records in a row that the reader, not the records, must be wrong."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where to read on: a position, and the sequence expected there (None: any)."""

    position: int = 0
    sequence: int | None = None


class Backoff:
    """Growing pauses with jitter between attempts at something that fails. Says what fails when it starts to."""

    def __init__(self, name: str, retries: Counter | None = None) -> None:
        """Failures are counted in `retries`; unless given, as those of the part of that name."""
        self._name = name
        self._retries = retries or RETRIES.labels(name)
        self._pause_seconds = PAUSE_SECONDS_FIRST

    def wait(self, stop: threading.Event, error: Exception) -> None:
        """Pause, or return at once when `stop` is set."""
        self._retries.inc()
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
        backoff.reset()  # it is called between two units of work, so the last one went well
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


class Read(NamedTuple):
    """A record of the event log, its attributes, and its event, or None: unwanted, or not to be read."""

    record: Record
    head: EventHead
    event: Event | None


class EventReader:
    """Follows the events of some partitions, each once, without gaps, and passes over what is foreign. Decodes only the
    wanted kinds: most consumers act on few. Used by one thread."""

    def __init__(
        self,
        log: Log,
        consumer: str,
        starts: Mapping[int, Place],
        *,
        wanted: Iterable[type[Event]] = EVENT_KINDS,
    ) -> None:
        self._wanted = frozenset(_without_version(type_name(kind)) for kind in wanted)
        self._consumer = consumer
        self._tail = log.tail(EVENTS, {partition: place.position for partition, place in starts.items()})
        self._sequence = EventSequence(log, consumer, {number: place.sequence for number, place in starts.items()})
        self._gathering = Gathering()
        self._poison_in_a_row = 0

    def poll(self, timeout_seconds: float, limit: int = READ_LIMIT) -> list[Read]:
        """The next records; with None where the event isn't wanted. Raises LogUnavailable (poll again), Damaged and
        Poisoned (stop)."""
        read: list[Read] = []
        self._gathering.wait()
        records = self._tail.poll(timeout_seconds, limit)
        self._gathering.note(len(records))
        for record in records:
            if head := self._sequence.takes(record):
                wanted = _without_version(head.type) in self._wanted
                read.append(Read(record, head, self._decode(record) if wanted else None))
        return read

    def wake(self) -> None:
        """Make a poll that waits in another thread return now."""
        self._tail.wake()

    def close(self) -> None:
        """Release what the reader holds."""
        self._tail.close()

    def _decode(self, record: Record) -> Event | None:
        try:
            event = read_event(record.value)
        except Unreadable as error:
            self._pass_over(record, error)
            return None
        self._poison_in_a_row = 0
        return event

    def _pass_over(self, record: Record, error: Unreadable) -> None:
        self._poison_in_a_row += 1
        if self._poison_in_a_row > POISON_IN_A_ROW_MAX:
            raise Poisoned(f"{self._consumer}: {POISON_IN_A_ROW_MAX} unreadable events in a row, the last: {error}")
        logger.warning(
            "%s passes over position %d of partition %d: %s",
            *(self._consumer, record.position, record.partition, error),
            extra=about(record),
        )


def _without_version(ce_type: str) -> str:
    """`buystream.OrderPlaced.v1` becomes `buystream.OrderPlaced`: an old version is upcast when it is decoded."""
    return ce_type.rpartition(".")[0]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="DeadLetter.v1"):
    """A record that was set aside, as it was, with where it is, why `consumer` set it aside and in which version of the
    `program`. `value` is left out of
    what is too large, which is found where it is; then `omitted_bytes` says its size."""

    topic: str
    position: int
    reason: str
    consumer: str
    program: str
    key: str = ""
    value: bytes = b""
    omitted_bytes: int = 0


class DeadLetterEnvelope(msgspec.Struct, frozen=True, tag_field="specversion", tag="1.0"):
    """A dead letter with its attributes."""

    id: str
    source: str
    type: str
    data: DeadLetter


def dead_letter(record: Record, reason: str, consumer: str, program: str = __version__) -> Message:
    """The record's dead letter. It always fits the log."""
    size = len(record.value) + len(record.key)
    fits = size <= DEAD_LETTER_BYTES_MAX
    letter = DeadLetter(
        topic=record.topic,
        position=record.position,
        reason=_storable(reason)[:REASON_CHARS_MAX],
        consumer=consumer,
        program=program,
        key=_storable(record.key) if fits else "",
        value=record.value if fits else b"",
        omitted_bytes=0 if fits else size,
    )
    name = f"{record.topic}/{record.partition}/{record.position}"
    envelope = DeadLetterEnvelope(name, SOURCE, DEAD_LETTER_TYPE, letter)
    return Message(msgspec.json.encode(envelope), letter.key)


_decode_letter = msgspec.json.Decoder(DeadLetterEnvelope).decode


def read_dead_letter(record: Record) -> DeadLetter | None:
    """What the dead letter says; None when it is none of ours."""
    try:
        return _decode_letter(record.value).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _storable(text: str) -> str:
    """As text that both logs take."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


class Checkpoints:
    """How far a consumer has done its work, in PostgreSQL. What comes after a checkpoint may have been done too: the
    work is idempotent."""

    def __init__(self, dsn: str, consumer: str, *, partitions: int) -> None:
        self._database = ConsumerDatabase(dsn)
        self._consumer = consumer
        self._partitions = partitions

    def load(self) -> dict[int, Place]:
        """Where to start, for every partition; raises LogUnavailable."""
        with self._database.transaction() as cur:
            return load_places(cur, self._consumer, self._partitions)

    def save(self, places: Mapping[int, Place]) -> None:
        """Raises LogUnavailable."""
        with self._database.transaction() as cur:
            save_places(cur, self._consumer, places)

    def close(self) -> None:
        """Release the connection."""
        self._database.close()


def load_places(cur: cursor, consumer: str, partitions: int) -> dict[int, Place]:
    """Where the consumer starts, for every partition."""
    return dict.fromkeys(range(partitions), Place()) | known_places(cur, consumer)


def known_places(cur: cursor, consumer: str) -> dict[int, Place]:
    """Where the consumer starts in the partitions that it has begun."""
    cur.execute("SELECT partition, position, sequence FROM consumer.checkpoint WHERE consumer = %s", (consumer,))
    return {partition: Place(position, sequence) for partition, position, sequence in cur}


def begin_places(cur: cursor, consumer: str, positions: Mapping[int, int]) -> None:
    """Where the consumer starts in partitions that it hasn't begun; the first to begin decides."""
    cur.executemany(f"{_BEGIN} ON CONFLICT DO NOTHING", [(consumer, *begin, None) for begin in positions.items()])


def save_places(cur: cursor, consumer: str, places: Mapping[int, Place]) -> None:
    """For a consumer whose work may be done again."""
    cur.executemany(_SAVE, [(consumer, number, place.position, place.sequence) for number, place in places.items()])


class MovedElsewhere(LogUnavailable):
    """Another process has done the work of these events."""


def move_places(cur: cursor, consumer: str, at: Mapping[int, int], places: Mapping[int, Place]) -> None:
    """For a consumer whose work is rows of the same transaction, done once: from the positions that it has read on from
    (`at`), which must be those of the table. Raises MovedElsewhere."""
    for partition, place in places.items():
        cur.execute(
            f"{_SAVE} WHERE checkpoint.position = %s",
            (consumer, partition, place.position, place.sequence, at[partition]),
        )
        if not cur.rowcount:
            raise MovedElsewhere(f"another process has done the work of {consumer} in partition {partition}")


class ConsumerDatabase:
    """A connection to the tables of the consumers and to `others`, which are there from the first transaction on. Used
    by one thread."""

    def __init__(self, dsn: str, *others: Tables) -> None:
        self._connection = KeptConnection(dsn, "consumers")
        self._tables = (TABLES, *others)
        self._has_tables = False

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[cursor]:
        """One transaction; raises LogUnavailable."""
        try:
            if not self._has_tables:
                with self._connection.transaction() as cur:
                    for one in self._tables:
                        one.ensure(cur)
                self._has_tables = True
            with self._connection.transaction() as cur:
                yield cur
        except DatabaseError as error:
            raise LogUnavailable(str(error)) from error


TABLES = Tables(
    "consumer",
    """
    CREATE SCHEMA IF NOT EXISTS consumer;
    CREATE TABLE IF NOT EXISTS consumer.checkpoint (
        consumer text,
        partition integer,
        position bigint NOT NULL,
        sequence bigint,
        PRIMARY KEY (consumer, partition)
    );
    CREATE TABLE IF NOT EXISTS consumer.set_aside (
        consumer text,
        partition integer,
        position bigint,
        failures integer NOT NULL,
        error text NOT NULL,
        since timestamptz NOT NULL DEFAULT now(),
        next_at timestamptz NOT NULL,
        PRIMARY KEY (consumer, partition, position)
    )""",
)
_BEGIN = "INSERT INTO consumer.checkpoint (consumer, partition, position, sequence) VALUES (%s, %s, %s, %s)"
_SAVE = f"""{_BEGIN}
    ON CONFLICT (consumer, partition) DO UPDATE SET position = excluded.position, sequence = excluded.sequence"""
