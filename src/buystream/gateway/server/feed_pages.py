"""The feed's pages: a merchant's events read from the log of all partitions. A cursor says how far each partition was
read, in a log whose readers never see a gap that fills later: so it skips nothing, whatever was written meanwhile."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from buystream.consumers.webhooks.body import body_of
from buystream.delivery.sequence import Foreign, head_of
from buystream.log import EVENTS, Log

EVENTS_MAX: Final = 200
"""On a page."""

SCANNED_MAX: Final = 2_000
"""Records that a page looks at, of all merchants."""

FROM_NOW: Final = "now"

_CURSOR: Final = re.compile(r"f1(?:\.[0-9]{1,18}){1,4096}", re.ASCII)

MerchantOf = Callable[[str], str | None]
"""The merchant of an edition; None for an edition that nobody knows."""


class BadCursor(Exception):
    """No page ends there."""


class FeedPage(msgspec.Struct, frozen=True):
    """The merchant's `events` up to `places`, the next position of each partition. `more`: there are records behind."""

    events: list[Any]
    places: list[int]
    more: bool


def cursor_of(places: Sequence[int]) -> str:
    """As a client sends it back."""
    return "f1" + "".join(f".{place}" for place in places)


def places_of(cursor: str, ends: Sequence[int]) -> list[int]:
    """Where to read on in each partition; raises BadCursor. Partitions that the cursor doesn't have were added later.
    `ends` are where the partitions end now."""
    if not cursor:
        return [0] * len(ends)
    if cursor == FROM_NOW:
        return list(ends)
    if not _CURSOR.fullmatch(cursor):
        raise BadCursor
    places = [int(number) for number in cursor.split(".")[1:]]
    if len(places) > len(ends):
        raise BadCursor
    return places + [0] * (len(ends) - len(places))


def read_page(
    log: Log, merchant_id: str, merchant_of: MerchantOf, places: Sequence[int], ends: Sequence[int]
) -> FeedPage:
    """The merchant's next events between `places` and `ends`; in order within each partition, so within each edition.
    Blocks; raises LogUnavailable."""
    reached, found, scanned = list(places), list[Any](), 0
    first = sum(places) % len(reached)  # another one each time: none waits behind a busy one
    for partition in (*range(first, len(reached)), *range(first)):
        while reached[partition] < ends[partition] and scanned < SCANNED_MAX and len(found) < EVENTS_MAX:
            records = log.read(EVENTS, partition, reached[partition], min(500, SCANNED_MAX - scanned))
            for record in records:
                if record.position >= ends[partition] or len(found) == EVENTS_MAX:
                    break
                scanned += 1
                reached[partition] = record.position + 1
                try:
                    head = head_of(record)
                except Foreign:
                    continue
                if head.editionversion and merchant_of(head.partitionkey) == merchant_id:
                    found.append(msgspec.Raw(body_of(record.value, head, merchant_id)))
            else:
                if not records:  # what is left are the log's own marks
                    reached[partition] = ends[partition]
                continue
            break
    return FeedPage(found, reached, any(at < end for at, end in zip(reached, ends, strict=True)))
