"""What other sites show of an edition: words, picture, poster."""

import io
from typing import Any

import msgspec
import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from buystream.gateway.pages.link_pictures import picture_png, poster_pdf
from buystream.gateway.pages.previews import DESCRIPTION_CHARS_MAX, TITLE_CHARS_MAX, preview_of, shortened
from buystream.projections.boards import Board, VariantBoard
from buystream.vocabulary.values import RefundRule, TicketedEvent

SHOP = "https://shop.example"
EVENT = TicketedEvent(
    starts_at_ms=1_795_809_600_000,
    doors_at_ms=1_795_806_000_000,
    ends_at_ms=1_795_820_400_000,
    venue="The Great Hall",
    address="1 Hall Street, London",
    time_zone="Europe/London",
)


def variant(variant_id: str = "", title: str = "", price_minor: int = 2400, **other: Any) -> VariantBoard:
    said = {
        **dict.fromkeys(("stock", "available", "held", "sold", "withdrawn"), 10),
        "variant_id": variant_id,
        "title": title,
        "limit_per_buyer": 4,
        "weight_grams": 0,
        "is_sold_out": False,
        **dict.fromkeys(("price_minor", "price_min_minor", "price_max_minor", "full_price_minor"), price_minor),
        **dict.fromkeys(("left_at_price", "price_until_ms")),
        "tiers": (),
    }
    return VariantBoard(**said | other)


def board(**other: Any) -> Board:
    said = {
        **dict.fromkeys(Board.__struct_fields__, None),
        "edition_id": "ed0-0123456789",
        "merchant_id": "me0-0123456789",
        "merchant_name": "Harbour Lights",
        "title": "Tonight at the Great Hall",
        "description": "Doors at seven.",
        "kind": "ticket",
        "image": "ticket",
        "currency": "GBP",
        "price_minor": 2400,
        "price_min_minor": 2400,
        "price_max_minor": 2400,
        "state": "open",
        "stock": 10,
        "available": 10,
        "refund": RefundRule(),
        "event": EVENT,
        "variants": (variant(),),
    }
    return Board(**said | other)


def test_a_long_text_is_cut_at_a_word() -> None:
    assert shortened("one two\n three", 20) == "one two three"
    assert shortened("one two, three", 10) == "one two…"
    assert len(shortened("word " * 80, DESCRIPTION_CHARS_MAX)) <= DESCRIPTION_CHARS_MAX


def test_a_link_says_title_seller_price_and_where_its_picture_is() -> None:
    said = preview_of(board(title="T" * 60 + " and much more of it than anybody shows"), SHOP)
    assert said.url == f"{SHOP}/e/ed0-0123456789"
    assert len(said.title) <= TITLE_CHARS_MAX
    assert said.description.startswith("Harbour Lights: 24.00 GBP. Doors at seven.")
    assert said.picture_url == f"{said.url}/picture.png"
    assert said.oembed_url == f"{SHOP}/oembed?url=https%3A%2F%2Fshop.example%2Fe%2Fed0-0123456789"


def test_a_concert_is_an_event_with_an_offer_for_each_variant() -> None:
    variants = (variant("stalls", "Stalls"), variant("balcony", "Balcony", 1800, is_sold_out=True))
    data = preview_of(board(variants=variants), SHOP).linked_data
    assert (data["@type"], data["startDate"]) == ("Event", "2026-11-27T20:00:00+00:00")
    assert data["location"]["address"] == "1 Hall Street, London"
    prices = [(offer["name"], offer["price"], offer["availability"].rpartition("/")[2]) for offer in data["offers"]]
    assert prices == [("Stalls", "24.00", "InStock"), ("Balcony", "18.00", "SoldOut")]


def test_a_concert_that_was_called_off_says_so() -> None:
    data = preview_of(board(state="cancelled"), SHOP).linked_data
    assert data["eventStatus"] == "https://schema.org/EventCancelled"


@pytest.mark.parametrize(("kind", "type_"), [("record", "Product"), ("item", "Product"), ("gift", "DonateAction")])
def test_what_is_sold_without_an_event_is_a_product_and_a_gift_is_none(kind: str, type_: str) -> None:
    data = preview_of(board(kind=kind, event=None), SHOP).linked_data
    assert data["@type"] == type_
    assert ("offers" in data) == (kind != "gift")
    assert msgspec.json.decode(msgspec.json.encode(data)) == data


@pytest.mark.parametrize("title", ["Tonight at the Great Hall", "حفلة الليلة", "आज रात " * 9, "W" * 200])
def test_the_picture_has_the_size_that_previews_want(title: str) -> None:
    drawn = picture_png(board(title=title))
    picture = Image.open(io.BytesIO(drawn))
    assert picture.size == (1200, 630)
    assert len(drawn) < 300_000
    assert len(set(picture.convert("RGB").resize((120, 63)).tobytes())) > 10  # something is written on it


def test_the_posters_code_leads_to_the_edition() -> None:
    url = f"{SHOP}/e/ed0-0123456789?utm_source=poster"
    page = pypdfium2.PdfDocument(poster_pdf(board(), url))[0]
    assert page.get_width() / page.get_height() == pytest.approx(16 / 9, rel=0.01)
    (code,) = zxingcpp.read_barcodes(page.render(scale=1).to_pil())
    assert code.text == url
    assert "Tonight at the Great Hall" in " ".join(page.get_textpage().get_text_range().split())
