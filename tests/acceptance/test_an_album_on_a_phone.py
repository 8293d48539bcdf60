"""An album on a phone: bought, downloaded, and closed by a refund; a merchant uploads another file at the desk."""

from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, expect

from buystream.demo.album import NAME, album
from tests.support.axe import violations
from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit
from tests.support.patience import wait_until


def test_an_album_is_bought_downloaded_and_closed_by_a_refund(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    page = phone.new_page()
    sample = demo_shop.sample("album")
    page.goto(f"{demo_shop.url}/e/{sample['edition_id']}")
    fan = Buying(page, sample["edition_id"])
    fan.tap_buy()
    fan.enter("Accepted")
    fan.pay()
    order_id = fan.orders()[0]["order_id"]
    wait_until(lambda: fan.orders()[0]["state"] == "confirmed")
    page.goto(f"{demo_shop.url}/orders")
    page.get_by_role("link", name="Downloads").tap()
    button = page.get_by_role("button", name=f"Download {NAME}")
    expect(button).to_be_visible()
    assert violations(page) == []
    with page.expect_download() as downloading:
        button.tap()
    assert downloading.value.suggested_filename == NAME
    assert Path(downloading.value.path()).read_bytes() == album()
    expect(page.get_by_text("your link works")).to_be_visible()
    expect_to_fit(page)
    screenshot(page, "phone-downloads")
    link = page.request.get(f"{demo_shop.url}/v1/orders/{order_id}/downloads").json()["files"][0]["url"]
    refund = {"amount_minor": None, "quantity": None}
    answer = httpx.post(
        f"{demo_shop.url}/v1/merchant/orders/{order_id}/refund",
        json=refund,
        headers={"Authorization": f"Bearer {sample_key(demo_shop)}", "Idempotency-Key": "album"},
    )
    assert answer.status_code == 202, answer.text
    wait_until(lambda: fan.orders()[0]["state"] == "refunded")
    page.goto(f"{demo_shop.url}/orders/{order_id}/downloads")
    expect(page.get_by_text("This order’s downloads are closed.")).to_be_visible()
    assert httpx.get(link).status_code == 409


def test_a_merchant_uploads_a_file_at_the_desk(chromium: Browser, demo_shop: DemoShop, tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    cover.write_bytes(b"a picture" * 1000)
    page = chromium.new_page()
    page.goto(f"{demo_shop.url}/desk#key={sample_key(demo_shop)}")
    room = page.get_by_role("region", name="Downloads")
    room.get_by_label("Edition", exact=True).select_option(demo_shop.sample("album")["edition_id"])
    files = page.locator("#files")
    expect(files.get_by_text(NAME)).to_be_visible()
    page.get_by_label("Upload a file").set_input_files(cover)
    expect(files.get_by_text("cover.png")).to_be_visible()
    page.get_by_role("button", name="Remove cover.png").click()
    page.get_by_role("button", name="Remove it").click()
    expect(files.get_by_text("cover.png")).not_to_be_visible()
    page.close()


def sample_key(shop: DemoShop) -> str:
    """The key of the album's merchant."""
    return shop.sample("album")["api_key"]
