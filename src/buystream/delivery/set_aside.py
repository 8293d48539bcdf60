"""Work that failed in an unforeseen way: it is set aside, so that the rest continues, and tried again with
growing pauses until it works. The list is in PostgreSQL, beside the checkpoint, which may pass what is on it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from buystream.delivery.policy import ConsumerDatabase

PAUSE_SECONDS_FIRST = 10
PAUSE_SECONDS_MAX = 3_600


class Failure(NamedTuple):
    """Work on the event at this place failed."""

    partition: int
    position: int
    error: str


class SetAside:
    """What one consumer has set aside. Used by one thread; every method raises LogUnavailable."""

    def __init__(self, dsn: str, consumer: str) -> None:
        self._database = ConsumerDatabase(dsn)
        self._consumer = consumer

    def add(self, failures: Sequence[Failure]) -> None:
        """Try these again after a pause, which doubles with each failure."""
        rows = [
            (self._consumer, *place, error.replace("\0", "\ufffd"), PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX)
            for *place, error in failures
        ]
        with self._database.transaction() as cur:
            cur.executemany(_ADD, rows)

    def due(self, partitions: Collection[int]) -> list[tuple[int, int]]:
        """Places whose pause is over, the longest overdue first."""
        with self._database.transaction() as cur:
            cur.execute(
                """SELECT partition, position FROM consumer.set_aside
                   WHERE consumer = %s AND partition = ANY(%s) AND next_at <= now() ORDER BY next_at""",
                (self._consumer, list(partitions)),
            )
            return cur.fetchall()

    def remove(self, partition: int, position: int) -> None:
        """It worked."""
        with self._database.transaction() as cur:
            cur.execute(
                "DELETE FROM consumer.set_aside WHERE consumer = %s AND partition = %s AND position = %s",
                (self._consumer, partition, position),
            )

    def count(self, partitions: Collection[int]) -> int:
        """How many there are of these partitions, due or not."""
        with self._database.transaction() as cur:
            cur.execute(
                "SELECT count(*) FROM consumer.set_aside WHERE consumer = %s AND partition = ANY(%s)",
                (self._consumer, list(partitions)),
            )
            row = cur.fetchone()
            return int(row[0]) if row else 0

    def close(self) -> None:
        """Release the connection."""
        self._database.close()


_ADD = """
    INSERT INTO consumer.set_aside AS known (consumer, partition, position, failures, error, next_at)
    VALUES (%s, %s, %s, 1, %s, now() + make_interval(secs => %s))
    ON CONFLICT (consumer, partition, position) DO UPDATE SET
        failures = known.failures + 1, error = excluded.error,
        next_at = now() + least(
            (excluded.next_at - now()) * power(2, least(known.failures, 20)), make_interval(secs => %s)
        )"""
