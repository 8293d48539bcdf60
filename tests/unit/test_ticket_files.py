"""The code on a picture, on paper and in a page is one code, and a calendar reads the event as it was meant."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from icalendar import Calendar, Event
from msgspec.structs import replace
from PIL import Image

from buystream.ticket_codes import read, sign
from buystream.ticket_files import STATE_WORDS, ShownTicket, event_words, ticket_ics, ticket_pdf, ticket_png, ticket_svg
from buystream.vocabulary.ids import ticket_id_of
from tests.support.examples import CONCERT, EDITION, ORDER, T0
from tests.unit.test_ticket_codes import CODE, KEY, KEYS, TEXT

TICKET = ShownTicket(
    ticket_id=ticket_id_of(ORDER, 2),
    order_id=ORDER,
    number=2,
    quantity=2,
    title="Night Sky, live",
    variant_title="Front stalls",
    merchant_name="Night Sky",
    event=CONCERT,
    state="valid",
    says="",
    code=TEXT,
    attendee="Ana Šimić ธนพร",
    price="$45.00",
    url="https://shop.example/tickets/2",
)


def pages_of(pdf: bytes) -> list[Image.Image]:
    """As a printer draws them, at 150 dots per inch."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=150 / 72).to_pil() for page in document]


def test_the_code_reads_back_from_the_picture() -> None:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(ticket_png(TEXT))))
    assert read(found.text, KEYS) == CODE


def test_each_page_of_the_pdf_has_its_own_ticket() -> None:
    other = sign(replace(CODE, issue=2), KEY)
    pdf = ticket_pdf([TICKET, replace(TICKET, number=1, code=other)])
    found = [[one.text for one in zxingcpp.read_barcodes(page)] for page in pages_of(pdf)]
    assert found == [[TEXT], [other]]
    assert ticket_pdf([TICKET]) == ticket_pdf([TICKET])
    words = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()
    for said in ("Night Sky, live", "Front stalls", "The Boathouse", "Ticket 2 of 2", "Ana Šimić"):
        assert said in words


def test_a_ticket_that_admits_nobody_is_printed_without_a_code() -> None:
    pdf = ticket_pdf([replace(TICKET, code="", state="refunded", says=STATE_WORDS["refunded"])])
    assert [zxingcpp.read_barcodes(page) for page in pages_of(pdf)] == [[]]
    assert "no longer valid" in pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()


def test_the_code_in_a_page_is_a_picture_with_a_name() -> None:
    svg = ticket_svg(TEXT)
    assert svg.startswith("<svg")
    assert "<title>QR code</title>" in svg


@pytest.mark.parametrize("time_zone", ["Europe/London", "America/New_York", "Asia/Kathmandu", "UTC"])
def test_a_calendar_reads_the_event_at_its_own_time(time_zone: str) -> None:
    event = replace(CONCERT, time_zone=time_zone, address="2 Quay Street; rear, door\nGreenwich")
    ics = ticket_ics(replace(TICKET, event=event), stamped_at_ms=T0, edition_id=EDITION)
    assert all(len(line) <= 75 for line in ics.split(b"\r\n"))
    (entry,) = (calendar := Calendar.from_ical(ics)).events
    assert entry.start.astimezone(UTC) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=event.starts_at_ms)
    assert entry.end - entry.start == timedelta(milliseconds=event.ends_at_ms - event.starts_at_ms)
    assert entry["location"] == "The Boathouse, 2 Quay Street; rear, door, Greenwich"
    assert (entry["status"], entry.uid) == ("CONFIRMED", f"{EDITION}@buystream")
    zones = [one["TZID"] for one in calendar.timezones]
    assert zones == ([] if time_zone == "UTC" else [time_zone])
    if time_zone == "UTC":
        assert b"DTSTART:20270116T090000Z" in ics


def entry(**changes: Any) -> Event:
    """In the calendar of the ticket's holder."""
    ics = ticket_ics(replace(TICKET, **changes), stamped_at_ms=T0, edition_id=EDITION)
    (found,) = Calendar.from_ical(ics).events
    return found


def test_a_cancelled_event_says_so_in_the_calendar() -> None:
    assert entry(state="cancelled", code="")["status"] == "CANCELLED"


def test_what_was_moved_or_cancelled_replaces_what_a_calendar_has() -> None:
    released, moved, cancelled = entry(), entry(event_moves=2), entry(event_moves=2, state="cancelled", code="")
    assert released.uid == moved.uid == cancelled.uid
    assert [one["sequence"] for one in (released, moved, cancelled)] == [0, 2, 3]


def test_the_time_of_an_event_is_the_venues() -> None:
    assert event_words(CONCERT) == "Saturday, 16 January 2027, 09:00 (doors 08:00, GMT)"
    new_york = replace(CONCERT, time_zone="America/New_York", doors_at_ms=CONCERT.starts_at_ms)
    assert event_words(new_york) == "Saturday, 16 January 2027, 04:00 (EST)"
