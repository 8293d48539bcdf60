"""Tickets on paper, a page of A4 each."""

from collections.abc import Sequence
from typing import Final

from buystream.print_fonts import fonts_for
from buystream.printing import draw_code, new_pdf, take_pen, write_lines
from buystream.ticket_files import ShownTicket, event_words

_MARGIN_MM: Final = 20
_CODE_MM: Final = 90
_SOFT: Final = (80, 83, 95)
_INK: Final = (0, 0, 0)


def draw(tickets: Sequence[ShownTicket]) -> bytes:
    """The file: the same for the same tickets."""
    return _Sheets(tickets).drawn()


class _Sheets:
    """Draws each ticket from top to bottom."""

    def __init__(self, tickets: Sequence[ShownTicket]) -> None:
        self._tickets = tickets
        self._chosen = fonts_for(text for ticket in tickets for text in _texts(ticket))
        title = "Tickets" if len(tickets) > 1 else "Ticket"
        self._pdf = new_pdf(
            self._chosen, title=title, dated_ms=tickets[0].event.starts_at_ms, margin_mm=_MARGIN_MM, breaks_pages=False
        )

    def drawn(self) -> bytes:
        """The file."""
        for ticket in self._tickets:
            self._pdf.add_page()
            self._draw(ticket)
        return bytes(self._pdf.output())

    def _draw(self, ticket: ShownTicket) -> None:
        event = ticket.event
        self._text(ticket.merchant_name, size=10, soft=True)
        self._text(ticket.title, size=22)
        self._text(event_words(event), size=12)
        self._text(event.venue, size=12)
        self._text(event.address, size=10, soft=True)
        self._pdf.ln(4)
        if ticket.variant_title:
            self._text(ticket.variant_title, size=16)
        if ticket.attendee:
            self._text(ticket.attendee, size=12)
        self._pdf.ln(4)
        if ticket.says:
            self._text(ticket.says, size=16)
        if ticket.code:
            draw_code(self._pdf, ticket.code, side_mm=_CODE_MM)
            self._pdf.set_y(self._pdf.get_y() + _CODE_MM + 4)
        self._text(f"Ticket {ticket.number} of {ticket.quantity} · {ticket.price}", size=10, soft=True)
        self._text(f"Order {ticket.order_id}", size=8, soft=True)
        if ticket.code:
            note = "This sheet and the code on a phone are one ticket: whichever is scanned first is used."
            self._text(note, size=8, soft=True)

    def _text(self, text: str, *, size: float, soft: bool = False) -> None:
        take_pen(self._pdf, size, _SOFT if soft else _INK)
        write_lines(self._pdf, self._chosen, text, size=size)


def _texts(ticket: ShownTicket) -> tuple[str, ...]:
    """All that people wrote on it; the rest is Latin."""
    event = ticket.event
    return (ticket.title, ticket.merchant_name, ticket.variant_title, ticket.attendee, event.venue, event.address)
