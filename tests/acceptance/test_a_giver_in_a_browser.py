"""Gifts on a phone: campaigns that take the money only when the target is reached, gifts that continue, giving back."""

import re
import time
from typing import Any

from playwright.sync_api import BrowserContext, Dialog, Page, expect

from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit
from tests.support.contrast import too_faint
from tests.support.patience import patient

DAY_MS = 86_400_000
GIFT = {
    "kind": "gift",
    "currency": "EUR",
    "price_min_minor": 100,
    "price_max_minor": 500_000,
    "suggested_minor": [500, 1500, 5000],
}


def campaign(shop: DemoShop, *, ends_in_ms: int, **terms: Any) -> str:
    """A fresh all-or-nothing campaign of the charity; its id."""
    closes = time.time_ns() // 1_000_000 + ends_in_ms
    rule = {"target_minor": 100_000, "all_or_nothing": True, "closes_at_ms": closes}
    return shop.on_sale("charity", **GIFT | rule | terms)


def in_front_of(phone: BrowserContext, shop: DemoShop, edition_id: str) -> Buying:
    page = phone.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.on("dialog", Dialog.accept)
    page.goto(f"{shop.url}/e/{edition_id}")
    return Buying(page, edition_id)


def my_orders(shop: DemoShop, page: Page) -> Page:
    page.goto(f"{shop.url}/orders")
    return page


