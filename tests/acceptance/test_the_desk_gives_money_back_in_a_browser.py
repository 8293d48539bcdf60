"""The merchant's desk when money is refunded, in part or to everyone, and what a month adds up to."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from buystream.consumers.payments import append_fact
from buystream.vocabulary.commands import RecordDispute
from buystream.vocabulary.ids import new_order_id, payment_id_of
from buystream.wiring.opening import open_database, open_log
from tests.support.browser import DESKTOP, PHONE, DemoShop, Screenshot, expect_to_fit, patient_context
from tests.support.contrast import too_faint
from tests.support.patience import wait_until

DELIVERY = {
    "name": "Anna Example",
    "email": "anna@example.org",
    "address": {"country": "GB", "street": ["1 Sample Street"], "city": "Sampletown", "postal_code": "S1 2AB"},
}


@pytest.fixture(scope="module")
def desk(chromium: Browser, demo_shop: DemoShop) -> Iterator[Page]:
    """The desk of a shop."""
    context = patient_context(chromium, viewport=DESKTOP)
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('shop')['api_key']}")
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    yield page
    context.close()


def paid(shop: DemoShop, edition: str, **order: Any) -> str:
    """A paid order of it; its id."""
    with httpx.Client(base_url=shop.url) as buyer:
        token = buyer.post("/v1/session", json={}).json()["token"]
        buyer.headers["Authorization"] = f"Bearer {token}"
        body = {"order_id": new_order_id(edition), "edition_id": edition, "quantity": 1, "price_minor": 3500, **order}
        assert buyer.post("/v1/orders", json=body).status_code == 201
        path = f"/v1/orders/{body['order_id']}"
        payment = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
        assert buyer.post(f"{path}/payment", json=payment).status_code == 202
        wait_until(lambda: buyer.get(path).json()["state"] == "confirmed", 60)
    return str(body["order_id"])


def test_a_part_goes_back_and_the_order_stays_paid(desk: Page, demo_shop: DemoShop, screenshot: Screenshot) -> None:
    edition = demo_shop.on_sale("shop", title="Two plates", stock=5)
    order = paid(demo_shop, edition, quantity=2)
    row = desk.locator(f"#ledger tr[data-id='{order}']")
    row.get_by_role("button", name="Refund").click()
    desk.get_by_label("Amount, in USD").fill("99")
    desk.get_by_role("dialog").get_by_role("button", name="Refund $99.00").click()
    expect(desk.get_by_role("alert").filter(has_text="up to $70.00")).to_be_visible()
    desk.get_by_label("Amount, in USD").fill("10.50")
    screenshot(desk, "desk-part-refund")
    desk.get_by_role("dialog").get_by_role("button", name="Refund $10.50").click()
    expect(row).to_contain_text("$10.50 refunded")
    expect(row).to_contain_text("paid")
    demo_shop.shows(edition, sold=2)

    row.get_by_role("button", name="Refund").click()
    expect(desk.get_by_text("Up to $59.50 can be refunded.")).to_be_visible()
    desk.get_by_role("dialog").get_by_role("button", name="Refund").click()
    expect(row).to_contain_text("refunded")
    expect(desk.locator(f"li[data-id='{edition}']")).to_contain_text("5 left of 5")


def test_a_dispute_says_what_it_is_about_and_until_when(
    desk: Page, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    order = paid(demo_shop, demo_shop.on_sale("shop", title="A disputed plate", stock=5))
    dispute = RecordDispute(
        payment_id=payment_id_of(order, 1),
        dispute_id="du_1",
        amount_minor=3500,
        reason="product_not_received",
        respond_by_ms=1_800_000_000_000,
    )
    with open_database(demo_shop.settings) as database, open_log(database, demo_shop.settings) as log:
        append_fact(log, dispute)
    panel = desk.get_by_role("region", name="Disputes")
    expect(panel.get_by_role("row").filter(has_text=order[-8:])).to_contain_text("$35.00")
    expect(panel).to_contain_text("product not received")
    expect(panel.locator("tr[data-id='du_1']")).to_contain_text("respond by Jan 15, 2027")
    expect(desk.locator(f"#ledger tr[data-id='{order}']")).to_contain_text("disputed")
    panel.scroll_into_view_if_needed()
    screenshot(desk, "desk-disputes")
    assert too_faint(desk) == []
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    expect_to_fit(desk)
    panel.scroll_into_view_if_needed()
    screenshot(desk, "desk-disputes-phone")
    desk.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def test_an_edition_is_cancelled_and_everyone_is_refunded(
    desk: Page, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale("shop", title="An evening at the wheel", stock=20)
    orders = [paid(demo_shop, edition) for _ in range(3)]
    row = desk.locator(f"li[data-id='{edition}']")
    row.get_by_role("button", name="Cancel edition").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("The kiln broke")
    screenshot(desk, "desk-cancel")
    dialog.get_by_role("button", name="Cancel it and refund everyone").click()
    expect(row).to_contain_text("Cancelled. Everyone has been refunded.")
    expect(row.get_by_role("button")).to_have_text(["Write to buyers", "Edit page", "Archive", "Copy"])
    for order in orders:
        expect(desk.locator(f"#ledger tr[data-id='{order}']")).to_contain_text("refunded")
    demo_shop.shows(edition, state="cancelled")
    assert too_faint(desk) == []
    screenshot(desk, "desk-cancelled")
    page = desk.context.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    expect(page.locator("buy-button button.buy")).to_have_text("Cancelled")
    page.close()


def test_a_months_statement_is_shown_and_downloaded(
    desk: Page, demo_shop: DemoShop, tmp_path: Path, screenshot: Screenshot
) -> None:
    net = desk.locator("#totals tr").filter(has_text="USD").locator(".is-net")
    expect(net).to_be_visible()
    with demo_shop.merchant("shop") as merchant:
        (total,) = merchant.get("/v1/merchant/statement").json()["totals"]
    expect(net).to_have_text(f"${total['net_minor'] / 100:,.2f}")
    section = desk.get_by_role("region", name="Statement")
    section.scroll_into_view_if_needed()
    screenshot(desk, "desk-statement")
    with desk.expect_download() as downloaded:
        section.get_by_role("button", name="Download as CSV").click()
    assert re.fullmatch(r"statement-\d{4}-\d\d\.csv", downloaded.value.suggested_filename)
    downloaded.value.save_as(tmp_path / "statement.csv")
    head, *lines = (tmp_path / "statement.csv").read_text(encoding="utf-8-sig").splitlines()
    assert head.startswith("time_utc,date,kind,")
    assert len(lines) >= total["sales"]


def test_legal_details_are_entered_once_and_kept(desk: Page) -> None:
    desk.get_by_role("button", name="Legal details").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Legal name").fill("Kiln & Co Ltd")
    dialog.get_by_label("Address").fill("2 Sample Street\nSampletown")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    desk.get_by_role("button", name="Legal details").click()
    expect(dialog.get_by_label("Legal name")).to_have_value("Kiln & Co Ltd")
    expect(dialog.get_by_label("Address")).to_have_value("2 Sample Street\nSampletown")
    dialog.get_by_role("button", name="Cancel").click()


def test_a_campaign_is_released_and_shows_how_far_it_is(
    desk: Page, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    desk.get_by_role("button", name="Release an edition").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Title").fill("A new kiln")
    dialog.get_by_label("Kind").select_option("gift")
    dialog.get_by_label("Smallest gift").fill("1")
    dialog.get_by_label("Largest gift").fill("5000")
    dialog.get_by_label("Target", exact=True).fill("100")
    dialog.get_by_label("If the target is missed at closing time").select_option("choose")
    dialog.get_by_role("button", name="Release").click()
    expect(dialog.get_by_role("alert")).to_have_text("An all-or-nothing campaign needs a closing time.")
    dialog.get_by_label("Closes").fill(f"{time.gmtime().tm_year + 2}-01-01T12:00")
    dialog.get_by_text("Tax and refunds").click()
    screenshot(desk, "desk-campaign")
    dialog.get_by_role("button", name="Release").click()
    row = desk.get_by_role("listitem").filter(has_text="A new kiln")
    expect(row).to_contain_text("$0 of $100")
    expect(row.get_by_role("progressbar", name="Progress of A new kiln")).to_be_visible()
    campaign = demo_shop.board(str(row.get_attribute("data-id")))["campaign"]
    assert (campaign["target_minor"], campaign["if_missed"], campaign["charged"]) == (10_000, "choose", "at_end")


def test_the_money_fits_a_phone(desk: Page, screenshot: Screenshot) -> None:
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    expect_to_fit(desk)
    desk.get_by_role("region", name="Statement").scroll_into_view_if_needed()
    screenshot(desk, "desk-money-phone")


def test_an_order_is_found_by_half_a_name_read_noted_and_saved(
    desk: Page, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    order = paid(demo_shop, demo_shop.on_sale("shop", title="A plate to find", stock=5))
    desk.get_by_label("Find an order").fill("exam")
    row = desk.locator(f"#ledger tr[data-id='{order}']")
    expect(row).to_contain_text("Anna Example")
    desk.get_by_label("Find an order").fill(f"anna {order[-8:]}")
    expect(desk.locator("#ledger tr")).to_have_count(1)
    expect(desk.get_by_role("status").filter(has_text="1 found")).to_be_visible()
    with desk.expect_download() as saved:
        desk.get_by_role("group", name="Download these orders").get_by_role("button", name="CSV").click()
    assert order in Path(saved.value.path()).read_text()
    row.get_by_role("button", name=order[-8:]).click()
    story = desk.get_by_role("list", name="What happened")
    expect(story).to_contain_text("Sold for 35.00 USD.")
    desk.get_by_label("Note, for your people only").fill("Called, wants it gift-wrapped.")
    screenshot(desk, "desk-order-story")
    desk.set_viewport_size(PHONE)
    expect_to_fit(desk)
    screenshot(desk, "desk-order-story-phone")
    desk.get_by_role("dialog").get_by_role("button", name="Save the note").click()
    row.get_by_role("button", name=order[-8:]).click()
    expect(story).to_contain_text("Called, wants it gift-wrapped.")
    desk.get_by_role("button", name="Send the confirmation again").click()
    expect(desk.get_by_text("on its way again")).to_be_attached()
    desk.get_by_role("dialog").get_by_role("button", name="Close").click()
    screenshot(desk, "desk-order-search-phone")
    desk.set_viewport_size(DESKTOP)
    desk.get_by_label("Find an order").fill("nobody of that name")
    expect(desk.get_by_role("status").filter(has_text="No order matches.")).to_be_visible()
    desk.get_by_label("Find an order").fill("")
