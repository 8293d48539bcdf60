"""Builds: a projection's tables and its positions in the events. A new build grows beside the live one, and takes its
place in one transaction (blue/green)."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Protocol

import msgspec
from psycopg2 import sql
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch, Places
from buystream.delivery.policy import Place
from buystream.tables import Tables

TABLES = Tables("views", (files("buystream.projections.engine") / "builds.sql").read_text())


class Projection(Protocol):
    """Folds events into tables. Its statements name tables without a schema: the search path leads to its build."""

    @property
    def name(self) -> str:
        """Also the prefix of its builds' schemas."""
        ...

    @property
    def version(self) -> int:
        """Raised when the tables or their meaning change: then a new build is made from the first event on."""
        ...

    def prepare(self, cur: cursor) -> None:
        """Create the tables, empty."""
        ...

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Write what the batch changes; never commits."""
        ...


class Build(msgspec.Struct, frozen=True, gc=False):
    """One build of a projection."""

    projection: str
    number: int
    version: int

    @property
    def schema(self) -> str:
        """Where its tables are."""
        return f"{self.projection}_{self.number}"


def prepare_schema(cur: cursor) -> None:
    """Create what keeps the builds, if it is missing; and keep them as they are, as `hold` does."""
    hold(cur)
    TABLES.ensure(cur)


def hold(cur: cursor) -> None:
    """Until the transaction ends nobody else adds or drops a build."""
    cur.execute("SELECT pg_advisory_xact_lock(hashtext('buystream views schema'))")


def live_build(cur: cursor, projection: str) -> Build | None:
    """The build that readers see."""
    cur.execute("SELECT projection, number, version FROM views.build WHERE projection = %s AND live", (projection,))
    row = cur.fetchone()
    return Build(*row) if row else None


def create(cur: cursor, projection: Projection, *, partitions: int) -> Build:
    """An empty build, not live; what an interrupted one left behind is dropped first."""
    hold(cur)
    _act_as_owner(cur)
    cur.execute("DELETE FROM views.build WHERE projection = %s AND NOT live RETURNING number", (projection.name,))
    _drop(cur, projection.name, [number for (number,) in cur.fetchall()])
    cur.execute(
        """INSERT INTO views.build (projection, number, version)
           SELECT %(name)s, coalesce(max(number), 0) + 1, %(version)s FROM views.build WHERE projection = %(name)s
           RETURNING projection, number, version""",
        {"name": projection.name, "version": projection.version},
    )
    row = cur.fetchone()
    assert row is not None
    build = Build(*row)
    cur.execute(f'CREATE SCHEMA "{build.schema}"')
    enter(cur, build)
    projection.prepare(cur)
    add_partitions(cur, build, partitions)
    return build


def add_partitions(cur: cursor, build: Build, partitions: int) -> None:
    """Positions for partitions that the log got later."""
    cur.execute(
        """INSERT INTO views.position (projection, number, partition)
           SELECT %s, %s, partition FROM generate_series(0, %s - 1) AS partition ON CONFLICT DO NOTHING""",
        (build.projection, build.number, partitions),
    )


def promote(cur: cursor, build: Build) -> None:
    """Readers see this build from the commit on; the one before is dropped."""
    hold(cur)
    _act_as_owner(cur)
    cur.execute("DELETE FROM views.build WHERE projection = %s AND live RETURNING number", (build.projection,))
    _drop(cur, build.projection, [number for (number,) in cur.fetchall()])
    cur.execute(
        "UPDATE views.build SET live = true WHERE projection = %s AND number = %s",
        (build.projection, build.number),
    )
    cur.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (build.schema,))
    for (table,) in cur.fetchall():
        cur.execute(f'CREATE VIEW views."{table}" AS SELECT * FROM "{build.schema}"."{table}"')


def _act_as_owner(cur: cursor) -> None:
    """Until the transaction ends. All builds belong to the owner of the schema `views`, no matter who makes them: the
    projector's user drops what the database's owner has rebuilt, and readers keep the rights that they were given."""
    cur.execute(
        """SELECT pg_get_userbyid(nspowner) FROM pg_namespace
           WHERE nspname = 'views' AND pg_get_userbyid(nspowner) <> current_user"""
    )
    for (owner,) in cur.fetchall():
        cur.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))


def enter(cur: cursor, build: Build) -> None:
    """Until the transaction ends, names without a schema are the build's."""
    cur.execute(f'SET LOCAL search_path = "{build.schema}"')


def places(cur: cursor, build: Build, *, lock: bool = False) -> Places:
    """Where the build stands; `lock` keeps others from moving it until the transaction ends."""
    cur.execute(
        f"""SELECT partition, next_position, next_sequence FROM views.position
            WHERE projection = %s AND number = %s ORDER BY partition {"FOR UPDATE" if lock else ""}""",
        (build.projection, build.number),
    )
    return {partition: Place(position, sequence) for partition, position, sequence in cur}


def advance(cur: cursor, moves: Iterable[tuple[Build, int, Place, Place]]) -> bool:
    """Move builds in a partition from a place to the next. False when one wasn't where it was thought to be, or is
    gone: another process was quicker, and the transaction must be rolled back."""
    rows = [
        (build.projection, build.number, partition, old.position, new.position, new.sequence)
        for build, partition, old, new in moves
    ]
    moved = execute_values(
        cur,
        """UPDATE views.position AS p SET next_position = m.next_position, next_sequence = m.next_sequence
           FROM (VALUES %s) AS m (projection, number, partition, expected, next_position, next_sequence)
           WHERE p.projection = m.projection AND p.number = m.number AND p.partition = m.partition
             AND p.next_position = m.expected
           RETURNING 1""",
        rows,
        page_size=len(rows),
        fetch=True,
    )
    return len(moved) == len(rows)


def next_positions(cur: cursor, projection: str) -> dict[int, int]:
    """Where readers of the projection are: by partition, the position of the next event to be applied."""
    build = live_build(cur, projection)
    return {} if build is None else {p: place.position for p, place in places(cur, build).items()}


def caught_up(cur: cursor, positions: Mapping[int, int]) -> bool:
    """Whether every live view shows all events before these positions: what wait_for is to other processes."""
    cur.execute(
        """SELECT NOT EXISTS (
               SELECT FROM views.build JOIN views.position USING (projection, number)
                   JOIN unnest(%s::int[], %s::bigint[]) AS wanted (partition, position) USING (partition)
               WHERE live AND next_position < wanted.position)""",
        (list(positions.keys()), list(positions.values())),
    )
    row = cur.fetchone()
    return bool(row and row[0])


def _drop(cur: cursor, projection: str, numbers: Iterable[int]) -> None:
    for number in numbers:
        cur.execute(f'DROP SCHEMA IF EXISTS "{projection}_{number}" CASCADE')
