"""Filling a log in PostgreSQL: as an owner's commit, with times that are the records' own."""

from collections.abc import Sequence

from buystream.database import connect, one_transaction, transaction
from buystream.log import Record
from buystream.log.filling import FillRefused
from buystream.log.postgres.rows import fill, in_the_logs_words


def begin_filling(dsn: str) -> None:
    """From now on the log in this database is part of something, until it is said to be complete."""
    with one_transaction(dsn, "filling") as cur:
        cur.execute("CREATE TABLE IF NOT EXISTS log.unfinished (begun_at timestamptz NOT NULL DEFAULT now())")


def end_filling(dsn: str) -> None:
    """It is complete."""
    with one_transaction(dsn, "filling") as cur:
        cur.execute("DROP TABLE IF EXISTS log.unfinished")


def is_unfinished(dsn: str) -> bool:
    """Whether the log in this database is still being filled, or the process that filled it was ended too early."""
    with one_transaction(dsn, "filling") as cur:
        cur.execute("SELECT to_regclass('log.unfinished') IS NOT NULL")
        return cur.fetchone() == (True,)


class PostgresFiller:
    """Implements `buystream.log.filling.Filler`. Only the last commit waits for the disk, and all before it with it
    (https://www.postgresql.org/docs/18/wal-async-commit.html)."""

    def __init__(self, dsn: str) -> None:
        with in_the_logs_words():
            self._connection = connect(dsn, "filling")

    def write(self, records: Sequence[Record]) -> None:
        """In one commit."""
        with in_the_logs_words(), transaction(self._connection) as cur:
            cur.execute("SET LOCAL synchronous_commit = off")
            if not fill(cur, records):
                place = f"partition {records[0].partition} of {records[0].topic}"
                raise FillRefused(f"{place} doesn't end at {records[0].position}: something else writes to this log")

    def close(self) -> None:
        """A commit that waits for the disk."""
        with in_the_logs_words(), transaction(self._connection) as cur:
            cur.execute("UPDATE log.partition SET next_position = next_position")
        self._connection.close()
