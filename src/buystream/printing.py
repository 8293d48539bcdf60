"""What every printed sheet begins with, and how a text is written on it: shaped (Indic conjuncts, Arabic joining), in
its own direction, in the fonts that its letters need."""

import logging
from datetime import UTC, datetime
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from buystream.print_fonts import BASE, Chosen

A4_MM: Final = (210.0, 297.0)

for _library in ("fontTools", "fpdf"):
    logging.getLogger(_library).setLevel(logging.ERROR)  # they write down each step, and the letters of people's names


def new_pdf(
    chosen: Chosen,
    *,
    title: str,
    dated_ms: int,
    margin_mm: float,
    breaks_pages: bool,
    page_mm: tuple[float, float] = A4_MM,
) -> FPDF:
    """A file without any page yet, which is the same whenever it is made: `dated_ms` is in it."""
    pdf = FPDF(format=page_mm)
    pdf.set_creation_date(datetime.fromtimestamp(dated_ms / 1000, UTC))
    pdf.set_title(title)
    pdf.set_lang("en")
    for font in chosen.fonts:
        pdf.add_font(
            font.name,
            "",
            font.path,
            variations={"": {"wght": 400.0}} if font.is_light else None,
            collection_font_number=font.number,
        )
    pdf.set_fallback_fonts([font.name for font in chosen.fonts[1:]])
    pdf.set_font(BASE.name)
    pdf.set_text_shaping(True)
    pdf.set_margin(margin_mm)
    pdf.set_auto_page_break(breaks_pages, margin_mm)
    return pdf


def take_pen(pdf: FPDF, size: float, colour: tuple[int, int, int]) -> None:
    """Write on in this size (points) and colour."""
    pdf.set_font(BASE.name, size=size)
    # fpdf2 2.8.9 loses a font and size that are first used in a line that begins in another font: use them here.
    pdf.cell(0, 0, " ", new_x=XPos.LEFT, new_y=YPos.TOP)
    pdf.set_text_color(*colour)


def write_lines(pdf: FPDF, chosen: Chosen, text: str, *, size: float, width_mm: float = 0) -> None:
    """Line by line, without empty ones: fpdf2 calls itself once for each line of a text. Width 0: up to the margin."""
    for line in filter(str.strip, text.splitlines()):
        pdf.multi_cell(width_mm, size * 0.5, chosen.shown(line), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
