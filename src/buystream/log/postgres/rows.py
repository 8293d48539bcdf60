"""Records as rows of `log.record`, and PostgreSQL's errors as those of the log."""

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from psycopg2.extensions import cursor

from buystream.database import FAILS_AGAIN, DatabaseError, DatabaseUnavailable
from buystream.log import EVENTS, READ_LIMIT, LogError, LogUnavailable, Message, Record, Rejected

_RESERVE = """
    UPDATE log.partition
    SET next_position = next_position + %s
    WHERE topic = %s AND partition = %s
    RETURNING next_position, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, epoch"""
_ADVANCE = """
    UPDATE log.partition SET next_position = %s WHERE topic = %s AND partition = %s AND next_position = %s"""
_COPY = """
    COPY log.record (
        topic, partition, position, at_ms, key, subject, aggregate_version, edition_id, edition_version, type, value
    ) FROM STDIN (FORMAT binary)"""
_READ = """
    COPY (
        SELECT position, at_ms, value, key
        FROM log.record
        WHERE topic = %s AND partition = %s AND position >= %s
        ORDER BY position
        LIMIT %s
    ) TO STDOUT (FORMAT binary)"""


@contextmanager
def in_the_logs_words() -> Iterator[None]:
    """What `buystream.database` raises within is raised as LogError."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise Rejected(f"PostgreSQL stores only UTF-8: {error}") from error
    except DatabaseError as error:
        raise database_log_error(error) from error


def database_log_error(error: DatabaseError) -> LogError:
    """The error in the port's words."""
    if isinstance(error, DatabaseUnavailable):
        return LogUnavailable(str(error))
    if error.sqlstate[:2] in FAILS_AGAIN:
        return Rejected(str(error))
    return LogError(str(error))


class Reserved(NamedTuple):
    """Positions from `start` on, stamped with the server's clock, in a partition whose owner has that epoch."""

    start: int
    at_ms: int
    epoch: int


def reserve(cur: cursor, topic: str, partition: int, count: int, *, begin: bool = True) -> Reserved:
    """Lock the partition until the commit, and take so many positions. With `begin`, the default, a terse transaction
    begins with it."""
    cur.execute(f"BEGIN; {_RESERVE}" if begin else _RESERVE, (count, topic, partition))
    row = cur.fetchone()
    if row is None:
        raise LogError(f"there is no partition {partition} of {topic}")
    end, at_ms, epoch = row
    return Reserved(end - count, at_ms, epoch)


def copy(cur: cursor, topic: str, partition: int, messages: Sequence[Message], reserved: Reserved) -> list[Record]:
    """Write the messages to the positions reserved for them; they are records once they are committed."""
    records = [
        Record(topic, partition, position, reserved.at_ms, message.value, message.key)
        for position, message in enumerate(messages, reserved.start)
    ]
    _copy(cur, records)
    return records


def channel(topic: str, partition: int) -> str:
    """Where a commit is announced: who follows one partition isn't woken by the others."""
    return f"{topic}.{partition}"


def announce(cur: cursor, written: Sequence[Sequence[Record]], *, commit: bool = False) -> None:
    """Notify, when this is committed, who follows these partitions of where each ends now; `commit` a terse transaction
    at once."""
    ends = [(channel(records[-1].topic, records[-1].partition), str(records[-1].position + 1)) for records in written]
    notify = "; ".join(["SELECT pg_notify(%s, %s)"] * len(ends))
    cur.execute("; ".join(filter(None, (notify, "COMMIT" if commit else ""))), [part for end in ends for part in end])


def fill(cur: cursor, records: Sequence[Record]) -> bool:
    """Write records of one partition at their own positions and with their own times; False, and nothing is written,
    unless the partition ends where they begin. Nobody is notified: nobody reads a log that is being filled."""
    first, last = records[0], records[-1]
    cur.execute(_ADVANCE, (last.position + 1, first.topic, first.partition, first.position))
    if not cur.rowcount:
        return False
    _copy(cur, records)
    return True


# Binary COPY, which neither side turns into text and back (https://www.postgresql.org/docs/18/sql-copy.html, "Binary
# Format"): a header, rows, a trailer. A row is the number of its columns, and for each its length and its bytes.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = struct.pack(">i", -1)
_COLUMN_COUNT = struct.pack(">h", 11)
_LENGTH = struct.Struct(">i")
_INTEGER = struct.Struct(">ii")
_BIGINT = struct.Struct(">iq")
_PLACE = struct.Struct(">iqiq")


