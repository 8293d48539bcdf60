"""The button on a page that isn't the shop's: whose session it is, and what the page's own scripts can't do."""

import time
from collections.abc import Iterator
from secrets import token_hex

import httpx
import jwt
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.test_anybody_anywhere_can_buy_in_a_browser import website
from tests.acceptance.test_the_button_says_what_is import streams_of, wait_on
from tests.support.browser import HOST, HOST_SECRET, Buying, DemoShop, Screenshot
from tests.support.shop import wait_until

PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>A forum</title>
<h1>The band plays</h1><script src="{shop}/button.js"></script>
<buy-button edition="{edition}"{token}></buy-button>"""


def signed(user: str) -> str:
    """What the forum's server says about its user, fresh for each page."""
    said = {"iss": HOST, "sub": user, "aud": "buystream", "exp": int(time.time()) + 60, "jti": str(time.time_ns())}
    return jwt.encode(said, HOST_SECRET, algorithm="HS256")


class Forum:
    """A host application: its page names the user who is logged in."""

    def __init__(self, page: Page, shop: DemoShop, edition: str) -> None:
        self.page, self.shop, self.edition, self.url = page, shop, edition, ""
        self.user = ""
        self.anna = f"anna-{token_hex(4)}"  # whose details no other test has saved

    @property
    def buying(self) -> Buying:
        return Buying.elsewhere(self.page, self.edition)

    def html(self) -> str:
        """The page as its server makes it for this user, or for nobody."""
        token = f' host-token="{signed(self.user)}"' if self.user else ""
        return PAGE.format(shop=self.shop.url, edition=self.edition, token=token)

    def shows(self, user: str = "") -> Buying:
        """The page for this user."""
        self.user = user
        self.page.goto(self.url)
        return self.buying


@pytest.fixture
def forum(phone: BrowserContext, demo_shop: DemoShop) -> Iterator[Forum]:
    at = Forum(phone.new_page(), demo_shop, demo_shop.on_sale(stock=20, limit_per_buyer=4, hold_seconds=120))
    with website(at.html) as at.url:
        yield at


def buys(buying: Buying, *, save: bool = True) -> None:
    buying.tap_buy()
    buying.enter("Accepted", save=save)
    buying.pay()
    buying.sees("You’re going!")
    buying.sheet.get_by_role("button", name="Done").tap()


def test_the_next_person_pays_with_nobody_elses_card_and_sees_nobody_elses_address(forum: Forum) -> None:
    buys(forum.shows(forum.anna))
    with forum.shop.merchant("band") as band:
        (order,) = band.get("/v1/merchant/orders", params={"limit": 1}).json()["orders"]
    assert (order["edition_id"], order["placement"]["source"], order["placement"]["app"]) == (
        forum.edition,
        "embed",
        HOST,
    )
    anna = forum.shows(forum.anna)
    anna.tap_buy()
    expect(anna.sheet.get_by_role("button", name="Pay $35.00 with Sandbox •••• 4242")).to_be_enabled()
    anna.sheet.get_by_role("button", name="Cancel").tap()
    anna.sees("Order cancelled")

    for somebody_else in ("ben", ""):
        other = forum.shows(somebody_else)
        other.tap_buy()
        other.sees("It’s held for you")
        expect(other.sheet.get_by_label("Card number")).to_be_visible()
        expect(other.sheet.get_by_label("Name")).to_have_value("")
        expect(other.sheet.get_by_text("anna@example.org")).to_have_count(0)


def test_the_sheet_leads_to_the_tickets_at_the_shop(phone: BrowserContext, demo_shop: DemoShop) -> None:
    starts_ms = int(time.time() * 1000) + 3_600_000
    edition = demo_shop.on_sale(kind="ticket", event={"starts_at_ms": starts_ms, "venue": "The Old Brewery"})
    forum = Forum(phone.new_page(), demo_shop, edition)
    with website(forum.html) as forum.url:
        anna = forum.shows()
        anna.tap_buy()
        anna.enter("Accepted", save=False)
        anna.pay()
        anna.sees("You’re going!")
        with forum.page.expect_popup() as opened:
            anna.sheet.get_by_role("button", name="Your tickets").tap()
        opened.value.get_by_role("button", name="Show my orders here").tap()
        opened.value.wait_for_url("**/orders/*/tickets")
        expect(opened.value.get_by_text("The Old Brewery").first).to_be_visible()


def test_the_hosts_log_out_ends_the_session_on_a_page_that_is_still_open(forum: Forum) -> None:
    anna = forum.shows(forum.anna)
    buys(anna)
    expect(anna.button).to_have_text("Paid")
    httpx.post(f"{forum.shop.url}/v1/host/logout", json={"host_token": signed(forum.anna)}).raise_for_status()
    anna.tap_buy()
    anna.sheet.get_by_role("button", name="Buy more tickets").tap()
    anna.sees("You’ve been signed out")
    expect(anna.sheet.get_by_role("button", name="Continue as a new buyer")).to_have_count(0)
    anna.sheet.get_by_role("button", name="Close", exact=True).last.tap()
    expect(anna.button).to_have_text("Signed out: tap to continue")
    forum.shows(forum.anna)
    anna.tap_buy()
    expect(anna.sheet.get_by_role("button", name="Pay $35.00 with Sandbox •••• 4242")).to_be_enabled()


