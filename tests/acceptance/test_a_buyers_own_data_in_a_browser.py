"""What a buyer sees and does about their own orders: seller, date and state; another device; a copy of everything, and
the erasure."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import BrowserContext, Dialog, Locator, Page, expect

from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit
from tests.support.patience import wait_until


def bought(
    phone: BrowserContext, shop: DemoShop, title: str, *, email: str = "anna@example.org"
) -> tuple[Page, Locator]:
    """The orders page of a buyer of that title, and the order in it."""
    edition = shop.on_sale(title=title, stock=5)
    page = phone.new_page()
    page.goto(f"{shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.tap_buy()
    fan.enter("Accepted", save=True)
    fan.sheet.get_by_label("E-mail").fill(email)
    fan.pay()
    fan.sees("You’re going!")
    page.goto(f"{shop.url}/orders")
    return page, page.get_by_role("listitem").filter(has_text=title)


def test_an_order_says_who_sold_it_when_and_what_its_state_means(phone: BrowserContext, demo_shop: DemoShop) -> None:
    _, order = bought(phone, demo_shop, "A night at the pier")
    expect(order).to_contain_text("The Paper Lanterns")
    expect(order.locator("time")).to_have_text(re.compile(rf"^{datetime.now(UTC):%b} \d+, \d{{4}}, \d+:\d\d [AP]M$"))
    expect(order.locator(".state")).to_have_text("Paid")
    expect(order).to_contain_text("The payment went through.")


def test_a_link_shows_the_orders_on_another_device_once(
    phone: BrowserContext, desktop: BrowserContext, demo_shop: DemoShop
) -> None:
    page, _ = bought(phone, demo_shop, "Lights over the bay")
    page.get_by_role("button", name="Create a link").tap()
    shown = page.get_by_role("region", name="On another device").get_by_role("status")
    expect(shown).to_contain_text("within five minutes")
    link = shown.inner_text().split()[-1]
    other = desktop.new_page()
    other.goto(link)
    other.get_by_role("button", name="Show my orders here").click()
    expect(other.get_by_role("listitem").filter(has_text="Lights over the bay")).to_contain_text("Paid")
    other.goto("about:blank")
    other.goto(link)
    other.get_by_role("button", name="Show my orders here").click()
    expect(other.get_by_text("This link has been used or has expired.")).to_be_visible()


def test_orders_come_back_to_another_device_by_a_mailed_link(
    phone: BrowserContext, desktop: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    page, _ = bought(phone, demo_shop, "Songs for the ferry", email="ferry@example.org")
    page.get_by_role("link", name="Bought on another phone or computer?").tap()
    page.get_by_label("The e-mail address that you bought with").fill("Ferry@example.org")
    other = desktop.new_page()

    def inbox() -> Locator:
        other.goto(f"{demo_shop.url}/demo/inbox")
        return other.get_by_role("listitem").filter(has_text="ferry@example.org")

    wait_until(lambda: inbox().count() == 1)
    confirmed = inbox().get_by_role("link", name="Your order: Songs for the ferry")
    expect(confirmed).to_be_visible()
    screenshot(other, "desktop-inbox")
    page.get_by_role("button", name="Send me a link").tap()
    expect(page.get_by_role("status")).to_contain_text("a mail with a link is on its way")
    screenshot(page, "phone-find-orders")
    expect_to_fit(page)
    wait_until(lambda: inbox().count() == 2)
    inbox().get_by_role("link", name="Your orders at").click()
    other.get_by_role("link", name="Show my orders").click()
    other.get_by_role("button", name="Show my orders here").click()
    expect(other.get_by_role("listitem").filter(has_text="Songs for the ferry")).to_contain_text("Paid")


def test_an_erasure_offers_the_data_first_and_says_that_the_orders_go_too(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    page, order = bought(phone, demo_shop, "The last song")
    kept = page.locator("#privacy")
    expect(kept).to_contain_text("Your orders and receipts disappear from here too.")
    kept.scroll_into_view_if_needed()
    screenshot(page, "phone-erasure")
    expect_to_fit(page)
    with page.expect_download() as download:
        kept.get_by_role("button", name="Download my data first").tap()
    data = json.loads(Path(download.value.path()).read_text())
    assert [one["order"]["title"] for one in data["orders"]] == ["The last song"]
    assert data["saved"]["delivery"]["email"] == "anna@example.org"

    questions: list[str] = []

    def agree(dialog: Dialog) -> None:
        questions.append(dialog.message)
        dialog.accept()

    page.on("dialog", agree)
    kept.get_by_role("button", name="Erase my details").tap()
    expect(kept.get_by_role("button", name="Erased")).to_be_visible()
    assert ["Your orders and receipts disappear from here too" in question for question in questions] == [True]
    page.reload()
    expect(page.get_by_text("Nothing yet. What you buy appears here.")).to_be_visible()
    expect(order).to_have_count(0)
