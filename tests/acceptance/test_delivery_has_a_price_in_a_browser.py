"""A fan abroad has a record sent: the address in the form of the country, the price of delivery before paying, and the
address once more before it is packed."""

from typing import Any

import httpx
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

    desk = phone.new_page()
    desk.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('label')['api_key']}")
    desk.get_by_role("button", name="Change what delivery of Harbour costs").tap()
    rates = desk.get_by_label("Rates, one a line")
    shown = "GB: Royal Mail 4.00\nFR IT: Airmail 250 g 7.00, 2000 g 12.00\nFR IT: Courier 25.00"
    expect(rates).to_have_value(shown)
    expect(desk.get_by_label("Collected at")).to_have_value("2 Quay Street")
    rates.fill(shown.replace("12.00", "13.50, free from 90"))
    screenshot(desk, "phone-desk-delivery-price")
    expect_to_fit(desk)
    desk.get_by_role("button", name="Change it").tap()
    expect(desk.get_by_text("Delivery of Harbour has its new prices.")).to_be_visible()
    _, europe = demo_shop.board(record)["shipping"]["zones"]
    assert [(one["price_minor"]) for one in europe["rates"][0]["prices"]] == [700, 1350]
    assert europe["rates"][0]["free_from_minor"] == 9000

    page = again.page
    page.goto(f"{demo_shop.url}/orders")
    page.get_by_role("button", name="Change address").first.tap()
    asked = page.get_by_role("dialog", name="Change the address")
    asked.get_by_label("Country").select_option("GB")
    for label, text in {"Street address": "1 Sample Street", "Town": "Sampletown", "Postcode": "S1 2AB"}.items():
        asked.get_by_label(label, exact=True).fill(text)
    asked.get_by_role("button", name="Save the address").tap()
    expect(asked.get_by_text("Delivery there has another price or goes another way")).to_be_visible()
    screenshot(page, "phone-change-address")
    expect_to_fit(page)
    asked.get_by_label("Country").select_option("FR")
    asked.get_by_label("Code postal").fill("75002")  # once France's form is there
    asked.get_by_label("Street address").fill("12 rue de la Paix")
    asked.get_by_label("City").fill("Paris")
    asked.get_by_role("button", name="Save the address").tap()
    expect(asked).to_have_count(0)
    key = {"Authorization": f"Bearer {demo_shop.sample('label')['api_key']}"}
    orders = httpx.get(f"{demo_shop.url}/v1/merchant/orders", headers=key).json()["orders"]
    assert orders[0]["buyer"]["address_lines"] == ["12 rue de la Paix", "75002 PARIS", "FRANCE"]


def test_the_desk_releases_an_edition_with_prices_of_delivery(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/desk")
    page.get_by_label("API key").fill(demo_shop.sample("label")["api_key"])
    page.get_by_role("button", name="Open the desk").tap()
    page.get_by_role("button", name="Release an edition").tap()
    form = page.get_by_role("dialog")
    form.get_by_label("Title").fill("Tide tables")
    form.get_by_label("Kind").select_option("record")
    form.get_by_label("Price", exact=True).fill("30")
    form.get_by_text("What delivery costs").tap()
    form.get_by_label("Rates, one a line").fill("GB: Royal Mail 4.00\n*: Airmail 500 g 9, 2000 g 15, free from 100")
    form.get_by_label("Weight of a unit").fill("300")
    form.get_by_label("Sent from").fill("GB")
    form.get_by_label("Collected at").fill("2 Quay Street")
    screenshot(page, "phone-desk-delivery")
    expect_to_fit(page)
    form.get_by_role("button", name="Release", exact=True).tap()
    expect(form).to_have_count(0)
    editions = httpx.get(f"{demo_shop.url}/v1/editions").json()["editions"]
    [shipping] = [one["shipping"] for one in editions if one["title"] == "Tide tables"]
    assert [zone["countries"] for zone in shipping["zones"]] == [["GB"], []]
    assert shipping["zones"][1]["rates"][0]["prices"][1] == {"up_to_grams": 2000, "price_minor": 1500}
