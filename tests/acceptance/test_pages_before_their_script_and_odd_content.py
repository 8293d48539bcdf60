"""What a page shows before its script has come, or without a network to bring it; and content that no designer drew: a
title that is one long word, a button that names no edition, the last of a small release, a gift."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import Buying, DemoShop

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
RELOAD = "once the page has loaded. If it doesn’t, check your connection and reload the page."
PAGES = {
    "/e/{edition}": f"The button appears here {RELOAD}",
    "/orders": f"Your list of orders appears here {RELOAD}",
    "/desk": f"Your desk appears here {RELOAD}",
    "/continue": f"The button appears here {RELOAD}",
    "/confirm": f"Your order appears here {RELOAD}",
}


def without_scripts(context: BrowserContext) -> Page:
    """A page whose document came and whose scripts don't: the network went away in between."""
    page = context.new_page()
    page.route(re.compile(r"\.js(\?|$)"), lambda route: route.abort())
    return page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_what_to_do_while_its_script_is_missing(
    phone: BrowserContext, demo_shop: DemoShop, path: str
) -> None:
    page = without_scripts(phone)
    address = demo_shop.url + path.format(edition=demo_shop.on_sale(stock=7))
    page.goto(address)
    expect(page.get_by_text(PAGES[path])).to_be_visible()
    for name in ("Copy", "Create a link", "Show my orders here"):  # what would do nothing isn't offered
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    with_scripts = phone.new_page()
    with_scripts.goto(address)
    expect(with_scripts.get_by_text(PAGES[path])).to_have_count(0)


def test_a_post_shows_its_price_and_stock_before_its_button_comes(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=7)
    page = without_scripts(phone)
    page.goto(f"{demo_shop.url}/e/{edition}")
    expect(page.locator("buy-button")).to_contain_text("35.00 USD · On sale, 7 of 7 left")
    complete = phone.new_page()
    complete.goto(f"{demo_shop.url}/e/{edition}")
    expect(complete.get_by_text("On sale, 7 of 7 left")).to_have_count(0)
    expect(complete.get_by_role("button", name="Buy", exact=True)).to_be_visible()


def test_a_title_of_one_long_word_stays_in_its_card(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(title=LONG_WORD)
    page = phone.new_page()
    for path in (f"/e/{edition}", "/"):
        page.goto(demo_shop.url + path)
        title = page.locator(f"#title-{edition}")
        expect(title).to_have_text(LONG_WORD)
        assert title.evaluate("node => node.scrollWidth <= node.clientWidth"), path


def test_a_button_that_names_no_edition_says_that_there_is_nothing_to_buy(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    page = phone.new_page()
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    html = '<!doctype html><html lang="en"><title>P</title><script src="/button.js"></script><buy-button></buy-button>'
    page.route(f"{demo_shop.url}/posts", lambda route: route.fulfill(content_type="text/html", body=html))
    page.goto(f"{demo_shop.url}/posts")
    expect(page.get_by_role("button", name="Not on sale")).to_be_disabled()
    assert any("has no edition attribute" in warning for warning in warnings)
    page.locator("buy-button").evaluate("(node, id) => node.setAttribute('edition', id)", f" {demo_shop.on_sale()}\n")
    expect(page.get_by_role("button", name="Buy", exact=True)).to_be_enabled()


def test_of_a_small_release_that_is_whole_the_button_says_only_what_is_left(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    edition = demo_shop.on_sale(stock=2)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    expect(page.get_by_text("Only 2 left", exact=True)).to_be_visible()


def test_the_warning_of_the_last_seconds_ends_with_the_hold(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(hold_seconds=20)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.tap_buy()
    warning = fan.sheet.get_by_text("30 seconds left of your hold.")
    expect(warning).to_have_count(1)
    fan.sheet.get_by_role("button", name="Cancel").tap()
    fan.sees("Order cancelled")
    expect(warning).to_have_count(0)


def test_without_a_network_my_orders_says_beside_each_button_that_this_phone_is_offline(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    edition = demo_shop.on_sale(stock=5)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.tap_buy()
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    page.goto(f"{demo_shop.url}/orders")
    expect(page.locator("#privacy")).to_be_visible()
    phone.set_offline(True)
    page.on("dialog", lambda dialog: dialog.accept())
    for name in ("Download my data first", "Erase my details"):
        button = page.get_by_role("button", name=name)
        for _ in range(2):
            button.tap()
            beside = button.locator("xpath=following-sibling::*[contains(@class, 'problem')]").first
            expect(beside).to_have_text("You’re offline. Try again once you’re back online.")
            expect(button).to_be_enabled()
    expect(page.locator("#privacy .problem")).to_have_count(2)
    page.get_by_role("button", name="Create a link").tap()
    expect(page.locator("#along-link")).to_have_text("You’re offline. Try again once you’re back online.")
    phone.set_offline(False)
