"""Server-sent events: a state at once, then each change. What changed is told by the tail; what it is now is read from
the views, once for all who watch the same thing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from litestar.response import Stream

from buystream.gateway.problems import HttpProblem

WATCHERS_MAX = 4_096
"""Open streams at most; the next one gets 503, and its page polls."""

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": alive\n\n"

Place = tuple[int, int]
"""Partition and position of an event."""


class Watch:
    """One stream's interest in one order or edition (or in the passing of time)."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.place: Place | None = None
        """Of the newest event about it; None when that isn't known."""

    def wake(self, place: Place | None) -> None:
        """Something changed."""
        self.place = place
        self._changed.set()

    async def changed(self, timeout_seconds: float) -> bool:
        """True at a change since the last call, False after the time-out."""
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True


class Watchers:
    """Who watches what. Lives on one event loop; other threads may ask whether a topic is in `topics`."""

    def __init__(self) -> None:
        self.topics: dict[str, set[Watch]] = {}
        self.count = 0
        self.closing = False

    @property
    def has_room(self) -> bool:
        """Whether one more stream may begin."""
        return self.count < WATCHERS_MAX and not self.closing

    @contextmanager
    def watch(self, topic: str) -> Iterator[Watch]:
        """Be told of changes of an order or an edition."""
        watch = Watch()
        self.count += 1
        self.topics.setdefault(topic, set()).add(watch)
        try:
            yield watch
        finally:
            self.count -= 1
            watching = self.topics[topic]
            watching.discard(watch)
            if not watching:
                del self.topics[topic]

    def notify(self, changed: Mapping[str, Place]) -> None:
        """Wake those who watch what changed."""
        for topic, place in changed.items():
            for watch in self.topics.get(topic, ()):
                watch.wake(place)

    def close(self) -> None:
        """End all streams: a server that stops waits for them."""
        self.closing = True
        for watching in self.topics.values():
            for watch in watching:
                watch.wake(None)


async def follow(
    watchers: Watchers,
    topic: str,
    *,
    event: str,
    read: Callable[[Place | None], Awaitable[bytes]],
    is_final: Callable[[bytes], bool] = lambda body: False,
    pause_seconds: float = 0.0,
    every_seconds: float = HEARTBEAT_SECONDS,
    always: bool = False,
) -> Stream:
    """A stream of `event`s. `read` gives the JSON to send, as it is after the place in the log that it is called with;
    it is sent when it differs from the last. `pause_seconds` is the least time between two of them; after
    `every_seconds` without a change a sign of life is sent, and with `always` it is read again."""
    if not watchers.has_room:
        raise HttpProblem("overloaded")
    first = await read(None)

    async def chunks() -> AsyncIterator[bytes]:
        body = first
        yield message(event, body)
        with watchers.watch(topic) as watch:
            watch.wake(None)  # something may have changed since the first read
            while not is_final(body):
                changed = await watch.changed(every_seconds)
                if watchers.closing:
                    return
                newest = body
                if changed or always:
                    with suppress(HttpProblem):  # the next change will do, or the page's own look
                        newest = await read(watch.place)
                yield message(event, newest) if newest != body else HEARTBEAT
                body = newest
                await asyncio.sleep(pause_seconds)

    return Stream(
        chunks(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def message(event: str, body: bytes) -> bytes:
    """One server-sent event; JSON has no line breaks."""
    return b"event: " + event.encode() + b"\ndata: " + body + b"\n\n"
