"""A view as it was: its own code folds the events up to then into tables that nobody else sees. They are temporary and
their transaction is never committed, so nothing of them is left, whatever happens meanwhile."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg2 import sql
from psycopg2.extensions import cursor

from buystream.database import connected
from buystream.delivery.batch_reader import BatchReader
from buystream.delivery.policy import Place
from buystream.log import EVENTS, Log
from buystream.projections.engine.builds import Projection
from buystream.projections.engine.until import Until
from buystream.vocabulary.codec import type_of

KEPT = "kept "
"""How the names of the tables begin that keep what a view was at the first of two moments."""

logger = logging.getLogger(__name__)


class TableRow(msgspec.Struct, frozen=True):
    """A row of one of a view's tables."""

    table: str
    row: dict[str, Any]


class ChangedRow(msgspec.Struct, frozen=True):
    """A row at two moments; None where it wasn't there."""

    table: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class PastView:
    """One view, folded as far as it was asked to."""

    def __init__(self, cur: cursor, log: Log, projection: Projection, partitions: Collection[int]) -> None:
        self._cur = cur
        self._log = log
        self._projection = projection
        self._places = {partition: Place() for partition in sorted(partitions)}
        projection.prepare(cur)

    def fold(self, until: Until, progress: Callable[[int], None] = lambda _: None) -> Counter[str]:
        """Let everything happen that is left until then, and return how many events of each type did. It reads in
        batches; `progress` receives how many events each had. An event that can't be read is left out, as the live view
        left it out, with a warning. Raises Damaged and LogUnavailable."""
        happened: Counter[str] = Counter()
        for partition in self._places:
            while self._fold_batch(partition, until, happened, progress):
                pass
        return happened

    def keep(self) -> None:
        """Remember all rows as they are now: what `changes` compares with."""
        for table, _ in self._tables():
            self._cur.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} AS TABLE {}").format(
                    sql.Identifier(KEPT + table), sql.Identifier(table)
                )
            )

    def rows(self, about: str | None = None) -> Iterator[TableRow]:
        """All rows, table by table, in order of their keys; only those that name `about` in one of their ids, if it is
        given."""
        for table, key in self._tables():
            self._cur.execute(
                sql.SQL("SELECT * FROM {} AS t WHERE {} ORDER BY {}").format(
                    sql.Identifier(table), self._names(table, "t", about), _columns("t", key)
                )
            )
            for row in self._dicts():
                yield TableRow(table, row)

    def changes(self, about: str | None = None) -> Iterator[ChangedRow]:
        """The rows that are other than those that were kept, table by table, in order of their keys."""
        for table, key in self._tables():
            self._cur.execute(
                sql.SQL(
                    """SELECT to_jsonb(b) AS before, to_jsonb(a) AS after FROM {kept} AS b FULL JOIN {now} AS a
                       USING ({keys}) WHERE to_jsonb(b) IS DISTINCT FROM to_jsonb(a) AND ({old} OR {new})
                       ORDER BY {keys}"""
                ).format(
                    kept=sql.Identifier(KEPT + table),
                    now=sql.Identifier(table),
                    keys=sql.SQL(", ").join(map(sql.Identifier, key)),
                    old=self._names(table, "b", about),
                    new=self._names(table, "a", about),
                )
            )
            for row in self._dicts():
                yield ChangedRow(table, row["before"], row["after"])

    def _fold_batch(
        self, partition: int, until: Until, happened: Counter[str], progress: Callable[[int], None]
    ) -> bool:
        """Whether there may be more of it."""
        place = self._places[partition]
        records = self._log.read(EVENTS, partition, place.position)
        for part in BatchReader(self._log, {partition: place}).read(records):
            for unfit in part.poison:
                logger.warning(
                    "position %d of partition %d is left out: %s", unfit.record.position, partition, unfit.reason
                )
            batch = [item for item in part.events if until.includes(item[1])]
            if batch:
                self._projection.apply(self._cur, partition, batch)
                happened.update(type_of(event) for _, event, _ in batch)
                progress(len(batch))
            if len(batch) < len(part.events):
                self._places[partition] = Place(part.events[len(batch)][0])
                return False
            self._places[partition] = part.place
        return bool(records)

    def _tables(self) -> list[tuple[str, list[str]]]:
        """Their names, with the columns of their primary keys."""
        self._cur.execute(
            """SELECT relname::text, array(
                   SELECT attname::text FROM pg_attribute
                   WHERE attrelid = indrelid AND attnum = ANY(indkey::int2[])
                   ORDER BY array_position(indkey::int2[], attnum))
               FROM pg_class JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
               WHERE relnamespace = pg_my_temp_schema() ORDER BY relname"""
        )
        return self._cur.fetchall()

    def _names(self, table: str, alias: str, about: str | None) -> sql.Composable:
        """The condition that a row names it in one of its ids."""
        if about is None:
            return sql.SQL("true")
        self._cur.execute(
            r"""SELECT attname::text FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
                WHERE relnamespace = pg_my_temp_schema() AND relname = %s AND attnum > 0
                    AND attname LIKE '%%\_id' ORDER BY attnum""",
            (table,),
        )
        ids = [name for (name,) in self._cur]
        if not ids:
            return sql.SQL("false")
        return sql.SQL("{} IN ({})").format(sql.Literal(about), _columns(alias, ids))

    def _dicts(self) -> Iterator[dict[str, Any]]:
        names = [column.name for column in self._cur.description or ()]
        for row in self._cur.fetchall():
            yield dict(zip(names, row, strict=True))


@contextmanager
def past_view(dsn: str, log: Log, projection: Projection, partitions: Collection[int]) -> Iterator[PastView]:
    """The view before anything happened in these partitions, to be folded. Raises DatabaseError."""
    with connected(dsn, "as of") as conn, conn.cursor() as cur:
        cur.execute("SET LOCAL search_path = pg_temp")
        yield PastView(cur, log, projection, partitions)


def _columns(alias: str, names: Collection[str]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)
