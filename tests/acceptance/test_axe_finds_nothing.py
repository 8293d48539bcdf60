"""Every page in its main states: axe-core finds nothing to object to, and the page's own policy blocks nothing of it.
At the widths of a phone and a desktop, in light and dark."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from buystream.vocabulary.ids import new_order_id
from tests.acceptance.test_anybody_anywhere_can_buy_in_a_browser import website
from tests.acceptance.test_back_closes_the_sheet import FORUM
from tests.support.axe import CONTRAST, blocked_by, violations
from tests.support.browser import DESKTOP, PHONE, Buying, DemoShop, Screenshot, expect_to_fit, patient_context
from tests.support.shop import DELIVERY, wait_until

Scheme = Literal["light", "dark"]
GIFT = {"kind": "gift", "price_min_minor": 100, "price_max_minor": 500_000, "suggested_minor": [500, 1_500, 5_000]}


class Inspected:
    """A page that is inspected in one state after another. `width` names the pictures."""

    def __init__(self, page: Page, width: str, scheme: Scheme, screenshot: Screenshot, blocked: list[str]) -> None:
        self.page, self._width, self._scheme = page, width, scheme
        self._screenshot, self._blocked = screenshot, blocked

    def beside(self, page: Page) -> "Inspected":
        """Another page of the same browser."""
        return Inspected(page, self._width, self._scheme, self._screenshot, self._blocked)

    def at(self, state: str) -> None:
        """The page is in this state now."""
        assert self._blocked == [], state
        assert violations(self.page) == [], state
        if self._width == "phone":
            self.page.emulate_media(color_scheme="dark")
            assert violations(self.page, only=CONTRAST) == [], f"{state}, in the dark"
            self.page.emulate_media(color_scheme=self._scheme)
        self._blocked.clear()  # axe's own
        self._screenshot(self.page, f"axe-{self._width}-{state}")
        self._blocked.clear()  # Playwright's own style

    def goes_to(self, address: str, state: str, ready: Callable[[], Any] = lambda: None) -> None:
        """Opens the address and looks at it once `ready()` has come true."""
        self.page.goto(address)
        ready()
        self.at(state)


@pytest.fixture(params=[("phone", "light"), ("desk", "dark")], ids="-".join)
def seen(request: pytest.FixtureRequest, chromium: Browser, screenshot: Screenshot) -> Iterator[Inspected]:
    """A new browser of that width; a page opens in that scheme, and a phone's contrast is checked in the dark too."""
    width, scheme = request.param
    size: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    if width == "desk":
        size = {"viewport": DESKTOP, "has_touch": True}
    context = patient_context(chromium, **size, color_scheme=scheme, reduced_motion="reduce")
    with blocked_by(context) as blocked:
        yield Inspected(context.new_page(), width, scheme, screenshot, blocked)
    context.close()


def test_axe_and_the_watch_on_the_policy_notice_what_is_wrong(phone: BrowserContext, demo_shop: DemoShop) -> None:
    with blocked_by(phone) as blocked:
        page = phone.new_page()
        page.goto(f"{demo_shop.url}/orders/find")
        page.evaluate("document.querySelector('h1').setAttribute('style', 'color: #eee')")
        wait_until(lambda: page.evaluate("1") and [one for one in blocked if "style-src" in one])
        assert violations(page) == []
        page.evaluate("document.querySelector('h1').style.color = 'transparent'")  # a script may
        page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        assert [line.split()[0] for line in violations(page)] == ["button-name"]


