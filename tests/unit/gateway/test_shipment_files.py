"""Files of tracking numbers as carriers and spreadsheets write them."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from buystream.gateway.server.shipment_files import LINES_MAX, BadLine, FileLine, UnreadableFile, read

HEADER = ("Order", "Carrier", "Tracking number")


def workbook(*rows: tuple[object, ...]) -> bytes:
    made, file = Workbook(), io.BytesIO()
    for row in rows:
        made.active.append(row)  # type: ignore[union-attr]
    made.save(file)
    return file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_usual_encoding_and_separator_is_read(encoding: str, separator: str) -> None:
    text = f"{separator.join(HEADER)}\r\n{separator.join(('a1', 'Österreichische Post', '7'))}\r\n\r\n"
    assert read(text.encode(encoding)) == ([FileLine(2, "a1", "Österreichische Post", "7")], [])


def test_a_workbook_is_read_as_it_shows() -> None:
    good, bad = read(
        workbook((*HEADER, "Units", "Variant"), ("a1", "DHL", 340434, 2.0, None), (None, None), ("a2", "DHL"))
    )
    assert good == [FileLine(2, "a1", "DHL", "340434", quantity=2), FileLine(4, "a2", "DHL", "")]
    assert bad == []


def test_half_a_unit_is_no_quantity() -> None:
    _, bad = read(workbook((*HEADER, "Units"), ("a1", "DHL", "7", 1.5)))
    assert [(one.line, one.reason) for one in bad] == [(2, "bad_quantity")]


def test_a_number_that_a_spreadsheet_rounded_is_not_a_tracking_number() -> None:
    _, bad = read(workbook(HEADER, ("a1", "DHL", 340434161094042557.0)))
    assert [(one.line, one.reason) for one in bad] == [(2, "rounded")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",DHL,7,", "no_order"),
        ("a1,,7,", "no_carrier"),
        ("a1,DHL,7,0", "bad_quantity"),
        ("a1,DHL,7,two", "bad_quantity"),
        ("a1,DHL,7,²", "bad_quantity"),
        (f"a1,DHL,{'7' * 301},", "bad_text"),
        ('a1,"D\x07HL",7,', "bad_text"),
        ("a1,D\u202eHL,7,", "bad_text"),
        (f"a1,{'D' * 81},7,", "bad_text"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: str, reason: str) -> None:
    _, (bad,) = read(f"order,carrier,tracking,quantity\n{line}\n".encode())
    assert (bad.line, bad.reason) == (2, reason)


@pytest.mark.parametrize(
    "file",
    [
        b"order,carrier\na1,DHL\n",
        b"order,carrier,tracking\n",
        b'order,carrier,tracking\n"a1,DHL,7\n',
        b"PK\x03\x04 is no workbook",
        b"order,carrier,tracking\n" + b"a1,DHL,7\n" * (LINES_MAX + 1),
    ],
)
def test_what_is_no_such_file_is_refused_with_the_reason(file: bytes) -> None:
    with pytest.raises(UnreadableFile):
        read(file)


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (65 * 1024 * 1024))
    with pytest.raises(UnreadableFile, match="too large"):
        read(bomb.getvalue())


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: f"order,carrier,tracking\n{text}".encode("utf-8", "replace"))
)
def test_any_bytes_are_lines_or_an_error_that_says_why(file: bytes) -> None:
    try:
        good, bad = read(file)
    except UnreadableFile:
        return
    assert all(isinstance(one, BadLine) for one in bad)
    assert len(good) + len(bad) > 0
