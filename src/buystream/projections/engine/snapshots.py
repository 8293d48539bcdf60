"""Snapshots: folded partitions, so that a new owner folds only the tail. One more projection: whatever is in doubt is
discarded loudly and folded again from the first event."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import msgspec
import psycopg2
from psycopg2.extensions import cursor

from buystream.aggregates.partition import Partition
from buystream.database import DatabaseError, one_transaction
from buystream.delivery.folding import fold_from
from buystream.delivery.policy import Backoff
from buystream.delivery.sequence import is_foreign, sequence_of
from buystream.log import EVENTS, Log, LogUnavailable
from buystream.metrics import SNAPSHOTS_FAILED
from buystream.tables import Tables, TablesMissing

logger = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
TAIL_EVENTS_MIN = 20_000
"""A shorter tail is folded quickly enough without a snapshot."""
TAIL_SHARE = 0.5
"""The tail's length, as a share of all events before it, from which a new snapshot is worth its work."""
TAIL_EVENTS_AT_STOP = 2_000
QUIET_EVENTS_MAX = 2_000
"""More events than these since the last look are a rush: no time to fold and write beside it."""
TAIL_EVENTS_MAX = 200_000
"""A tail of this length is cut even in a rush, and however many events are before it."""

TABLES = Tables("snapshots", (files("buystream.projections.engine") / "snapshots.sql").read_text())

CHUNK_BYTES = 8 * 1024 * 1024
"""Of a state, in one row: PostgreSQL is sent twice as much, and takes no more than a gigabyte at once."""


def tail_needed(tail_events_min: int, sequence: int) -> float:
    """How long a tail must be for a snapshot to be worth its work, after one of the event `sequence`."""
    return min(max(tail_events_min, TAIL_SHARE * sequence), TAIL_EVENTS_MAX)


