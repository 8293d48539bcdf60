"""What other sites show of an edition: the picture of its link, and the poster that leads to it. Both are one sheet,
drawn as PDF, because that knows how every script is written; the picture is rendered from it."""

import io
from threading import Lock
from typing import Final, NamedTuple

import pypdfium2

from buystream.gateway.pages.order_words import price_words
from buystream.gateway.pages.previews import PICTURE_HEIGHT, PICTURE_WIDTH, TITLE_CHARS_MAX, shortened
from buystream.print_fonts import fonts_for
from buystream.printing import draw_code, new_pdf, take_pen, write_lines
from buystream.projections.boards import Board
from buystream.ticket_files import event_words

_NAME_CHARS_MAX: Final = 60
_PDFIUM: Final = Lock()
"""PDFium isn't made for threads."""


class _Paper(NamedTuple):
    """A sheet's format, in millimetres; its title's size in points, and how wide its QR code is."""

    width: float
    height: float
    margin: float
    title: float
    code: float
    ground: tuple[int, int, int]
    ink: tuple[int, int, int]
    soft: tuple[int, int, int]


_WHITE, _PALE = (255, 255, 255), (226, 224, 240)
_POSTER: Final = _Paper(338.7, 190.5, 15, 44, 150, _WHITE, (0, 0, 0), (70, 73, 85))
"""16 to 9, as screens are."""

_GROUNDS: Final = {"ticket": (58, 24, 92), "record": (11, 62, 72), "gift": (28, 84, 56), "item": (34, 66, 104)}
"""The colour of each kind's picture, dark enough for white words."""


def picture_png(board: Board) -> bytes:
    """The picture beside a link, of PICTURE_WIDTH by PICTURE_HEIGHT pixels."""
    ground = _GROUNDS.get(board.kind, _GROUNDS["item"])
    # A point is a third of a pixel wide, so that words are as large as they are drawn: 400 by 210 points.
    paper = _Paper(400 / 72 * 25.4, 210 / 72 * 25.4, 9, 27, 0, ground, _WHITE, _PALE)
    drawn = _draw(board, paper, url="")
    with _PDFIUM:
        document = pypdfium2.PdfDocument(drawn)
        try:
            picture = document[0].render(scale=PICTURE_WIDTH / 400).to_pil()
        finally:
            document.close()
    file = io.BytesIO()
    picture.resize((PICTURE_WIDTH, PICTURE_HEIGHT)).save(file, format="PNG", optimize=True)
    return file.getvalue()


def poster_pdf(board: Board, url: str) -> bytes:
    """A page for a screen or a wall, with a QR code that leads to `url`."""
    return _draw(board, _POSTER, url=url)


def _draw(board: Board, paper: _Paper, *, url: str) -> bytes:
    """Seller, title, time and place, price; with an `url`, its code on the right."""
    title = shortened(board.title, TITLE_CHARS_MAX)
    seller = shortened(board.merchant_name, _NAME_CHARS_MAX)
    event = board.event
    lines = (event_words(event), shortened(event.venue, _NAME_CHARS_MAX)) if event else ()
    price = price_words(board)
    chosen = fonts_for((title, seller, price, url, *lines))
    pdf = new_pdf(chosen, title=title, dated_ms=0, margin_mm=paper.margin, breaks_pages=False)
    pdf.add_page(orientation="portrait", format=(paper.width, paper.height))
    pdf.set_fill_color(*paper.ground)
    pdf.rect(0, 0, paper.width, paper.height, style="F")
    width_mm = paper.width - 2 * paper.margin - (paper.code + paper.margin if paper.code else 0)
    for text, share, colour in (
        (seller, 0.42, paper.soft),
        (title, 1.0 if len(title) < TITLE_CHARS_MAX / 2 else 0.75, paper.ink),
        *((line, 0.42, paper.soft) for line in lines),
        (price, 0.6, paper.ink),
    ):
        take_pen(pdf, paper.title * share, colour)
        write_lines(pdf, chosen, text, size=paper.title * share, width_mm=width_mm)
        pdf.ln(paper.title * 0.06)
    if url:
        left, top = paper.width - paper.margin - paper.code, (paper.height - paper.code) / 2
        pdf.set_xy(left, top)
        draw_code(pdf, url, side_mm=paper.code)
        take_pen(pdf, paper.title * 0.25, paper.soft)
        pdf.set_xy(left, top + paper.code + 1)
        pdf.cell(paper.code, 8, url, align="C")
    return bytes(pdf.output())
