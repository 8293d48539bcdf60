"""Tickets to keep: the QR code as a picture, the tickets as PDF, the event for a calendar. Pure functions of what is
shown, so that a page, a printed copy and an attachment are the same ticket."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from buystream.projections.tickets import TicketView
from buystream.qr_codes import QUIET_MODULES, qr_code
from buystream.ticket_codes import sign
from buystream.ticket_keys import TicketKeys
from buystream.time_zones import zone
from buystream.vocabulary.door import ENTRY
from buystream.vocabulary.money import format_money
from buystream.vocabulary.values import TicketedEvent

PNG_SCALE: Final = 8
"""Pixels per square: about 400 pixels across, sharp on any phone."""

STATE_WORDS: Final = {
    "valid": "",
    "used": "Used",
    "offered": "Passed on, and not accepted yet",
    "refunded": "Refunded: this ticket is no longer valid",
    "blocked": "Not valid while your bank investigates the payment",
    "cancelled": "The event was cancelled",
    "unpaid": "Not paid",
    "over": "The event is over",
    "passed_on": "Passed on: someone else has this ticket",
}
"""What a ticket without a code says instead."""


class ShownTicket(Struct, frozen=True, kw_only=True):
    """A ticket as its holder sees it. `code` is the signed text, empty while it admits nobody. `says` is what `state`
    means to its holder, empty while it is valid.
    `number` of `quantity` tickets of its order. `url` is its page. Its event was moved `event_moves` times."""

    ticket_id: str
    order_id: str
    number: int
    quantity: int
    title: str
    variant_title: str
    merchant_name: str
    event: TicketedEvent
    state: str
    says: str
    code: str
    attendee: str
    price: str
    url: str
    event_moves: int = 0


def shown_ticket(
    view: TicketView, *, seen_by: str, keys: TicketKeys, public_url: str, attendee: str = ""
) -> ShownTicket:
    """The ticket as that buyer sees it: only its holder has the code. `public_url` is the shop's; `attendee` is in
    clear."""
    is_mine = view.holder_id == seen_by
    state = view.state if is_mine or view.state not in ("valid", "used", "offered") else "passed_on"
    return ShownTicket(
        ticket_id=view.ticket_id,
        order_id=view.order_id,
        number=view.number,
        quantity=view.quantity,
        title=view.title,
        variant_title=view.variant_title,
        merchant_name=view.merchant_name,
        event=view.event,
        state=state,
        says=_state_words(view, state),
        code=sign(view.code, keys.private(view.merchant_id, view.key_version)) if is_mine and view.is_shown else "",
        attendee=attendee if is_mine else "",
        price=format_money(view.price_minor, view.currency) if view.price_minor else "Free",
        url=f"{public_url}/tickets/{view.ticket_id}",
        event_moves=view.event_moves,
    )


def _state_words(view: TicketView, state: str) -> str:
    last = view.last_passage
    if state != "used" or last is None:
        return STATE_WORDS[state]
    is_inside, at = last.direction == ENTRY, event_time(last.scanned_at_ms, view.event)
    again = f": the code lets you {'out' if is_inside else 'in again'}" if view.reentry else ""
    return f"{'Used' if is_inside else 'Left'} at {at}{again}"


def ticket_svg(code: str) -> str:
    """The QR code as an SVG element, without a size of its own."""
    picture: str = qr_code(code).svg_inline(
        border=QUIET_MODULES, omitsize=True, dark="#000", light="#fff", svgclass="qr", lineclass=None, title="QR code"
    )
    return picture


def ticket_png(code: str) -> bytes:
    """The QR code as a picture, black on white."""
    file = io.BytesIO()
    qr_code(code).save(file, kind="png", scale=PNG_SCALE, border=QUIET_MODULES)
    return file.getvalue()


def ticket_pdf(tickets: Sequence[ShownTicket]) -> bytes:
    """One page of A4 for each ticket: the same file for the same tickets."""
    from buystream.ticket_sheets import draw  # its fonts take long to load, and few processes need them

    return draw(tickets)


def ticket_ics(ticket: ShownTicket, *, stamped_at_ms: int, edition_id: str) -> bytes:
    """The event as an iCalendar file (RFC 5545), with its time zone's rules. `stamped_at_ms` is when this was last
    known to be true. All tickets of an event have one UID, so a calendar shows it once; a higher SEQUENCE replaces what
    a calendar has."""
    from icalendar import Calendar, Event  # takes long to load too

    event = ticket.event
    is_cancelled = ticket.state == "cancelled"
    entry = Event()
    entry.add("uid", f"{edition_id}@buystream")
    entry.add("dtstamp", datetime.fromtimestamp(stamped_at_ms // 1000, UTC))
    entry.add("dtstart", at_venue(event.starts_at_ms, event))
    entry.add("dtend", at_venue(event.ends_at_ms, event))
    entry.add("summary", ticket.title)
    entry.add("location", ", ".join(filter(None, (event.venue, *event.address.splitlines()))))
    entry.add("description", f"Doors {event_time(event.doors_at_ms, event)}. Your ticket: {ticket.url}")
    entry.add("url", ticket.url)
    entry.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    entry.add("sequence", ticket.event_moves + is_cancelled)
    calendar = Calendar()
    calendar.add("prodid", "-//buystream//tickets//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(entry)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def at_venue(at_ms: int, event: TicketedEvent) -> datetime:
    """That moment by the venue's clock. Whole seconds: iCalendar has nothing smaller."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at_ms // 1000)).astimezone(zone(event.time_zone))


def event_day(at_ms: int, event: TicketedEvent) -> str:
    """`Friday, 27 November 2026`, where the event is."""
    local = at_venue(at_ms, event)
    return f"{local:%A}, {local.day} {local:%B %Y}"


def event_time(at_ms: int, event: TicketedEvent) -> str:
    """`20:00`, where the event is."""
    return f"{at_venue(at_ms, event):%H:%M}"


def event_words(event: TicketedEvent) -> str:
    """When it is: `Friday, 27 November 2026, 20:00 (doors 19:00, GMT)`."""
    starts, doors = event_time(event.starts_at_ms, event), event_time(event.doors_at_ms, event)
    named = at_venue(event.starts_at_ms, event).tzname()
    opens = f"doors {doors}, " if event.doors_at_ms != event.starts_at_ms else ""
    return f"{event_day(event.starts_at_ms, event)}, {starts} ({opens}{named})"
