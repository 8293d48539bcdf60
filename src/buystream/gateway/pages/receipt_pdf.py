"""A receipt on one page of A4: text is shaped (Indic conjuncts, Arabic joining) and runs in its own direction."""

from fpdf.enums import XPos, YPos

from buystream.gateway.routes.receipts import Receipt, percent
from buystream.print_fonts import fonts_for
from buystream.printing import new_pdf, take_pen, write_line, write_lines
from buystream.vocabulary.money import format_money

MARGIN_MM = 22
AMOUNT_MM = 45
SMALL, TEXT, TITLE = 8.5, 10.5, 20
SOFT, INK = (95, 98, 110), (21, 22, 29)


def draw(receipt: Receipt, note: str) -> bytes:
    """The file: the same for the same receipt, whenever it is drawn."""
    sheet = _Sheet(receipt)
    sheet.heading(receipt, note)
    sheet.people(receipt)
    sheet.lines(receipt)
    sheet.tax(receipt)
    sheet.footer_lines(receipt)
    return bytes(sheet.pdf.output())


class _Sheet:
    """Draws from top to bottom."""

    def __init__(self, receipt: Receipt) -> None:
        self._chosen = fonts_for(_texts(receipt))
        self.pdf = new_pdf(
            self._chosen, title="Receipt", dated_ms=receipt.paid_at_ms, margin_mm=MARGIN_MM, breaks_pages=True
        )
        self.pdf.add_page()

    def heading(self, receipt: Receipt, note: str) -> None:
        self._text("Receipt" if receipt.number is None else f"Receipt for a gift, No. {receipt.number}", size=TITLE)
        self._text(f"{receipt.day(receipt.paid_at_ms)} · order {receipt.order_id}", size=SMALL, soft=True)
        if note:
            self._gap(3)
            self._text(note)
        self._gap(7)

    def people(self, receipt: Receipt) -> None:
        seller = receipt.seller
        numbers = [("Tax ID", seller.tax_id), ("Charity No.", seller.charity_id)]
        from_whom = [
            seller.legal_name or receipt.seller_name,
            seller.address,
            seller.email,
            *(f"{label} {number}" for label, number in numbers if number),
        ]
        to_whom = [receipt.buyer.name, receipt.buyer.address_text] if receipt.buyer else ["(erased on request)"]
        top = self.pdf.get_y()
        width = self.pdf.epw / 2
        bottom = top
        for column, (label, texts) in enumerate((("From", from_whom), ("To", to_whom))):
            self.pdf.set_xy(MARGIN_MM + column * width, top)
            self.pdf.set_left_margin(MARGIN_MM + column * width)
            self._text(label, size=SMALL, soft=True, width=width - 6)
            self._text("\n".join(text for text in texts if text), width=width - 6)
            bottom = max(bottom, self.pdf.get_y())
        self.pdf.set_left_margin(MARGIN_MM)
        self.pdf.set_xy(MARGIN_MM, bottom)
        self._gap(9)

    def lines(self, receipt: Receipt) -> None:
        for line in receipt.lines:
            price = format_money(line.price_minor, receipt.currency)
            what = f"{line.quantity} × {receipt.title_of(line)}, {price} each"
            self._row(what, format_money(line.total_minor + line.discount_minor, receipt.currency))
        if receipt.discount is not None:
            self._row(receipt.discount.label, format_money(-receipt.discount.amount_minor, receipt.currency))
        if receipt.shipping is not None:
            self._row(receipt.shipping.title, format_money(receipt.shipping.amount_minor, receipt.currency))
        full_minor = receipt.full_minor
        if full_minor != receipt.paid_minor:
            self._row("Not charged", format_money(receipt.paid_minor - full_minor, receipt.currency))
        for one in receipt.refunds:
            self._row(f"Refunded on {receipt.day(one.at_ms)}", format_money(-one.amount_minor, receipt.currency))
        self._rule()

    def tax(self, receipt: Receipt) -> None:
        gross = format_money(receipt.gross_minor, receipt.currency)
        if receipt.tax_bps:
            self._row("Net", format_money(receipt.net_minor, receipt.currency))
            label = f"{receipt.tax_label or 'Tax'} {percent(receipt.tax_bps)}, included in the price"
            self._row(label, format_money(receipt.tax_minor, receipt.currency))
            self._rule()
        self._row("Given" if receipt.number else "Total paid", gross, size=TEXT + 2.5)
        self._gap(8)

    def footer_lines(self, receipt: Receipt) -> None:
        self._text(f"Paid on {receipt.day(receipt.paid_at_ms)} ({receipt.time_zone}) by card.", size=SMALL, soft=True)

        if self._chosen.lacking:
            note = "Some characters can't be printed with this shop's fonts. The receipt's web page shows them all."
            self._text(note, size=SMALL, soft=True)

    def _text(self, text: str, *, size: float = TEXT, soft: bool = False, width: float = 0) -> None:
        take_pen(self.pdf, size, SOFT if soft else INK)
        write_lines(self.pdf, self._chosen, text, size=size, width_mm=width)

    def _row(self, what: str, amount: str, *, size: float = TEXT) -> None:
        """A text that may wrap, and its amount on its last line, aligned right."""
        take_pen(self.pdf, size, INK)
        width_mm = self.pdf.epw - AMOUNT_MM
        write_line(
            *(self.pdf, self._chosen.shown(what)),
            width_mm=width_mm,
            height_mm=size * 0.6,
            new_x=XPos.RIGHT,
            new_y=YPos.LAST,
        )
        self.pdf.cell(AMOUNT_MM, size * 0.6, amount, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._gap(0.8)

    def _rule(self) -> None:
        self._gap(1)
        self.pdf.set_draw_color(*SOFT)
        self.pdf.set_line_width(0.2)
        self.pdf.line(MARGIN_MM, self.pdf.get_y(), self.pdf.w - MARGIN_MM, self.pdf.get_y())
        self._gap(2)

    def _gap(self, height_mm: float) -> None:
        self.pdf.ln(height_mm)


def _texts(receipt: Receipt) -> list[str]:
    """All that people wrote on it; the rest is Latin."""
    seller, buyer = receipt.seller, receipt.buyer
    return [
        *(receipt.title, receipt.seller_name, receipt.tax_label),
        *(seller.legal_name, seller.address, seller.email, seller.tax_id, seller.charity_id),
        *((buyer.name, buyer.address_text) if buyer else ()),
    ]