def test_a_pledge_says_when_the_money_moves_and_moves_none_when_the_target_is_missed(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    other = demo_shop.on_sale("charity", title="A pond for the frogs", **GIFT)
    edition = campaign(demo_shop, title="A wood by spring", ends_in_ms=int(patient(9) * 1000), if_missed="choose")
    giver = in_front_of(phone, demo_shop, edition)
    giver.comes()
    bar = giver.element.get_by_role("progressbar", name="Raised")
    expect(bar).to_have_attribute("aria-valuetext", "€0 of €1,000")
    expect(giver.element.get_by_text("Be the first · last day")).to_be_visible()
    giver.tap_buy()
    giver.sees("How much would you like to give?")
    expect(giver.sheet.get_by_text("Nothing is charged unless €1,000 is reached by")).to_be_visible()
    assert too_faint(giver.page) == []
    screenshot(giver.page, "gift-all-or-nothing")
    expect(giver.sheet.get_by_text("You can give every month")).to_have_count(0)
    giver.sheet.get_by_role("button", name="Pledge €15").tap()
    giver.enter("Accepted")
    giver.sheet.get_by_role("button", name="Pledge €15.00").tap()
    giver.sees("Your pledge counts!")
    screenshot(giver.page, "gift-pledged")
    expect(bar).to_have_attribute("aria-valuetext", "€15 of €1,000")
    expect(giver.element.get_by_text(re.compile("^1 giver"))).to_be_visible()

    page = my_orders(demo_shop, giver.page)
    pledge = page.get_by_role("listitem").filter(has_text="A wood by spring")
    expect(pledge).to_contain_text("Pledged")
    expect(pledge).to_contain_text("Charged as soon as the target is reached")
    screenshot(page, "gift-pledged-orders")
    expect(pledge).to_contain_text("Target missed")
    assert too_faint(page) == []
    screenshot(page, "gift-missed")
    expect_to_fit(page)
    pledge.get_by_role("link", name="A pond for the frogs").tap()
    page.wait_for_url(f"{demo_shop.url}/e/{other}")


def test_a_reached_target_charges_everyone(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = campaign(demo_shop, ends_in_ms=DAY_MS, target_minor=6_000)
    giver = in_front_of(phone, demo_shop, edition)
    giver.tap_buy()
    giver.sheet.get_by_role("button", name="Pledge €15").tap()
    giver.enter("Accepted", save=True)
    giver.sheet.get_by_role("button", name="Pledge €15.00").tap()
    giver.sees("Your pledge counts!")
    giver.sheet.get_by_role("button", name="Done").tap()
    giver.page.reload()
    giver.tap_buy()
    giver.sheet.get_by_text("€50", exact=True).tap()
    giver.sheet.get_by_role("button", name="Pledge €50").tap()
    giver.sheet.get_by_role("button", name="Pledge €50.00 with").tap()
    expect(giver.sheet.get_by_role("heading", name=re.compile("Thank you!|Your pledge counts!"))).to_be_visible()
    expect(giver.element.get_by_text("€65 of €60")).to_be_visible()
    page = my_orders(demo_shop, giver.page)
    expect(page.get_by_role("listitem").filter(has_text="Paid")).to_have_count(2)
    page.goto(f"{demo_shop.url}/e/{edition}")
    expect(giver.button).to_have_text("Give")


def test_a_long_campaign_saves_the_card_and_the_giver_withdraws_the_pledge(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = campaign(demo_shop, title="A wood in a month", ends_in_ms=30 * DAY_MS)
    giver = in_front_of(phone, demo_shop, edition)
    giver.comes()
    expect(giver.element.get_by_text("29 days left")).to_be_visible()
    screenshot(giver.page, "gift-campaign")
    giver.tap_buy()
    expect(giver.sheet.get_by_text("Nothing is charged today: we save your card and charge it on")).to_be_visible()
    giver.sheet.get_by_role("button", name="Pledge €15").tap()
    giver.enter("Accepted")
    screenshot(giver.page, "gift-long-campaign")
    giver.sheet.get_by_role("button", name="Pledge €15.00").tap()
    giver.sees("Your pledge counts!")
    page = my_orders(demo_shop, giver.page)
    pledge = page.get_by_role("listitem").filter(has_text="A wood in a month")
    expect(pledge).to_contain_text("if the target is reached")
    pledge.get_by_role("button", name="Withdraw").tap()
    expect(pledge).to_contain_text("Cancelled")
    assert demo_shop.board(edition)["campaign"]["raised_minor"] == 0


def test_a_gift_repeats_every_month_until_it_is_stopped(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale("charity", title="A garden for the bees", **GIFT)
    giver = in_front_of(phone, demo_shop, edition)
    giver.tap_buy()
    giver.sheet.get_by_role("button", name="Give €15").tap()
    giver.enter("Accepted", save=True)
    giver.pay()
    giver.sees("Thank you!")
    giver.sheet.get_by_role("button", name="Give again").tap()
    giver.sheet.get_by_text("Monthly", exact=True).tap()
    screenshot(giver.page, "gift-often")
    giver.sheet.get_by_role("button", name="Give €15 every month").tap()
    giver.sees("€15.00 every month")
    expect(giver.sheet.get_by_text("The first gift is charged today, the next one on")).to_be_visible()
    assert too_faint(giver.page) == []
    screenshot(giver.page, "gift-every-month")
    giver.sheet.get_by_role("button", name="Give €15.00 every month with Sandbox •••• 4242").tap()
    giver.sees("Thank you!")
    expect(giver.sheet.get_by_text("This gift repeats automatically.")).to_be_visible()

    page = my_orders(demo_shop, giver.page)
    running = page.get_by_role("region", name="Recurring gifts").get_by_role("listitem")
    expect(running).to_contain_text("Every month, next on")
    expect(running).to_contain_text("One gift so far, €15.00 in all")
    screenshot(page, "gift-running")
    expect_to_fit(page)
    running.get_by_role("button", name="Stop giving to A garden for the bees").tap()
    expect(running).to_contain_text("Stopped by you")
    expect(running.get_by_role("button")).to_have_count(0)
    assert [order["state"] for order in giver.orders()] == ["confirmed", "confirmed"]


def test_a_first_time_giver_can_give_every_month(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    giver = in_front_of(phone, demo_shop, demo_shop.on_sale("charity", title="A meadow", **GIFT))
    giver.tap_buy()
    giver.sheet.get_by_text("Monthly", exact=True).tap()
    giver.sheet.get_by_role("button", name="Give €15 every month").tap()
    giver.sees("€15.00 every month")
    expect(giver.sheet.get_by_text("The first gift is charged today, the next one on")).to_be_visible()
    expect(giver.sheet.get_by_text("Your card is saved for the gifts that follow.")).to_be_visible()
    giver.enter("Accepted")
    screenshot(giver.page, "gift-first-monthly")
    giver.sheet.get_by_role("button", name="Give €15.00 every month").tap()
    giver.sees("Thank you!")
    page = my_orders(demo_shop, giver.page)
    running = page.get_by_role("region", name="Recurring gifts").get_by_role("listitem")
    expect(running).to_contain_text("One gift so far, €15.00 in all")
    assert [order["state"] for order in giver.orders()] == ["confirmed"]


def test_a_buyer_returns_an_order_where_the_merchant_allows_it(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    terms = {"refund": {"by": "buyer", "share_bps": 9_000}, "tax_bps": 1_900, "tax_label": "VAT"}
    edition = demo_shop.on_sale(title="Second thoughts", stock=5, **terms)
    fan = in_front_of(phone, demo_shop, edition)
    fan.tap_buy()
    said = "Includes $5.59 VAT (19%). You can return it until it ships for 90% of the price."
    expect(fan.sheet.get_by_text(said)).to_be_visible()
    screenshot(fan.page, "order-terms")
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    page = my_orders(demo_shop, fan.page)
    order = page.get_by_role("listitem").filter(has_text="Second thoughts")
    screenshot(page, "order-returnable")
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    order.get_by_role("button", name="Return").tap()
    expect(order).to_contain_text("$31.50 refunded")
    assert "$31.50 of $35.00" in asked[0]
    expect(order.get_by_role("button", name="Return")).to_have_count(0)
    demo_shop.shows(edition, available=5)


def test_an_order_that_the_button_forgot_is_continued_from_my_orders(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    edition = demo_shop.on_sale(title="Half a ticket", stock=5)
    fan = in_front_of(phone, demo_shop, edition)
    fan.tap_buy()
    fan.sees("It’s held for you")
    fan.page.evaluate(
        "() => { for (const key in localStorage) if (key.includes('.order@')) localStorage.removeItem(key) }"
    )
    page = my_orders(demo_shop, fan.page)
    page.get_by_role("link", name="Continue").tap()
    expect(fan.button).to_contain_text("Continue your order")
    fan.tap_buy()
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    assert [order["state"] for order in fan.orders()] == ["confirmed"]
