"""An order of several variants from the button to the desk: chosen and ordered together, and refunded by line."""

from playwright.sync_api import BrowserContext, expect

from tests.acceptance.test_an_edition_in_sizes_in_a_browser import SHIRT
from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit


def test_a_buyer_orders_two_sizes_together_and_one_of_them_is_refunded(
    phone: BrowserContext, desktop: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale("shop", **SHIRT)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.comes()
    fan.element.get_by_role("button", name="Add another").click()
    expect(fan.element.get_by_label("Choose another").locator("option")).to_have_text(["Large · $25.00"])
    fan.element.get_by_role("button", name="One more of Large").click()
    expect(fan.element.get_by_role("button", name="Add another")).to_be_hidden()
    expect(fan.element.get_by_role("button", name="Buy 3 for $70.00")).to_be_visible()
    screenshot(page, "phone-several-sizes")
    expect_to_fit(page)

    fan.element.get_by_role("button", name="Buy 3 for $70.00").click()
    fan.sees("It’s held for you")
    expect(fan.element.get_by_text("1 × Small")).to_be_visible()
    expect(fan.element.get_by_text("2 × Large")).to_be_visible()
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")
    (order,) = fan.orders()
    assert [(line["title"], line["quantity"]) for line in order["lines"]] == [("Small", 1), ("Large", 2)]
    left = {one["variant_id"]: one["available"] for one in demo_shop.board(edition)["variants"]}
    assert left == {"s": 0, "l": 7}

    desk = desktop.new_page()
    desk.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('shop')['api_key']}")
    row = desk.locator(f"#ledger tr[data-id='{order['order_id']}']")
    expect(row).to_contain_text("2 × Large")
    row.get_by_role("button", name="Refund").click()
    desk.get_by_label("Units returned: Large").fill("1")
    screenshot(desk, "desk-refund-by-line")
    desk.get_by_role("dialog").get_by_role("button", name="Refund $25.00").click()
    expect(row).to_contain_text("$25.00 refunded")
    left = {one["variant_id"]: one["available"] for one in demo_shop.board(edition)["variants"]}
    assert left == {"s": 0, "l": 8}


def test_a_permalink_chooses_variants_and_quantities_that_the_buyer_may_change(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale("shop", **SHIRT)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/buy/{edition}.l:2,{edition}.s:1,ed0-0123456789:1")
    fan = Buying(page, edition)
    expect(fan.element.get_by_role("button", name="Buy 3 for $70.00")).to_be_visible()
    assert demo_shop.board(edition)["held"] == 0
    fan.element.get_by_role("button", name="Remove Small").click()
    expect(fan.element.get_by_role("button", name="Buy 2 for $50.00")).to_be_visible()
    expect(page.get_by_text("Each is ordered separately")).to_be_visible()
    screenshot(page, "phone-permalink")
    page.goto(f"{demo_shop.url}/e/{edition}/card")
    expect(page.get_by_role("link", name="Buy")).to_have_attribute("target", "_blank")
    screenshot(page, "phone-card")
    expect_to_fit(page)
