"""A log in PostgreSQL that is a replay of another shop's: a mark, and a guard that keeps everybody else from writing.
Whatever process is started on it, nothing is decided, sent or charged: no command can be appended, and no owner can
take a partition."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from typing import Final

from psycopg2.extensions import cursor

from buystream.database import ConnectionPerThread, one_transaction
from buystream.errors import BuystreamError
from buystream.log import Record
from buystream.log.postgres import PostgresLog
from buystream.log.postgres.rows import announce, fill, in_the_logs_words

_FOUND: Final = "SELECT to_regclass('log.replay')"
_ANY: Final = "SELECT EXISTS (SELECT FROM log.partition WHERE next_position > 0)"
_REPLAYING: Final = "SELECT set_config('buystream.replaying', 'on', true)"
_SKIP: Final = """
    UPDATE log.partition SET next_position = %s WHERE topic = %s AND partition = %s AND next_position < %s"""
"""Where the original has no record: positions in Kafka have gaps."""


_MARK: Final = """
    CREATE TABLE log.replay (of text NOT NULL, at timestamptz NOT NULL DEFAULT now());
    CREATE FUNCTION log.refuse_the_present() RETURNS trigger LANGUAGE plpgsql AS $refuse$
    BEGIN
        IF current_setting('buystream.replaying', true) IS DISTINCT FROM 'on' THEN
            RAISE object_not_in_prerequisite_state
                USING MESSAGE = 'this log is a replay of the past: nothing can be added to it';
        END IF;
        RETURN NEW;
    END
    $refuse$;
    CREATE TRIGGER only_a_replay_writes BEFORE UPDATE ON log.partition
        FOR EACH ROW EXECUTE FUNCTION log.refuse_the_present()"""
"""Who appends takes positions, and who becomes an owner raises the epoch: both update the partition."""


class NotAReplay(BuystreamError):
    """The shop isn't empty, and no replay of this shop made it."""


def replay_of(dsn: str) -> str:
    """The source of the shop that the log in this database is a replay of; empty for a shop of its own."""
    with one_transaction(dsn, "log") as cur:
        return _replay_of(cur)


class ReplayedLog:
    """The log of a shop that shows another one's past. Records keep their positions and times."""

    def __init__(self, dsn: str, *, partitions: int, of: str) -> None:
        """Marks an empty log as a replay of the shop with that source. Raises NotAReplay and LogUnavailable."""
        with closing(PostgresLog(dsn, partitions=partitions)) as log:
            if log.partitions != partitions:
                raise NotAReplay(f"that shop has {log.partitions} partitions, and this one {partitions}")
        self._connections = ConnectionPerThread(dsn, "replay")
        with self._transaction() as cur:
            found = _replay_of(cur)
            if not found:
                _mark(cur, of)
            elif found != of:
                raise NotAReplay(f"that shop is a replay of {found}, not of {of}")

    def write(self, records: Sequence[Record]) -> None:
        """Write these, all or none. Records of one partition come in order."""
        with self._transaction() as cur:
            cur.execute(_REPLAYING)
            by_partition = sorted(records, key=_partition_of)
            for (topic, partition), found in groupby(by_partition, _partition_of):
                ours = list(found)
                first = ours[0].position
                cur.execute(_SKIP, (first, topic, partition, first))
                if not fill(cur, ours):
                    raise NotAReplay(f"partition {partition} of that shop's {topic} has more than this replay wrote")
                announce(cur, [ours])

    def close(self) -> None:
        """Close the connection."""
        self._connections.close()

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        with in_the_logs_words(), self._connections.transaction() as cur:
            yield cur


def _replay_of(cur: cursor) -> str:
    cur.execute(_FOUND)
    if cur.fetchone() == (None,):
        return ""
    cur.execute("SELECT of FROM log.replay")
    row = cur.fetchone()
    return str(row[0]) if row else ""


def _mark(cur: cursor, of: str) -> None:
    cur.execute(_ANY)
    if cur.fetchone() != (False,):
        raise NotAReplay("that shop has a log of its own: replay into an empty data folder")
    cur.execute(_MARK)
    cur.execute("INSERT INTO log.replay (of) VALUES (%s)", (of,))


def _partition_of(record: Record) -> tuple[str, int]:
    return record.topic, record.partition
