"""Following the log: reads only what a commit announced."""

import threading
from collections.abc import Mapping
from contextlib import closing
from time import monotonic

from psycopg2.extensions import connection, cursor

from buystream.database import DatabaseError, connect, translated
from buystream.log import READ_LIMIT, LogUnavailable, Record
from buystream.log.postgres.listening import Follower, Listening
from buystream.log.postgres.recent import Recent
from buystream.log.postgres.rows import read


class PostgresTail:
    """Implements `buystream.log.Tail`: what its process has committed or read lately it has from memory, and from a
    connection of its own what it hasn't."""

    def __init__(self, dsn: str, topic: str, starts: Mapping[int, int], recent: Recent, listening: Listening) -> None:
        self._dsn = dsn
        self._topic = topic
        self._next = dict(starts)
        self._recent = recent
        self._follower = Follower(listening, topic, list(starts))
        self._news: dict[int, int | None] = {}  # where each ends, None before that is known
        self._connection: connection | None = None
        self._closed = False
        self._closing = threading.Lock()

    def poll(self, timeout_seconds: float, limit: int = READ_LIMIT) -> list[Record]:
        """The next records, in order within each partition."""
        try:
            with translated():
                return self._poll(timeout_seconds, limit)
        except DatabaseError as error:
            self._forget_connection()
            raise LogUnavailable(str(error)) from error

    def wake(self) -> None:
        """Make a waiting poll return now; nothing once closed."""
        with self._closing:
            if not self._closed:
                self._follower.wake()

    def close(self) -> None:
        """Follow no more, and close the connection."""
        with self._closing:
            self._closed = True
            self._follower.leave()
            self._forget_connection()

    def _poll(self, timeout_seconds: float, limit: int) -> list[Record]:
        deadline = monotonic() + timeout_seconds
        while True:
            self._news |= self._follower.take()
            if records := self._read(limit):
                return records
            remaining = deadline - monotonic()
            if remaining <= 0 or not self._follower.wait(remaining):
                return []

    def _read(self, limit: int) -> list[Record]:
        found: list[Record] = []
        for partition in sorted(self._news):
            records = self._records(partition, limit - len(found))
            if records:
                self._next[partition] = records[-1].position + 1
                found += records
            if len(found) >= limit:
                break
            del self._news[partition]
        return found

    def _records(self, partition: int, limit: int) -> list[Record]:
        start, until = self._next[partition], self._news[partition]
        if until is None:
            with closing(self._cursor()) as cur:
                return read(cur, self._topic, partition, start, limit)
        if until <= start:
            return []
        return self._recent.read(self._cursor, self._topic, partition, start, until=until, limit=limit)

    def _cursor(self) -> cursor:
        if self._connection is None:
            self._connection = connect(self._dsn, "log")
            self._connection.autocommit = True
        return self._connection.cursor()

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
