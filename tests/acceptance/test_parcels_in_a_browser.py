"""A merchant packs, prints, sends and takes back at the desk; the buyer follows each parcel and asks to send something
back. Both on a phone."""

import re
from typing import Any

import pypdfium2
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.support.axe import CONTRAST, violations
from tests.support.browser import DemoShop, Screenshot, expect_to_fit
from tests.support.shop import DELIVERY, order_of, wait_until

SIZES = [
    {"variant_id": name, "title": title, "price_minor": 2_400, "stock": 9}
    for name, title in (("m", "Black"), ("l", "Blue"))
]


def bought(page: Page, shop: DemoShop, edition_id: str) -> str:
    """By the buyer of that page's session: two black ones and a blue one."""
    lines = [
        {"variant_id": name, "quantity": quantity, "price_minor": 2_400} for name, quantity in (("m", 2), ("l", 1))
    ]
    body = {key: value for key, value in order_of(edition_id).items() if key.endswith("_id")} | {"lines": lines}
    page.goto(f"{shop.url}/orders")
    token = page.evaluate("import('/static/buystream/session.js').then((session) => session.sessionToken())")
    headers = {"Authorization": f"Bearer {token}"}

    def post(path: str, said: Any) -> None:
        assert page.request.post(f"{shop.url}/v1/orders{path}", data=said, headers=headers).ok

    post("", body)
    post(f"/{body['order_id']}/payment", {"payment_method": "sandbox_accepted", "delivery": DELIVERY})
    where = f"{shop.url}/v1/orders/{body['order_id']}"
    wait_until(lambda: page.request.get(where, headers=headers).json()["state"] == "confirmed")
    return str(body["order_id"])


def looks(page: Page, name: str, screenshot: Screenshot, at: Locator | None = None) -> None:
    """Nothing to object to, in light and in dark; the picture is of that part."""
    expect_to_fit(page)
    if at is not None:
        at.evaluate("part => part.scrollIntoView({block: 'start'})")
    assert violations(page) == []
    screenshot(page, name)
    page.emulate_media(color_scheme="dark")
    assert violations(page, only=CONTRAST) == []
    screenshot(page, f"{name}-dark")
    page.emulate_media(color_scheme="light")


def test_an_order_is_packed_followed_asked_back_and_taken_back(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    none = dict.fromkeys(("price_min_minor", "price_max_minor"))
    terms = {"title": "Harbour Lights", "kind": "record", "variants": SIZES, "needs_address": True, **none}
    edition_id = demo_shop.on_sale("label", **terms)
    buyer = phone.new_page()
    order_id = bought(buyer, demo_shop, edition_id)
    number = order_id[-8:].upper()
    desk = phone.new_page()
    desk.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('label')['api_key']}")
    room = desk.locator("#parcels-panel")
    room.get_by_label("Edition", exact=True).select_option(edition_id)
    expect(room).to_contain_text(f"Order {number}")
    expect(room).to_contain_text("2 × Black, 1 × Blue")
    looks(desk, "desk-parcels-to-pack", screenshot, room)

    room.get_by_label(f"Order {number}", exact=True).check()
    room.get_by_role("button", name="Print").tap()
    desk.get_by_label("What", exact=True).select_option("packing-slips")
    with desk.expect_download() as printed:
        desk.get_by_role("button", name="Make the file").tap()
    slip = pypdfium2.PdfDocument(printed.value.path().read_bytes())[0].get_textpage().get_text_range()
    assert number in slip
    assert "2 × Harbour Lights: Black" in " ".join(slip.split())

    room.get_by_role("button", name=f"Pack order {number}").tap()
    desk.get_by_label("Units: Blue").fill("0")
    desk.get_by_label("Carrier").fill("DHL")
    desk.get_by_label("Tracking number").fill("00340434")
    looks(desk, "desk-parcels-pack", screenshot)
    desk.get_by_role("button", name="Save the parcel").tap()
    expect(room).to_contain_text("Not sent yet: 1 × Blue")

    buyer.reload()
    mine = buyer.locator(f"[data-id='{order_id}']")
    expect(mine.get_by_role("link", name="DHL 00340434")).to_have_attribute("href", re.compile("dhl.com.*00340434"))
    expect(mine).to_contain_text("Still to come: 1 × Blue")
    room.get_by_label(f"Order {number}", exact=True).uncheck()
    room.get_by_role("button", name="Import tracking numbers").tap()
    pasted = desk.get_by_label("Or paste lines")
    pasted.fill("NOBODY00,DHL,1")
    desk.get_by_role("button", name="Pack these orders").tap()
    expect(desk.get_by_role("alert").filter(has_text="Line 2")).to_be_visible()
    pasted.fill(f"{number},UPS,1Z999")
    desk.get_by_role("button", name="Pack these orders").tap()
    expect(mine.get_by_role("link", name="UPS 1Z999")).to_be_visible()  # without a reload
    looks(buyer, "orders-parcels", screenshot, mine)

    mine.get_by_role("button", name="Send something back").tap()
    buyer.get_by_label("What would you like?").select_option(label="Another one instead: Blue")
    buyer.get_by_label("Why").fill("I like blue better.")
    looks(buyer, "orders-send-back", screenshot)
    buyer.get_by_role("button", name="Ask the seller").tap()
    expect(mine).to_contain_text("1 × Black: You asked to send this back.")
    desk.get_by_label("Which orders").select_option("asked_back")
    expect(room).to_contain_text("I like blue better.")
    room.get_by_role("button", name="Answer about 1 × Black").tap()
    desk.get_by_label("What the buyer reads").fill("With pleasure.")
    desk.get_by_role("button", name="Send the answer").tap()
    expect(mine).to_contain_text("With pleasure.")
    room.get_by_role("button", name=f"Exchange something of order {number}").tap()
    desk.get_by_role("button", name="Exchange", exact=True).tap()
    desk.get_by_label("Which orders").select_option("to_pack")
    expect(room).to_contain_text("Not sent yet: 1 × Blue")

    desk.get_by_label("Which orders").select_option("on_the_way")
    room.get_by_role("button", name=f"Goods of order {number} came back").tap()
    desk.get_by_label("Units: Blue").fill("0")
    desk.get_by_label("Units: Black").fill("1")
    desk.get_by_label("What becomes of them").select_option("inspect")
    desk.get_by_role("button", name="Take them back and refund").tap()
    desk.get_by_label("Which orders").select_option("came_back")
    room.get_by_role("button", name="Look at 1 × Black").tap()
    desk.get_by_role("button", name="Save it").tap()
    expect(room).to_contain_text("No goods wait to be looked at.")
