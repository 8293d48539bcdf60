"""The merchant's desk while a crowd rushes an edition, and the work that comes after it."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.support.browser import DESKTOP, PHONE, Buying, DemoShop, Screenshot, expect_to_fit, patient_context
from tests.support.patience import Deadline, patient, wait_until
from tests.support.shop_process import BUYSTREAM, buystream

BUYERS, STOCK = 300, 200


@pytest.fixture(scope="module")
def desk(chromium: Browser, demo_shop: DemoShop) -> Iterator[Page]:
    """The label's desk."""
    context = patient_context(chromium, viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{demo_shop.url}/desk")
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Open the desk").click()
    expect(page.get_by_role("alert")).to_have_text("This API key isn’t valid. Check it and try again.")
    page.get_by_label("API key").fill(demo_shop.sample("label")["api_key"])
    page.get_by_role("button", name="Open the desk").click()
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    expect(page.get_by_role("banner")).to_contain_text("Low Tide Records")
    yield page
    context.close()


def dashboard(shop: DemoShop) -> dict[str, Any]:
    with shop.merchant("label") as label:
        seen: dict[str, Any] = label.get("/v1/merchant/dashboard").json()
    return seen


def number(page: Page, figure: str) -> int:
    return int(page.locator(f"#kpi-{figure}").inner_text().replace(",", "").replace("–", "0"))


def drawn(page: Page, chart: str) -> list[float]:
    """The values that the chart has drawn, of all its traces."""
    values: list[float] = page.evaluate(
        """(id) => document.getElementById(id).data
             .flatMap((trace) => Array.from(trace.orientation === "h" ? trace.x : trace.y))""",
        f"chart-{chart}",
    )
    return values


def test_the_figures_grow_while_the_crowd_buys_and_end_at_the_truth(
    desk: Page, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    edition = demo_shop.on_sale(
        "label", title="Night tide", kind="record", currency="GBP", stock=STOCK, hold_seconds=5, needs_address=True
    )
    before = dashboard(demo_shop)["totals"]
    rush = subprocess.Popen(
        [BUYSTREAM, "rush", "--url", demo_shop.url, "--edition", edition, "--json", "--no-ceiling",
         "--buyers", str(BUYERS), "--concurrency", "16"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    seen = [number(desk, "clicks")]
    try:
        while rush.poll() is None:
            desk.wait_for_timeout(200)
            seen.append(number(desk, "clicks"))
            if len(set(seen)) == 3:
                screenshot(desk, "desk-rush")
        said, _ = rush.communicate(timeout=patient(60))
    finally:
        rush.kill()
    crowd = json.loads(said)
    assert seen == sorted(seen)
    assert len(set(seen)) >= 3, seen

    with demo_shop.merchant("label") as label:
        deadline = Deadline(60)
        while label.get(f"/v1/editions/{edition}").json()["held"]:
            assert not deadline.passed
            desk.wait_for_timeout(200)
    totals = dashboard(demo_shop)["totals"]
    expect(desk.locator("#kpi-confirmed")).to_have_text(f"{totals['confirmed']:,}")
    expect(desk.locator("#kpi-clicks")).to_have_text(f"{totals['clicks']:,}")
    expect(desk.locator("#kpi-held")).to_have_text(f"{totals['held']:,}")
    expect(desk.locator("#kpi-revenue")).to_have_text(f"£{totals['revenue_minor']['GBP'] / 100:,.2f}")
    expect(desk.locator("#refused-total")).to_have_text(
        f"{totals['refused']:,} clicks refused, {totals['expired']:,} holds expired"
    )
    assert totals["held"] - before["held"] == crowd["outcomes"]["held"]
    assert totals["confirmed"] - before["confirmed"] == crowd["endings"]["confirmed"]
    board = demo_shop.board(edition)
    assert board["sold"] == crowd["endings"]["confirmed"]
    assert board["available"] + board["sold"] == STOCK
    expect(desk.locator(f"li[data-id='{edition}']")).to_contain_text(f"{board['available']} left of {STOCK}")

    assert max(drawn(desk, "tempo")) > 1
    assert 100 * board["sold"] / STOCK in drawn(desk, "stock")
    assert sum(drawn(desk, "revenue")) == totals["revenue_minor"]["GBP"] / 100
    assert sum(drawn(desk, "refusals")) == totals["refused"]
    expect(desk.get_by_role("img").first).to_have_accessible_name(re.compile("^Last second: [0-9]+ clicks"))
    assert desk.locator("#chart-tempo .scatterlayer path.js-line").count() == 3
    screenshot(desk, "desk-after-the-rush")

    audited = json.loads(buystream("audit", "--json", "--data-dir", str(demo_shop.data_dir)).stdout)
    assert (audited["ok"], audited["violations"]) == (True, [])
    assert audited["events"] >= audited["commands"] > totals["held"] + 2 * totals["confirmed"]


def test_every_order_of_the_rush_can_be_paged_to(desk: Page, demo_shop: DemoShop) -> None:
    with demo_shop.merchant("label") as label:
        orders, after = 0, ""
        while after is not None:
            page = label.get("/v1/merchant/orders", params={"limit": 100, "after": after} if after else None).json()
            orders, after = orders + len(page["orders"]), page["next"]
    rows = desk.locator("#ledger tr")
    expect(rows).to_have_count(50)
    for shown in range(100, orders + 50, 50):
        desk.get_by_role("button", name="Show more orders").click()
        expect(rows).to_have_count(min(shown, orders))
    expect(desk.get_by_role("button", name="Show more orders")).to_be_hidden()
    ids = desk.locator("#ledger tr").evaluate_all("rows => rows.map((row) => row.dataset.id)")
    assert len(set(ids)) == orders


def test_the_rush_plays_like_a_film_and_ends_where_it_ended(
    desk: Page, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    totals = dashboard(demo_shop)["totals"]
    slider = desk.get_by_role("slider", name="Moment")
    desk.get_by_role("button", name="Look at a past sale").press("Enter")
    expect(desk.get_by_role("status").filter(has_text="the past")).to_be_visible()
    expect(desk.get_by_role("button", name="Release an edition")).to_be_hidden()
    expect(desk.locator("#past-sale option").first).to_contain_text("Night tide")
    expect(desk.locator("#past-moment")).to_have_text(re.compile("^As of "))
    begun = number(desk, "clicks")
    assert begun < totals["clicks"]
    desk.get_by_role("combobox", name="Speed").select_option("real time")
    desk.get_by_role("button", name="Play").press("Space")
    seen = {begun}
    deadline = Deadline(60)
    while len(seen) < 3:
        assert not deadline.passed, seen
        desk.wait_for_timeout(100)
        seen.add(number(desk, "clicks"))
    screenshot(desk, "desk-film")
    desk.get_by_role("button", name="Pause").press("Space")
    slider.press("End")
    expect(desk.locator("#kpi-clicks")).to_have_text(f"{totals['clicks']:,}")
    expect(desk.locator("#kpi-revenue")).to_have_text(f"£{totals['revenue_minor']['GBP'] / 100:,.2f}")
    assert slider.get_attribute("aria-valuetext")
    slider.press("Home")
    expect(desk.locator("#kpi-clicks")).to_have_text(f"{begun:,}")
    desk.get_by_role("button", name="Back to live").click()
    expect(desk.get_by_role("status").filter(has_text="live")).to_be_visible()
    expect(desk.locator("#kpi-clicks")).to_have_text(f"{totals['clicks']:,}")
    expect(desk.get_by_role("button", name="Look at a past sale")).to_be_focused()


def test_the_desk_says_where_the_rush_came_from_and_makes_links(
    desk: Page, demo_shop: DemoShop, phone: BrowserContext, screenshot: Screenshot
) -> None:
    panel = desk.get_by_role("region", name="Where buyers came from")
    expect(panel.get_by_role("row", name=re.compile("^instagram"))).to_be_visible()
    expect(panel.get_by_role("img", name=re.compile(r"instagram: [0-9]+ clicks, [0-9]+ paid"))).to_be_visible()
    edition = demo_shop.on_sale("label", title="Slow tide", kind="record", currency="GBP", stock=5)
    expect(panel.get_by_label("Edition").locator("option", has_text="Slow tide")).to_be_attached()
    panel.get_by_role("button", name="Make a link").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("For").select_option(label="Slow tide")
    dialog.get_by_label("Where it will be").fill("Record Fair")
    link = dialog.get_by_label("Put this there").input_value()
    assert link == f"{demo_shop.url}/e/{edition}?s=record-fair"
    screenshot(desk, "desk-make-a-link")
    dialog.get_by_role("button", name="Close").click()

    fan = Buying(phone.new_page(), edition)
    fan.page.goto(link)
    fan.tap_buy()
    fan.sees("It’s held for you")
    expect(desk.locator("#ledger tr").filter(has_text="from record-fair")).to_have_count(1)
    panel.get_by_label("Edition").select_option(label="Slow tide")
    row = panel.get_by_role("row", name=re.compile("^record-fair"))
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")
    screenshot(desk, "desk-sources")
    panel.get_by_label("Edition").select_option(label="All editions")


def test_an_order_is_shipped_and_another_refunded(desk: Page, demo_shop: DemoShop, screenshot: Screenshot) -> None:
    paid = desk.locator("#ledger tr").filter(has_text="paid")
    parcel, regretted = (paid.nth(place).get_attribute("data-id") for place in (0, 1))
    row = desk.locator(f"#ledger tr[data-id='{parcel}']")
    row.get_by_role("button", name="Ship").click()
    desk.get_by_label("Carrier").fill("Pigeon Post")
    desk.get_by_label("Tracking number").fill("PP-7")
    lines = desk.locator(".ask-text").evaluate("text => text.innerText.split('\\n')")
    assert "1 Example Street" in lines, lines
    screenshot(desk, "desk-ship")
    desk.get_by_role("button", name="Mark as shipped").click()
    expect(row).to_contain_text("shipped")
    expect(row).to_contain_text("PP-7")

    edition = str(regretted).rpartition("-")[0]
    before = demo_shop.board(edition)
    row = desk.locator(f"#ledger tr[data-id='{regretted}']")
    row.get_by_role("button", name="Refund").click()
    dialog = desk.get_by_role("dialog")
    expect(dialog.get_by_label("Put returned units back on sale")).to_be_checked()
    screenshot(desk, "desk-refund")
    dialog.get_by_role("button", name="Refund £").click()
    expect(row).to_contain_text("refunded")
    expect(row.locator(".actions").get_by_role("button")).to_have_count(0)
    after = demo_shop.board(edition)
    assert (after["sold"], after["available"]) == (before["sold"] - 1, before["available"] + 1)


def test_a_sale_is_paused_resumed_and_restocked(desk: Page, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale("label", title="A quiet single", kind="record", currency="GBP", stock=5)
    row = desk.locator(f"li[data-id='{edition}']")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused")
    demo_shop.shows(edition, state="paused")
    row.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("on sale")
    row.get_by_role("button", name="Add stock").click()
    desk.get_by_label("How many more").fill("7")
    desk.get_by_role("button", name="Add", exact=True).click()
    expect(row).to_contain_text("12 left of 12")


def test_a_new_edition_is_released_from_the_desk(desk: Page, screenshot: Screenshot) -> None:
    desk.get_by_role("button", name="Release an edition").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Live at the lighthouse")
    address = dialog.get_by_label("Needs a delivery address")
    for kind, is_posted in (
        ("Limited release", True),
        ("Gift, any amount", False),
        ("Shop item", True),
        ("Tickets", False),
    ):
        dialog.get_by_label("Kind").select_option(label=kind)
        expect(address).to_be_checked(checked=is_posted)
    dialog.get_by_label("Price").fill("18.50")
    dialog.get_by_label("Stock").fill("40")
    screenshot(desk, "desk-release")
    dialog.get_by_role("button", name="Release").click()
    row = desk.get_by_role("listitem").filter(has_text="Live at the lighthouse")
    expect(row).to_contain_text("£18.50 · 40 left of 40")


def test_the_desk_reads_and_shows_amounts_by_the_shops_table(desk: Page) -> None:
    desk.get_by_role("button", name="Release an edition").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Title").fill("A pocket score")
    dialog.get_by_label("Currency").select_option("HUF")
    dialog.get_by_label("Price").fill("100")
    dialog.get_by_role("button", name="Release").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The smallest amount that can be charged is HUF\xa0175.00.")
    dialog.get_by_label("Price").fill("2500")
    dialog.get_by_role("button", name="Release").click()
    expect(desk.get_by_role("listitem").filter(has_text="A pocket score")).to_contain_text("HUF\xa02,500.00")


def test_the_desk_fits_a_phone(desk: Page, screenshot: Screenshot) -> None:
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    expect(desk.locator("#kpi-revenue")).to_be_visible()
    expect_to_fit(desk)
    rooms = desk.get_by_role("navigation", name="Rooms of the desk").get_by_role("link")
    expect(rooms.filter(has_text="Parcels")).to_be_visible()
    rooms.filter(has_text="Statement").click()
    expect(desk.get_by_role("heading", name="Statement")).to_be_in_viewport()
    screenshot(desk, "desk-phone")
    desk.get_by_role("button", name="Sign out").click()
    expect(desk.get_by_label("E-mail", exact=True)).to_be_focused()
    expect(desk.locator("#ledger tr")).to_have_count(0)


def test_nothing_of_a_merchant_is_shown_once_it_has_signed_out(chromium: Browser, demo_shop: DemoShop) -> None:
    page = at_the_desk(chromium, demo_shop, DESKTOP)
    late: list[Route] = []
    page.route("**/v1/merchant/orders?*", lambda route: late.append(route))
    page.get_by_role("button", name="Show more orders").click()
    wait_until(lambda: page.evaluate("1") and late)
    page.get_by_role("button", name="Sign out").click()
    for row in ("#ledger tr", "#totals tr", "#keys tr"):
        expect(page.locator(row)).to_have_count(0)
    for route in late:
        route.continue_()
    page.unroute("**/v1/merchant/orders?*")
    page.get_by_label("API key").fill(demo_shop.sample("charity")["api_key"])
    page.get_by_role("button", name="Open the desk").click()
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    expect(page.locator("#ledger tr, #ledger-empty:not([hidden])").first).to_be_visible()
    expect(page.locator("#ledger tr").filter(has_text="Night tide")).to_have_count(0)
    page.context.close()


def at_the_desk(browser: Browser, shop: DemoShop, viewport: dict[str, int]) -> Page:
    """The label's desk in a browser of its own, which the caller closes with its context."""
    page = patient_context(browser, viewport=viewport).new_page()
    page.goto(f"{shop.url}/desk#key={shop.sample('label')['api_key']}")
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    return page


def test_a_title_is_text_in_a_chart_too(chromium: Browser, demo_shop: DemoShop) -> None:
    page = at_the_desk(chromium, demo_shop, DESKTOP)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    demo_shop.on_sale("label", title="A <b>loud</b> &amp; tape", kind="record", currency="GBP", stock=5)
    label = page.locator("#chart-stock .ytick text").filter(has_text="A <b>loud</b> &amp; t…")
    expect(label).to_have_count(1)
    assert [text for text in said if "Content Security Policy" in text] == []
    page.context.close()


def test_every_limited_edition_has_its_bar_and_its_label_however_many_and_small(
    chromium: Browser, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    for number in range(1, 12):
        stock = 3 if number % 2 else 50_000
        demo_shop.on_sale("label", title=f"Shanty {number}", kind="record", currency="GBP", stock=stock)
    page = at_the_desk(chromium, demo_shop, DESKTOP)
    labels = page.locator("#chart-stock .ytick text")
    for number in range(1, 12):
        left = "3 of 3 left" if number % 2 else "50,000 of 50,000 left"
        expect(labels.filter(has_text=re.compile(rf"^Shanty {number}\D.*|^Shanty {number}{left}$")).first).to_have_text(
            f"Shanty {number}{left}"
        )
    limited = [edition for edition in dashboard(demo_shop)["editions"] if edition["stock"]]
    expect(labels).to_have_count(len(limited))
    widths = (
        page.locator("#chart-stock .trace")
        .last.locator(".point path")
        .evaluate_all("bars => bars.map((bar) => Math.round(bar.getBoundingClientRect().width))")
    )
    assert len(widths) == len(limited)
    assert max(widths) > 100
    assert widths.count(max(widths)) >= 11, widths
    page.locator("#chart-stock").evaluate("chart => chart.scrollIntoView({ block: 'end' })")
    screenshot(page, "desk-many-editions")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    expect_to_fit(page)
    page.locator("#chart-stock").scroll_into_view_if_needed()
    screenshot(page, "desk-many-editions-phone")
    page.context.close()


@pytest.mark.parametrize(
    "viewport", [{"width": 1440, "height": 900}, {"width": 390, "height": 844}], ids=["desktop", "phone"]
)
def test_the_actions_of_a_long_dialog_stay_in_view(
    chromium: Browser, demo_shop: DemoShop, screenshot: Screenshot, viewport: dict[str, int]
) -> None:
    page = at_the_desk(chromium, demo_shop, viewport)
    page.get_by_role("button", name="Release an edition").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Tax and refunds").click()
    for name in ("Release", "Cancel"):
        expect(dialog.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    screenshot(page, f"desk-release-{viewport['width']}")
    last = dialog.get_by_label("Put returned units back on sale")
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)
    expect(dialog.get_by_role("button", name="Release")).to_be_in_viewport(ratio=1)
    screenshot(page, f"desk-release-end-{viewport['width']}")
    page.context.close()
