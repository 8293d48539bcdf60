"""The scanner on two phones: it opens and decides without a network, uploads later, and the ticket that let two in is
named on the desk and on both; a camera reads a QR code by zxing-cpp."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import segno
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.integration.test_the_door import event, tickets_of, wish
from tests.support.axe import blocked_by, violations
from tests.support.browser import ARGUMENTS, PHONE, WAIT_SECONDS, executable, expect_to_fit, patient_context
from tests.support.patience import patient
from tests.support.shop import Shop, lasting_shop

__all__ = ["lasting_shop"]

CODE_PIXELS = 10
WIDTH, HEIGHT = 1280, 960


class Sold(NamedTuple):
    """Two tickets of one buyer, of which the second was passed on: its code is dead, and its new holder has another."""

    edition_id: str
    first: str
    dead: str
    passed_on: str


@pytest.fixture(scope="module")
def sold(lasting_shop: Shop) -> Sold:
    """Tonight's tickets."""
    edition_id = lasting_shop.release(kind="ticket", event=event())
    with lasting_shop.buyer() as anna, lasting_shop.buyer() as ben:
        first, second = tickets_of(anna, edition_id)
        path = f"/v1/tickets/{second['ticket_id']}"
        link = anna.post(f"{path}/pass-on", json={"issue": second["issue"]}).json()["claim_url"]
        claimed = ben.post(f"{path}/claim", json={"token": link.partition("#")[2], "name": "Ben"})
        assert claimed.status_code == 200, claimed.text
        return Sold(edition_id, first["code"], second["code"], claimed.json()["code"])


@pytest.fixture(scope="module")
def chromium(sold: Sold, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera sees the first ticket."""
    film = filmed(sold.first, tmp_path_factory.mktemp("camera") / "ticket.y4m")
    camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(),
            args=[*ARGUMENTS, *camera, f"--use-file-for-fake-video-capture={film}"],
            timeout=patient(WAIT_SECONDS) * 1000,
        )
        yield browser
        browser.close()


def filmed(code: str, path: Path) -> Path:
    """A film of one frame that shows the code: YUV4MPEG2, of which the light alone says something."""
    rows = list(segno.make(code, error="m").matrix_iter(scale=CODE_PIXELS // 2, border=4))
    light = bytearray(b"\xc0" * (WIDTH * HEIGHT))
    left, top = (WIDTH - len(rows[0])) // 2, (HEIGHT - len(rows)) // 2
    for number, row in enumerate(rows):
        start = (top + number) * WIDTH + left
        light[start : start + len(row)] = bytes(16 if dark else 235 for dark in row)
    colour = b"\x80" * (WIDTH * HEIGHT // 2)
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(head + b"FRAME\n" + bytes(light) + colour)
    return path


def signed_in(shop: Shop, context: BrowserContext, edition_id: str, name: str, *, listed: int) -> Page:
    """A phone whose link was opened, which has the list and will open without a network."""
    with shop.merchant() as merchant:
        made = merchant.post(f"/v1/merchant/editions/{edition_id}/scanners", json={"name": name}).json()
    page = context.new_page()
    page.goto(f"{shop.url}/door{made['link'].partition('/door')[2]}")
    expect(page.locator("#scan")).to_have_attribute("data-listed", str(listed))
    expect(page.locator("#door[data-kept]")).to_be_attached()
    assert "key" not in page.url
    return page


def scans(page: Page, code: str, answer: str) -> None:
    """Types the code, and sees this answer in the whole screen."""
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Check").tap()
    expect(page.locator("#answer")).to_have_attribute("data-answer", answer)
    expect(page.locator("#answer")).to_be_visible()
    page.get_by_role("button", name="Next").tap()
    expect(page.locator("#answer")).to_be_hidden()


def phone_of(browser: Browser, **options: Any) -> BrowserContext:
    """A phone without any past."""
    return patient_context(browser, viewport=PHONE, has_touch=True, is_mobile=True, **options)


def test_two_scanners_without_a_network_let_a_ticket_in_twice_and_it_is_named(
    lasting_shop: Shop, sold: Sold, chromium: Browser
) -> None:
    contexts = [phone_of(chromium) for _ in range(2)]
    north, south = (
        signed_in(lasting_shop, context, sold.edition_id, name, listed=3)
        for context, name in zip(contexts, ("North", "South"), strict=True)
    )
    for context, page in zip(contexts, (north, south), strict=True):
        context.set_offline(True)
        page.reload()
        expect(page.locator("#network")).to_have_text("Offline")
        scans(page, sold.first, "valid")
        scans(page, sold.first, "already_used")
        scans(page, sold.dead, "revoked")
        scans(page, sold.passed_on, "valid")
        scans(page, sold.first[:-1] + ("0" if sold.first[-1] != "0" else "1"), "unknown")
        page.get_by_label("Lost phone?").fill("Anna")
        page.get_by_role("button", name="Search").tap()
        expect(page.locator("#search-problem")).to_contain_text("needs a network")
        expect(page.locator("#scan")).to_have_attribute("data-queued", "2")
    for context, page in zip(contexts, (north, south), strict=True):
        context.set_offline(False)
        expect(page.locator("#scan")).to_have_attribute("data-queued", "0")
    north.evaluate("dispatchEvent(new Event('online'))")
    for page in (north, south):
        doubles = page.locator("#doubles li")
        expect(doubles).to_have_count(2)
        expect(doubles.first).to_be_hidden()
        page.get_by_text("Double entries: 2").tap()
        expect(doubles.first).to_be_visible()
        expect(doubles.first).to_contain_text("North")
        expect(doubles.first).to_contain_text("South")
    with lasting_shop.merchant() as merchant:
        board = merchant.get(f"/v1/merchant/editions/{sold.edition_id}/door").json()
    names = {(one["first"]["scanner"], one["second"]["scanner"]) for one in board["double_entries"]}
    assert names == {("North", "South")}
    scans(south, sold.first.lower(), "already_used")
    south.get_by_label("Lost phone?").fill("anna")
    south.get_by_role("button", name="Search").tap()
    expect(south.locator("#found li")).to_have_count(1)
    expect(south.locator("#found li")).to_contain_text("Inside since")
    expect(south.get_by_role("button", name="Let in")).to_have_count(0)
    assert violations(south) == []
    expect_to_fit(south)
    for context in contexts:
        context.close()


def test_the_camera_reads_a_code_and_the_last_scan_is_undone(lasting_shop: Shop, sold: Sold, chromium: Browser) -> None:
    with lasting_shop.merchant() as merchant:  # in already, or now
        merchant.post("/v1/door/scans", json=wish(sold.first, "before-the-camera"))
    context = phone_of(chromium, permissions=["camera"])
    with blocked_by(context) as blocked:
        page = signed_in(lasting_shop, context, sold.edition_id, "Back door", listed=3)
        page.locator("label", has_text="Out").tap()
        page.get_by_role("button", name="Start the camera").tap()
        answer = page.locator("#answer")
        expect(answer).to_have_attribute("data-answer", "left")
        expect(answer).to_contain_text("Anna Example")
        assert blocked == []
    assert violations(page) == []
    expect(answer).to_be_hidden()
    page.get_by_role("button", name="Undo").tap()
    expect(page.locator("#notice")).to_have_text("The last scan is undone.")
    context.close()
