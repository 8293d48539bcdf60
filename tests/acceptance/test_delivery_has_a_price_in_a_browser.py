"""A fan abroad has a record sent: the address in the form of the country, the price of delivery before paying, and the
address once more before it is packed."""

from typing import Any

from playwright.sync_api import BrowserContext, expect

from tests.acceptance.test_a_fan_buys_on_a_phone import at
from tests.support.browser import DemoShop, Screenshot, expect_to_fit
from tests.support.contrast import too_faint

SHIPPING: dict[str, Any] = {
    "ships_from": "GB",
    "zones": [
        {
            "title": "Britain",
            "countries": ["GB"],
            "rates": [{"method_id": "post", "title": "Royal Mail", "prices": [{"price_minor": 400}]}],
        },
        {
            "title": "Europe",
            "countries": ["FR", "IT"],
            "rates": [
                {
                    "method_id": "air",
                    "title": "Airmail",
                    "prices": [{"up_to_grams": 250, "price_minor": 700}, {"up_to_grams": 2000, "price_minor": 1200}],
                },
                {"method_id": "courier", "title": "Courier", "prices": [{"price_minor": 2500}]},
            ],
        },
    ],
    "pickups": [{"method_id": "shop", "title": "Collect", "place": "2 Quay Street", "hours": "Tue–Sat 10–18"}],
}


def test_a_record_goes_to_italy_at_the_price_that_was_shown(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    price = {"price_min_minor": 3000, "price_max_minor": 3000, "currency": "GBP"}
    terms = {"kind": "record", "needs_address": True, "stock": 5, "hold_seconds": 600, "weight_grams": 300}
    record = demo_shop.on_sale("label", title="Harbour", shipping=SHIPPING, **price, **terms)
    fan = at(phone, demo_shop, record)
    fan.tap_buy()
    fan.sees("It’s held for you")
    fan.enter("Accepted", save=True)
    sheet = fan.sheet
    sheet.get_by_label("Country").select_option("JP")
    expect(sheet.get_by_text("The seller doesn’t deliver to this country.")).to_be_visible()
    expect(sheet.get_by_label("Prefecture")).to_be_visible()
    sheet.get_by_label("Collect").check()
    expect(sheet.get_by_role("button", name="Pay £30.00")).to_be_enabled()
    expect(sheet.get_by_label("Prefecture")).to_be_hidden()
    fan.enter_address("IT", **{"Street address": "Via Roma 1", "City": "Roma", "CAP": "001"})
    sheet.get_by_label("Province").select_option("RM")
    expect(sheet.get_by_label("Airmail")).to_be_checked()
    expect(sheet.get_by_label("Courier")).to_be_visible()
    expect(sheet.get_by_text("£42.00", exact=True)).to_be_visible()
    pay = sheet.get_by_role("button", name="Pay £42.00")
    pay.tap()
    expect(sheet.get_by_text("The CAP “001” isn’t valid. One looks like this: 00144.")).to_be_visible()
    screenshot(fan.page, "phone-delivery-price")
    expect_to_fit(fan.page)
    assert too_faint(fan.page) == []
    sheet.get_by_label("CAP").fill("00144")
    pay.tap()
    fan.sees("It’s yours!")
    (order,) = fan.orders()
    assert (order["total_minor"], order["paid_minor"], order["shipping"]["title"]) == (4200, 4200, "Airmail")

    again = at(phone, demo_shop, record)
    again.tap_buy()
    confirm = again.sheet.get_by_role("button", name="Pay £42.00 with Sandbox •••• 4242")
    expect(confirm).to_be_enabled()
    expect(again.sheet.get_by_text("00144 ROMA RM")).to_be_visible()
    screenshot(again.page, "phone-delivery-price-saved")
    confirm.tap()
    again.sees("It’s yours!")
    assert [one["paid_minor"] for one in again.orders()] == [4200, 4200]
