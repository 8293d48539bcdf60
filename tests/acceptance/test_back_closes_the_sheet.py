"""The browser's Back on a phone: it closes the sheet, on the shop's pages and on others, and never traps anyone."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.test_anybody_anywhere_can_buy_in_a_browser import website
from tests.acceptance.test_the_button_says_what_is import wait_on
from tests.support.browser import Buying, DemoShop, Screenshot

FORUM = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>A forum</title>
<h1>The band plays</h1><script src="{shop}/button.js"></script><buy-button edition="{edition}"></buy-button>"""


DOUBLE_TAP_MS = 600
"""As in sheet.js."""


def in_front_of(phone: BrowserContext, shop: DemoShop) -> tuple[Buying, str]:
    """A buyer who came to a fresh edition's page from the orders page; and the edition page's address."""
    edition = shop.on_sale(stock=9, hold_seconds=600)
    page = phone.new_page()
    page.goto(f"{shop.url}/orders")
    page.goto(f"{shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.comes()
    return fan, page.url


def holds(fan: Buying) -> None:
    fan.tap_buy()
    fan.sees("It’s held for you")


def has_skipped(page: Page) -> None:
    """The sheet's entry has been passed over: the page's own is the current one again."""
    wait_on(page, lambda: page.evaluate("history.state") is None)


def test_back_closes_the_sheet_forward_shows_it_and_back_leaves_the_page(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    fan, address = in_front_of(phone, demo_shop)
    holds(fan)
    fan.page.go_back()
    expect(fan.sheet).to_be_hidden()
    assert fan.page.url == address
    expect(fan.button).to_contain_text("Continue your order")
    screenshot(fan.page, "phone-after-back")
    fan.page.go_forward()
    fan.sees("It’s held for you")
    assert [order["state"] for order in fan.orders()] == ["held"]
    fan.page.go_back()
    expect(fan.sheet).to_be_hidden()
    fan.page.go_back()
    expect(fan.page).to_have_url(f"{demo_shop.url}/orders")


@pytest.mark.parametrize("way", ["X", "Escape", "backdrop"])
def test_closing_the_sheet_in_another_way_leaves_no_entry_behind(
    phone: BrowserContext, demo_shop: DemoShop, way: str
) -> None:
    fan, _ = in_front_of(phone, demo_shop)
    holds(fan)
    if way == "X":
        fan.sheet.get_by_role("button", name="Close", exact=True).tap()
    elif way == "Escape":
        fan.page.keyboard.press("Escape")
    else:
        opened_ms = fan.page.evaluate("performance.now()")
        # Sooner, it would be the second half of a double tap.
        wait_on(fan.page, lambda: fan.page.evaluate("performance.now()") > opened_ms + DOUBLE_TAP_MS)
        fan.page.mouse.click(195, 10)
    expect(fan.sheet).to_be_hidden()
    fan.page.go_back()
    expect(fan.page).to_have_url(f"{demo_shop.url}/orders")


def test_opening_and_closing_many_times_adds_one_entry_at_most(phone: BrowserContext, demo_shop: DemoShop) -> None:
    fan, _ = in_front_of(phone, demo_shop)
    before = fan.page.evaluate("history.length")
    for _ in range(4):
        holds(fan)
        fan.sheet.get_by_role("button", name="Close", exact=True).tap()  # and the next tap at once
    expect(fan.sheet).to_be_hidden()
    assert fan.page.evaluate("history.length") <= before + 1
    holds(fan)
    fan.page.go_back()
    expect(fan.sheet).to_be_hidden()
    fan.page.go_back()
    expect(fan.page).to_have_url(f"{demo_shop.url}/orders")


def test_after_a_reload_with_an_open_sheet_one_back_leaves_the_page(phone: BrowserContext, demo_shop: DemoShop) -> None:
    fan, address = in_front_of(phone, demo_shop)
    holds(fan)
    fan.page.reload()
    expect(fan.button).to_contain_text("Continue your order")
    assert fan.page.url == address
    fan.page.go_back()
    expect(fan.page).to_have_url(f"{demo_shop.url}/orders")


def test_a_navigation_right_after_the_sheet_is_closed_is_not_cancelled(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    fan, address = in_front_of(phone, demo_shop)
    holds(fan)
    fan.sheet.get_by_role("button", name="Close", exact=True).tap()
    fan.page.goto(f"{demo_shop.url}/orders/find")
    fan.page.go_back()
    expect(fan.page).to_have_url(address)
    expect(fan.button).to_contain_text("Continue your order")
    fan.page.go_back()
    expect(fan.page).to_have_url(f"{demo_shop.url}/orders")


def test_entries_that_the_page_adds_are_not_passed_over(phone: BrowserContext, demo_shop: DemoShop) -> None:
    fan, address = in_front_of(phone, demo_shop)
    holds(fan)
    fan.sheet.get_by_role("button", name="Close", exact=True).tap()
    expect(fan.sheet).to_be_hidden()
    for route in ("#one", "#two"):
        fan.page.evaluate("route => history.pushState({ route }, '', route)", route)
    fan.page.go_back()
    expect(fan.page).to_have_url(f"{address}#one")
    assert fan.page.evaluate("history.state") == {"route": "#one"}
    fan.page.go_back()
    has_skipped(fan.page)
    assert fan.page.url == address


def test_forward_to_a_choice_that_was_abandoned_opens_nothing_and_orders_nothing(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    edition = demo_shop.on_sale("charity", kind="gift", price_min_minor=100, price_max_minor=9_000)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    giver = Buying(page, edition)
    giver.tap_buy()
    giver.sees("How much would you like to give?")
    page.go_back()
    expect(giver.sheet).to_be_hidden()
    page.go_forward()
    has_skipped(page)
    expect(giver.sheet).to_be_hidden()
    assert giver.page.request.get(f"{demo_shop.url}/v1/orders").status in (200, 401)
    demo_shop.shows(edition, held=0)


def test_back_closes_the_sheet_on_another_sites_page_and_keeps_that_pages_state(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale(stock=9, hold_seconds=600)
    with website(FORUM.format(shop=demo_shop.url, edition=edition)) as url:
        page = phone.new_page()
        page.goto(f"{demo_shop.url}/orders")
        page.goto(url)
        page.evaluate("history.replaceState({ route: 7 }, '')")
        reader = Buying.elsewhere(page, edition)
        holds(reader)
        assert page.evaluate("history.state.route") == 7
        page.go_back()
        expect(reader.sheet).to_have_count(0)
        expect(page.locator("iframe[title='Checkout']")).to_be_hidden()
        expect(reader.button).to_contain_text("Continue your order")
        assert (page.url, page.evaluate("history.state")) == (url, {"route": 7})
        page.go_forward()
        reader.sees("It’s held for you")
        screenshot(page, "elsewhere-after-forward")
        reader.sheet.get_by_role("button", name="Close", exact=True).tap()
        expect(page.locator("iframe[title='Checkout']")).to_be_hidden()
        page.go_back()
        expect(page).to_have_url(f"{demo_shop.url}/orders")


def test_back_closes_a_checkout_that_has_not_loaded_yet(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=9)
    phone.route("**/checkout", lambda route: None)  # no answer comes
    with website(FORUM.format(shop=demo_shop.url, edition=edition)) as url:
        page = phone.new_page()
        page.goto(url)
        reader = Buying.elsewhere(page, edition)
        reader.tap_buy()
        expect(page.get_by_role("status", name="Loading the checkout")).to_be_visible()
        page.go_back()
        expect(page.locator("iframe[title='Checkout']")).to_be_hidden()
        assert page.url == url
