"""A receipt on paper: the same file each time, with any buyer's name."""

import logging
from cProfile import Profile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fpdf.enums import TextDirection

from buystream.gateway.pages.receipt_pdf import INK, _Sheet, draw
from buystream.gateway.routes.bodies.payments import DeliveryBody
from buystream.gateway.routes.receipts import GivenBack, Receipt, note
from buystream.print_fonts import LACKING, fonts_for
from buystream.printing import take_pen
from buystream.projections.order_lines import LineView
from buystream.projections.people import LegalDetails
from tests.support.examples import ORDER, T0

RECEIPT = Receipt(
    order_id=ORDER,
    number="2027-17",
    state="corrected",
    seller_name="Night Sky",
    seller=LegalDetails(
        legal_name="Nocne Niebo Łódź, Stowarzyszenie",
        address="ul. Żwirki 1\n90-001 Łódź",
        tax_id="PL1234567890",
        charity_id="0000123456",
        email="biuro@niebo.example",
    ),
    buyer=DeliveryBody("Ιωάννα Παπαδοπούλου", "ioanna@example.org", None, ["Οδός 1", "Αθήνα"]),
    title="Night Sky, live",
    quantity=2,
    price_minor=4500,
    lines=[LineView(variant_id="", title="", quantity=2, price_minor=4500, total_minor=9000)],
    currency="EUR",
    paid_at_ms=T0,
    paid_minor=9000,
    refunds=[GivenBack(T0 + 86_400_000, 500)],
    gross_minor=8500,
    net_minor=7143,
    tax_minor=1357,
    tax_bps=1900,
    tax_label="VAT",
)


def drawn(**changes: Any) -> bytes:
    receipt = msgspec.structs.replace(RECEIPT, **changes)
    return draw(receipt, note(receipt))


def test_the_same_receipt_is_the_same_file() -> None:
    assert drawn() == drawn()
    assert drawn().startswith(b"%PDF")
    assert drawn() != drawn(gross_minor=8400)


@pytest.mark.parametrize(("name", "calls_max"), [("Anna", 90_000), ("ธนพร", 200_000), ("שלום", 200_000)])
def test_a_receipt_costs_little(name: str, calls_max: int) -> None:
    buyer = DeliveryBody(name, "anna@example.org", "1 Pier\nBoston")
    drawn(buyer=buyer)  # the fonts of this process are open
    profile = Profile()
    with profile:
        pdf = drawn(buyer=buyer)
    assert sum(entry.callcount for entry in profile.getstats()) < calls_max
    assert len(pdf) < 16_000


@pytest.mark.parametrize("name", ["山田 花子", "\U00012000 \U00012001", "हिन्दी", "Anna"])
def test_drawing_writes_no_letter_of_a_name_and_hardly_a_line_to_the_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert drawn(buyer=DeliveryBody(name, "", ""))
    assert len(caplog.records) <= 1
    assert not any(char in caplog.text for char in name if ord(char) > 0x7F)
    assert not any(f"{ord(char):04x}" in caplog.text.lower() for char in name if ord(char) > 0x7F)


def width(text: str) -> float:
    """Of the text as it is drawn, in mm."""
    sheet = _Sheet(msgspec.structs.replace(RECEIPT, title=text))
    take_pen(sheet.pdf, 10, INK)
    cell = sheet.pdf.multi_cell(0, 5, text, dry_run=True, output="LINES", split_only=False, wrapmode="CHAR")
    assert cell == [text]
    return sum(fragment.get_width() for fragment in sheet.pdf._preload_bidirectional_text(text, False))


@pytest.mark.parametrize(
    ("joined", "apart"),
    [("क्ष", ("क", "्", "ष")), ("ক্ষ", ("ক", "্", "ষ")), ("శ్రీ", ("శ", "్", "ర", "ీ")), ("محم", ("م", "ح", "م"))],
)
def test_letters_that_join_are_shaped(joined: str, apart: tuple[str, ...]) -> None:
    assert width(joined) != pytest.approx(sum(map(width, apart)), rel=0.02)


def test_arabic_and_hebrew_run_from_right_to_left() -> None:
    for text in ("שלום", "سلام"):
        sheet = _Sheet(msgspec.structs.replace(RECEIPT, title=text))
        take_pen(sheet.pdf, 10, INK)
        (fragment,) = sheet.pdf._preload_bidirectional_text(text, False)
        assert fragment.fragment_direction is TextDirection.RTL


@pytest.mark.parametrize(
    "text", ["Łódź", "Αθήνα", "Київ", "हिन्दी", "বাংলা", "தமிழ்", "తెలుగు", "ไทย", "ខ្មែរ", "عربي", "עברית"]
)
def test_these_scripts_need_no_font_of_the_machine(text: str, tmp_path: Path) -> None:
    chosen = fonts_for([text], folders=[str(tmp_path)])
    assert not chosen.lacking
    assert chosen.shown(text) == text


def test_a_font_of_the_machine_draws_what_ours_lack(tmp_path: Path) -> None:
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", "mountain"])
    font.setupCharacterMap({ord("山"): "mountain"})
    font.setupGlyf({name: TTGlyphPen(None).glyph() for name in (".notdef", "mountain")})
    font.setupHorizontalMetrics({".notdef": (500, 0), "mountain": (1000, 0)})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Mountain", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    (tmp_path / "deep").mkdir()
    font.save(tmp_path / "deep" / "Mountain.ttf")
    (tmp_path / "broken.ttf").write_bytes(b"no font")

    chosen = fonts_for(["山田"], folders=[str(tmp_path)])
    assert chosen.fonts[-1].path == tmp_path / "deep" / "Mountain.ttf"
    assert (chosen.lacking, chosen.shown("山田 a")) == ({"田"}, f"山{LACKING} a")


def test_what_no_font_has_is_visible_and_the_receipt_says_so() -> None:
    unknown = "\U00012000"
    chosen = fonts_for([f"Anna {unknown}"], folders=["/nowhere"])
    assert chosen.shown(f"Anna {unknown}") == f"Anna {LACKING}"


def test_a_long_title_and_a_lost_buyer_fit_too() -> None:
    assert drawn(title="All the nights " * 12, buyer=None, number=None, refunds=[], state="issued")


def test_what_a_correction_says() -> None:
    assert note(RECEIPT) == (
        "Corrected: the gift was 90.00 EUR, of which 85.00 EUR remains after refunds. It replaces earlier copies."
    )
    cancelled = msgspec.structs.replace(RECEIPT, state="cancelled", gross_minor=0)
    assert note(cancelled) == "Cancelled: the full amount of 90.00 EUR was refunded. This receipt is no longer valid."
    assert note(msgspec.structs.replace(RECEIPT, state="issued")) == ""


@pytest.mark.parametrize("address", ["\n" * 999 + "a", "a\n" * 500, "a\r\n\n\n\nb", "\u2028" * 500, " \t"])
def test_an_address_of_any_number_of_lines_is_drawn(address: str) -> None:
    seller = msgspec.structs.replace(RECEIPT.seller, address=address)
    assert drawn(seller=seller, buyer=DeliveryBody("\n" * 200, "", None, [address])).startswith(b"%PDF")


def test_any_number_of_refunds_is_drawn() -> None:
    assert drawn(refunds=[GivenBack(T0, 1)] * 500).startswith(b"%PDF")
