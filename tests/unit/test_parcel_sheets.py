"""What is printed for the packing table says what is in each parcel, and nothing that isn't."""

import pypdfium2
import pytest
from msgspec.structs import replace

from buystream.gateway.pages.label_pdf import CUT, SHEETS, labels
from buystream.gateway.pages.packing_pdf import pick_list
from buystream.gateway.pages.parcel_prints import FEW, PrintJob, printed
from buystream.parcel_sheets import Layout, Picked, PrintedUnits, Slip, picked, slips_of
from buystream.projections.order_lines import LineView
from buystream.projections.order_views import OrderView
from buystream.projections.parcels import SeenFulfilment, SeenParcel
from tests.support.examples import ANNA, EDITION, MERCHANT, ORDER, T0

NUMBER = ORDER[-8:].upper()
ADDRESS = ("Ana Šimić", "ธนพร 12", "10000 Zagreb", "CROATIA")
SLIP = Slip(
    order_id=ORDER,
    number=NUMBER,
    placed_on="2027-01-15",
    merchant_name="Night Sky",
    address=ADDRESS,
    here=(PrintedUnits("Night Sky: Large", 2),),
    later=(PrintedUnits("Night Sky: Small", 1),),
)


def line(variant_id: str, quantity: int, **more: int) -> LineView:
    title = {"s": "Small", "l": "Large"}[variant_id]
    return LineView(variant_id=variant_id, title=title, quantity=quantity, price_minor=1, total_minor=quantity, **more)


def order(*lines: LineView, **parcels: SeenParcel) -> OrderView:
    return OrderView(
        order_id=ORDER,
        edition_id=EDITION,
        merchant_id=MERCHANT,
        buyer_id=ANNA,
        edition_title="Night Sky",
        title="Night Sky" if len(lines) > 1 else f"Night Sky: {lines[0].title}",
        variant_id="",
        price_minor=None,
        currency="EUR",
        state="confirmed",
        served="confirmed",
        **dict.fromkeys(("reason", "hold_expires_at_ms", "payment", "carrier", "tracking")),
        quantity=sum(one.quantity for one in lines),
        total_minor=1,
        placed_at_ms=T0,
        delivery="",
        refunded_minor=0,
        restocked=False,
        version=1,
        merchant_name="Night Sky",
        lines=list(lines),
        parcels=SeenFulfilment(parcels=parcels),
    )


def parcel(stage: str, **contents: int) -> SeenParcel:
    return SeenParcel(contents=contents, stage=stage)


def split(*orders: OrderView) -> list[tuple[dict[str, int], ...]]:
    slips = slips_of(orders, addresses={}, day=str)
    return [tuple({one.name: one.quantity for one in part} for part in (s.here, s.later, s.sent)) for s in slips]


LARGE, SMALL = "Night Sky: Large", "Night Sky: Small"


@pytest.mark.parametrize(
    ("shown", "slips"),
    [
        (order(line("l", 2), line("s", 1)), [({LARGE: 2, SMALL: 1}, {}, {})]),
        (order(line("l", 2, returned=1), line("s", 1, returning=1)), [({LARGE: 1}, {SMALL: 1}, {})]),
        (order(line("l", 2), line("s", 1), one=parcel("shipped", l=2)), [({SMALL: 1}, {}, {LARGE: 2})]),
        (
            order(line("l", 2), line("s", 1), one=parcel("processing", l=1), two=parcel("shipped", s=1)),
            [({LARGE: 1}, {LARGE: 1}, {SMALL: 1}), ({LARGE: 1}, {LARGE: 1}, {SMALL: 1})],
        ),
        (order(line("l", 1), line("s", 1), one=parcel("lost", l=1)), [({LARGE: 1, SMALL: 1}, {}, {})]),
        (
            order(line("l", 1), line("s", 1), one=parcel("shipped", l=1), two=parcel("delivered", s=1)),
            [({LARGE: 1}, {}, {SMALL: 1}), ({SMALL: 1}, {}, {LARGE: 1})],
        ),
    ],
)
def test_a_slip_says_what_is_here_what_follows_and_what_was_sent(
    shown: OrderView, slips: list[tuple[dict[str, int], ...]]
) -> None:
    assert split(shown) == slips