BLOCKED = """if (window !== top) for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException("blocked", "SecurityError"); } });"""


def test_where_a_browser_blocks_the_storage_of_frames_the_shop_knows_the_order(forum: Forum) -> None:
    forum.page.add_init_script(BLOCKED)
    anna = forum.shows(forum.anna)
    anna.tap_buy()
    anna.sees("It’s held for you")
    expect(forum.shows(forum.anna).button).to_contain_text("Continue your order")


def test_signing_out_without_leaving_the_page_ends_the_session_at_the_shop(forum: Forum) -> None:
    with forum.page.expect_response(f"{forum.shop.url}/v1/session") as begun:
        buys(forum.shows(forum.anna))
    session = {"Authorization": f"Bearer {begun.value.json()['token']}"}
    assert httpx.get(f"{forum.shop.url}/v1/orders", headers=session).status_code == 200
    forum.page.evaluate("customElements.get('buy-button').signOut()")
    wait_until(lambda: httpx.get(f"{forum.shop.url}/v1/orders", headers=session).status_code == 401)
    forum.buying.tap_buy()
    expect(forum.buying.sheet.get_by_label("Card number")).to_be_visible()


def test_no_script_of_the_page_reads_or_presses_what_was_saved(forum: Forum) -> None:
    anna = forum.shows(forum.anna)
    buys(anna)
    forum.shows(forum.anna)
    anna.tap_buy()
    expect(anna.sheet.get_by_role("button", name="Pay $35.00 with")).to_be_enabled()
    seen = forum.page.evaluate(
        """async ([shop, hostToken]) => {
          const kept = JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie;
          const frame = document.querySelector("[data-buystream]").shadowRoot.querySelector("iframe");
          const ask = (path, options) => fetch(shop + path, options).then((answer) => answer.status, () => "blocked");
          const json = { "Content-Type": "application/json" };
          const body = JSON.stringify({ host_token: hostToken });
          let inside = "closed";
          try { inside = frame.contentWindow.document.title; } catch {}
          return {
            kept, inside,
            byToken: await ask("/v1/session", { method: "POST", headers: json, body }),
            byCookie: await ask("/v1/me", { credentials: "include" }),
            blindly: await ask("/v1/session", { method: "POST", credentials: "include", mode: "no-cors", body: "{}" }),
          };
        }""",
        [forum.shop.url, signed(forum.anna)],
    )
    assert "s1." not in seen["kept"]
    assert "h1." not in seen["kept"]
    assert "anna" not in seen["kept"]
    assert (seen["inside"], seen["byToken"], seen["byCookie"]) == ("closed", 403, "blocked")
    paid = [order["state"] for order in merchants_orders(forum)]
    # A message that doesn't come from the page's own button changes nothing, nor does one from another frame.
    forum.page.evaluate(
        """(edition) => {
          const frame = document.querySelector("[data-buystream]").shadowRoot.querySelector("iframe");
          const channel = new MessageChannel();
          const hello = { buystream: "checkout", theme: {}, hostToken: null };
          frame.contentWindow.postMessage(hello, "*", [channel.port2]);
          channel.port1.postMessage({ ask: "tap", edition, quantity: 4 });
        }""",
        forum.edition,
    )
    expect(anna.sheet.get_by_role("button", name="Pay $35.00 with")).to_be_enabled()
    assert [order["state"] for order in merchants_orders(forum)] == paid


def merchants_orders(forum: Forum) -> list[dict[str, str]]:
    with forum.shop.merchant("band") as band:
        orders: list[dict[str, str]] = band.get("/v1/merchant/orders?limit=5").json()["orders"]
    return [order for order in orders if order["edition_id"] == forum.edition]


COVER = """const cover = document.createElement('dialog');
document.body.append(cover);
cover.style.cssText =
  'inset:0;width:100%;height:100%;max-width:none;max-height:none;pointer-events:none;background:#fff';
cover.showModal()"""


@pytest.mark.parametrize(
    "disguise",
    [
        "frame.style.opacity = '0.01'",
        "frame.style.transform = 'scale(0.5)'",
        "frame.style.clipPath = 'inset(50%)'",
        COVER,
    ],
    ids=["transparent", "shrunk", "clipped", "covered"],
)
def test_what_pays_by_what_was_saved_is_dead_while_it_cannot_be_seen(forum: Forum, disguise: str) -> None:
    anna = forum.shows(forum.anna)
    buys(anna)
    forum.shows(forum.anna)
    anna.tap_buy()
    pay = anna.sheet.get_by_role("button", name="Pay $35.00 with")
    expect(pay).to_be_enabled()
    forum.page.evaluate(
        "(() => { const frame = document.querySelector('[data-buystream]').shadowRoot.querySelector('iframe');"
        f" {disguise} }})()"
    )
    expect(pay).to_be_disabled()


