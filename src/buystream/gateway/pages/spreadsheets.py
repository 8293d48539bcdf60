"""Tables for spreadsheets: CSV (RFC 4180) that is sent while it is read, so that a long one never times out. It starts
with a byte order mark, by which spreadsheets recognise UTF-8, and runs nothing when it is opened: every cell that isn't
a `Number` is defused here, so that no caller can forget it. See
https://owasp.org/www-community/attacks/CSV_Injection."""

import csv
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from litestar.response import Stream

ROWS_AT_ONCE = 1_000

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()
_IGNORED = r"[\x00-\x20\x7f-\xa0\xad\u2000-\u200f\u2028-\u202f\u2060\u3000\ufeff]*"
"""What spreadsheets may skip before a formula: controls, spaces, marks without width."""

_FORMULA = re.compile(rf"""(^|[;,|"\t\r\n])({_IGNORED})(?=[=+\-@＝＋－＠﹦﹢﹣﹫])""")
"""At the start of a cell, or of what becomes one where a program separates cells by something else than commas."""

_STRAY_STARTS = ("\t", "\r", "\n")

T = TypeVar("T")


class Number(str):
    """A cell that is a number, in exact decimals: `-4.50`."""

    __slots__ = ()


NextRows = Callable[[T | None], Awaitable[Sequence[T]]]
"""The rows after the given one (None: the first ones); an empty answer ends the table."""


async def table(name: str, header: Sequence[str], after: NextRows[T], cells: Callable[[T], Sequence[object]]) -> Stream:
    """A download of that name. The first rows are read at once, so that an error is a problem document and not a
    truncated file; a later failure breaks the connection, so that no incomplete file looks complete."""
    first = await after(None)

    async def chunks() -> AsyncIterator[bytes]:
        rows = first
        yield BYTE_ORDER_MARK + encoded([header])
        while rows:
            yield encoded([cells(row) for row in rows])
            rows = await after(rows[-1])

    return Stream(
        chunks(),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def defused(text: str) -> str:
    """A text as a cell: what a spreadsheet would take for a formula gets an apostrophe before it."""
    harmless = _FORMULA.sub(r"\1\2'", text)
    return f"'{harmless}" if harmless.startswith(_STRAY_STARTS) else harmless


def moment(at_ms: int) -> str:
    """`2026-11-25T15:04:05.123Z`"""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encoded(rows: Sequence[Sequence[object]]) -> bytes:
    """Rows as CSV, every cell but a Number made harmless."""
    text = io.StringIO()
    harmless = ([cell if isinstance(cell, Number) else defused(str(cell)) for cell in row] for row in rows)
    csv.writer(text, lineterminator="\r\n").writerows(harmless)
    return text.getvalue().encode()
