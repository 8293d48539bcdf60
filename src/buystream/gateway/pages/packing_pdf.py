"""Pick lists and packing slips on A4."""

from collections.abc import Iterable, Sequence
from typing import Final

from fpdf.enums import XPos, YPos

from buystream.parcel_sheets import Picked, PrintedUnits, Slip
from buystream.print_fonts import fonts_for
from buystream.printing import new_pdf, take_pen, write_lines

MARGIN_MM: Final = 18
SMALL, TEXT, LARGE, TITLE = 9, 11, 13, 20
SOFT, INK = (80, 83, 95), (0, 0, 0)
_BOX_MM: Final = 4.5
_COUNT_MM: Final = 20


def pick_list(rows: Sequence[Picked], *, heading: str, note: str, made_at_ms: int) -> bytes:
    """A row for each thing, with a box to tick. `heading` is whose list it is, `note` what it is for."""
    sheet = _Sheet([heading, note, *(row.name for row in rows)], title="Pick list", dated_ms=made_at_ms)
    sheet.text("Pick list", size=TITLE)
    sheet.text(f"{heading} · {note}", size=SMALL, soft=True)
    sheet.gap(6)
    for row in rows:
        orders = "1 order" if row.orders == 1 else f"{row.orders:,} orders"
        sheet.ticked(f"{row.quantity:,}", row.name, orders)
    if rows:
        sheet.ticked(f"{sum(row.quantity for row in rows):,}", "units in all", "", boxed=False)
    else:
        sheet.text("There is nothing to pack.")
    return bytes(sheet.pdf.output())


def packing_slips(slips: Sequence[Slip], *, return_hint: str, seller: str, made_at_ms: int) -> bytes:
    """A sheet for each parcel. `seller` are the lines under the merchant's name."""
    texts = [return_hint, seller, *(text for slip in slips for text in _texts(slip))]
    sheet = _Sheet(texts, title="Packing slips", dated_ms=made_at_ms)
    for number, slip in enumerate(slips):
        if number:
            sheet.pdf.add_page()
        sheet.text(slip.merchant_name, size=LARGE)
        sheet.text(seller, size=SMALL, soft=True)
        sheet.gap(10)
        sheet.text("\n".join(slip.address) or "No address: the buyer's details were erased.", size=LARGE)
        sheet.gap(10)
        sheet.text(f"Packing slip for order {slip.number}", size=TITLE)
        sheet.text(f"Ordered on {slip.placed_on} · {slip.order_id}", size=SMALL, soft=True)
        sheet.gap(6)
        sheet.contents("In this parcel", slip.here, boxed=True)
        sheet.contents("Follows in another parcel", slip.later)
        sheet.contents("Sent before", slip.sent)
        sheet.gap(4)
        sheet.text(return_hint, size=SMALL, soft=True)
    return bytes(sheet.pdf.output())


class _Sheet:
    """Draws from top to bottom."""

    def __init__(self, texts: Iterable[str], *, title: str, dated_ms: int) -> None:
        self._chosen = fonts_for(texts)
        self.pdf = new_pdf(self._chosen, title=title, dated_ms=dated_ms, margin_mm=MARGIN_MM, breaks_pages=True)
        self.pdf.add_page()

    def text(self, text: str, *, size: float = TEXT, soft: bool = False) -> None:
        take_pen(self.pdf, size, SOFT if soft else INK)
        write_lines(self.pdf, self._chosen, text, size=size)

    def gap(self, height_mm: float) -> None:
        self.pdf.ln(height_mm)

    def contents(self, heading: str, units: Sequence[PrintedUnits], *, boxed: bool = False) -> None:
        """Nothing where there are none."""
        if units:
            self.text(heading, size=SMALL, soft=True)
            self.gap(1)
            for one in units:
                self.ticked(f"{one.quantity} ×", one.name, "", boxed=boxed)
            self.gap(4)

    def ticked(self, count: str, name: str, note: str, *, boxed: bool = True) -> None:
        """A row: a box, how many, of what."""
        pdf, height = self.pdf, LARGE * 0.6
        if pdf.will_page_break(height):
            pdf.add_page()
        if boxed:
            pdf.set_draw_color(*SOFT)
            pdf.rect(pdf.l_margin, pdf.get_y() + (height - _BOX_MM) / 2, _BOX_MM, _BOX_MM)
        pdf.set_x(pdf.l_margin + _BOX_MM + 3)
        take_pen(pdf, LARGE, INK)
        pdf.cell(_COUNT_MM, height, count, align="R", new_x=XPos.RIGHT, new_y=YPos.TOP)
        pdf.set_x(pdf.get_x() + 3)
        width = pdf.epw - _BOX_MM - _COUNT_MM - 6 - 32
        pdf.multi_cell(width, height, self._chosen.shown(name), align="L", new_x=XPos.RIGHT, new_y=YPos.LAST)
        take_pen(pdf, SMALL, SOFT)
        pdf.cell(32, height, note, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _texts(slip: Slip) -> tuple[str, ...]:
    """All that people wrote on it; the rest is Latin."""
    return (
        slip.merchant_name,
        *slip.address,
        *(one.name for part in (slip.here, slip.later, slip.sent) for one in part),
    )