def test_the_pages_of_a_buyer(seen: Inspected, demo_shop: DemoShop) -> None:
    page, shop = seen.page, demo_shop
    fan = Buying(page, shop.sample("band")["edition_id"])
    seen.goes_to(shop.url, "timeline", fan.comes)

    edition = shop.on_sale(title="Night tide", stock=9, hold_seconds=600, needs_address=True, refund={"by": "buyer"})
    fan = Buying(page, edition)
    seen.goes_to(f"{shop.url}/e/{edition}", "edition", fan.comes)
    fan.tap_buy()
    fan.sees("It’s held for you")
    seen.at("sheet-details")
    fan.pay()
    expect(fan.sheet.get_by_text("Enter an e-mail address.")).to_be_visible()
    seen.at("sheet-mistakes")
    fan.enter("Declined", address=True)
    fan.pay()
    fan.sees("Try another card")
    seen.at("sheet-declined")
    fan.enter("Needs authentication")
    fan.pay()
    fan.sees("Your bank wants to be sure it’s you")
    seen.at("sheet-bank")
    with page.context.expect_page() as opened:
        fan.sheet.get_by_role("link", name="Open your bank’s page").tap()
    bank = opened.value
    expect(bank.get_by_role("heading", name="Is this you?")).to_be_visible()
    seen.beside(bank).at("bank")
    bank.get_by_role("button", name="Approve").tap()
    fan.sees("You’re going!")
    seen.at("sheet-paid")
    fan.sheet.get_by_role("button", name="Buy more tickets").tap()
    fan.enter("Accepted", save=True, address=True)
    fan.pay()
    fan.sees("You’re going!")
    fan.sheet.get_by_role("button", name="Buy more tickets").tap()
    expect(fan.sheet.get_by_role("button", name="Pay $35.00 with")).to_be_visible()
    seen.at("sheet-one-tap")
    fan.sheet.get_by_role("button", name="Cancel").tap()
    fan.sees("Order cancelled")
    seen.at("sheet-cancelled")
    page.context.set_offline(True)
    fan.sheet.get_by_role("button", name="Order again").tap()
    fan.sees("You’re offline")
    seen.at("sheet-offline")
    page.context.set_offline(False)
    fan.sees("It’s held for you")

    gift = shop.on_sale("charity", title="A hedge", currency="EUR", **GIFT)
    giver = Buying(page, gift)
    seen.goes_to(f"{shop.url}/e/{gift}", "gift", giver.comes)
    giver.tap_buy()
    giver.sheet.get_by_text("Monthly", exact=True).tap()
    seen.at("sheet-amount")
    giver.sheet.get_by_role("button", name="Give €15 every month").tap()
    giver.sees("€15.00 every month")
    seen.at("sheet-plan")
    giver.sheet.get_by_role("button", name="Give €15.00 every month with").tap()
    giver.sees("Thank you!")
    seen.at("sheet-given")

    ready = page.get_by_role("button", name="Stop giving to A hedge")
    seen.goes_to(f"{shop.url}/orders", "orders", lambda: expect(ready).to_be_visible())
    receipt = page.get_by_role("listitem").filter(has_text="Night tide").get_by_role("link", name="Receipt").first
    seen.goes_to(f"{shop.url}{receipt.get_attribute('href')}", "receipt")
    for path in ("/orders/find", "/continue", "/bank-answered", "/confirm", "/checkout/orders"):
        seen.goes_to(shop.url + path, path[1:].replace("/", "-"))


