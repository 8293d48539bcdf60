"""Following the log: PostgreSQL notifies its readers of each commit."""

import os
import select
import threading
from collections.abc import Mapping
from time import monotonic

from psycopg2.extensions import connection, cursor

from buystream.database import DatabaseError, connect, translated
from buystream.log import READ_LIMIT, LogUnavailable, Record
from buystream.log.postgres.recent import Recent
from buystream.log.postgres.rows import channel, read


class PostgresTail:
    """Implements `buystream.log.Tail` with LISTEN: reads only what a commit announced."""

    def __init__(self, dsn: str, topic: str, starts: Mapping[int, int], recent: Recent) -> None:
        self._dsn = dsn
        self._topic = topic
        self._next = dict(starts)
        self._channels = {channel(topic, partition): partition for partition in starts}
        self._recent = recent
        self._news: dict[int, int | None] = dict.fromkeys(starts)  # where each ends, None before the first commit
        self._connection: connection | None = None
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
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
                os.write(self._wake_writer, b"w")

    def close(self) -> None:
        """Close the connection and the wake-up pipe."""
        with self._closing:
            self._closed = True
            self._forget_connection()
            os.close(self._wake_reader)
            os.close(self._wake_writer)

    def _poll(self, timeout_seconds: float, limit: int) -> list[Record]:
        deadline = monotonic() + timeout_seconds
        while True:
            listening = self._listening()
            listening.poll()
            self._collect_news(listening)
            if records := self._read(listening, limit):
                return records
            remaining = deadline - monotonic()
            if remaining <= 0 or not self._wait(listening, remaining):
                return []

    def _listening(self) -> connection:
        if self._connection is None:
            fresh = connect(self._dsn, "log")
            fresh.autocommit = True
            with fresh.cursor() as cur:
                cur.execute("; ".join(f'LISTEN "{one}"' for one in self._channels))
            self._connection = fresh
            self._news = dict.fromkeys(self._next)
        return self._connection

    def _read(self, listening: connection, limit: int) -> list[Record]:
        found: list[Record] = []
        with listening.cursor() as cur:
            for partition in sorted(self._news):
                records = self._records(cur, partition, limit - len(found))
                if records:
                    self._next[partition] = records[-1].position + 1
                    found += records
                if len(found) >= limit:
                    break
                del self._news[partition]
        listening.poll()  # after a COPY, psycopg2 doesn't look for the notifications that arrived with its rows
        self._collect_news(listening)
        return found

    def _records(self, cur: cursor, partition: int, limit: int) -> list[Record]:
        start, until = self._next[partition], self._news[partition]
        if until is None:
            return read(cur, self._topic, partition, start, limit)
        if until <= start:
            return []
        return self._recent.read(cur, self._topic, partition, start, until=until, limit=limit)

    def _wait(self, listening: connection, timeout_seconds: float) -> bool:
        """True when there may be news, False after a wake-up or the time-out."""
        if self._news:
            return True
        ready, _, _ = select.select([listening.fileno(), self._wake_reader], [], [], timeout_seconds)
        if self._wake_reader in ready:
            os.read(self._wake_reader, 4096)
            return False
        return bool(ready)

    def _collect_news(self, listening: connection) -> None:
        for notification in listening.notifies:
            partition, end = self._channels[notification.channel], int(notification.payload)
            if self._news.get(partition, end) is not None:
                self._news[partition] = end
        listening.notifies.clear()

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
