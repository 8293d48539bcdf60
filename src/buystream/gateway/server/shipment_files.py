"""Files of tracking numbers, as merchants get them from their carriers: CSV in any of the usual encodings and
separators, or XLSX. Lines are read and checked for what a line can tell; nothing is done yet."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from buystream.errors import BuystreamError
from buystream.vocabulary.texts import IN_WORDS, LINE

LINES_MAX: Final = 20_000
UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of a workbook, which is a ZIP archive."""

CELL_CHARS_MAX: Final = 300

DIGITS_EXACT: Final = 15
"""A spreadsheet rounds longer numbers (IEEE 754 binary64), and nothing says so afterwards."""

_XLSX: Final = b"PK\x03\x04"
_NAMES: Final = {
    "order": "order", "orderid": "order", "ordernumber": "order", "number": "order",
    "carrier": "carrier", "trackingcompany": "carrier",
    "tracking": "tracking", "trackingnumber": "tracking", "trackingid": "tracking",
    "variant": "variant_id", "variantid": "variant_id",
    "quantity": "quantity", "units": "quantity",
}  # fmt: skip
"""The columns, by what spreadsheets call them."""

CARRIER_CHARS_MAX: Final = 80
"""As for a parcel that is packed on its own."""

_LINE: Final = re.compile(LINE)


class UnreadableFile(BuystreamError):
    """The file isn't one of tracking numbers; the message says why."""


class FileLine(NamedTuple):
    """A line of the file, its number as a spreadsheet shows it. `order` is an order's id or its number; `quantity` None
    means all units that aren't packed yet."""

    number: int
    order: str
    carrier: str
    tracking: str
    variant_id: str = ""
    quantity: int | None = None


class BadLine(msgspec.Struct, frozen=True):
    """What is wrong with a line: one stable word, and what to do about it."""

    line: int
    reason: str
    detail: str


def read(file: bytes) -> tuple[list[FileLine], list[BadLine]]:
    """The lines that can be read, and what is wrong with the others; raises UnreadableFile."""
    rows = _rows_of_workbook(file) if file.startswith(_XLSX) else _rows_of_text(file)
    header = [_plain(name) for name in next(rows, ())]
    columns = {_NAMES[name]: index for index, name in enumerate(header) if name in _NAMES}
    if missing := {"order", "carrier", "tracking"} - columns.keys():
        raise UnreadableFile(f"The first line names the columns; there is none for: {', '.join(sorted(missing))}.")
    good: list[FileLine] = []
    bad: list[BadLine] = []
    for number, row in enumerate(rows, start=2):
        if number > LINES_MAX + 1:
            raise UnreadableFile(f"The file has more than {LINES_MAX} lines. Send it in parts.")
        cells = {name: row[index] if index < len(row) else "" for name, index in columns.items()}
        if not any(str(cell).strip() for cell in cells.values() if cell is not None):
            continue
        line = _line(number, cells)
        (bad if isinstance(line, BadLine) else good).append(line)  # type: ignore[arg-type]
    if not good and not bad:
        raise UnreadableFile("The file has no lines below its header.")
    return good, bad


def _line(number: int, cells: dict[str, Any]) -> FileLine | BadLine:
    for name, cell in cells.items():
        if isinstance(cell, int | float) and len(f"{abs(cell):.0f}") > DIGITS_EXACT:
            detail = f"The {name} was rounded by a spreadsheet. Format the column as text, and paste it again."
            return BadLine(number, "rounded", detail)
    texts = {name: _text(cell) for name, cell in cells.items()}
    for name, text in texts.items():
        most = CARRIER_CHARS_MAX if name == "carrier" else CELL_CHARS_MAX
        if len(text) > most or _LINE.match(text) is None:
            return BadLine(number, "bad_text", f"The {name} isn't {IN_WORDS[LINE]}, of at most {most} characters.")
    for name in ("order", "carrier"):
        if not texts[name]:
            return BadLine(number, f"no_{name}", f"The {name} is missing.")
    quantity = texts.get("quantity", "")
    if quantity and not (quantity.isascii() and quantity.isdigit() and 0 < int(quantity) <= 100):
        return BadLine(number, "bad_quantity", "The quantity isn't a number from 1 to 100.")
    variant_id = texts.get("variant_id", "")
    return FileLine(
        number,
        texts["order"].lower(),  # slips and pages write numbers in capitals
        texts["carrier"],
        texts["tracking"],
        variant_id,
        int(quantity) if quantity else 1 if variant_id else None,
    )


def _text(cell: Any) -> str:
    """As it reads in a spreadsheet; a whole number has no decimals."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell:.0f}"
    return str(cell).strip().lstrip("'")


def _plain(name: Any) -> str:
    return re.sub(r"[\W_]+", "", str(name or "")).casefold()


def _rows_of_text(file: bytes) -> Iterator[Sequence[Any]]:
    text = _decoded(file)
    first = text.partition("\n")[0]
    separator = max(",;\t|", key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    except csv.Error as error:
        raise UnreadableFile(f"This isn't a CSV file: {error}.") from None


def _decoded(file: bytes) -> str:
    """Spreadsheets write UTF-8, UTF-16 with its mark, or Windows' own."""
    for encoding in ("utf-16",) if file[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            return file.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile("The file's characters can't be read. Save it as CSV in UTF-8.")


def _rows_of_workbook(file: bytes) -> Iterator[Sequence[Any]]:
    """Of its first sheet. With defusedxml installed, openpyxl expands no entities."""
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            if sum(member.file_size for member in archive.infolist()) > UNPACKED_BYTES_MAX:
                raise UnreadableFile("The workbook is too large when it is unpacked. Save it as CSV.")
        from openpyxl import load_workbook  # takes long to load, and few processes need it

        workbook = load_workbook(io.BytesIO(file), read_only=True, data_only=True)
        sheet = workbook.worksheets[0]
        sheet.reset_dimensions()
        yield from sheet.iter_rows(values_only=True)
    except UnreadableFile:
        raise
    except Exception as error:
        raise UnreadableFile(f"This isn't a workbook that can be read: {error}.") from None
