"""What commits announce: one connection of the process listens for all of its readers. PostgreSQL wakes every backend
that listens, whatever it listens for, so each costs every commit. What the process commits itself its readers know
without PostgreSQL."""

import os
import select
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from time import sleep
from typing import Final

import psycopg2
from psycopg2.extensions import connection

from buystream.database import DatabaseError, DatabaseUnavailable, connect, translated
from buystream.log import Record
from buystream.log.postgres.rows import channel

GATHER_SECONDS: Final = 0.005
"""After notifications that said nothing new: they were of our own commits, and more of them come."""


class Follower:
    """One reader's news: where its partitions end now, as far as commits have announced it. Its methods but `note`,
    `lose` and `wake` belong to the reader's thread."""

    def __init__(self, listening: "Listening", topic: str, partitions: Sequence[int]) -> None:
        self.channels = {channel(topic, partition): partition for partition in partitions}
        self._listening = listening
        self._changed = threading.Condition()
        self._ends: dict[int, int] = {}
        self._news: dict[int, int | None] = {}
        self._lost: DatabaseError | None = None
        self._woken = False
        self._is_joined = False

    def take(self) -> dict[int, int | None]:
        """Where partitions end, of which something is new; None where it isn't known yet. Raises DatabaseError when
        nothing could be listened to since the last time, or can't be now: the next call tries again."""
        with self._changed:
            lost, self._lost = self._lost, None
            if lost:
                self._is_joined = False
                raise lost
        if not self._is_joined:
            self._listening.join(self)
            self._is_joined = True
        with self._changed:
            news, self._news = self._news, {}
        return news

    def wait(self, timeout_seconds: float) -> bool:
        """True when there may be news, False after a wake-up or the time-out."""
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._lost or self._woken, timeout_seconds)
            woken, self._woken = self._woken, False
            return bool(self._news or self._lost) and not woken

    def wake(self) -> None:
        """Let a wait that goes on in another thread end."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def leave(self) -> None:
        """No more news."""
        self._listening.leave(self)

    def forget(self) -> None:
        """From now on nothing is missed, and what there is already isn't known."""
        with self._changed:
            self._ends.clear()
            self._news = dict.fromkeys(self.channels.values())

    def note(self, partition: int, end: int) -> bool:
        """It ends there; whether that is news."""
        with self._changed:
            if end <= self._ends.get(partition, -1):
                return False
            self._ends[partition] = end
            if self._news.get(partition, end) is not None:
                self._news[partition] = end
            self._changed.notify()
            return True

    def lose(self, error: DatabaseError) -> None:
        """Commits may have been missed."""
        with self._changed:
            self._lost = error
            self._changed.notify()


class Listening:
    """Of one process. Connected while somebody follows. Safe for many threads."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._lock = threading.Lock()
        self._followers: dict[str, tuple[Follower, ...]] = {}
        """By channel. Replaced, never changed: commits look without the lock."""
        self._connection: connection | None = None
        self._channels: set[str] = set()
        self._wake_writer = -1

    def announce(self, written: Sequence[Sequence[Record]]) -> None:
        """These were committed here, each of one partition."""
        for records in written:
            last = records[-1]
            for follower in self._followers.get(channel(last.topic, last.partition), ()):
                follower.note(last.partition, last.position + 1)

    def join(self, follower: Follower) -> None:
        """It gets the news of its channels from now on. Raises DatabaseError."""
        with self._lock, translated():
            if self._connection is None:
                self._open()
            assert self._connection is not None
            if missing := follower.channels.keys() - self._channels:
                with self._connection.cursor() as cur:
                    cur.execute("; ".join(f'LISTEN "{one}"' for one in sorted(missing)))
                self._channels |= missing
            follower.forget()
            self._follow([follower, *self._all_but(follower)])
            self._dispatch(self._connection)

    def leave(self, follower: Follower) -> None:
        """The last one to leave closes the connection."""
        with self._lock:
            self._follow(self._all_but(follower))
            if not self._followers and self._connection is not None:
                self._connection = None
                os.write(self._wake_writer, b"w")

    def _all_but(self, follower: Follower) -> list[Follower]:
        return [one for one in {one for followers in self._followers.values() for one in followers} if one != follower]

    def _follow(self, followers: Sequence[Follower]) -> None:
        by_channel: defaultdict[str, tuple[Follower, ...]] = defaultdict(tuple)
        for follower in followers:
            for name in follower.channels:
                by_channel[name] += (follower,)
        self._followers = dict(by_channel)

    def _open(self) -> None:
        fresh = connect(self._dsn, "log")
        fresh.autocommit = True
        self._connection, self._channels = fresh, set()
        woken, self._wake_writer = os.pipe()
        threading.Thread(
            target=self._listen, args=(fresh, woken, self._wake_writer), name="log news", daemon=True
        ).start()

    def _listen(self, listening: connection, woken: int, wake_writer: int) -> None:
        try:
            with translated():
                while True:
                    ready, _, _ = select.select([listening.fileno(), woken], [], [])
                    with self._lock:
                        if self._connection is not listening:
                            return
                        listening.poll()
                        is_news = self._dispatch(listening)
                    if not is_news:
                        sleep(GATHER_SECONDS)
        except DatabaseError as error:
            self._lose(listening, error)
        finally:
            with self._lock:
                os.close(woken)
                os.close(wake_writer)
            listening.close()

    def _dispatch(self, listening: connection) -> bool:
        """Whether the notifications that have arrived said anything new."""
        is_news = False
        for notification in listening.notifies:
            for follower in self._followers.get(notification.channel, ()):
                is_news |= follower.note(follower.channels[notification.channel], int(notification.payload))
        listening.notifies.clear()
        return is_news

    def _lose(self, listening: connection, error: DatabaseError) -> None:
        with self._lock:
            if self._connection is not listening:
                return
            self._connection = None
            for followers in self._followers.values():
                for follower in followers:
                    follower.lose(error)
            self._followers = {}
