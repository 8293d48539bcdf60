"""What every printed sheet begins with, and how a text is written on it: shaped (Indic conjuncts, Arabic joining), in
its own direction, in the fonts that its letters need."""

import io
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import uharfbuzz as hb
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import RenderStyle, XPos, YPos
from fpdf.fonts import HarfBuzzFont, SubsetMap, TTFFont

from buystream.print_fonts import BASE, Chosen, drawn_only, reduced
from buystream.qr_codes import QUIET_MODULES, qr_code

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
        _add_font(pdf, font.name, reduced(font, chosen.characters))
    pdf.set_fallback_fonts([font.name for font in chosen.fonts[1:]])
    pdf.set_font(BASE.name)
    pdf.set_text_shaping(not chosen.is_plain)  # without it there is no kerning, and a page costs half
    pdf.set_margin(margin_mm)
    pdf.set_auto_page_break(breaks_pages, margin_mm)
    return pdf


class _FontInMemory(TTFFont):
    """A font that needs no file. It differs from fpdf2's in its cost alone: the width of a letter is computed once, and
    before fpdf2 embeds the font, HarfBuzz leaves only the glyphs that were drawn."""

    def __init__(self, pdf: FPDF, name: str, content: bytes) -> None:
        super().__init__(pdf, io.BytesIO(content), name, "")  # type: ignore[arg-type]  # fontTools reads either
        self._hbfont = HarfBuzzFont(hb.Face(content))
        self._content = content
        self._widths: dict[str, tuple[int, float]] = {}
        self.subset = _DrawnGlyphs(self)

    def shaped_text_width(
        self, text: str, font_size_pt: float, text_shaping_params: dict[str, Any] | None
    ) -> tuple[int, float]:
        """The number of glyphs, and their width in points; fpdf2 asks for one letter after the other."""
        if len(text) != 1:
            return super().shaped_text_width(text, font_size_pt, text_shaping_params)
        if text not in self._widths:
            self._widths[text] = super().shaped_text_width(text, 1, text_shaping_params)
        glyphs, width = self._widths[text]
        return glyphs, width * font_size_pt

    def keep(self, glyph_names: Sequence[str]) -> None:
        """Only these glyphs are needed from now on."""
        glyphs = [self.ttfont.getGlyphID(name) for name in glyph_names]
        self.ttfont = TTFont(io.BytesIO(drawn_only(self._content, glyphs)), recalcBBoxes=False, recalcTimestamp=False)


class _DrawnGlyphs(SubsetMap):
    """The glyphs that were drawn in a font. fpdf2 asks for all their names when it is about to embed it."""

    font: _FontInMemory

    def get_all_glyph_names(self) -> Sequence[str]:
        names = super().get_all_glyph_names()
        self.font.keep(names)
        return names


def _add_font(pdf: FPDF, name: str, content: bytes) -> None:
    key = name.lower()  # as FPDF.add_font does
    pdf.fonts[key] = _FontInMemory(pdf, key, content)


def take_pen(pdf: FPDF, size: float, colour: tuple[int, int, int]) -> None:
    """Write on in this size (points) and colour."""
    pdf.set_font(BASE.name, size=size)
    if len(pdf.fonts) > 1:
        # fpdf2 2.8.9 loses a font and size that are first used in a line that begins in another font: use them here.
        pdf.cell(0, 0, " ", new_x=XPos.LEFT, new_y=YPos.TOP)
    pdf.set_text_color(*colour)


def write_lines(pdf: FPDF, chosen: Chosen, text: str, *, size: float, width_mm: float = 0) -> None:
    """Line by line, without empty ones: fpdf2 calls itself once for each line of a text. Width 0: up to the margin."""
    for line in filter(str.strip, text.splitlines()):
        write_line(pdf, chosen.shown(line), width_mm=width_mm or pdf.w - pdf.r_margin - pdf.x, height_mm=size * 0.5)


def write_line(
    pdf: FPDF, text: str, *, width_mm: float, height_mm: float, new_x: XPos = XPos.LMARGIN, new_y: YPos = YPos.NEXT
) -> None:
    """As many lines as the text needs. fpdf2 looks for where to break it by shaping it again for each letter: what
    fits into one line is written at once."""
    if _fits(pdf, text, width_mm - 2 * pdf.c_margin):
        pdf.cell(width_mm, height_mm, text, new_x=new_x, new_y=new_y)
    else:
        pdf.multi_cell(width_mm, height_mm, text, align="L", new_x=new_x, new_y=new_y)


def _fits(pdf: FPDF, text: str, width_mm: float) -> bool:
    is_surely_short = len(text) * pdf.font_size <= width_mm  # hardly a letter is as wide as the font is high
    return is_surely_short or bool(pdf.get_string_width(text) <= width_mm)


def draw_code(pdf: FPDF, text: str, *, side_mm: float) -> None:
    """A QR code with its border, from where the pen is; it stays there. In lines of black squares, not as a picture: it
    prints sharp at any resolution."""
    rows = [bytes(row) for row in qr_code(text).matrix_iter(border=QUIET_MODULES)]
    side = side_mm / len(rows)
    left, top = pdf.get_x(), pdf.get_y()
    pdf.set_fill_color(0, 0, 0)
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            if end > x:
                pdf.rect(left + x * side, top + y * side, (end - x) * side, side, style=RenderStyle.F)
            x = end + 1
