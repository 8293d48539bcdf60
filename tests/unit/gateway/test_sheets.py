"""One table in three forms says the same in each, runs nothing when it is opened, and is written page by page."""

import asyncio
import csv
import io
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from buystream.gateway.pages import sheets
from buystream.gateway.pages.sheets import Form, Row, SheetColumn, sheet

COLUMNS = (
    SheetColumn("name"),
    SheetColumn("units", "integer"),
    SheetColumn("total", "amount"),
    SheetColumn("at_utc", "moment"),
)
AT_MS = 1_795_809_600_123
ROWS: list[Row] = [
    ("Łódź", 2, (4550, "USD"), AT_MS),
    ("=1+1", -1, (-300, "JPY"), AT_MS),
    ("+49 30", 0, (5, "BHD"), None),
    ("a\x0bb\nc", None, None, None),
    (None, 1, (0, "EUR"), 0),
]


def written(form: Form, pages: Sequence[Sequence[Row]], columns: Sequence[SheetColumn] = COLUMNS) -> bytes:
    left = list(pages)

    async def next_page() -> Sequence[Row]:
        return left.pop(0) if left else []

    async def read() -> bytes:
        stream = await sheet(form, "orders", columns, next_page)
        return b"".join([chunk async for chunk in stream.iterator])  # type: ignore[union-attr, misc]

    return asyncio.run(read())


@pytest.mark.parametrize("pages", [[ROWS], [ROWS[:2], ROWS[2:]]])
def test_parquet_keeps_types_minor_units_and_times(pages: list[list[Row]]) -> None:
    table = pq.read_table(io.BytesIO(written("parquet", pages)))
    assert table.column_names == ["name", "units", "total_minor", "at_utc"]
    assert table["name"].to_pylist() == ["Łódź", "=1+1", "+49 30", "a\x0bb\nc", None]
    assert table["units"].to_pylist() == [2, -1, 0, None, 1]
    assert table["total_minor"].to_pylist() == [4550, -300, 5, None, 0]
    assert table["at_utc"].to_pylist()[0] == datetime.fromtimestamp(AT_MS // 1000, UTC).replace(microsecond=123_000)


def test_a_workbook_has_texts_numbers_and_times_and_no_formula() -> None:
    [page] = load_workbook(io.BytesIO(written("xlsx", [ROWS]))).worksheets
    cells = [[(cell.value, cell.data_type) for cell in row] for row in page.iter_rows()]
    assert [value for value, _ in cells[0]] == ["name", "units", "total", "at_utc"]
    assert cells[2][0] == ("=1+1", "s")
    assert cells[4][0] == ("ab\nc", "s")
    assert [row[2][0] for row in cells[1:]] == [45.5, -300, 0.005, None, 0]
    assert cells[1][3] == (datetime.fromtimestamp(AT_MS // 1000, UTC).replace(tzinfo=None), "d")


def test_csv_defuses_what_would_be_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(written("csv", [ROWS]).decode("utf-8-sig"), newline="")))
    assert rows[0] == ["name", "units", "total", "at_utc"]
    assert [row[0] for row in rows[1:]] == ["Łódź", "'=1+1", "'+49 30", "a\x0bb\nc", ""]
    assert [row[2] for row in rows[1:]] == ["45.50", "-300", "0.005", "", "0.00"]


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_an_empty_table_has_its_columns(form: Form) -> None:
    content = written(form, [])
    if form == "csv":
        assert content == "\ufeffname,units,total,at_utc\r\n".encode()
    elif form == "xlsx":
        [page] = load_workbook(io.BytesIO(content)).worksheets
        assert [cell.value for cell in page[1]] == ["name", "units", "total", "at_utc"]
    else:
        assert pq.read_table(io.BytesIO(content)).num_rows == 0


def test_a_workbook_of_more_rows_than_a_sheet_has_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "SHEET_ROWS_MAX", 3)
    book = load_workbook(io.BytesIO(written("xlsx", [[("a",), ("b",), ("c",)], [("d",), ("e",)]], [SheetColumn("x")])))
    assert [[row[0] for row in page.values] for page in book.worksheets] == [
        ["x", "a", "b"],
        ["x", "c", "d"],
        ["x", "e"],
    ]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_long_table_needs_no_more_memory_than_a_short_one(form: Form) -> None:
    async def peak_of(pages: int) -> int:
        left = pages

        async def next_page() -> Sequence[Row]:
            nonlocal left
            left -= 1
            return [("x" * 200, n, (n, "USD"), n) for n in range(500)] if left >= 0 else []

        stream: Any = await sheet(form, "orders", COLUMNS, next_page)
        tracemalloc.reset_peak()
        async for _ in stream.iterator:
            pass
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        asyncio.run(peak_of(2))
        short, long = asyncio.run(peak_of(4)), asyncio.run(peak_of(60))
    finally:
        tracemalloc.stop()
    assert long < short * 4