def test_when_the_page_names_another_person_without_a_reload_nothing_of_the_last_one_stays(forum: Forum) -> None:
    anna = forum.shows(forum.anna)
    buys(anna)
    forum.shows(forum.anna)
    anna.tap_buy()
    expect(anna.sheet.get_by_text("anna@example.org")).to_be_visible()
    set_token = "token => document.querySelector('buy-button').setAttribute('host-token', token)"
    forum.page.evaluate(set_token, signed("ben"))
    expect(anna.sheet).to_have_count(0)
    expect(anna.button).to_have_text("Buy")
    anna.tap_buy()
    expect(anna.sheet.get_by_label("Card number")).to_be_visible()
    expect(anna.sheet.get_by_text("anna@example.org")).to_have_count(0)
    expect(anna.sheet.get_by_label("E-mail")).to_have_value("")


def test_a_page_with_its_frame_takes_one_stream(forum: Forum) -> None:
    with streams_of(forum.page) as streams:
        reader = forum.shows()
        reader.tap_buy()
        reader.sees("It’s held for you")
        subjects = f"edition={forum.edition}&order=ed"
        wait_on(forum.page, lambda: [subjects in one for one in list(streams)] == [True])
        reader.sheet.get_by_role("button", name="Close", exact=True).tap()
        expect(reader.button).to_contain_text("Continue your order")
        wait_on(forum.page, lambda: len(streams) == 1)


def test_my_orders_are_in_the_sheet_with_all_that_can_be_done_about_them(
    forum: Forum, phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    forum.edition = demo_shop.on_sale(title="Second thoughts", stock=5, refund={"by": "buyer"})
    reader = forum.shows()
    expect(reader.element.get_by_role("button", name="My orders")).to_be_hidden()
    buys(reader, save=False)
    forum.page.reload()
    reader.element.get_by_role("button", name="My orders").tap()
    orders = reader.sheet.frame_locator("iframe[title='My orders']")
    order = orders.get_by_role("listitem").filter(has_text="Second thoughts")
    expect(order).to_contain_text("Paid")
    screenshot(forum.page, "elsewhere-my-orders")

    # The receipt is at the shop: a link that works once takes the session along.
    with phone.expect_page() as opened:
        order.get_by_role("link", name="Receipt").tap()
    shop_page = opened.value
    expect(shop_page.get_by_role("heading", name="Continue here")).to_be_visible()
    expect(shop_page).to_have_url(f"{demo_shop.url}/continue")  # without the code
    shop_page.get_by_role("button", name="Show my orders here").tap()
    expect(shop_page.get_by_role("heading", name="Receipt")).to_be_visible()
    shop_page.goto(f"{demo_shop.url}/orders")
    expect(shop_page.get_by_role("listitem").filter(has_text="Second thoughts")).to_contain_text("Paid")

    order.get_by_role("button", name="Return").tap()
    question = orders.get_by_role("dialog")
    expect(question).to_contain_text("Return “Second thoughts”?")
    question.get_by_role("button", name="Return").tap()
    expect(order).to_contain_text("refunded")
    reader.sheet.get_by_role("button", name="Back").tap()
    expect(reader.sheet).to_have_count(0)


def test_a_reload_goes_on_with_the_same_order(forum: Forum) -> None:
    reader = forum.shows()
    reader.tap_buy()
    reader.sees("It’s held for you")
    forum.page.reload()
    expect(reader.button).to_contain_text("Continue your order")
    reader.tap_buy()
    reader.enter("Accepted")
    reader.pay()
    reader.sees("You’re going!")
    assert len(merchants_orders(forum)) == 1


def test_a_page_that_frames_nothing_leads_to_the_shop(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=5)
    policy = f"script-src {demo_shop.url}; connect-src {demo_shop.url}; frame-src 'none'"
    html = PAGE.format(shop=demo_shop.url, edition=edition, token="").replace(
        "<title>", f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>'
    )
    with website(html) as url:
        page = phone.new_page()
        page.goto(url)
        reader = Buying.elsewhere(page, edition)
        reader.tap_buy()
        link = page.get_by_role("link", name="Buy at the shop")
        expect(link).to_have_attribute("href", f"{demo_shop.url}/e/{edition}")


def test_where_a_browser_cannot_vouch_the_shops_own_window_confirms(
    forum: Forum, phone: BrowserContext, screenshot: Screenshot
) -> None:
    phone.add_init_script("delete IntersectionObserverEntry.prototype.isVisible")  # as in Firefox and Safari
    anna = forum.shows(forum.anna)
    buys(anna)
    forum.shows(forum.anna)
    anna.tap_buy()
    expect(anna.sheet.get_by_role("button", name="Pay $35.00 with")).to_have_count(0)
    with phone.expect_page() as opened:
        anna.sheet.get_by_role("button", name="Confirm in a new window").tap()
    window = opened.value
    pay = window.get_by_role("button", name="Pay $35.00 with Sandbox •••• 4242")
    expect(pay).to_be_enabled()
    expect(window.get_by_text("anna@example.org")).to_be_visible()
    screenshot(window, "confirm-window")
    pay.tap()
    anna.sees("You’re going!")
