"""Time, keys and plain pages as people meet them: a phone whose clock is wrong, a desk elsewhere, a browser without
JavaScript."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.acceptance.test_anybody_anywhere_can_buy_in_a_browser import website
from tests.acceptance.test_back_closes_the_sheet import FORUM
from tests.support.browser import DESKTOP, Buying, DemoShop, Screenshot, patient_context

WRONG_CLOCK = """const Right = Date;
Date = class extends Right {{
  constructor(...given) {{ if (given.length) super(...given); else super(Right.now() + {ms}); }}
  static now() {{ return Right.now() + {ms}; }}
}};"""


@pytest.fixture(scope="module")
def desk(chromium: Browser, demo_shop: DemoShop) -> Iterator[Page]:
    """The charity's desk, whose books are in Berlin, in a browser in Los Angeles."""
    with demo_shop.merchant("charity") as charity:
        assert charity.put("/v1/merchant/time-zone", json={"time_zone": "Europe/Berlin"}).status_code == 200
    context = patient_context(chromium, viewport=DESKTOP, timezone_id="America/Los_Angeles")
    page = context.new_page()
    page.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('charity')['api_key']}")
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    yield page
    context.close()


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_hold_runs_down_by_the_shops_clock_whatever_the_phones(
    phone: BrowserContext, demo_shop: DemoShop, minutes: int
) -> None:
    phone.add_init_script(WRONG_CLOCK.format(ms=minutes * 60_000))
    edition = demo_shop.on_sale(hold_seconds=600)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.tap_buy()
    fan.sees("It’s held for you")
    expect(fan.sheet.get_by_role("timer")).to_contain_text(re.compile("(10:0|9:[345])"))


@pytest.mark.parametrize("minutes", [-20, 20])
def test_on_another_sites_page_the_button_and_its_frame_follow_the_shops_clock(
    phone: BrowserContext, demo_shop: DemoShop, minutes: int
) -> None:
    phone.add_init_script(WRONG_CLOCK.format(ms=minutes * 60_000))
    now_ms = int(time.time() * 1000)
    later = demo_shop.on_sale(title="Later", opens_at_ms=now_ms + 900_000)
    edition = demo_shop.on_sale(hold_seconds=600)
    buttons = f'{FORUM}<buy-button edition="{later}"></buy-button>'
    with website(buttons.format(shop=demo_shop.url, edition=edition)) as url:
        page = phone.new_page()
        page.goto(url)
        assert abs(page.evaluate("Date.now()") - now_ms) > 600_000
        expect(Buying(page, later).button).to_have_text(re.compile("Opens in (15:0|14:[345])"))
        reader = Buying.elsewhere(page, edition)
        reader.tap_buy()
        reader.sees("It’s held for you")
        expect(reader.sheet.get_by_role("timer")).to_contain_text(re.compile("(10:0|9:[345])"))
        reader.sheet.get_by_role("button", name="Close", exact=True).tap()
        expect(reader.button).to_have_text(re.compile("Continue your order · (10:0|9:[345])"))


@pytest.mark.parametrize("days", [-40, 40])
def test_the_date_of_the_next_gift_is_the_shops_and_a_test_card_is_valid_there(
    phone: BrowserContext, demo_shop: DemoShop, days: int
) -> None:
    phone.add_init_script(WRONG_CLOCK.format(ms=days * 86_400_000))
    terms = {"kind": "gift", "price_min_minor": 100, "price_max_minor": 9_000, "suggested_minor": [500, 1_500]}
    edition = demo_shop.on_sale("charity", title="A meadow", currency="EUR", **terms)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    giver = Buying(page, edition)
    giver.tap_buy()
    giver.sheet.get_by_text("Monthly", exact=True).tap()
    giver.sheet.get_by_role("button", name="Give €15 every month").tap()
    giver.sees("€15.00 every month")
    (next_at_ms,) = [
        one["next_at_ms"]
        for one in page.request.get(f"{demo_shop.url}/v1/me").json()["next_gifts"]
        if one["interval_months"] == 1
    ]
    date = datetime.fromtimestamp(next_at_ms / 1000, UTC)
    expect(giver.sheet.get_by_text(f"the next one on {date:%B} {date.day}, {date.year}")).to_be_visible()
    giver.enter("Accepted")
    giver.sheet.get_by_role("button", name="Give €15.00 every month").tap()
    giver.sees("Thank you!")


