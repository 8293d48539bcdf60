"""A ticket on a phone: bought, shown without a network and without JavaScript, and passed on."""

import io
from typing import Any

import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.axe import blocked_by, violations
from tests.support.browser import PHONE, Buying, DemoShop, Screenshot, expect_to_fit, patient_context


def on_screen(page: Page) -> str:
    """What a scanner reads from the screen."""
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot())))
    return found.text


def ticket_of(page: Page, shop: DemoShop, order_id: str) -> dict[str, Any]:
    (ticket,) = page.request.get(f"{shop.url}/v1/orders/{order_id}/tickets").json()["tickets"]
    found: dict[str, Any] = ticket
    return found


def bought(phone: BrowserContext, shop: DemoShop) -> tuple[Page, str]:
    """The demo's concert tonight; its order."""
    page = phone.new_page()
    edition_id = shop.sample("band")["edition_id"]
    page.goto(f"{shop.url}/e/{edition_id}")
    fan = Buying(page, edition_id)
    fan.tap_buy()
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    order_id = fan.orders()[0]["order_id"]
    link = fan.sheet.get_by_role("link", name="Your tickets")
    expect(link).to_have_attribute("href", f"{shop.url}/orders/{order_id}/tickets")
    return page, order_id


def test_a_ticket_is_shown_offline_and_passed_on_to_another_phone(
    chromium: Browser, phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    page, order_id = bought(phone, demo_shop)
    page.goto(f"{demo_shop.url}/orders")
    with blocked_by(phone) as blocked:
        page.get_by_role("link", name="Tickets").tap()
        expect(page.locator(".ticket").get_by_role("heading")).to_be_visible()
        expect_to_fit(page)
        assert violations(page) == []
    assert blocked == []
    mine = ticket_of(page, demo_shop, order_id)
    phone.set_offline(True)
    assert on_screen(page) == mine["code"]
    screenshot(page, "phone-ticket")
    phone.set_offline(False)

    plain = patient_context(chromium, viewport=PHONE, java_script_enabled=False, storage_state=phone.storage_state())
    unscripted = plain.new_page()
    unscripted.goto(f"{demo_shop.url}/tickets/{mine['ticket_id']}")
    assert on_screen(unscripted) == mine["code"]
    plain.close()

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Pass it on").tap()
    link = page.locator(".ticket-link")
    expect(link).to_be_visible()
    assert zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot()))) == []

    friends = patient_context(chromium, viewport=PHONE, has_touch=True, is_mobile=True)
    friend = friends.new_page()
    friend.goto(str(link.get_attribute("href")))
    friend.get_by_label("Your name, if you like").fill("Ben Example")
    assert violations(friend) == []
    friend.get_by_role("button", name="Accept the ticket").tap()
    expect(friend.get_by_text("Ben Example")).to_be_visible()
    theirs = on_screen(friend)
    assert theirs != mine["code"]
    assert ":2:" in theirs
    screenshot(friend, "phone-ticket-accepted")
    friend.goto(f"{demo_shop.url}/orders")
    expect(friend.get_by_role("link", name="Ticket", exact=True)).to_have_attribute(
        "href", f"/tickets/{mine['ticket_id']}"
    )
    expect(friend.get_by_text("Nothing yet")).to_have_count(0)
    friends.close()

    page.reload()
    expect(page.get_by_text("Passed on: someone else has this ticket")).to_be_visible()
    assert violations(page) == []