class Snapshots:
    """Takes snapshots now and then, and hands out the newest one."""

    def __init__(self, log: Log, *, dsn: str) -> None:
        """Asks for nothing yet: an owner starts also while PostgreSQL is away."""
        self._log = log
        self._dsn = dsn
        self._has_tables = False

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; then once more, so that the next start is quick."""
        backoff = Backoff("snapshots")
        ends: dict[int, int] = {}
        while not stop.wait(LOOK_SECONDS):
            failed: LogUnavailable | None = None
            for partition in range(self._log.partitions):
                try:
                    end = self._log.end(EVENTS, partition)
                    quiet = end - ends.get(partition, 0) <= QUIET_EVENTS_MAX
                    ends[partition] = end
                    self._try_to_take(partition, tail_events_min=TAIL_EVENTS_MIN if quiet else TAIL_EVENTS_MAX)
                except LogUnavailable as error:
                    failed = error
            if failed is None:
                backoff.reset()
            else:
                backoff.wait(stop, failed)
        for partition in range(self._log.partitions):
            try:
                self._try_to_take(partition, tail_events_min=TAIL_EVENTS_AT_STOP)
            except LogUnavailable as error:
                logger.warning("no snapshot at the end, the next start folds a longer tail: %s", error)

    def _try_to_take(self, partition: int, *, tail_events_min: int) -> None:
        """One partition's failure is its own. Raises LogUnavailable."""
        try:
            self.take(partition, tail_events_min=tail_events_min)
        except LogUnavailable:
            raise
        except Exception:
            SNAPSHOTS_FAILED.inc()
            logger.exception(
                "no snapshot of partition %d; its next owner folds a longer tail",
                partition,
                extra={"partition": partition},
            )

    def take(self, partition: int, *, tail_events_min: int) -> bool:
        """Fold the tail and save, if the tail is long enough; whether it was. Raises LogUnavailable."""
        last_position, sequence = self._saved(partition)
        tail = self._log.end(EVENTS, partition) - last_position - 1
        if tail < tail_needed(tail_events_min, sequence):
            return False
        found = self.newest(partition)
        state, start = found or (Partition(partition), 0)
        end = fold_from(self._log, state, start)
        if end == start:  # what makes the tail long is foreign
            return False
        self._save(partition, end - 1, state)
        place = {"partition": partition, "position": end - 1}
        logger.info("snapshot of partition %d after event %d", partition, end - 1, extra=place)
        return True

    def _save(self, partition: int, last_position: int, state: Partition) -> None:
        with self._transaction() as cur:
            save(cur, partition, last_position, state)

    def newest(self, partition: int) -> tuple[Partition, int] | None:
        """The partition as it was saved, and the position of the first event after it. One that doesn't fit the log, or
        is of another form, is deleted. Raises LogUnavailable."""
        with self._transaction() as cur:
            cur.execute(
                "SELECT last_position, sequence, chunks FROM snapshots.taken WHERE partition = %s", (partition,)
            )
            row = cur.fetchone()
        if row is None:
            return None
        last_position, sequence, chunks = row
        try:
            self._check_fits(partition, last_position, sequence)
            return Partition.restore(self._read(partition, last_position, chunks)), last_position + 1
        except (msgspec.DecodeError, ValueError) as error:
            logger.warning(
                "the snapshot of partition %d is discarded: %s", partition, error, extra={"partition": partition}
            )
            with self._transaction() as cur:
                cur.execute(
                    "DELETE FROM snapshots.taken WHERE partition = %s AND last_position = %s",
                    (partition, last_position),
                )
            return None

    def _read(self, partition: int, last_position: int, chunks: int) -> bytes:
        """Row by row; raises ValueError when some are missing, because a newer snapshot replaced this one."""
        read: list[bytes] = []
        with self._transaction() as cur:
            for number in range(chunks):
                cur.execute(
                    "SELECT state FROM snapshots.chunk WHERE partition = %s AND last_position = %s AND number = %s",
                    (partition, last_position, number),
                )
                row = cur.fetchone()
                if row is None:
                    raise ValueError(f"its chunk {number} of {chunks} is missing")
                read.append(bytes(row[0]))
        return b"".join(read)

    def _check_fits(self, partition: int, last_position: int, sequence: int) -> None:
        last = self._log.read(EVENTS, partition, last_position, 1)
        if not last or last[0].position != last_position:
            raise ValueError(f"it is ahead of the log, which has no event at {last_position}")
        if is_foreign(last[0]) or sequence_of(last[0]) != sequence:
            raise ValueError(f"the event at {last_position} isn't the one that it was taken after")

    def _saved(self, partition: int) -> tuple[int, int]:
        with self._transaction() as cur:
            cur.execute("SELECT last_position, sequence FROM snapshots.taken WHERE partition = %s", (partition,))
            return cur.fetchone() or (-1, -1)

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        try:
            with one_transaction(self._dsn, "snapshots") as cur:
                if not self._has_tables:
                    TABLES.ensure(cur)
                yield cur
            self._has_tables = True
        except (DatabaseError, TablesMissing) as error:  # deciding goes on without snapshots
            raise LogUnavailable(str(error)) from error


def save(cur: cursor, partition: int, last_position: int, state: Partition) -> None:
    """Save the partition as it is after that event, in place of an older snapshot, all or nothing."""
    whole = memoryview(state.snapshot())
    chunks = [whole[start : start + CHUNK_BYTES] for start in range(0, len(whole), CHUNK_BYTES)]
    cur.execute(
        """INSERT INTO snapshots.taken (partition, last_position, sequence, chunks) VALUES (%s, %s, %s, %s)
           ON CONFLICT (partition) DO UPDATE
           SET last_position = excluded.last_position, sequence = excluded.sequence, chunks = excluded.chunks
           WHERE taken.last_position < excluded.last_position""",
        (partition, last_position, state.state.sequence, len(chunks)),
    )
    if not cur.rowcount:
        return
    cur.execute("DELETE FROM snapshots.chunk WHERE partition = %s", (partition,))
    for number, chunk in enumerate(chunks):
        cur.execute(
            "INSERT INTO snapshots.chunk (partition, last_position, number, state) VALUES (%s, %s, %s, %s)",
            (partition, last_position, number, psycopg2.Binary(chunk)),
        )
