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
from buystream.consumers.decider import fold_from
from buystream.consumers.delivery import Backoff
from buystream.log import EVENTS, Log, LogUnavailable

logger = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
TAIL_EVENTS_MIN = 20_000
"""A shorter tail is folded quickly enough without a snapshot."""
TAIL_SHARE = 0.5
"""A new snapshot is worth its work when the tail is so long, as a share of all events before it."""
TAIL_EVENTS_AT_STOP = 2_000
QUIET_EVENTS_MAX = 2_000
"""More events than these since the last look are a rush: no time to fold and write beside it."""
TAIL_EVENTS_MAX = 200_000
"""A tail so long is cut even in a rush."""


class Snapshots:
    """Takes snapshots now and then, and hands out the newest one."""

    def __init__(self, log: Log, *, dsn: str) -> None:
        self._log = log
        self._dsn = dsn
        with self._transaction() as cur:
            cur.execute("SELECT pg_advisory_xact_lock(hashtext('buystream snapshots schema'))")
            cur.execute((files("buystream.projections") / "snapshots.sql").read_text())

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; then once more, so that the next start is quick."""
        backoff = Backoff("snapshots")
        ends: dict[int, int] = {}
        while not stop.wait(LOOK_SECONDS):
            try:
                for partition in range(self._log.partitions):
                    end = self._log.end(EVENTS, partition)
                    quiet = end - ends.get(partition, 0) <= QUIET_EVENTS_MAX
                    ends[partition] = end
                    self.take(partition, tail_events_min=TAIL_EVENTS_MIN if quiet else TAIL_EVENTS_MAX)
                backoff.reset()
            except LogUnavailable as error:
                backoff.wait(stop, error)
        try:
            for partition in range(self._log.partitions):
                self.take(partition, tail_events_min=TAIL_EVENTS_AT_STOP)
        except LogUnavailable as error:
            logger.warning("no snapshot at the end, the next start folds a longer tail: %s", error)

    def take(self, partition: int, *, tail_events_min: int) -> bool:
        """Fold the tail and save, if the tail is long enough; whether it was. Raises LogUnavailable."""
        last_position, sequence = self._saved(partition)
        tail = self._log.end(EVENTS, partition) - last_position - 1
        if tail < max(tail_events_min, TAIL_SHARE * sequence):
            return False
        found = self.newest(partition)
        state, start = found or (Partition(partition), 0)
        end = fold_from(self._log, state, start)
        with self._transaction() as cur:
            cur.execute(
                """INSERT INTO snapshots.partition (partition, last_position, sequence, state) VALUES (%s, %s, %s, %s)
                   ON CONFLICT (partition) DO UPDATE
                   SET last_position = excluded.last_position, sequence = excluded.sequence, state = excluded.state
                   WHERE partition.last_position < excluded.last_position""",
                (partition, end - 1, state.state.sequence, psycopg2.Binary(state.snapshot())),
            )
        logger.info("snapshot of partition %d after event %d", partition, end - 1)
        return True

    def newest(self, partition: int) -> tuple[Partition, int] | None:
        """The partition as it was saved, and the position of the first event after it. One that doesn't fit the log, or
        is of another form, is deleted. Raises LogUnavailable."""
        with self._transaction() as cur:
            cur.execute(
                "SELECT last_position, sequence, state FROM snapshots.partition WHERE partition = %s", (partition,)
            )
            row = cur.fetchone()
        if row is None:
            return None
        last_position, sequence, state = row
        try:
            self._check_fits(partition, last_position, sequence)
            return Partition.restore(bytes(state)), last_position + 1
        except (msgspec.DecodeError, ValueError) as error:
            logger.warning("the snapshot of partition %d is discarded: %s", partition, error)
            with self._transaction() as cur:
                cur.execute(
                    "DELETE FROM snapshots.partition WHERE partition = %s AND last_position = %s",
                    (partition, last_position),
                )
            return None

    def _check_fits(self, partition: int, last_position: int, sequence: int) -> None:
        last = self._log.read(EVENTS, partition, last_position, 1)
        if not last or last[0].position != last_position:
            raise ValueError(f"it is ahead of the log, which has no event at {last_position}")
        if int(last[0].headers["ce_sequence"]) != sequence:
            raise ValueError(f"the event at {last_position} isn't the one that it was taken after")

    def _saved(self, partition: int) -> tuple[int, int]:
        with self._transaction() as cur:
            cur.execute("SELECT last_position, sequence FROM snapshots.partition WHERE partition = %s", (partition,))
            return cur.fetchone() or (-1, -1)

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        conn = None
        try:
            conn = psycopg2.connect(self._dsn, connect_timeout=5, application_name="buystream")
            with conn, conn.cursor() as cur:
                yield cur
        except psycopg2.Error as error:
            raise LogUnavailable(f"PostgreSQL can't be reached: {str(error).strip()}") from error
        finally:
            if conn is not None:
                conn.close()
