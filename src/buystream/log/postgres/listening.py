"""What commits announce: one connection of the process listens for all of its readers. PostgreSQL wakes every backend
that listens, whatever it listens for, so each costs every commit. What the process commits itself its readers know
without PostgreSQL."""

import os
import select
import threading
from collections import defaultdict
from collections.abc import Sequence, Set
from time import sleep
from typing import Final

from psycopg2.extensions import connection

from buystream.database import DatabaseError, connect, translated
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
        self._pause_seconds = 0.0

    def announce(self, written: Sequence[Sequence[Record]]) -> None:
        """These were committed here, each of one partition."""
        for records in written:
            last = records[-1]
            for follower in self._followers.get(channel(last.topic, last.partition), ()):
                follower.note(last.partition, last.position + 1)

    def join(self, follower: Follower) -> None:
        """It gets the news of its channels from now on. Raises DatabaseError."""
        with self._lock:
            listening = self._connection or self._open()
            try:
                with translated():
                    self._listen_to(listening, follower.channels.keys() - self._channels)
            except DatabaseError as error:
                self._lose(error)
                raise
            follower.forget()
            self._follow([follower, *self._all_but(follower)])
            self._dispatch(listening)

    def leave(self, follower: Follower) -> None:
        """The last one to leave closes the connection."""
        with self._lock:
            self._follow(self._all_but(follower))
            if not self._followers:
                self._hang_up()

    def _all_but(self, follower: Follower) -> list[Follower]:
        return [one for one in {one for followers in self._followers.values() for one in followers} if one != follower]

    def _follow(self, followers: Sequence[Follower]) -> None:
        by_channel: defaultdict[str, tuple[Follower, ...]] = defaultdict(tuple)
        for follower in followers:
            for name in follower.channels:
                by_channel[name] += (follower,)
        self._followers = dict(by_channel)

    def _open(self) -> connection:
        fresh = connect(self._dsn, "log")
        fresh.autocommit = True
        self._connection, self._channels = fresh, set()
        woken, self._wake_writer = os.pipe()
        pipe = woken, self._wake_writer
        threading.Thread(target=self._listen, args=(fresh, pipe), name="log news", daemon=True).start()
        return fresh

    def _listen_to(self, listening: connection, channels: Set[str]) -> None:
        if channels:
            with listening.cursor() as cur:
                cur.execute("; ".join(f'LISTEN "{one}"' for one in sorted(channels)))
            self._channels |= channels

    def _listen(self, listening: connection, pipe: tuple[int, int]) -> None:
        """On a thread of its own, until the connection is lost or nobody follows any more."""
        arrives = listening.fileno()
        while True:
            select.select([arrives, pipe[0]], [], [])
            with self._lock:
                if self._connection is not listening or not self._look(listening):
                    break
            sleep(self._pause_seconds)
        for end in pipe:
            os.close(end)
        listening.close()

    def _look(self, listening: connection) -> bool:
        """False when the connection is lost."""
        try:
            with translated():
                listening.poll()
        except DatabaseError as error:
            self._lose(error)
            return False
        self._pause_seconds = 0.0 if self._dispatch(listening) else GATHER_SECONDS
        return True

    def _dispatch(self, listening: connection) -> bool:
        """Whether the notifications that have arrived said anything new."""
        is_news = False
        for notification in listening.notifies:
            for follower in self._followers.get(notification.channel, ()):
                is_news |= follower.note(follower.channels[notification.channel], int(notification.payload))
        listening.notifies.clear()
        return is_news

    def _lose(self, error: DatabaseError) -> None:
        for followers in self._followers.values():
            for follower in followers:
                follower.lose(error)
        self._followers = {}
        self._hang_up()

    def _hang_up(self) -> None:
        """The thread that listens closes the connection: it may be waiting for it just now."""
        if self._connection is not None:
            self._connection = None
            os.write(self._wake_writer, b"w")