def test_the_sheet_in_another_sites_page(seen: Inspected, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(title="Second thoughts", stock=5, refund={"by": "buyer"})
    with website(FORUM.format(shop=demo_shop.url, edition=edition).replace("<h1>", "<main><h1>")) as url:
        seen.page.goto(url)
        reader = Buying.elsewhere(seen.page, edition)
        reader.tap_buy()
        reader.sees("It’s held for you")
        seen.at("elsewhere-details")
        reader.enter("Accepted")
        reader.pay()
        reader.sees("You’re going!")
        reader.sheet.get_by_role("button", name="My orders").tap()
        orders = reader.sheet.frame_locator("iframe[title='My orders']")
        order = orders.get_by_role("listitem").filter(has_text="Second thoughts")
        expect(order).to_contain_text("Paid")
        seen.at("elsewhere-orders")
        order.get_by_role("button", name="Return").tap()
        expect(orders.get_by_role("dialog")).to_be_visible()
        seen.at("elsewhere-question")


def test_pages_for_mistakes_and_the_api(seen: Inspected, demo_shop: DemoShop) -> None:
    for path, state in (("/nowhere", "not-found"), ("/e/unknown", "no-edition"), ("/bank/unknown", "no-bank")):
        seen.goes_to(demo_shop.url + path, state)
    unknown = "ed0-unkn0wn000-00000000000000000001"
    seen.goes_to(f"{demo_shop.url}/orders/{unknown}/receipt", "no-receipt")
    seen.page.goto(f"{demo_shop.url}/schema")
    for number in (0, -1):
        seen.page.locator("details > summary").nth(number).click()
    seen.at("api")


def test_the_messages_and_a_filter_of_them(seen: Inspected, demo_shop: DemoShop) -> None:
    page = seen.page
    page.goto(f"{demo_shop.url}/schema/messages")
    for summary in page.locator("details > summary").all():
        summary.click()
    seen.at("messages")
    page.get_by_label("Find a message").fill("order refund")
    shown = page.locator(".kind li:visible > a")
    expect(shown).to_have_text(["RefundOrder", "OrderRefunded"])
    expect(page.get_by_role("status")).to_have_text("2 messages")
    expect(page.get_by_role("heading", name="Editions")).to_have_count(0)
    seen.at("messages-filtered")
    page.get_by_role("link", name="OrderRefunded").click()
    expect(page.get_by_role("heading", name="OrderRefunded", exact=True)).to_be_visible()
    for summary in page.locator("details > summary").all()[1:]:
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    seen.at("message-event")
    seen.goes_to(f"{demo_shop.url}/schema/messages/ReleaseEdition", "message-command")


def test_the_desk_and_its_dialogs(seen: Inspected, demo_shop: DemoShop) -> None:
    shop, page = demo_shop, seen.page
    seen.goes_to(f"{shop.url}/desk", "desk-signed-out", lambda: expect(page.get_by_label("API key")).to_be_visible())
    edition = shop.on_sale("label", title="Harbour", kind="record", currency="GBP", stock=5, needs_address=True)
    for number in ("dispute_won", "accepted"):
        buy(shop, edition, f"sandbox_{number}")
    page.get_by_label("API key").fill(shop.sample("label")["api_key"])
    page.get_by_role("button", name="Open the desk").click()
    row = page.locator("#ledger tr").filter(has_text="Harbour").first
    expect(row).to_be_visible()
    expect(page.locator("#chart-tempo .main-svg").first).to_be_visible()
    seen.at("desk")
    mine = page.get_by_role("listitem").filter(has_text="Harbour").first
    paid = page.locator("#ledger tr").filter(has_text="paid").filter(has_text="Harbour").first
    dialogs: dict[str, Callable[[], None]] = {
        "release": page.get_by_role("button", name="Release an edition").click,
        "stock": mine.get_by_role("button", name="Add stock").click,
        "cancel": mine.get_by_role("button", name="Cancel edition").click,
        "time-zone": page.get_by_role("button", name="Time zone").click,
        "details": page.get_by_role("button", name="Legal details").click,
        "key": page.get_by_role("button", name="Create a key").click,
        "link": page.get_by_role("button", name="Make a link").click,
        "ship": paid.get_by_role("button", name="Ship").click,
        "refund": paid.get_by_role("button", name="Refund").click,
    }
    dialog = page.get_by_role("dialog")
    for name, opens in dialogs.items():
        opens()
        expect(dialog).to_be_visible()
        seen.at(f"desk-{name}")
        dialog.locator(".ask-actions").get_by_role("button").first.click()
        expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Look at a past sale").click()
    expect(page.get_by_text("As of ")).to_be_visible()
    page.get_by_role("slider", name="Moment").press("End")
    page.get_by_text("What changed since").click()
    expect(page.get_by_role("listitem").filter(has_text="× order placed")).to_be_visible()
    expect_to_fit(page)
    seen.at("desk-in-the-past")
    page.get_by_label("Sale", exact=True).select_option("Another time")
    start = page.get_by_label("From (")
    start.fill("2001-01-01T20:00")
    start.press("Tab")
    expect(page.locator("#past-moment")).to_contain_text("Nothing had happened by then.")
    seen.at("desk-another-time")


def buy(shop: DemoShop, edition: str, card: str) -> None:
    """A buyer takes one and pays with that card."""
    with httpx.Client(base_url=shop.url) as buyer:
        token = buyer.post("/v1/session", json={}).json()["token"]
        buyer.headers["Authorization"] = f"Bearer {token}"
        order = {"order_id": new_order_id(edition), "edition_id": edition, "quantity": 1, "price_minor": 3500}
        assert buyer.post("/v1/orders", json=order).status_code == 201
        details = {"payment_method": card, "delivery": DELIVERY}
        assert buyer.post(f"/v1/orders/{order['order_id']}/payment", json=details).status_code == 202
