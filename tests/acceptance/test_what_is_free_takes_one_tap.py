"""A free order needs no card, whichever provider the shop uses: one tap, unless it has to be sent somewhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit
from tests.support.contrast import too_faint
from tests.support.shop import Shop, register_merchant, shop_at_work, wait_until
from tests.support.stripe_js import PUBLISHABLE_KEY, TokenProvider, stripe_answers

FREE = {"kind": "ticket", "price_min_minor": 0, "price_max_minor": 0, "suggested_minor": []}
GIFT = {"kind": "gift", "price_min_minor": 0, "price_max_minor": 5_000, "suggested_minor": [0, 500]}


def at(phone: BrowserContext, url: str, edition_id: str) -> Buying:
    """A new page in front of the edition."""
    page = phone.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{url}/e/{edition_id}")
    return Buying(page, edition_id)


@pytest.fixture
def stripe_shop(chromium: object, shop_database_url: str) -> Iterator[Shop]:
    """A shop that is paid by Stripe, as far as a browser can tell."""
    stripe: dict[str, Any] = {"bank": None, "sandbox_cards": (), "provider_name": "stripe"}
    with shop_at_work(shop_database_url, provider=TokenProvider, publishable_key=PUBLISHABLE_KEY, **stripe) as running:
        register_merchant(running)
        yield running


def test_a_free_ticket_is_had_with_one_tap(phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot) -> None:
    fan = at(phone, demo_shop.url, demo_shop.on_sale(stock=5, **FREE))
    fan.comes()
    expect(fan.element.get_by_text("Free", exact=True)).to_be_visible()
    fan.button.tap()
    fan.sees("You’re going!")
    expect(fan.sheet.get_by_text("Free.", exact=True)).to_be_visible()
    expect(fan.sheet.get_by_label("Card number")).to_have_count(0)
    screenshot(fan.page, "phone-free")
    expect_to_fit(fan.page)
    assert too_faint(fan.page) == []
    assert [(order["state"], order["total_minor"], order["receipt_url"]) for order in fan.orders()] == [
        ("confirmed", 0, None)
    ]


def test_a_free_ticket_is_had_with_one_tap_where_stripe_takes_the_money(
    phone: BrowserContext, stripe_shop: Shop
) -> None:
    stripe_answers(phone, wallet=None)
    asked: list[str] = []
    fan = at(phone, stripe_shop.url, stripe_shop.release(kind="ticket", price_minor=0))
    fan.page.on("request", lambda request: asked.append(request.url))
    fan.comes()
    fan.button.tap()
    fan.sees("You’re going!")
    assert not any("stripe.com" in url for url in asked)


def test_a_free_parcel_asks_for_an_address_and_for_no_card(phone: BrowserContext, stripe_shop: Shop) -> None:
    stripe_answers(phone, wallet=None)
    fan = at(phone, stripe_shop.url, stripe_shop.release(price_minor=0, needs_address=True))
    fan.tap_buy()
    fan.sees("It’s held for you")
    expect(fan.sheet.get_by_label("Country")).to_have_value("US")
    expect(fan.sheet.get_by_label("ZIP code")).to_be_visible()
    inputs = "element => [...element.shadowRoot.querySelectorAll('form [name]')].map((one) => one.name)"
    asked = ["name", "email", "country", "company", "street", "city", "region", "postal_code"]
    assert fan.element.evaluate(inputs) == asked
    expect(fan.sheet.locator("iframe")).to_have_count(0)
    fan.sheet.get_by_label("Name").fill("Anna Example")
    fan.sheet.get_by_label("E-mail").fill("anna@example.org")
    fan.enter_address()
    fan.sheet.get_by_role("button", name="Get it for free").tap()
    fan.sees("It’s yours!")


def test_a_free_gift_is_a_gift_too(phone: BrowserContext, demo_shop: DemoShop) -> None:
    giver = at(phone, demo_shop.url, demo_shop.on_sale("charity", currency="EUR", **GIFT))
    giver.tap_buy()
    giver.sees("How much would you like to give?")
    giver.sheet.get_by_label("Other amount").fill("0.30")
    giver.sheet.locator("[part=amount-button]").tap()
    expect(giver.sheet.get_by_text("The smallest amount that can be charged is €0.50.")).to_be_visible()
    giver.sheet.get_by_label("Other amount").fill("0")
    giver.sheet.locator("[part=amount-button]").tap()
    giver.sees("Thank you!")
    assert [order["total_minor"] for order in giver.orders()] == [0]


def test_a_free_order_is_returned_by_its_buyer(phone: BrowserContext, demo_shop: DemoShop) -> None:
    rule = {"refund": {"by": "buyer"}}
    fan = at(phone, demo_shop.url, demo_shop.on_sale(stock=5, **FREE, **rule))
    fan.page.on("dialog", lambda dialog: dialog.accept())
    fan.comes()
    fan.button.tap()
    fan.sees("You’re going!")
    fan.page.goto(f"{demo_shop.url}/orders")
    mine = fan.page.get_by_role("listitem").filter(has_text="Free")
    mine.get_by_role("button", name="Return").tap()
    wait_until(lambda: fan.orders()[0]["state"] == "refunded")
    fan.page.reload()
    expect(mine).to_contain_text("Returned")
