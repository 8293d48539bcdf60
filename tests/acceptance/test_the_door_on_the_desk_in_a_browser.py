"""What a merchant sees of an event at the desk, on a phone: the door's figures, the guest list, an order's tickets; and
how the event is moved."""

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import BrowserContext, Page, expect

from tests.support.axe import CONTRAST, violations
from tests.support.browser import DemoShop, Screenshot, expect_to_fit
from tests.support.shop import DELIVERY, order_of, wait_until

HOUR_MS = 3_600_000


def tickets_of(page: Page, shop: DemoShop, edition_id: str) -> list[dict[str, Any]]:
    """Two, of the buyer of that page's session."""
    token = page.request.post(f"{shop.url}/v1/session", data={}).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    order = order_of(edition_id, quantity=2, price_minor=3_500)
    where = f"{shop.url}/v1/orders"
    assert page.request.post(where, data=order, headers=headers).ok
    paid = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
    assert page.request.post(f"{where}/{order['order_id']}/payment", data=paid, headers=headers).ok
    where = f"{where}/{order['order_id']}"
    wait_until(lambda: page.request.get(where, headers=headers).json()["state"] == "confirmed")
    return list(page.request.get(f"{where}/tickets", headers=headers).json()["tickets"])


def test_the_door_the_guests_and_the_move_of_an_event(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    now_ms = time.time_ns() // 1_000_000
    event = {"starts_at_ms": now_ms + HOUR_MS, "doors_at_ms": now_ms - HOUR_MS, "venue": "The Boathouse"}
    edition_id = demo_shop.on_sale(title="Tonight at the Boathouse", event=event)
    desk = phone.new_page()
    first, _ = tickets_of(desk, demo_shop, edition_id)
    with demo_shop.merchant("band") as merchant:
        made = merchant.post(f"/v1/merchant/editions/{edition_id}/scanners", json={"name": "North"}).json()
        for nonce in ("scan-00001", "scan-00002"):
            wish = {"code": first["code"], "nonce": nonce, "at": now_ms, "scanner": ""}
            scanned = desk.request.post(
                f"{demo_shop.url}/v1/door/scans", data=wish, headers={"Authorization": f"Bearer {made['api_key']}"}
            )
            assert scanned.ok
    desk.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('band')['api_key']}")
    door = desk.locator("#door-panel")
    desk.get_by_label("Event", exact=True).select_option(edition_id)
    for figure, text in (("inside", "1"), ("rate", "1.0"), ("absent", "1"), ("refused", "1")):
        expect(desk.locator(f"#door-{figure}")).to_have_text(text)
    expect(door.locator("#door-recent tr")).to_have_count(2)
    door.scroll_into_view_if_needed()
    screenshot(desk, "desk-door")

    door.get_by_role("button", name="Guest list").tap()
    guests = desk.get_by_role("list", name="Guests")
    expect(guests.get_by_role("listitem")).to_have_count(2)
    expect(guests).to_contain_text("inside")
    guests.get_by_role("button", name="Block Anna Example").last.tap()
    expect(guests.get_by_role("button", name="Unblock Anna Example")).to_be_visible()
    desk.get_by_label("Search").fill("inside")
    expect(guests.get_by_role("listitem").filter(visible=True)).to_have_count(1)
    expect_to_fit(desk)
    assert violations(desk) == []
    desk.emulate_media(color_scheme="dark")
    assert violations(desk, only=CONTRAST) == []
    screenshot(desk, "desk-guests-dark")
    desk.emulate_media(color_scheme="light")
    desk.get_by_role("button", name="Done").tap()

    order = desk.locator("#ledger tr").filter(has_text=first["order_id"][-8:])
    order.get_by_role("button", name="Tickets").tap()
    expect(desk.get_by_role("dialog")).to_contain_text("Ticket 2, Anna Example")
    desk.get_by_role("button", name="Close").tap()

    desk.get_by_role("button", name="Move Tonight at the Boathouse").tap()
    event = demo_shop.board(edition_id)["event"]
    starts = datetime.fromtimestamp(event["starts_at_ms"] / 1000, ZoneInfo(event["time_zone"]))
    expect(desk.get_by_label("New start")).to_have_value(f"{starts:%Y-%m-%dT%H:%M}")
    desk.get_by_label("New start").fill("2031-05-02T20:00")
    desk.get_by_label("Venue", exact=True).fill("The Old Brewery")
    assert violations(desk) == []
    screenshot(desk, "desk-move-event")
    desk.get_by_role("button", name="Move it").tap()
    expect(desk.locator("#editions")).to_contain_text("The Old Brewery")
    demo_shop.shows(edition_id, event=demo_shop.board(edition_id)["event"] | {"venue": "The Old Brewery"})
