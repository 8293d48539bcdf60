"""Windows of one partition: what happened to each edition in every second, in every 10 s, and in 60 s that slide on
every 10 s. Pure arithmetic on the events' own time, which never decreases within a partition: a window that it has
passed is final. A merchant's windows are the sums of its editions', which may be in other partitions."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from buystream.vocabulary import events
from buystream.vocabulary.events import Event

SECOND_MS: Final = 1_000


class Span(NamedTuple):
    """Windows of `seconds`, one beginning every `every_seconds`: tumbling when both are equal, otherwise sliding."""

    seconds: int
    every_seconds: int


SPANS: Final = (Span(1, 1), Span(10, 10), Span(60, 10))

LONGEST_SECONDS: Final = max(span.seconds for span in SPANS)


class Window(NamedTuple):
    """An edition's window, from `start_ms` inclusive to `start_ms` plus the span exclusive."""

    edition_id: str
    span_seconds: int
    start_ms: int


class Tally(msgspec.Struct, gc=False):
    """What happened in a window. `clicks` = `holds` + `refusals`: every tap on Buy that was answered."""

    clicks: int = 0
    holds: int = 0
    sales: int = 0
    refusals: int = 0

    def add(self, other: "Tally") -> None:
        """Both together."""
        self.clicks += other.clicks
        self.holds += other.holds
        self.sales += other.sales
        self.refusals += other.refusals


def starts_ms(span: Span, at_ms: int) -> range:
    """When the windows begin that this moment falls into."""
    every_ms = span.every_seconds * SECOND_MS
    newest_ms = at_ms // every_ms * every_ms
    return range(newest_ms - span.seconds * SECOND_MS + every_ms, newest_ms + 1, every_ms)


class Windows:
    """The windows that are still open. Counting may begin anywhere in the log: what began before that is not whole."""

    def __init__(self) -> None:
        self._whole_after_ms: int | None = None
        self._at_ms = 0
        self._tallies: dict[Window, Tally] = {}

    def begin(self, at_ms: int, *, is_first: bool) -> None:
        """The time of the event that counting begins with. Unless it is the log's first, windows that begin then or
        before are seen in part only."""
        self._whole_after_ms = None if is_first else at_ms

    def count(self, happened: Iterable[Event]) -> set[Window]:
        """Add events, in order; returns the windows that they fell into."""
        touched: set[Window] = set()
        for (edition_id, second_ms), tally in self._by_second(happened).items():
            for span in SPANS:
                for start_ms in starts_ms(span, second_ms):
                    window = Window(edition_id, span.seconds, start_ms)
                    touched.add(window)
                    so_far = self._tallies.get(window)
                    if so_far is None:
                        so_far = self._tallies[window] = Tally()
                    so_far.add(tally)
        return touched

    def whole(self, windows: Iterable[Window]) -> Iterator[tuple[Window, Tally]]:
        """Those of the windows that were seen from their beginning, with what happened in them so far."""
        for window in windows:
            if self._whole_after_ms is None or window.start_ms > self._whole_after_ms:
                yield window, self._tallies[window]

    def forget_final(self) -> None:
        """Drop the windows that time has passed."""
        final = [window for window in self._tallies if window.start_ms + window.span_seconds * SECOND_MS <= self._at_ms]
        for window in final:
            del self._tallies[window]

    def _by_second(self, happened: Iterable[Event]) -> dict[tuple[str, int], Tally]:
        seconds: dict[tuple[str, int], Tally] = {}
        for event in happened:
            self._at_ms = event.at_ms
            if type(event) in _COUNTED:
                key = (event.edition_id, event.at_ms // SECOND_MS * SECOND_MS)  # type: ignore[attr-defined]
                tally = seconds.get(key)
                if tally is None:
                    tally = seconds[key] = Tally()
                _count(event, tally)
        return seconds


_COUNTED: Final = frozenset({events.OrderPlaced, events.OrderRefused, events.DemandRecorded, events.OrderConfirmed})


def _count(event: Event, tally: Tally) -> None:
    match event:
        case events.OrderPlaced():
            tally.clicks += 1
            tally.holds += 1
        case events.OrderRefused():
            tally.clicks += 1
            tally.refusals += 1
        case events.DemandRecorded():
            tally.clicks += event.clicks
            tally.refusals += event.clicks
        case events.OrderConfirmed():
            tally.sales += 1
