"""Server-sent events: a state at once, then each change. The tail reports what changed; its current state is read from
the views, once for all who watch the same thing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from litestar.response import Stream

from buystream.gateway.server.clients import network_of
from buystream.gateway.server.problems import HttpProblem
from buystream.limits import Limits

WATCHERS_MAX = 4_096
"""Open streams at most; the next one gets 503, and its page polls."""

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": alive\n\n"

Place = tuple[int, int]
"""Partition and position of an event."""


class Watch:
    """One stream's interest in some orders and editions (or in the passing of time)."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._places: dict[str, Place | None] = {}

    def wake(self, topic: str, place: Place | None) -> None:
        """Something changed: the place of the newest event about it, or None when that isn't known."""
        self._places[topic] = place
        self._changed.set()

    async def changed(self, timeout_seconds: float) -> dict[str, Place | None]:
        """What changed since the last call, by topic; nothing after the time-out."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        self._changed.clear()
        places, self._places = self._places, {}
        return places


class Viewer(NamedTuple):
    """Whose stream it is: the client's address, and the buyer or merchant, if one is known."""

    client: str
    session: str

    @property
    def keys(self) -> tuple[str, str]:
        """What its streams are counted by."""
        return network_of(self.client), self.session


class Watchers:
    """Who watches what. Lives on one event loop; other threads may ask whether a topic is in `topics`."""

    def __init__(self, limits: Limits) -> None:
        self.topics: dict[str, set[Watch]] = {}
        self.count = 0
        self.closing = False
        self._limits = limits
        self._by_viewer: Counter[str] = Counter()

    def why_no_room(self, viewer: Viewer) -> HttpProblem | None:
        """Why this viewer may not open another stream."""
        if self.count >= WATCHERS_MAX or self.closing:
            return HttpProblem("overloaded")
        most = self._limits.network_streams, self._limits.session_streams
        if any(limit and self._by_viewer[key] >= limit for limit, key in zip(most, viewer.keys, strict=True) if key):
            return HttpProblem("too-many-requests", "There are too many streams.", headers={"Retry-After": "10"})
        return None

    @contextmanager
    def counted(self, viewer: Viewer) -> Iterator[None]:
        """A stream of the viewer."""
        keys = [key for key in viewer.keys if key]
        self._by_viewer.update(keys)
        try:
            yield
        finally:
            self._by_viewer.subtract(keys)
            for key in keys:
                if self._by_viewer[key] <= 0:
                    del self._by_viewer[key]

    @contextmanager
    def watch(self, *topics: str) -> Iterator[Watch]:
        """Notice changes of orders and editions."""
        watch = Watch()
        self.count += 1
        for topic in topics:
            self.topics.setdefault(topic, set()).add(watch)
        try:
            yield watch
        finally:
            self.count -= 1
            for topic in set(topics):
                watching = self.topics[topic]
                watching.discard(watch)
                if not watching:
                    del self.topics[topic]

    def notify(self, changed: Mapping[str, Place]) -> None:
        """Wake those who watch what changed."""
        for topic, place in changed.items():
            for watch in self.topics.get(topic, ()):
                watch.wake(topic, place)

    def close(self) -> None:
        """End all streams: a server that stops waits for them."""
        self.closing = True
        for topic, watching in self.topics.items():
            for watch in watching:
                watch.wake(topic, None)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a stream reports of one order or edition. `read` returns the JSON to send as `event`s, as of the place in
    the log that it is called with. `pause_seconds` is the least time between two of them; with `always` it is read
    again even when nothing happened; once `is_final`, nothing more will happen."""

    topic: str
    event: str
    read: Callable[[Place | None], Awaitable[bytes]]
    is_final: Callable[[], bool] = lambda: False
    pause_seconds: float = 0.0
    always: bool = False


async def follow(
    watchers: Watchers,
    *subjects: Subject,
    viewer: Viewer,
    every_seconds: float = HEARTBEAT_SECONDS,
    missing: bool = False,
) -> Stream:
    """A stream of each subject's state at once, then at each change, until all are final; each body is sent when it
    differs from the last. After `every_seconds` without a change a sign of life is sent. A subject that can't be read
    fails the request, or with `missing` is sent as an event of that name."""
    if problem := watchers.why_no_room(viewer):
        raise problem
    bodies: dict[str, bytes] = {}
    absent: list[str] = []
    for subject in subjects:
        try:
            bodies[subject.topic] = await subject.read(None)
        except HttpProblem as problem:
            if not missing or problem.status != HTTPStatus.NOT_FOUND:
                raise
            absent.append(subject.topic)

    async def chunks() -> AsyncIterator[bytes]:
        if watchers.why_no_room(viewer):
            return  # it filled up while the first state was read
        with watchers.counted(viewer), watchers.watch(*(subject.topic for subject in subjects)) as watch:
            yield b"".join(message("missing", msgspec.json.encode({"id": topic})) for topic in absent) + b"".join(
                message(subject.event, bodies[subject.topic]) for subject in subjects if subject.topic in bodies
            )
            for subject in subjects:
                watch.wake(subject.topic, None)  # something may have changed since the first read
            while open_ones := [subject for subject in subjects if not subject.is_final()]:
                places = await watch.changed(every_seconds)
                if watchers.closing:
                    return
                looked_at = [subject for subject in open_ones if subject.always or subject.topic in places]
                news = []
                for subject in looked_at:
                    with suppress(HttpProblem):  # the next change will do, or the page's own look
                        newest = await subject.read(places.get(subject.topic))
                        if newest != bodies.get(subject.topic):
                            bodies[subject.topic] = newest
                            news.append(message(subject.event, newest))
                yield b"".join(news) or HEARTBEAT
                await asyncio.sleep(max((subject.pause_seconds for subject in looked_at), default=0.0))

    return Stream(
        chunks(),
        media_type="text/event-stream",
        # What a proxy holds back to compress it, or to fill a buffer, comes too late.
        headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
    )


def message(event: str, body: bytes) -> bytes:
    """One server-sent event; JSON has no line breaks."""
    return b"event: " + event.encode() + b"\ndata: " + body + b"\n\n"
