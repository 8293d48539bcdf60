"""A table as a file in one of three forms: CSV and XLSX for people, Parquet for programs. Each is written page by page
while its rows are read, so that the largest needs no more memory than a small one."""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, Protocol

from litestar.response import Stream

from buystream.gateway.pages.spreadsheets import BYTE_ORDER_MARK, Number, encoded, moment
from buystream.gateway.server.problems import HttpProblem
from buystream.vocabulary.money import decimal_of

Form = Literal["csv", "xlsx", "parquet"]
CellKind = Literal["text", "integer", "amount", "moment"]

SHEET_ROWS_MAX: Final = 1_048_576
"""Of one sheet, its header included: what spreadsheets open
(https://support.microsoft.com/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3)."""

CELL_CHARS_MAX: Final = 32_767

CHUNK_BYTES: Final = 256 * 1024
MEDIA_TYPES: Final[dict[str, str]] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}


class SheetColumn(NamedTuple):
    """Its cells are texts, integers, times in milliseconds, or amounts: pairs of minor units and a currency. None is an
    empty cell. In Parquet an amount is an integer of minor units, and `_minor` follows its name."""

    name: str
    kind: CellKind = "text"


Row = Sequence[Any]


class SheetWriter(Protocol):
    """Of one form."""

    def write(self, rows: Sequence[Row]) -> bytes:
        """What is ready after these rows. Blocks."""
        ...

    def end(self) -> Iterator[bytes]:
        """The rest. Blocks."""
        ...


class CsvWriter:
    """As `spreadsheets` writes it."""

    def __init__(self, columns: Sequence[SheetColumn]) -> None:
        self._columns = columns
        self._begun = False

    def write(self, rows: Sequence[Row]) -> bytes:
        """The rows; before the first, the names of the columns."""
        texts = [[_text(cell, column.kind) for cell, column in zip(row, self._columns, strict=True)] for row in rows]
        if self._begun:
            return encoded(texts)
        self._begun = True
        return BYTE_ORDER_MARK + encoded([[column.name for column in self._columns], *texts])

    def end(self) -> Iterator[bytes]:
        """Nothing more, unless there was no row."""
        if not self._begun:
            yield self.write([])


class XlsxWriter:
    """By openpyxl, which keeps the rows in files of its own until the end. A text is typed as one, so it is never a
    formula."""

    def __init__(self, columns: Sequence[SheetColumn]) -> None:
        from openpyxl import Workbook  # takes long to load

        self._columns = columns
        self._book = Workbook(write_only=True)
        self._rows = SHEET_ROWS_MAX

    def write(self, rows: Sequence[Row]) -> bytes:
        """Nothing yet: its directory stands at the end of a ZIP archive, and sheets are added to it whole."""
        for row in rows:
            if self._rows >= SHEET_ROWS_MAX:
                self._begin_sheet()
            self._sheet.append([self._cell(cell, column.kind) for cell, column in zip(row, self._columns, strict=True)])
            self._rows += 1
        return b""

    def end(self) -> Iterator[bytes]:
        """All of it."""
        if self._rows == SHEET_ROWS_MAX:
            self._begin_sheet()
        with tempfile.TemporaryFile() as file:
            self._book.save(file)
            file.seek(0)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def _begin_sheet(self) -> None:
        self._sheet = self._book.create_sheet()
        self._sheet.freeze_panes = "A2"
        self._sheet.append([column.name for column in self._columns])
        self._rows = 1

    def _cell(self, cell: Any, kind: CellKind) -> Any:
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell

        if cell is None or cell == "":
            return None
        if kind == "amount":
            return Decimal(decimal_of(*cell))
        if kind == "moment":
            return datetime.fromtimestamp(cell / 1000, UTC).replace(tzinfo=None, microsecond=0)
        if kind == "integer":
            return cell
        written = WriteOnlyCell(self._sheet, value=ILLEGAL_CHARACTERS_RE.sub("", cell)[:CELL_CHARS_MAX])
        written.data_type = "s"
        return written


class ParquetWriter:
    """By pyarrow, a row group for each page."""

    def __init__(self, columns: Sequence[SheetColumn]) -> None:
        """Raises HttpProblem where pyarrow isn't installed."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise HttpProblem("not-implemented", "Parquet needs buystream[analysis] on the shop's machine.") from None
        types = {"text": pa.string(), "integer": pa.int64(), "amount": pa.int64(), "moment": pa.timestamp("ms", "UTC")}
        self._columns = columns
        self._pa = pa
        self._schema = pa.schema(
            [(one.name + ("_minor" if one.kind == "amount" else ""), types[one.kind]) for one in columns]
        )
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(pa.PythonFile(_Sink(self._sink), mode="w"), self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> bytes:
        """A row group."""
        by_column = list(zip(*rows, strict=True)) or [()] * len(self._columns)
        arrays = [
            self._pa.array([cell and cell[0] for cell in cells] if column.kind == "amount" else cells, type=field.type)
            for cells, column, field in zip(by_column, self._columns, self._schema, strict=True)
        ]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema))
        return self._taken()

    def end(self) -> Iterator[bytes]:
        """The directory of the row groups."""
        self._writer.close()
        yield self._taken()

    def _taken(self) -> bytes:
        ready = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return ready


class _Sink(io.RawIOBase):
    """Where Parquet is written to: its place goes up while what was written is taken away."""

    def __init__(self, into: io.BytesIO) -> None:
        self._into = into
        self._written = 0

    def write(self, data: Any) -> int:
        size = self._into.write(data)
        self._written += size
        return size

    def tell(self) -> int:
        return self._written

    def writable(self) -> bool:
        return True


WRITERS: Final[dict[str, Callable[[Sequence[SheetColumn]], SheetWriter]]] = {
    "csv": CsvWriter,
    "xlsx": XlsxWriter,
    "parquet": ParquetWriter,
}

NextPage = Callable[[], Awaitable[Sequence[Row]]]
"""The next rows; an empty answer ends the table."""


async def sheet(form: Form, name: str, columns: Sequence[SheetColumn], next_page: NextPage) -> Stream:
    """A download of that name. The first page is read at once, so that an error is a problem document and not a
    truncated file; a later failure breaks the connection. While a page is written, the next one is read."""
    writer = WRITERS[form](columns)
    first = await next_page()

    async def chunks() -> AsyncIterator[bytes]:
        rows: Sequence[Row] = first
        while rows:
            following = asyncio.ensure_future(next_page())
            try:
                if ready := await asyncio.to_thread(writer.write, rows):
                    yield ready
                rows = await following
            finally:
                following.cancel()
        rest = writer.end()
        while (chunk := await asyncio.to_thread(next, rest, None)) is not None:
            yield chunk

    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store"}
    return Stream(chunks(), media_type=MEDIA_TYPES[form], headers=headers)


def _text(cell: Any, kind: CellKind) -> str:
    if cell is None:
        return ""
    match kind:
        case "amount":
            return Number(decimal_of(*cell))
        case "moment":
            return moment(cell)
        case "integer":
            return Number(cell)
        case _:
            return str(cell)
