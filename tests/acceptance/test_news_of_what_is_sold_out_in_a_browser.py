"""A buyer who finds an edition sold out leaves an address on its page, and gets a mail when there is stock again."""

from email import message_from_bytes
from email.policy import default

from playwright.sync_api import BrowserContext, expect

from tests.support.browser import DemoShop, Screenshot, expect_to_fit
from tests.support.patience import wait_until


def test_a_fan_waits_for_what_is_sold_out(phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot) -> None:
    edition = demo_shop.on_sale("shop", stock=1)
    with demo_shop.merchant("shop") as merchant:
        stock = f"/v1/merchant/editions/{edition}/stock"
        assert merchant.post(stock, json={"withdraw": 1}).status_code == 200
        page = phone.new_page()
        page.goto(f"{demo_shop.url}/e/{edition}")
        page.get_by_role("button", name="Tell me when there are more").tap()
        page.get_by_role("textbox", name="E-mail").fill("fan@example.org")
        page.get_by_label("Send me one e-mail").check()
        screenshot(page, "phone-stock-alert")
        expect_to_fit(page)
        page.get_by_role("button", name="Send me an e-mail").tap()
        expect(page.get_by_text("You get an e-mail when there are more.")).to_be_visible()
        assert merchant.post(stock, json={"add": 3}).status_code == 200
    news = demo_shop.data_dir / "mail"
    wait_until(lambda: list(news.glob("stock_alert.*.eml")))
    (file,) = news.glob("stock_alert.*.eml")
    assert message_from_bytes(file.read_bytes(), policy=default)["To"] == "fan@example.org"
