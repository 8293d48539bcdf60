"""Sharing a role's partitions among its processes, by advisory locks."""

import threading
from time import monotonic

from psycopg2.extensions import connection

from buystream.database import DatabaseError, connect, translated

ASSIGNMENT_RETRY_SECONDS = 1.0
"""How often a process that waits for partitions looks whether their holder is gone."""


class PostgresAssignment:
    """Implements `buystream.log.Assignment` with advisory locks: the first process to come holds them, others stand by
    until its connection is gone."""

    def __init__(self, dsn: str, role: str, partitions: int) -> None:
        self._dsn = dsn
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
            with translated():
                return self._take_free_ones()
        except DatabaseError:
            self.close()
            return frozenset()

    def _take_free_ones(self) -> frozenset[int]:
        if self._connection is None:
            self._connection = connect(self._dsn, "log")
            self._connection.autocommit = True
            self._held = frozenset()
        with self._connection.cursor() as cur:
            missing = [partition for partition in self._partitions if partition not in self._held]
            cur.execute(
                "SELECT p, pg_try_advisory_lock(hashtext(%s), p) FROM unnest(%s::int[]) AS p",
                (f"buystream {self._role}", missing),
            )
            return self._held | {partition for partition, locked in cur.fetchall() if locked}
