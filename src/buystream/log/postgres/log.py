"""Implements the log port on PostgreSQL."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files

from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import cursor

from buystream.database import ConnectionPerThread
from buystream.log import EVENTS, READ_LIMIT, TOPICS, LogError, Message, Record
from buystream.log.postgres.assignment import PostgresAssignment
from buystream.log.postgres.listening import Listening
from buystream.log.postgres.owner import PostgresOwner
from buystream.log.postgres.reading import PostgresTail
from buystream.log.postgres.recent import Recent
from buystream.log.postgres.rows import (
    announce,
    copy,
    in_the_logs_words,
    misfiled_events,
    missing_positions,
    one,
    read,
    reserve,
)
from buystream.log.writing import BatchWriter, OnFailure
from buystream.tables import APPLY, Tables, TablesMissing

TABLES = Tables("log", (files("buystream.log.postgres") / "tables.sql").read_text())

_MISSING_PARTITIONS = """
    SELECT topic, partition FROM unnest(%s) AS topic, generate_series(0, %s - 1) AS partition
    EXCEPT SELECT topic, partition FROM log.partition"""
# Not ON CONFLICT: that would wait for an append while our index locks keep the append waiting.
_ADD_PARTITIONS = f"INSERT INTO log.partition (topic, partition) {_MISSING_PARTITIONS}"


class PostgresLog:
    """Implements `buystream.log.Log`. Safe for many threads: each has a connection of its own."""

    def __init__(self, dsn: str, *, partitions: int = 4) -> None:
        """Creates the tables if they are missing, and adds partitions when there are fewer; never takes any away.
        Raises LogUnavailable, and TablesMissing when this user may do neither."""
        self._dsn = dsn
        self._connections = ConnectionPerThread(dsn, "log")
        self._recent = Recent()
        self._listening = Listening(dsn)
        self._partitions = self._prepare(partitions)

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""
        return self._partitions

    @property
    def problem(self) -> None:
        """Always None: a process that opens it with more partitions adds them itself."""
        return None

    def look_for_partitions(self) -> None:
        """None are added but by opening it."""

    def _prepare(self, partitions: int) -> int:
        with self._transaction() as cur:
            _refuse_earlier_form(cur)
            TABLES.ensure(cur)
            wanted = (list(TOPICS), partitions)
            cur.execute(_MISSING_PARTITIONS, wanted)
            if cur.fetchall():
                cur.execute("SELECT pg_advisory_xact_lock(hashtext('buystream log schema'))")
                try:
                    cur.execute(_ADD_PARTITIONS, wanted)
                except InsufficientPrivilege:
                    raise TablesMissing(f"the log has fewer than {partitions} partitions: {APPLY}") from None
            cur.execute("SELECT count(*) FROM log.partition WHERE topic = %s", (EVENTS,))
            return int(one(cur)[0])

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append in this order, in one commit; returns the first position."""
        with in_the_logs_words(), self._connections.terse_transaction() as cur:
            reserved = reserve(cur, topic, partition, len(messages))
            written = [copy(cur, topic, partition, messages, reserved)] if messages else []
            with self._recent.committing(written):
                announce(cur, written, commit=True)
        self._listening.announce(written)
        return reserved.start

    def writer(self, topic: str, *, on_failure: OnFailure) -> BatchWriter:
        """Append one by one, without waiting."""
        return BatchWriter(self, topic, on_failure=on_failure)

    def read(self, topic: str, partition: int, start: int, limit: int = READ_LIMIT) -> list[Record]:
        """Up to `limit` committed records from `start` on."""
        with self._transaction() as cur:
            return read(cur, topic, partition, start, limit)

    def end(self, topic: str, partition: int) -> int:
        """The position after the last committed record."""
        with self._transaction() as cur:
            cur.execute(
                "SELECT next_position FROM log.partition WHERE topic = %s AND partition = %s",
                (topic, partition),
            )
            return int(one(cur)[0])

    def faults(self, topic: str, partition: int, start: int = 0) -> Iterator[tuple[int, str]]:
        """Records that are missing before the end, and events whose columns say something else than they do."""
        end = self.end(topic, partition)
        with self._transaction() as cur:
            missing = missing_positions(cur, topic, partition, range(start, end))
        for position in missing:
            yield position, "the record isn't there any more"
        while topic == EVENTS and start < end:
            with self._transaction() as cur:
                start, misfiled = misfiled_events(cur, partition, start, end)
            for position in misfiled:
                yield position, "the columns that it is found by say something else than the event"

    def tail(self, topic: str, starts: Mapping[int, int]) -> "PostgresTail":
        """Follow partitions from their positions."""
        return PostgresTail(self._dsn, topic, starts, self._recent, self._listening)

    def assignment(self, role: str) -> "PostgresAssignment":
        """Share the role's partitions with other processes."""
        return PostgresAssignment(self._dsn, role, self._partitions)

    def own(self, partition: int) -> "PostgresOwner":
        """Become the owner, fencing any earlier one at once."""
        return PostgresOwner(self._dsn, partition, self._recent, self._listening)

    def close(self) -> None:
        """Close every thread's connection."""
        self._connections.close()

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        with in_the_logs_words(), self._connections.transaction() as cur:
            yield cur


def _refuse_earlier_form(cur: cursor) -> None:
    """Before 0.1.0 a record had headers beside its value (docs/decisions/0029)."""
    cur.execute(
        """SELECT FROM pg_attribute
           WHERE attrelid = to_regclass('log.record') AND attname = 'headers' AND NOT attisdropped"""
    )
    if cur.rowcount:
        raise LogError(
            "the log in this database has the form of an earlier version. Begin with a new database, or with the"
            " version that wrote it"
        )
