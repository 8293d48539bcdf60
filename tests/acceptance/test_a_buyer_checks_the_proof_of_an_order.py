"""A buyer downloads the proof of an order from the sheet, and checks it on a page without a server."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from buystream.transparency.notes import read_key
from buystream.transparency.proofs import read_proof
from buystream.transparency.verifying import verify
from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit
from tests.support.contrast import too_faint

PAGE = Path(__file__).parents[2] / "clients" / "verifier" / "verify.html"
FREE = {"kind": "ticket", "price_min_minor": 0, "price_max_minor": 0, "suggested_minor": []}


@pytest.fixture
def fan(phone: BrowserContext, demo_shop: DemoShop) -> Buying:
    """Has a free ticket."""
    edition_id = demo_shop.on_sale(stock=5, **FREE)
    page = phone.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{demo_shop.url}/e/{edition_id}")
    fan = Buying(page, edition_id)
    fan.comes()
    fan.button.tap()
    fan.sees("You’re going!")
    return fan


def test_the_proof_is_downloaded_from_the_sheet_and_checked_without_a_server(
    fan: Buying, demo_shop: DemoShop, tmp_path: Path, screenshot: Screenshot
) -> None:
    with fan.page.expect_download() as downloading:
        fan.sheet.get_by_role("button", name="Download the proof").tap()
    screenshot(fan.page, "phone-proof")
    expect_to_fit(fan.page)
    (order,) = fan.orders()
    file = tmp_path / "order.tlog-proof"
    downloading.value.save_as(file)
    assert downloading.value.suggested_filename == f"{order['order_id']}.tlog-proof"
    key = httpx.get(f"{demo_shop.url}/tlog/key").text
    found = verify(read_proof(file.read_bytes()), keys=[read_key(key)])
    assert (found.event["type"], found.event["subject"]) == ("buystream.OrderPlaced.v1", order["order_id"])

    asked: list[str] = []
    checking = fan.page.context.new_page()
    checking.on("request", lambda request: asked.append(request.url))
    checking.goto(PAGE.as_uri())
    checking.get_by_label("The log’s key").fill(key)
    checking.get_by_label("Receipt", exact=True).set_input_files(file)
    expect(checking.locator("#result")).to_contain_text("Verified: buystream.OrderPlaced.v1 is leaf")
    screenshot(checking, "phone-verified")
    expect_to_fit(checking)
    assert too_faint(checking) == []
    forged = tmp_path / "forged.tlog-proof"
    forged.write_bytes(file.read_bytes().replace(b"index ", b"index 1"))
    checking.get_by_label("Receipt", exact=True).set_input_files(forged)
    expect(checking.locator("#result")).to_contain_text("Not verified")
    assert asked == [PAGE.as_uri()]
