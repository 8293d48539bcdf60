"""Which part of a file an answer has: conditions and single ranges as RFC 9110 has them (13.2.2, 14.2). Several ranges
at once are answered with the whole file, which it allows."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

OK: Final = 200
PARTIAL: Final = 206
NOT_MODIFIED: Final = 304
PRECONDITION_FAILED: Final = 412
NOT_SATISFIABLE: Final = 416

_RANGE: Final = re.compile(r"bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{1,18})?|-\s*(\d{1,18}))", re.ASCII | re.IGNORECASE)


class FilePart(NamedTuple):
    """An answer's status, and which bytes it has: from `start` to `end`, exclusive."""

    status: int
    start: int = 0
    end: int = 0


def part_of(headers: Mapping[str, str], *, size_bytes: int, etag: str) -> FilePart:
    """What a GET with these headers (their names in lower case) gets. `etag` is strong, with its quotes."""
    if (wanted := headers.get("if-match")) is not None and not names_tag(wanted, etag, weak=False):
        return FilePart(PRECONDITION_FAILED)
    if (known := headers.get("if-none-match")) is not None and names_tag(known, etag):
        return FilePart(NOT_MODIFIED)
    whole = FilePart(OK, 0, size_bytes)
    asked = _RANGE.fullmatch(headers.get("range", "").strip())
    if asked is None or headers.get("if-range", etag).strip() != etag:
        return whole
    first, last, suffix = asked.groups()
    if suffix is not None:
        start = max(size_bytes - int(suffix), 0) if int(suffix) else size_bytes
        return _part(start, size_bytes, size_bytes)
    if last is not None and int(last) < int(first):
        return whole  # not a range at all (14.1.2), and so ignored
    return _part(int(first), size_bytes if last is None else min(int(last) + 1, size_bytes), size_bytes)


def _part(start: int, end: int, size_bytes: int) -> FilePart:
    return FilePart(PARTIAL, start, end) if start < size_bytes else FilePart(NOT_SATISFIABLE)


def names_tag(header: str, etag: str, *, weak: bool = True) -> bool:
    """Whether an If-Match or If-None-Match has the entity tag, or is `*`."""
    tags = [tag.strip() for tag in header.split(",")]
    return "*" in tags or etag in ([tag.removeprefix("W/") for tag in tags] if weak else tags)
