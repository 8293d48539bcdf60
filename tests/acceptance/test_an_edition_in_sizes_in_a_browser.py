"""One button for an edition in several variants: the buyer chooses, and each variant has its own price and stock."""

from typing import Any

from playwright.sync_api import BrowserContext, expect

from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit

SIZES: list[dict[str, Any]] = [
    {"variant_id": "s", "title": "Small", "price_minor": 2000, "stock": 1},
    {"variant_id": "l", "title": "Large", "price_minor": 2500, "stock": 9},
]
SHIRT: dict[str, Any] = {
    "title": "Night Sky, the shirt",
    "variants": SIZES,
    "needs_address": False,
    **dict.fromkeys(("price_minor", "price_min_minor", "price_max_minor", "stock")),
}


def test_a_buyer_chooses_a_size_and_gets_that_one(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale("shop", **SHIRT)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.comes()
    choice = fan.element.get_by_label("Choose one")
    expect(choice.locator("option")).to_have_text(["Small · $20.00", "Large · $25.00"])
    expect(fan.element.get_by_text("Only 1 left")).to_be_visible()
    choice.select_option("l")
    expect(fan.element.get_by_text("9 of 9 left")).to_be_visible()
    screenshot(page, "phone-sizes")
    expect_to_fit(page)

    fan.tap_buy()
    fan.sees("It’s held for you")
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    (order,) = fan.orders()
    assert (order["variant_id"], order["title"], order["total_minor"]) == ("l", "Night Sky, the shirt: Large", 2500)
    left = {one["variant_id"]: one["available"] for one in demo_shop.board(edition)["variants"]}
    assert left == {"s": 1, "l": 8}


def test_a_page_sets_the_size_and_a_size_that_is_gone_cannot_be_chosen(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    edition = demo_shop.on_sale("shop", **SHIRT)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.comes()
    fan.element.evaluate("button => button.setAttribute('variant', 's')")
    expect(fan.element.get_by_label("Choose one")).to_be_hidden()
    fan.tap_buy()
    fan.sees("It’s held for you")
    assert [order["variant_id"] for order in fan.orders()] == ["s"]

    other = phone.new_page()
    other.goto(f"{demo_shop.url}/e/{edition}")
    small = Buying(other, edition).element.get_by_role("option", name="Small")
    expect(small).to_have_text("Small · sold out")
    expect(small).to_be_disabled()