def test_a_pick_list_adds_up_what_is_left_of_all_orders() -> None:
    first, second = order(line("l", 2), line("s", 1), one=parcel("shipped", l=1)), order(line("l", 4))
    assert picked([first, second]) == [Picked(LARGE, 5, 2), Picked(SMALL, 1, 1)]
    assert picked([order(line("l", 1, returned=1))]) == []


def words(pdf: bytes, page: int = 0) -> str:
    return str(pypdfium2.PdfDocument(pdf)[page].get_textpage().get_text_range())


def slips(*of: Slip) -> bytes:
    told = {"return_hint": "Write to us.", "seller": "2 Quay Street"}
    return printed(PrintJob(kind="packing-slips", made_at_ms=T0, merchant_name="Night Sky", slips=of, **told))


def test_a_slip_is_a_page_and_reads_back() -> None:
    pdf = slips(SLIP, replace(SLIP, number="OTHER", address=(), sent=(PrintedUnits("Poster", 3),)))
    assert len(pypdfium2.PdfDocument(pdf)) == 2
    for said in ("Night Sky", NUMBER, "2027-01-15", "In this parcel", "2 ×", LARGE, "Follows in another parcel", SMALL):
        assert said in words(pdf)
    assert "Sent before" not in words(pdf)
    for said in ("OTHER", "details were erased", "Sent before", "Poster", "Write to us.", "2 Quay Street"):
        assert said in words(pdf, 1)
    many = slips(*[SLIP] * (FEW + 1))
    assert many == slips(*[SLIP] * (FEW + 1))
    assert len(pypdfium2.PdfDocument(many)) == FEW + 1


def test_a_pick_list_reads_back() -> None:
    rows = [Picked(LARGE, 1_200, 900), Picked(SMALL, 1, 1)]
    text = words(pick_list(rows, heading="Night Sky", note="901 orders", made_at_ms=T0))
    for said in ("Pick list", "901 orders", "1,200", LARGE, "900 orders", "1 order", "1,201"):
        assert said in text
    assert "nothing to pack" in words(pick_list([], heading="Night Sky", note="0 orders", made_at_ms=T0))


@pytest.mark.parametrize("layout", SHEETS)
def test_every_label_is_within_its_own(layout: Layout) -> None:
    """With a long address; a sheet that is begun goes on where it was left."""
    sheet = SHEETS[layout]
    long = replace(
        SLIP, address=("A name that is rather long, as names may be", *("An address line of some length, 17",) * 6)
    )
    pdf = pypdfium2.PdfDocument(labels([SLIP, replace(SLIP, address=()), long], layout=layout, skip=1, made_at_ms=T0))
    assert len(pdf) == (2 if sheet.labels == 1 else 1)
    for place, lines in ((1 % sheet.labels, ADDRESS), (2 % sheet.labels, long.address)):
        page = pdf[1 if sheet.labels == 1 and lines is long.address else 0]
        assert (round(page.get_width() / 72 * 25.4), round(page.get_height() / 72 * 25.4)) == sheet.page
        row, column = divmod(place, sheet.columns)
        left, top = sheet.left + column * (sheet.width + sheet.between), sheet.top + row * sheet.height
        box = [left, sheet.page[1] - top - sheet.height, left + sheet.width, sheet.page[1] - top]
        left, bottom, right, top = (mm * 72 / 25.4 for mm in box)
        inside = page.get_textpage().get_text_bounded(left=left, bottom=bottom, right=right, top=top)
        assert NUMBER in inside
        assert all(word in inside for text in lines for word in text.split() if word.isascii())


@pytest.mark.parametrize("layout", SHEETS)
def test_what_has_no_room_on_a_label_is_cut_and_never_on_the_next(layout: Layout) -> None:
    sheet = SHEETS[layout]
    long = replace(SLIP, address=tuple(f"Line {number} {'with more to say ' * 12}" for number in range(40)))
    pdf = pypdfium2.PdfDocument(labels([long, replace(SLIP, number="NEXT")], layout=layout, skip=0, made_at_ms=T0))
    bottom = (sheet.page[1] - sheet.top - sheet.height) * 72 / 25.4
    page = pdf[0].get_textpage()
    first = page.get_text_bounded(bottom=bottom, right=(sheet.left + sheet.width) * 72 / 25.4)
    assert "Line 0" in first
    assert CUT in first
    assert NUMBER in first
    beyond = page.get_text_range().replace("\r\n", "\n")
    assert beyond.count("more to say") == first.count("more to say")
    assert "Line 39" not in beyond
