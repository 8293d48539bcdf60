"""PostgresLog: the log of the embedded and small-shop mode, in tables of PostgreSQL 15 or newer; a batch, a commit."""

import io
import os
import select
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from time import monotonic
from typing import Any
from weakref import WeakSet

import msgspec
import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection, cursor

from buystream.log import EVENTS, READ_LIMIT, TOPICS, Fenced, LogError, LogUnavailable, Message, Record
from buystream.log.writing import BatchWriter, OnFailure

Connect = Callable[[], connection]

ASSIGNMENT_RETRY_SECONDS = 1.0
"""How often a process that waits for partitions asks whether their holder is gone."""

_encode_headers = msgspec.json.Encoder().encode
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode

_RESERVE = """
    UPDATE log.partition
    SET next_position = next_position + %s,
        last_ms = greatest(last_ms, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
    WHERE topic = %s AND partition = %s
    RETURNING next_position, last_ms, epoch"""
_COPY = "COPY log.record (topic, partition, position, at_ms, key, headers, value) FROM STDIN"
_READ = """
    SELECT topic, partition, position, at_ms, value, key, headers::text
    FROM log.record
    WHERE topic = %s AND partition = %s AND position >= %s
    ORDER BY position
    LIMIT %s"""


class PostgresLog:
    """Implements `buystream.log.Log`. Safe for many threads: each has a connection of its own."""

    def __init__(self, dsn: str, *, partitions: int = 4) -> None:
        """Creates the tables and adds partitions when there are fewer; never takes any away."""
        self._dsn = dsn
        self._local = threading.local()
        self._opened: WeakSet[connection] = WeakSet()  # a thread that ended takes its connection along
        self._opened_lock = threading.Lock()
        self._partitions = self._prepare(partitions)

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""
        return self._partitions

    def _prepare(self, partitions: int) -> int:
        with self._transaction() as cur:
            cur.execute("SELECT pg_advisory_xact_lock(hashtext('buystream log schema'))")
            cur.execute((files("buystream.log") / "postgres.sql").read_text())
            cur.execute(
                # Not ON CONFLICT: that would wait for an append while our index locks keep the append waiting.
                """INSERT INTO log.partition (topic, partition)
                   SELECT topic, partition FROM unnest(%s) AS topic, generate_series(0, %s - 1) AS partition
                   EXCEPT SELECT topic, partition FROM log.partition""",
                (list(TOPICS), partitions),
            )
            cur.execute("SELECT count(*) FROM log.partition WHERE topic = %s", (EVENTS,))
            return int(_one(cur)[0])

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append in this order, in one commit; returns the first position."""
        with self._transaction() as cur:
            end, _ = _append(cur, topic, partition, messages)
        return end - len(messages)

    def writer(self, topic: str, *, on_failure: OnFailure) -> BatchWriter:
        """Append one by one, without waiting."""
        return BatchWriter(self, topic, on_failure=on_failure)

    def read(self, topic: str, partition: int, start: int, limit: int = READ_LIMIT) -> list[Record]:
        """Up to `limit` committed records from `start` on."""
        with self._transaction() as cur:
            return _read(cur, topic, partition, start, limit)

    def end(self, topic: str, partition: int) -> int:
        """The position after the last committed record."""
        with self._transaction() as cur:
            cur.execute(
                "SELECT next_position FROM log.partition WHERE topic = %s AND partition = %s",
                (topic, partition),
            )
            return int(_one(cur)[0])

    def tail(self, topic: str, starts: Mapping[int, int]) -> "PostgresTail":
        """Follow partitions from their positions."""
        return PostgresTail(self._connect, topic, starts)

    def assignment(self, role: str) -> "PostgresAssignment":
        """Share the role's partitions with other processes."""
        return PostgresAssignment(self._connect, role, self._partitions)

    def own(self, partition: int) -> "PostgresOwner":
        """Become the owner, fencing any earlier one at once."""
        return PostgresOwner(self._connect, partition)

    def close(self) -> None:
        """Close every thread's connection."""
        with self._opened_lock:
            for opened in self._opened:
                opened.close()
            self._opened.clear()

    def _connect(self) -> connection:
        try:
            return psycopg2.connect(self._dsn, connect_timeout=5, application_name="buystream")
        except psycopg2.Error as error:
            raise LogUnavailable(f"PostgreSQL can't be reached: {_first_line(error)}") from error

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        mine: connection | None = getattr(self._local, "connection", None)
        if mine is None or mine.closed:
            mine = self._local.connection = self._connect()
            with self._opened_lock:
                self._opened.add(mine)
        with _transaction(mine) as cur:
            yield cur