def _copy(cur: cursor, records: Sequence[Record]) -> None:
    """Records of one partition; raises Rejected for a number that no column holds."""
    topic, partition = records[0].topic, records[0].partition
    start = _COLUMN_COUNT + _text(topic) + _INTEGER.pack(4, partition)
    parts = [_HEADER]
    try:
        for one in records:
            parts += (start, _PLACE.pack(8, one.position, 8, one.at_ms), _text(one.key))
            parts.append(_indexed(one.value) if topic == EVENTS else _NOT_INDEXED)
            parts += (_LENGTH.pack(len(one.value)), one.value)
    except struct.error as error:
        raise Rejected(f"PostgreSQL stores only 64-bit numbers: {error}") from error
    parts.append(_TRAILER)
    cur.copy_expert(_COPY, io.BytesIO(b"".join(parts)))


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded


class _Indexed(msgspec.Struct, frozen=True, gc=False):
    """What history is read by, of an event's attributes."""

    type: str
    subject: str
    partitionkey: str
    aggregateversion: int
    editionversion: int = 0


_decode_indexed = msgspec.json.Decoder(_Indexed).decode
_NOT_INDEXED = _NULL * 5


def _indexed_of(value: bytes) -> _Indexed | None:
    """None for what is no event, which every reader passes over."""
    try:
        return _decode_indexed(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _indexed(value: bytes) -> bytes:
    """The columns that history is read by, as they are copied."""
    event = _indexed_of(value)
    if event is None:
        return _NOT_INDEXED
    version = event.editionversion
    edition = _text(event.partitionkey) + _BIGINT.pack(8, version) if version else _NULL + _NULL
    return _text(event.subject) + _BIGINT.pack(8, event.aggregateversion) + edition + _text(event.type)


def _columns(value: bytes) -> tuple[Any, ...]:
    """The same columns, as they are read."""
    event = _indexed_of(value)
    if event is None:
        return (None,) * 5
    edition = (event.partitionkey, event.editionversion) if event.editionversion else (None, None)
    return event.subject, event.aggregateversion, *edition, event.type


_ROW = struct.Struct(">hiqiqi")


def read(cur: cursor, topic: str, partition: int, start: int, limit: int) -> list[Record]:
    """Up to `limit` records from `start` on."""
    copied = io.BytesIO()
    cur.copy_expert(cur.mogrify(_READ, (topic, partition, start, limit)).decode(), copied)
    rows, at = copied.getvalue(), len(_HEADER)
    records = []
    while at < len(rows) - len(_TRAILER):
        _, _, position, _, at_ms, value_bytes = _ROW.unpack_from(rows, at)
        at += _ROW.size
        value = rows[at : at + value_bytes]
        at += value_bytes
        (key_bytes,) = _LENGTH.unpack_from(rows, at)
        at += _LENGTH.size
        key = rows[at : at + key_bytes].decode()
        at += key_bytes
        records.append(Record(topic, partition, position, at_ms, value, key))
    return records


_MISSING = """
    SELECT before + 1 FROM (
        SELECT position, lag(position, 1, %(first)s - 1) OVER (ORDER BY position) AS before FROM (
            SELECT position FROM log.record
            WHERE topic = %(topic)s AND partition = %(partition)s AND position >= %(first)s AND position < %(end)s
            UNION ALL SELECT %(end)s) AS kept) AS steps
    WHERE position <> before + 1 ORDER BY 1"""

_FILED = """
    SELECT position, value, subject, aggregate_version, edition_id, edition_version, type
    FROM log.record
    WHERE topic = %s AND partition = %s AND position >= %s AND position < %s
    ORDER BY position
    LIMIT %s"""


def missing_positions(cur: cursor, topic: str, partition: int, span: range) -> list[int]:
    """Where records are missing: the first position of each gap."""
    where = {"topic": topic, "partition": partition, "first": span.start, "end": max(span.start, span.stop)}
    cur.execute(_MISSING, where)
    return [position for (position,) in cur]


def misfiled_events(cur: cursor, partition: int, start: int, end: int) -> tuple[int, list[int]]:
    """Of the next READ_LIMIT events: where to read on, and which ones have other columns than at first."""
    cur.execute(_FILED, (EVENTS, partition, start, end, READ_LIMIT))
    rows = cur.fetchall()
    misfiled = [position for position, value, *filed in rows if tuple(filed) != _columns(bytes(value))]
    return (rows[-1][0] + 1 if len(rows) == READ_LIMIT else end), misfiled


def one(cur: cursor) -> tuple[Any, ...]:
    row = cur.fetchone()
    if row is None:
        raise LogError("PostgreSQL answered no row where there is always one")
    return row
