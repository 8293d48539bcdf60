"""Address labels: on sheets of A4 as they are sold, or one a page for a label printer."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from buystream.parcel_sheets import Layout, Slip
from buystream.print_fonts import Chosen, fonts_for
from buystream.printing import new_pdf, take_pen


class Sheet(NamedTuple):
    """Where the labels of a sheet are, in millimetres: `left` and `top` of the first one, and what lies between two
    columns. Labels of one row touch those of the next."""

    columns: int
    rows: int
    width: float
    height: float
    left: float
    top: float
    between: float = 0.0
    page: tuple[float, float] = (210, 297)

    @property
    def labels(self) -> int:
        """Of one sheet."""
        return self.columns * self.rows


SHEETS: Final[Mapping[Layout, Sheet]] = {
    "3x8": Sheet(3, 8, 70, 37, 0, 0.5),  # Avery 3474, Herma 4464
    "2x7": Sheet(2, 7, 99.1, 38.1, 4.65, 15.15, 2.5),  # Avery L7163
    "2x4": Sheet(2, 4, 99.1, 67.7, 4.65, 13.1, 2.5),  # Avery L7165
    "100x150": Sheet(1, 1, 100, 150, 0, 0, page=(100, 150)),  # a label printer's
}

PADDING_MM: Final = 5
"""Printers don't reach a sheet's edge, and sheets slip."""

_SIZES: Final = (16, 14, 12, 11, 10, 9, 8, 7, 6)
"""Points, the largest that fits is taken."""

_SMALL: Final = 6
_LINE: Final = 0.42
"""Millimetres of a line's height for each point."""

CUT: Final = "(continued on the slip)"
"""Instead of the lines of an address that have no room."""

INK, SOFT = (0, 0, 0), (80, 83, 95)


def labels(slips: Sequence[Slip], *, layout: Layout, skip: int, made_at_ms: int) -> bytes:
    """A label for each parcel that has an address, with its order's number. `skip` labels of the first sheet are used
    already."""
    sheet = SHEETS[layout]
    chosen = fonts_for(line for slip in slips for line in slip.address)
    pdf = new_pdf(
        chosen, title="Address labels", dated_ms=made_at_ms, margin_mm=0, breaks_pages=False, page_mm=sheet.page
    )
    pdf.add_page()
    addressed = [slip for slip in slips if slip.address]
    for place, slip in enumerate(addressed, skip % sheet.labels):
        row, column = divmod(place % sheet.labels, sheet.columns)
        if place and not place % sheet.labels:
            pdf.add_page()
        left = sheet.left + column * (sheet.width + sheet.between)
        _draw(pdf, chosen, sheet, slip, left=left, top=sheet.top + row * sheet.height)
    return bytes(pdf.output())


def _draw(pdf: FPDF, chosen: Chosen, sheet: Sheet, slip: Slip, *, left: float, top: float) -> None:
    width, height = sheet.width - 2 * PADDING_MM, sheet.height - 2 * PADDING_MM
    lines = [chosen.shown(line) for line in slip.address]
    room = height - _SMALL * _LINE - 1
    for size in _SIZES:
        take_pen(pdf, size, INK)
        fitting = _wrapped(pdf, lines, width, size)
        most = int(room / (size * _LINE))
        if len(fitting) <= most:
            break
    else:  # it must not run into the next label, which is another buyer's
        lines = [*fitting[: most - 1], CUT]
    pdf.set_xy(left + PADDING_MM, top + PADDING_MM)
    for line in lines:
        pdf.multi_cell(width, size * _LINE, line, align="L", new_x=XPos.LEFT, new_y=YPos.NEXT)
    take_pen(pdf, _SMALL, SOFT)
    pdf.set_xy(left + PADDING_MM, top + sheet.height - PADDING_MM - _SMALL * _LINE)
    pdf.cell(width, _SMALL * _LINE, slip.number, align="R")


def _wrapped(pdf: FPDF, lines: Sequence[str], width: float, size: int) -> list[str]:
    """The lines as they are drawn, at that size."""
    found = pdf.multi_cell(
        width, size * _LINE, "\n".join(lines), dry_run=True, output=MethodReturnValue.LINES, align="L"
    )
    assert isinstance(found, list)
    return found
