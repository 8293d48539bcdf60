"""What holds once the pair of docs/adding-a-message.md is there. `tests/integration/test_adding_a_message.py` runs this
in a copy where the page's edits are made: in this repository neither message exists."""

from pathlib import Path
from typing import Any

import httpx
import msgspec
from playwright.sync_api import expect as shows
from playwright.sync_api import sync_playwright

from buystream.replay.audit import audit
from buystream.vocabulary import commands, events
from buystream.vocabulary.feed import FED, public_fields
from tests.support.browser import ARGUMENTS, executable, patient_context
from tests.support.examples import EXAMPLES, example, order_id
from tests.support.scenario import expect, given
from tests.support.shop import API_KEY, Shop, order_of, shop, wait_until
from tests.support.steps import place, release

__all__ = ["shop"]

ROOT = Path(__file__).parents[2]
Note: Any = commands.NoteOrder  # type: ignore[attr-defined]
Noted: Any = events.OrderNoted  # type: ignore[attr-defined]


def test_it_is_decided() -> None:
    note = example(Note, note="gift wrap")
    noted = given(release(), place()).when(note).then(expect(Noted, note="gift wrap"))
    noted.and_state(order_id(1), note="gift wrap").when(note).then(events.CommandRepeated)
    unknown = msgspec.structs.replace(note, order_id=order_id(2))
    noted.when(unknown).then(expect(events.CommandRefused, reason="unknown_order"))
    foreign = msgspec.structs.replace(note, merchant_id="me0-sh0p000000")
    noted.when(foreign).then(expect(events.CommandRefused, reason="unknown_order"))
    assert {Note, Noted} <= EXAMPLES.keys()


def test_it_is_in_the_schemas_the_feed_and_the_page_of_messages() -> None:
    for path in ("commands/NoteOrder", "events/OrderNoted", "feed/OrderNoted"):
        schema = msgspec.json.decode((ROOT / f"schemas/{path}.v1.json").read_bytes())
        assert schema["properties"]["note"]["description"] == "The merchant's note about the order."
    index = msgspec.json.decode((ROOT / "schemas/asyncapi.json").read_bytes())
    assert {"NoteOrder.v1", "OrderNoted.v1", "feed-OrderNoted.v1"} <= index["components"]["messages"].keys()
    assert Noted in FED
    assert "note" in public_fields(Noted)
    page = (ROOT / "docs/messages.md").read_text()
    row = "| `NoteOrder` | `order_id` | merchant | Keep the merchant's note about an order. | `unknown_order` |"
    assert row in page
    assert "| `OrderNoted` | The merchant wrote a note about the order. | none |" in page


def test_it_is_written_by_http_and_at_the_desk_shown_to_its_merchant_and_audited(shop: Shop) -> None:
    order = order_of(shop.release())
    path = f"/v1/merchant/orders/{order['order_id']}/note"
    with shop.buyer() as buyer, shop.merchant() as merchant:
        assert buyer.post("/v1/orders", json=order).status_code == 201
        assert buyer.post(path, json={"note": "mine"}).status_code == 401
        assert merchant.post(path, json={"note": "gift wrap"}).json()["note"] == "gift wrap"
        _note_at_the_desk(shop, order["order_id"])

        def shown() -> str:
            (one,) = merchant.get("/v1/merchant/orders").json()["orders"]
            return str(one["note"])

        wait_until(lambda: shown() == "fragile")
        assert "note" not in buyer.get(f"/v1/orders/{order['order_id']}").json()
    paths = httpx.get(f"{shop.url}/schema/openapi.json").json()["paths"]
    assert paths["/v1/merchant/orders/{order_id}/note"]["post"]["x-refusals"] == ["unknown-order"]
    assert len(shop.commands("NoteOrder")) == 2
    report = audit(shop.log)
    assert (report.ok, report.violations) == (True, [])


def _note_at_the_desk(shop: Shop, named: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        desk = patient_context(browser).new_page()
        desk.goto(f"{shop.url}/desk#key={API_KEY}")
        desk.locator(f"#ledger tr[data-id='{named}']").get_by_role("button", name="Note").click()
        shows(desk.get_by_label("Note", exact=True)).to_have_value("gift wrap")
        desk.get_by_label("Note", exact=True).fill("fragile")
        desk.get_by_role("button", name="Save the note").click()
        shows(desk.get_by_text("Saved.")).to_be_visible()
        browser.close()