def test_the_desk_names_its_zone_and_says_what_it_understood(desk: Page, screenshot: Screenshot) -> None:
    expect(desk.get_by_text("Times are in Europe/Berlin.")).to_be_visible()
    desk.get_by_role("button", name="Release an edition").click()
    dialog = desk.get_by_role("dialog")
    opens = dialog.get_by_label("Opens (Europe/Berlin)")
    understood = dialog.locator("small.understood")  # the choice below it has the same words
    opens.fill("2027-07-01T20:00")
    opens.press("Tab")
    expect(understood.filter(has_text="1 July 2027, 20:00 (CEST)")).to_be_visible()
    opens.fill("2027-03-28T02:30")
    opens.press("Tab")
    expect(understood.filter(has_text="the clocks go forward over it")).to_be_visible()
    opens.fill("2027-10-31T02:30")
    opens.press("Tab")
    which = dialog.get_by_role("combobox", name="Which of the two")
    expect(which).to_be_visible()
    which.select_option(label="31 October 2027, 02:30 (second time, CET)")
    screenshot(desk, "desk-second-time")
    dialog.get_by_label("Title").fill("A second dawn")
    dialog.get_by_label("Kind").select_option(label="Tickets")
    dialog.get_by_label("Price").fill("10")
    dialog.get_by_role("button", name="Release", exact=True).click()
    row = desk.get_by_role("listitem").filter(has_text="A second dawn")
    expect(row).to_be_visible()


def test_a_key_is_made_and_revoked_on_the_desk(desk: Page, screenshot: Screenshot) -> None:
    keys = desk.locator("#keys")
    expect(keys).to_contain_text("The key you signed in with")
    expect(keys.get_by_role("button", name="Revoke")).to_have_count(0)
    desk.get_by_role("button", name="Create a key").click()
    desk.get_by_label("What it is for").fill("Scanner")
    desk.get_by_role("button", name="Create key").click()
    expect(desk.get_by_label("The new key")).to_have_value(re.compile("bsk_"))
    screenshot(desk, "desk-key-made")
    desk.get_by_role("button", name="I have copied it").click()
    expect(keys).to_contain_text("Scanner")
    screenshot(desk, "desk-keys")
    keys.get_by_role("button", name="Revoke Scanner").click()
    desk.get_by_role("button", name="Revoke it").click()
    expect(keys).not_to_contain_text("Scanner")


def test_everything_but_buying_can_be_read_without_javascript(
    chromium: Browser, phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale(stock=7)
    page = phone.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    fan = Buying(page, edition)
    fan.tap_buy()
    fan.sees("It’s held for you")
    page.goto(f"{demo_shop.url}/orders")
    expect(page.locator("#orders")).to_contain_text("The Paper Lanterns")
    expect(page.locator("#orders")).to_contain_text("It’s reserved while you pay. Nothing has been charged.")
    screenshot(page, "my-orders")
    plain = patient_context(chromium, java_script_enabled=False, storage_state=phone.storage_state())
    bare = plain.new_page()
    bare.goto(f"{demo_shop.url}/e/{edition}")
    # Playwright leaves <noscript> itself out of an element's text, so what is in it is looked up by name.
    expect(bare.locator("buy-button")).to_contain_text("35.00 USD · On sale, 6 of 7 left")
    bare.goto(f"{demo_shop.url}/orders")
    expect(bare.locator("noscript li.order")).to_contain_text("The Paper Lanterns")
    expect(bare.locator("noscript li.order")).to_contain_text("Held for you")
    screenshot(bare, "my-orders-without-javascript")
    bare.goto(f"{demo_shop.url}/desk")
    expect(bare.get_by_role("heading", name="Your desk").first).to_be_visible()
    bare.goto(f"{demo_shop.url}/e/unknown")
    expect(bare.get_by_role("heading", name="This isn’t on sale here")).to_be_visible()
    screenshot(bare, "no-such-edition")
    plain.close()
