"""How far each edition was read: beside the offset, what tells a repeat from a gap."""

from typing import Self

from buystream_merchant.events import FeedEvent

EDITIONS_MAX = 100_000
"""Whose last versions are kept in memory; of the others a repeat or a gap goes unnoticed."""

REMEMBERED_CHARS_MAX = 3_000
"""Of the last versions that are stored beside the offset; a broker takes 4,096 bytes (`offset.metadata.max.bytes`)."""


class Versions:
    """The last version of each edition that is done, the newest last."""

    def __init__(self, last: dict[str, int] | None = None, *, from_the_first: bool = False) -> None:
        self._last = last or {}
        self._from_the_first = from_the_first

    def is_repeat(self, event: FeedEvent) -> bool:
        """Whether the event is done already."""
        return event.edition_version <= self._last.get(event.edition_id, 0)

    def expected(self, event: FeedEvent) -> int:
        """Of an edition that isn't known: its first version if all was read, otherwise whatever comes."""
        unknown = 0 if self._from_the_first else event.edition_version - 1
        return self._last.get(event.edition_id, unknown) + 1

    def remember(self, event: FeedEvent) -> None:
        """The event is done."""
        self._last.pop(event.edition_id, None)
        self._last[event.edition_id] = event.edition_version
        if len(self._last) > EDITIONS_MAX:
            del self._last[next(iter(self._last))]
            self._from_the_first = False

    def stored(self) -> str:
        """`ed0-abc=17 ed3-def=2`, the newest first, as many as there is room for."""
        parts: list[str] = []
        room = REMEMBERED_CHARS_MAX
        for edition_id in reversed(self._last):
            part = f"{edition_id}={self._last[edition_id]}"
            room -= len(part) + 1
            if room < 0:
                break
            parts.append(part)
        return " ".join(parts)

    @classmethod
    def restored(cls, text: str) -> Self:
        """From what was stored."""
        pairs = [part.rpartition("=") for part in text.split()]
        return cls({edition_id: int(version) for edition_id, _, version in reversed(pairs) if version.isdecimal()})
