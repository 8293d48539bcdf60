"""History: any aggregate at any version or moment, through the `eventsourcing` library's EventStore and Repository.

In the embedded mode it is read from the log's own table, without a copy; elsewhere from a table that a
projection fills. The stream of an edition is its whole boundary: its own events, its orders' and its payments'."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from itertools import takewhile
from typing import Any, Never, Protocol, Self, TypeVar
from uuid import UUID

import msgspec
from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    EventStore,
    IntegrityError,
    JSONTranscoder,
    Mapper,
    Notification,
    NotSupportedError,
    OperationalError,
    StoredEvent,
)
from psycopg2.errorcodes import CLASS_INTEGRITY_CONSTRAINT_VIOLATION
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.database import DatabaseRefused, DatabaseUnavailable, one_transaction
from buystream.delivery.batch_reader import Batch
from buystream.projections.engine.until import Until
from buystream.vocabulary import codec
from buystream.vocabulary.events import Event
from buystream.vocabulary.ids import ALPHABET

NAME = "history"

_EDITION = re.compile(rf"ed\d+-[{ALPHABET}]+")


class Aggregate(Protocol):
    """What all our aggregates have in common."""

    id: str
    version: int

    @classmethod
    def begin(cls, event: Any) -> Self:
        """From its first event."""
        ...

    def apply(self, event: Any) -> None:
        """Change state; never refuses."""
        ...


A = TypeVar("A", bound=Aggregate)


def past(
    repository: Repository[str],
    kind: type[A],
    aggregate_id: str,
    *,
    version: int | None = None,
    at_ms: int | None = None,
    until: Until | None = None,
) -> A | None:
    """The aggregate as it was at that version, at the end of that millisecond and `until` then (None: as it is now);
    None when it wasn't there yet. An order's or a payment's own events are folded; how they stood together is the
    edition's history."""

    def fold(aggregate: A | None, events: Iterable[Event]) -> A | None:
        for end in filter(None, (until, None if at_ms is None else Until(at_ms))):
            events = takewhile(end.includes, events)
        for event in events:
            if aggregate is None:
                aggregate = kind.begin(event)
            else:
                aggregate.apply(event)
        return aggregate

    try:
        return repository.get(aggregate_id, version=version, projector_func=fold)
    except AggregateNotFoundError:
        return None


def repository(recorder: AggregateRecorder) -> Repository[str]:
    """The library's Repository over a recorder of ours."""
    return Repository(EventStore(StructMapper(), recorder))


class StructMapper(Mapper[str]):
    """The library's own reads `vars(event)`, which a Struct hasn't got: ours stores the very bytes of the log."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """An event as on the log, without its other attributes."""
        assert isinstance(domain_event, Event)
        return StoredEvent(
            domain_event.originator_id,
            domain_event.originator_version,
            codec.type_of(domain_event),
            b'{"data":' + codec.encode(domain_event) + b"}",
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """The event in its newest version; raises Unreadable."""
        return codec.read_event(stored_event.state)


class _Source(msgspec.Struct, frozen=True):
    """Where the streams are, as SQL expressions."""

    table: str
    originator_id: str
    originator_version: str
    edition_id: str
    edition_version: str
    type: str
    state: str
    of_edition: str
    only: str = "true"


_LOG = _Source(
    table="log.record",
    originator_id="subject",
    originator_version="aggregate_version",
    edition_id="edition_id",
    edition_version="edition_version",
    type="type",
    state="value",
    of_edition="edition_id IS NOT NULL",
    only="topic = 'buystream.events'",
)


def _table(name: str) -> _Source:
    return _Source(
        table=name,
        originator_id="originator_id",
        originator_version="originator_version",
        edition_id="edition_id",
        edition_version="edition_version",
        type="type",
        state="state",
        of_edition="edition_version IS NOT NULL",
    )


class _Recorder(AggregateRecorder):
    """Reads streams; a connection per call."""

    def __init__(self, dsn: str, source: _Source) -> None:
        self._dsn = dsn
        self._source = source

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """A stream, or the part of it after version `gt` up to `lte`."""
        with self._transaction() as cur:
            cur.execute(*self.query(originator_id, gt=gt, lte=lte, desc=desc, limit=limit))
            return [StoredEvent(stream, version, kind, bytes(state)) for stream, version, kind, state in cur]

    def query(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> tuple[str, dict[str, Any]]:
        """What `select_events` asks: the statement and its parameters."""
        source = self._source
        if _EDITION.fullmatch(str(originator_id)):
            stream, version, conditions = source.edition_id, source.edition_version, [source.only, source.of_edition]
        else:
            stream, version, conditions = source.originator_id, source.originator_version, [source.only]
        conditions.append(f"{stream} = %(originator_id)s")
        if gt is not None:
            conditions.append(f"{version} > %(gt)s")
        if lte is not None:
            conditions.append(f"{version} <= %(lte)s")
        statement = f"""
            SELECT {stream}, {version}, {source.type}, {source.state} FROM {source.table}
            WHERE {" AND ".join(conditions)}
            ORDER BY {version} {"DESC" if desc else "ASC"} LIMIT %(limit)s"""
        return statement, {"originator_id": str(originator_id), "gt": gt, "lte": lte, "limit": limit}

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        try:
            with one_transaction(self._dsn, "history") as cur:
                yield cur
        except DatabaseUnavailable as error:
            raise OperationalError(str(error)) from error
        except DatabaseRefused as error:
            if error.sqlstate.startswith(CLASS_INTEGRITY_CONSTRAINT_VIOLATION):
                raise IntegrityError(str(error)) from error
            raise


class LogHistory(_Recorder):
    """Reads the log's own table, by its unique indexes."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, _LOG)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Never:
        """Refused: events are appended by their partition's owner."""
        raise NotSupportedError("the log is written by the owners of its partitions, and by nobody else")


