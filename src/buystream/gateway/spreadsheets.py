"""Tables for spreadsheets: CSV (RFC 4180) that is sent while it is read, so that a long one never times out, and that
runs nothing when it is opened."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from litestar.response import Stream

ROWS_AT_ONCE = 1_000

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

T = TypeVar("T")

NextRows = Callable[[T | None], Awaitable[Sequence[T]]]
"""The rows after the given one (None: the first ones); an empty answer ends the table."""


async def table(name: str, header: Sequence[str], after: NextRows[T], cells: Callable[[T], Sequence[object]]) -> Stream:
    """A download of that name. The first rows are read at once, so that what is wrong is a problem and not a torn file;
    a failure later breaks the connection, so that no file looks whole that isn't."""
    first = await after(None)

    async def chunks() -> AsyncIterator[bytes]:
        rows = first
        yield _encode([header])
        while rows:
            yield _encode([cells(row) for row in rows])
            rows = await after(rows[-1])

    return Stream(
        chunks(),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def defused(text: str) -> str:
    """A text that people wrote, as a cell: one that a spreadsheet would take for a formula gets an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def moment(at_ms: int) -> str:
    """`2026-11-25T15:04:05.123Z`"""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _encode(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