class PostgresOwner:
    """Implements `buystream.log.Owner`: each commit checks, under the partition's row lock, that the epoch is ours."""

    def __init__(self, connect: Connect, partition: int) -> None:
        self._partition = partition
        self._connection = connect()
        with _transaction(self._connection) as cur:
            cur.execute(
                "UPDATE log.partition SET epoch = epoch + 1 WHERE topic = %s AND partition = %s RETURNING epoch",
                (EVENTS, partition),
            )
            self.epoch = int(_one(cur)[0])

    def commit(self, batches: Mapping[str, Sequence[Message]]) -> None:
        """All topics or none, durable on return."""
        with _transaction(self._connection) as cur:
            for topic, messages in {EVENTS: (), **batches}.items():  # the epoch stands with the events
                _, epoch = _append(cur, topic, self._partition, messages)
                if topic == EVENTS and epoch != self.epoch:
                    raise Fenced(f"partition {self._partition} has a newer owner: epoch {epoch}, ours is {self.epoch}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class PostgresTail:
    """Implements `buystream.log.Tail` with LISTEN: reads only partitions that were told to have news."""

    def __init__(self, connect: Connect, topic: str, starts: Mapping[int, int]) -> None:
        self._connect = connect
        self._topic = topic
        self._next = dict(starts)
        self._news = set(starts)
        self._connection: connection | None = None
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        self._closed = False
        self._closing = threading.Lock()

    def poll(self, timeout_seconds: float, limit: int = READ_LIMIT) -> list[Record]:
        """The next records, in order within each partition."""
        try:
            deadline = monotonic() + timeout_seconds
            while True:
                listening = self._listening()
                listening.poll()
                self._collect_news(listening)
                if records := self._read(listening, limit):
                    return records
                remaining = deadline - monotonic()
                if remaining <= 0 or not self._wait(listening, remaining):
                    return []
        except psycopg2.Error as error:
            self._forget_connection()
            raise LogUnavailable(f"PostgreSQL went away: {_first_line(error)}") from error

    def wake(self) -> None:
        """Make a waiting poll return now; nothing once closed."""
        with self._closing:
            if not self._closed:
                os.write(self._wake_writer, b"w")

    def close(self) -> None:
        """Close the connection and the wake-up pipe."""
        with self._closing:
            self._closed = True
            self._forget_connection()
            os.close(self._wake_reader)
            os.close(self._wake_writer)

    def _listening(self) -> connection:
        if self._connection is None:
            fresh = self._connect()
            fresh.autocommit = True
            with fresh.cursor() as cur:
                cur.execute(f'LISTEN "{self._topic}"')
            self._connection = fresh
            self._news = set(self._next)
        return self._connection

    def _read(self, listening: connection, limit: int) -> list[Record]:
        found: list[Record] = []
        with listening.cursor() as cur:
            for partition in sorted(self._news):
                records = _read(cur, self._topic, partition, self._next[partition], limit - len(found))
                if records:
                    self._next[partition] = records[-1].position + 1
                    found += records
                if len(found) >= limit:
                    break
                self._news.discard(partition)
        self._collect_news(listening)
        return found

    def _wait(self, listening: connection, timeout_seconds: float) -> bool:
        """True when there may be news, False after a wake-up or the time-out."""
        if self._news:
            return True
        ready, _, _ = select.select([listening.fileno(), self._wake_reader], [], [], timeout_seconds)
        if self._wake_reader in ready:
            os.read(self._wake_reader, 4096)
            return False
        return bool(ready)

    def _collect_news(self, listening: connection) -> None:
        for notification in listening.notifies:
            partition = int(notification.payload)
            if partition in self._next:
                self._news.add(partition)
        listening.notifies.clear()

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresAssignment:
    """Implements `buystream.log.Assignment` with advisory locks: the first process to come holds them, others stand by
    until its connection is gone."""

    def __init__(self, connect: Connect, role: str, partitions: int) -> None:
        self._connect = connect
        self._role = role
        self._partitions = range(partitions)
        self._connection: connection | None = None
        self._held: frozenset[int] = frozenset()
        self._woken = threading.Event()

    def poll(self, timeout_seconds: float) -> frozenset[int]:
        """The partitions that are ours now."""
        before, deadline = self._held, monotonic() + timeout_seconds
        while True:
            self._held = self._try_locks()
            remaining = deadline - monotonic()
            if self._held != before or remaining <= 0:
                return self._held
            if self._woken.wait(min(remaining, ASSIGNMENT_RETRY_SECONDS)):
                self._woken.clear()
                return self._held

    def wake(self) -> None:
        """Make a waiting poll return now."""
        self._woken.set()

    def close(self) -> None:
        """Give all partitions up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try_locks(self) -> frozenset[int]:
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._connection.autocommit = True
                self._held = frozenset()
            with self._connection.cursor() as cur:
                missing = [partition for partition in self._partitions if partition not in self._held]
                cur.execute(
                    "SELECT p, pg_try_advisory_lock(hashtext(%s), p) FROM unnest(%s::int[]) AS p",
                    (f"buystream {self._role}", missing),
                )
                return self._held | {partition for partition, locked in cur.fetchall() if locked}
        except (psycopg2.Error, LogUnavailable):
            self.close()
            return frozenset()


@contextmanager
def _transaction(conn: connection) -> Iterator[cursor]:
    """One transaction; a broken connection is closed and told as LogUnavailable."""
    try:
        with conn, conn.cursor() as cur:
            yield cur
    except (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.InternalError) as error:
        conn.close()
        raise LogUnavailable(f"PostgreSQL refused: {_first_line(error)}") from error
    except psycopg2.Error as error:
        raise LogError(f"PostgreSQL refused: {_first_line(error)}") from error
    finally:
        if not conn.closed and conn.info.transaction_status != TRANSACTION_STATUS_IDLE:
            conn.close()


def _append(cur: cursor, topic: str, partition: int, messages: Sequence[Message]) -> tuple[int, int]:
    """Returns the partition's new end and its epoch."""
    cur.execute(_RESERVE, (len(messages), topic, partition))
    row = cur.fetchone()
    if row is None:
        raise LogError(f"there is no partition {partition} of {topic}")
    end, at_ms, epoch = row
    start = f"{_escape(topic)}\t{partition}\t"
    rows = [
        f"{start}{position}\t{at_ms}\t{_escape(message.key)}\t"
        f"{_encode_headers(message.headers).decode().replace(_BACKSLASH, _TWO)}\t{_TWO}x{message.value.hex()}\n"
        for position, message in enumerate(messages, end - len(messages))
    ]
    cur.copy_expert(_COPY, io.StringIO("".join(rows)))
    cur.execute("SELECT pg_notify(%s, %s)", (topic, str(partition)))
    return end, epoch


_BACKSLASH, _TWO = "\\", "\\\\"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escape(text: str) -> str:
    """Text as COPY reads it (https://www.postgresql.org/docs/18/sql-copy.html, "Text Format")."""
    return text.translate(_ESCAPES)


def _read(cur: cursor, topic: str, partition: int, start: int, limit: int) -> list[Record]:
    cur.execute(_READ, (topic, partition, start, limit))
    return [
        Record(name, number, position, at_ms, bytes(value), key, _decode_headers(headers))
        for name, number, position, at_ms, value, key, headers in cur
    ]


def _one(cur: cursor) -> tuple[Any, ...]:
    row = cur.fetchone()
    if row is None:
        raise LogError("PostgreSQL answered no row where there is always one")
    return row


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
