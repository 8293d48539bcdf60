"""A merchant prepares an edition on a phone, shows it by a link, releases it, edits its page while somebody holds, and
archives it."""

import io
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.axe import blocked_by, violations
from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit
from tests.support.patience import wait_until
from tests.support.shop import order_of

STORY = "# The evening\n\nBring *warm* clothes.\n\n- soup\n- tea\n\n[The way there](https://nightsky.example/way)"


def picture(name: str, colour: str) -> Any:
    file = io.BytesIO()
    Image.new("RGB", (1200, 900), colour).save(file, format="JPEG")
    return {"name": name, "mimeType": "image/jpeg", "buffer": file.getvalue()}


def draft(desk: Page, title: str) -> None:
    desk.get_by_role("button", name="Release an edition").tap()
    dialog = desk.locator("#ask")
    dialog.get_by_label("Title").fill(title)
    dialog.get_by_label("Price", exact=True).fill("20.00")
    dialog.get_by_label("Needs a delivery address").uncheck()
    dialog.get_by_role("button", name="Keep as a draft").tap()
    expect(dialog).to_be_hidden()
    expect(desk.locator("#drafts")).to_contain_text(title)


def write_page(desk: Page) -> None:
    editor = desk.locator("#page-editor")
    desk.locator("#editor-file").set_input_files([picture("hall.jpg", "teal"), picture("stage.jpg", "maroon")])
    expect(editor.locator(".editor-pictures li")).to_have_count(2)
    editor.get_by_label("What the picture shows").nth(0).fill("The hall")
    editor.get_by_label("What the picture shows").nth(1).fill("The stage")
    editor.get_by_role("button", name="Move up picture 2").tap()
    expect(editor.get_by_label("What the picture shows").nth(0)).to_have_value("The stage")
    editor.get_by_label("Story").fill(STORY)
    editor.get_by_role("button", name="Show how it looks").tap()
    expect(editor.get_by_role("heading", name="The evening")).to_be_visible()
    editor.get_by_role("button", name="Add a note").tap()
    editor.get_by_label("Note", exact=True).fill("Minimum age")
    editor.get_by_label("What there is to know").fill("16, or with an adult")


def test_a_product_goes_from_a_draft_to_the_archive_on_a_phone(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    with blocked_by(phone) as blocked:
        desk = phone.new_page()
        desk.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('band')['api_key']}")
        draft(desk, "Night Sky in the hall")
        desk.get_by_role("button", name="Write the page: Night Sky in the hall").tap()
        write_page(desk)
        assert blocked == []
    assert violations(desk) == []
    expect_to_fit(desk)
    screenshot(desk, "desk-page-editor")
    desk.get_by_role("button", name="Save the page").tap()
    expect(desk.locator("#page-editor")).to_be_hidden()

    row = desk.locator("#drafts li").filter(has_text="Night Sky in the hall")
    row.get_by_role("button", name="Terms").tap()
    terms = desk.locator("#ask")
    expect(terms.get_by_label("Price", exact=True)).to_have_value("20.00")
    terms.get_by_label("Price", exact=True).fill("24.00")
    terms.get_by_role("button", name="Save").tap()
    expect(terms).to_be_hidden()
    edition_id = row.get_attribute("data-draft")
    preview = phone.new_page()
    preview.goto(row.get_by_role("link", name="Preview").get_attribute("href") or "")
    expect(preview.get_by_role("heading", name="The evening")).to_be_visible()
    expect(preview.get_by_role("img", name="The stage")).to_be_visible()
    assert violations(preview) == []
    expect_to_fit(preview)
    screenshot(preview, "draft-preview")
    assert httpx.get(f"{demo_shop.url}/e/{edition_id}").status_code == 404

    row.get_by_role("button", name="Release").tap()
    desk.locator("#ask").get_by_role("button", name="Release").tap()
    expect(row).to_have_count(0)
    expect(desk.locator(f"#editions li[data-id='{edition_id}']")).to_be_visible()
    token = httpx.post(f"{demo_shop.url}/v1/session", json={}).json()["token"]
    with httpx.Client(base_url=demo_shop.url, headers={"Authorization": f"Bearer {token}"}) as buyer:
        held = buyer.post("/v1/orders", json=order_of(edition_id or "", price_minor=2400)).json()
        assert held["state"] == "held"

        desk.get_by_role("button", name="Edit the page of Night Sky in the hall").tap()
        editor = desk.locator("#page-editor")
        expect(editor.get_by_label("Story")).to_have_value(STORY)
        editor.get_by_label("Title").fill("Night Sky in the yard")
        editor.get_by_label("Story").fill("We moved **outside**.")
        desk.get_by_role("button", name="Save the page").tap()
        expect(editor).to_be_hidden()
        fan = phone.new_page()
        wait_until(lambda: "We moved" in httpx.get(f"{demo_shop.url}/e/{edition_id}").text)
        fan.goto(f"{demo_shop.url}/e/{edition_id}")
        expect(fan.get_by_text("We moved outside.")).to_be_visible()
        expect(fan.get_by_role("img", name="The hall")).to_be_attached()
        assert violations(fan) == []
        expect_to_fit(fan)
        screenshot(fan, "edition-with-a-page")
        sheet = Buying(fan, edition_id or "")
        sheet.tap_buy()
        sheet.sees("It’s held for you")
        expect(sheet.sheet.get_by_text("16, or with an adult")).to_be_visible()
        sheet.sheet.get_by_text("More about this").tap()
        expect(sheet.sheet.get_by_text("We moved outside.")).to_be_visible()
        assert violations(fan) == []
        screenshot(fan, "sheet-with-a-story")
        assert buyer.get(f"/v1/orders/{held['order_id']}").json()["title"] == "Night Sky in the hall"

        desk.get_by_role("button", name="End the sale of Night Sky in the yard").tap()
        desk.locator("#ask").get_by_role("button", name="End the sale").tap()
        desk.get_by_role("button", name="Archive Night Sky in the yard").tap()
        expect(desk.locator(f"#editions li[data-id='{edition_id}']")).to_have_count(0)
        wait_until(lambda: httpx.get(f"{demo_shop.url}/e/{edition_id}").status_code == 404)
        assert buyer.get(f"/e/{edition_id}").status_code == 200
    desk.get_by_role("button", name="Archive", exact=True).tap()
    expect(desk.locator("#archive")).to_contain_text("Night Sky in the yard")