class TableHistory(_Recorder):
    """Reads and writes a table of history.sql."""

    def __init__(self, dsn: str, *, table: str = "views.history") -> None:
        super().__init__(dsn, _table(table))

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """All or none; raises the library's IntegrityError when a version is taken."""
        self._insert(stored_events)
        return None

    def _insert(self, stored_events: Sequence[StoredEvent]) -> list[int]:
        rows = [_stored_row(stored) for stored in stored_events]
        with self._transaction() as cur:
            return _append(cur, self._source.table, rows)


class ApplicationHistory(TableHistory, ApplicationRecorder):
    """Also reads the table as one sequence, numbered from 1 without gaps in the order of the commits."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """All or none; returns their numbers."""
        return self._insert(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """From number `start` (or after it) up to `stop`."""
        with self._transaction() as cur:
            cur.execute(
                f"""SELECT originator_id, originator_version, type, state, id FROM {self._source.table}
                    WHERE id >= %(first)s AND (%(stop)s IS NULL OR id <= %(stop)s)
                      AND (%(types)s::text[] = '{{}}' OR type = ANY(%(types)s))
                    ORDER BY id LIMIT %(limit)s""",
                {
                    "first": (start or 0) + (0 if inclusive_of_start else 1),
                    "stop": stop,
                    "types": list(topics),
                    "limit": limit,
                },
            )
            return [
                Notification(originator_id, version, kind, bytes(state), number)
                for originator_id, version, kind, state, number in cur
            ]

    def max_notification_id(self) -> int | None:
        """The last number, or None."""
        with self._transaction() as cur:
            cur.execute(f"SELECT max(id) FROM {self._source.table}")
            row = cur.fetchone()
            return row[0] if row else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Never:
        """Refused: to follow new events, use `Log.tail`."""
        raise NotSupportedError("history is for looking back; follow the log instead")


_Row = tuple[str, int, str | None, int | None, str, bytes]
"""A row of history without its number."""


class History:
    """The projection that fills the table; for logs that aren't tables themselves."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the table."""
        cur.execute((files("buystream.projections.engine") / "history.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Keep the events as they are."""
        _append(
            cur,
            "history",
            [
                (
                    event.originator_id,
                    event.originator_version,
                    getattr(event, "edition_id", None),
                    getattr(event, "edition_version", None),
                    codec.type_of(event),
                    record.value,
                )
                for _, event, record in batch
            ],
        )


def _stored_row(stored: StoredEvent) -> _Row:
    """An edition's own version is its boundary's; of other aggregates the library doesn't tell the edition."""
    stream, version = str(stored.originator_id), stored.originator_version
    boundary = (stream, version) if _EDITION.fullmatch(stream) else (None, None)
    return (stream, version, *boundary, stored.topic, stored.state)


def _append(cur: cursor, table: str, rows: Sequence[_Row]) -> list[int]:
    """The lock on that table's numbers, held until the commit, is what makes them appear in order and without gaps."""
    if not rows:
        return []
    cur.execute("SELECT pg_advisory_xact_lock(hashtext('buystream history'), %s::regclass::oid::integer)", (table,))
    cur.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
    last = cur.fetchone()
    assert last is not None
    numbers = list(range(last[0] + 1, last[0] + 1 + len(rows)))
    execute_values(
        cur,
        f"""INSERT INTO {table} (id, originator_id, originator_version, edition_id, edition_version, type, state)
            VALUES %s""",
        [(number, *row) for number, row in zip(numbers, rows, strict=True)],
        page_size=1_000,
    )
    return numbers
