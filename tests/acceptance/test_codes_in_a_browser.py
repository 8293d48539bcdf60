"""Codes: made on the desk, given by a link or typed into the sheet, and taken off before anything is paid."""

from playwright.sync_api import Browser, BrowserContext, expect

from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit, patient_context


def test_a_code_is_made_on_the_desk_and_makes_an_order_cheaper(
    chromium: Browser, phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    price = {"price_min_minor": 2000, "price_max_minor": 2000}
    edition = demo_shop.on_sale("band", title="Night Sky, by code", **price, stock=9, hold_seconds=600)
    desk = patient_context(chromium).new_page()
    desk.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('band')['api_key']}")
    panel = desk.locator("#codes-panel")
    panel.get_by_label("Edition").select_option(edition)
    panel.get_by_role("button", name="Create a code").click()
    form = desk.get_by_role("dialog")
    form.get_by_label("What buyers see").fill("Early friends")
    form.get_by_label("Code", exact=True).fill("early-friends")
    form.get_by_label("Off", exact=True).fill("20%")
    form.get_by_label("Orders in all").fill("2")
    screenshot(desk, "desk-code")
    form.get_by_role("button", name="Create").click()
    row = panel.get_by_role("row").filter(has_text="EARLY-FRIENDS")
    expect(row).to_contain_text("20% off2 orders")

    page = phone.new_page()
    page.goto(f"{demo_shop.url}/buy/{edition}:1?discounts/codes/0=Early-Friends")
    fan = Buying(page, edition)
    fan.comes()
    fan.tap_buy()
    fan.sees("It’s held for you")
    expect(fan.element.get_by_text("−$4.00")).to_be_visible()
    expect(fan.element.locator("s.before")).to_have_text("$20.00")
    screenshot(page, "phone-code")
    expect_to_fit(page)
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    (order,) = fan.orders()
    assert (order["total_minor"], order["paid_minor"], order["discount"]["label"]) == (1600, 1600, "Early friends")

    fan.element.get_by_role("button", name="Done").click()
    page.goto(f"{demo_shop.url}/e/{edition}")
    fan.comes()
    fan.tap_buy()
    fan.element.get_by_role("button", name="Have a code?").click()
    fan.element.get_by_label("Code", exact=True).fill("late friends")
    fan.element.get_by_role("button", name="Use it").click()
    expect(fan.element.get_by_text("That code doesn’t work.")).to_be_visible()
    fan.element.get_by_label("Code", exact=True).fill("early friends")
    fan.element.get_by_role("button", name="Use it").click()
    expect(fan.element.get_by_role("button", name="Pay $16.00")).to_be_visible()
    expect_to_fit(page)

    desk.reload()
    panel.get_by_label("Edition").select_option(edition)
    expect(row).to_contain_text("1 paid, 1 on hold$4.00")
    row.get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("disabled")
    screenshot(desk, "desk-codes")
    expect_to_fit(desk)
