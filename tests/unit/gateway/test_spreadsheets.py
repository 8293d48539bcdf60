"""CSV that a spreadsheet opens without running anything, and in which numbers stay numbers."""

import asyncio
import csv
import io
from collections.abc import Sequence

import pytest

from buystream.gateway.pages.spreadsheets import Number, defused, encoded, table

STARTS = "=+-@＝＋－＠﹦﹢﹣﹫"


def cells_as_split_by(separator: str, text: str) -> list[str]:
    """The cells that a program makes of a one-cell table when it separates by that."""
    read = csv.reader(io.StringIO(encoded([[text, "end"]]).decode(), newline=""), delimiter=separator)
    return [cell for row in read for cell in row]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "text",
    ["{}1+1", " {}1+1", "\t{}1+1", "\r{}1+1", "\n{}1+1", "\ufeff{}1+1", "\u200b{}1", "\xa0{}1", "\x00{}1",
     "a;{}1+1", "a,{}1+1", "a; {}1+1", 'a";{}1+1', '"{}1+1', '""{}1', "a\t{}1", "a|{}1", "a\n{}1", ";;{}1"],
)  # fmt: skip
def test_no_cell_begins_a_formula_wherever_a_program_splits_it(text: str, start: str, separator: str) -> None:
    ignored = "".join(map(chr, range(0x21))) + '\xa0\ufeff\u200b"'
    for cell in cells_as_split_by(separator, text.format(start)):
        assert not cell.lstrip(ignored).startswith(tuple(STARTS))
        assert not cell.startswith(("\t", "\r", "\n"))


@pytest.mark.parametrize(
    "text", ["", "Night Sky, live", "a-b", "1 + 1 = 2", "anna@example.org", "O'Brien; & Söhne", "山田"]
)
def test_what_is_no_formula_stays_as_it_was_written(text: str) -> None:
    assert defused(text) == text
    assert next(csv.reader(io.StringIO(encoded([[text]]).decode(), newline=""))) == ([text] if text else [""])


def test_numbers_stay_numbers_also_below_zero() -> None:
    assert encoded([[Number("-4.50"), "-4.50", Number("12")]]) == b"-4.50,'-4.50,12\r\n"


def test_a_table_begins_with_a_byte_order_mark_and_its_header() -> None:
    async def after(last: str | None) -> Sequence[str]:
        return ["=1+1", "Łódź"] if last is None else []

    async def read() -> bytes:
        stream = await table("t.csv", ["name"], after, lambda row: [row])
        return b"".join([chunk async for chunk in stream.iterator])  # type: ignore[union-attr, misc]

    content = asyncio.run(read())
    assert content.startswith(b"\xef\xbb\xbfname\r\n")
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig")))) == [["name"], ["'=1+1"], ["Łódź"]]
