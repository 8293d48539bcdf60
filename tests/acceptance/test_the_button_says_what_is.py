"""What the button says when things aren't as usual: no network, a limit reached, another tab, sold out meanwhile; and
how few connections it takes to know."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from buystream.vocabulary.ids import new_order_id
from tests.support.browser import Buying, DemoShop, Screenshot
from tests.support.compressing_proxy import compressing_nginx
from tests.support.shop import DELIVERY, wait_until

FOUR_POSTS = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Posts</title>
<script src="/button.js"></script>{buttons}"""


def at(context: BrowserContext, shop: DemoShop, edition: str) -> Buying:
    page = context.new_page()
    page.goto(f"{shop.url}/e/{edition}")
    return Buying(page, edition)


def posts(
    context: BrowserContext, shop: DemoShop, editions: list[str], attributes: str = ""
) -> tuple[Page, list[Buying]]:
    """A page of the shop's origin with a button for each of the editions."""
    buttons = "".join(f'<buy-button edition="{one}" {attributes}></buy-button>' for one in editions)
    page = context.new_page()
    html = FOUR_POSTS.format(buttons=buttons)
    page.route(f"{shop.url}/posts", lambda route: route.fulfill(content_type="text/html", body=html))
    page.goto(f"{shop.url}/posts")
    return page, [Buying(page, one) for one in editions]


@contextmanager
def streams_of(page: Page) -> Iterator[set[str]]:
    """The addresses of the event streams that the page has open."""
    streams: set[str] = set()
    page.on("request", lambda one: "/stream" in one.url and streams.add(one.url))
    page.on("requestfailed", lambda one: streams.discard(one.url))
    page.on("requestfinished", lambda one: streams.discard(one.url))
    yield streams


def wait_on(page: Page, holds: Callable[[], bool]) -> None:
    """As `wait_until`, while the browser's events come in: those only do during a call to it."""
    wait_until(lambda: page.evaluate("1") == 1 and holds())


def test_four_held_orders_take_one_stream_and_any_request_is_answered(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    editions = [demo_shop.on_sale(stock=5, hold_seconds=120) for _ in range(4)]
    page, buttons = posts(phone, demo_shop, editions)
    with streams_of(page) as streams:
        for fan in buttons:
            fan.tap_buy()
            fan.sees("It’s held for you")
            fan.sheet.get_by_role("button", name="Close", exact=True).tap()
        wait_on(page, lambda: [all(one in url for one in editions) for url in list(streams)] == [True])
        last = buttons[-1]
        last.tap_buy()
        last.enter("Accepted")
        last.pay()
        last.sees("You’re going!")


def test_the_tabs_of_a_browser_share_one_stream(phone: BrowserContext, demo_shop: DemoShop) -> None:
    editions = [demo_shop.on_sale(stock=5, hold_seconds=120) for _ in range(2)]
    first, second = (at(phone, demo_shop, edition) for edition in editions)
    open_streams: list[set[str]] = []
    with streams_of(first.page) as one, streams_of(second.page) as two:
        open_streams += [one, two]
        first.page.bring_to_front()
        for fan in (first, second):
            fan.tap_buy()
            fan.sees("It’s held for you")
        wait_on(second.page, lambda: sum(map(len, open_streams)) == 1)
        second.enter("Accepted")
        second.pay()
        second.sees("You’re going!")
        first.page.close()  # whichever led, the other one continues
        third = at(phone, demo_shop, editions[1])
        expect(third.element.get_by_text("Only 4 left of 5")).to_be_visible()


def test_when_a_proxy_holds_the_stream_back_the_button_polls(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=5)
    phone.route("**/v1/live/stream*", lambda route: None)  # not one byte, not even the headers
    fan = at(phone, demo_shop, edition)
    expect(fan.button).to_have_text("Buy")
    fan.tap_buy()
    fan.enter("Accepted")
    fan.pay()
    fan.sees("You’re going!")


def test_behind_a_proxy_that_compresses_and_buffers_streams_everything_works_by_polling(
    phone: BrowserContext, demo_shop: DemoShop, tmp_path: Path
) -> None:
    edition = demo_shop.on_sale(stock=5)
    with compressing_nginx(tmp_path, upstream=demo_shop.port) as url:
        wait_until(lambda: answers(url))
        page = phone.new_page()
        page.goto(f"{url}/e/{edition}")
        fan = Buying(page, edition)
        fan.tap_buy()
        fan.enter("Slow answer")
        fan.pay()
        fan.sees("You’re going!")
        expect(fan.element.get_by_text("Only 4 left of 5")).to_be_visible()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_offline_is_said_and_the_order_is_sent_once_the_network_is_back(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot
) -> None:
    fan = at(phone, demo_shop, demo_shop.on_sale(stock=5))
    fan.comes()
    phone.set_offline(True)
    fan.tap_buy()
    fan.sees("You’re offline")
    expect(fan.button).to_have_text("Waiting for the network…")
    screenshot(fan.page, "phone-offline")
    phone.set_offline(False)
    fan.sees("It’s held for you")
    fan.enter("Accepted")
    phone.set_offline(True)
    fan.pay()
    fan.sees("You’re offline")
    expect(fan.sheet.get_by_text("The payment continues automatically")).to_be_visible()
    expect(fan.sheet.get_by_text("while the bank answers")).to_have_count(0)
    phone.set_offline(False)
    fan.sees("You’re going!")
    (order,) = fan.orders()
    assert order["payment"]["payment_id"].endswith(".1")


@pytest.mark.parametrize(
    ("what", "says"),
    [("offline", "You’re offline. Waiting…"), ("away", "No answer yet. Trying again…")],
)
def test_a_button_that_cannot_load_says_why_and_recovers(
    phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot, what: str, says: str
) -> None:
    """Two posts in two tabs: only one of them follows the shop, and both say it."""
    phone.route("**/v1/live*", lambda route: route.abort())
    phone.route("**/v1/live/stream*", lambda route: route.abort())
    fans = [at(phone, demo_shop, demo_shop.on_sale(stock=5)) for _ in range(2)]
    for fan in fans:
        expect(fan.button).to_be_visible()  # its script is loaded
    for fan in fans:
        fan.page.bring_to_front()
        fan.element.scroll_into_view_if_needed()
        if what == "offline":
            phone.set_offline(True)
        expect(fan.button).to_have_text(says)
        expect(fan.button).to_be_disabled()
    screenshot(fans[-1].page, f"phone-cannot-load-{what}")
    phone.unroute("**/v1/live*")
    phone.unroute("**/v1/live/stream*")
    phone.set_offline(False)
    for fan in fans:
        fan.page.bring_to_front()
        expect(fan.button).to_have_text("Buy")


def test_at_the_limit_the_button_says_so(phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot) -> None:
    edition = demo_shop.on_sale(stock=50, limit_per_buyer=4)
    fan = at(phone, demo_shop, edition)
    fan.comes()
    for _ in range(2):
        fan.element.get_by_role("button", name="One more").tap()
    expect(fan.button).to_have_text("Buy 3 for $105.00")
    fan.tap_buy()
    expect(fan.sheet.get_by_text("3 × $35.00")).to_be_visible()
    fan.enter("Accepted", save=True)
    fan.pay()
    fan.sees("You’re going!")
    # One more, and it is said that it is one.
    fan.sheet.get_by_role("button", name="Buy more tickets: 1 for $35.00").tap()
    expect(fan.sheet.get_by_text("1 × $35.00")).to_be_visible()
    fan.sheet.get_by_role("button", name="Pay $35.00 with").tap()
    fan.sees("You’re going!")
    expect(fan.sheet.get_by_role("button", name=re.compile("Buy more"))).to_have_count(0)
    fan.page.reload()
    expect(fan.button).to_have_text("You have 4 of 4: the limit")
    expect(fan.button).to_be_disabled()
    screenshot(fan.page, "phone-limit")


@pytest.mark.parametrize(
    ("attribute", "says"),
    [("2", "Buy 2 for $70.00"), ("2.5", "Buy"), ("-1", "Buy"), ("9", "Buy 4 for $140.00"), ("two", "Buy")],
)
def test_a_quantity_is_a_whole_number_within_the_limit(
    phone: BrowserContext, demo_shop: DemoShop, attribute: str, says: str
) -> None:
    _, (fan,) = posts(phone, demo_shop, [demo_shop.on_sale(stock=50)], f'quantity="{attribute}"')
    expect(fan.button).to_have_text(says)


def test_a_third_tab_shows_what_the_second_shows_and_the_first_does_not(
    phone: BrowserContext, demo_shop: DemoShop
) -> None:
    for edition in (demo_shop.on_sale(stock=50), *[demo_shop.on_sale(stock=50)] * 2):
        expect(at(phone, demo_shop, edition).button).to_have_text("Buy")


def test_a_second_tab_says_which_order_it_continues(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=50, hold_seconds=120)
    first, second = at(phone, demo_shop, edition), at(phone, demo_shop, edition)
    second.comes()
    first.page.bring_to_front()
    first.comes()
    first.element.get_by_role("button", name="One more").tap()
    first.tap_buy()
    first.sees("It’s held for you")
    expect(second.button).to_contain_text("Continue your order: 2 for $70.00")


def test_a_tap_for_another_quantity_says_what_is_in_progress(phone: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=50, hold_seconds=120)
    first = at(phone, demo_shop, edition)
    first.tap_buy()
    first.sees("It’s held for you")
    # A tab that hasn't noticed: storage events are late on some phones.
    phone.add_init_script("addEventListener('storage', (event) => event.stopImmediatePropagation(), true)")
    phone.route("**/v1/orders/*", lambda route: route.abort() if route.request.method == "GET" else route.fallback())
    second = at(phone, demo_shop, edition)
    second.comes()
    second.element.get_by_role("button", name="One more").tap()
    second.tap_buy()
    second.sees("It’s held for you")
    expect(second.sheet.get_by_role("note")).to_contain_text("You already have an order of 1 in progress")
    expect(second.sheet.get_by_text("1 × $35.00")).to_be_visible()


@pytest.mark.parametrize(
    ("kind", "terms"),
    [("record", {}), ("ticket", {}), ("gift", {"price_min_minor": 100, "price_max_minor": 9000})],
)
def test_after_a_hold_expired_and_another_buyer_took_the_last_one_nothing_is_asked(
    phone: BrowserContext, demo_shop: DemoShop, kind: str, terms: dict[str, Any]
) -> None:
    edition = demo_shop.on_sale(kind=kind, stock=1, hold_seconds=2, **terms)
    fan = at(phone, demo_shop, edition)
    fan.tap_buy()
    if kind == "gift":
        fan.sheet.get_by_label("Other amount").fill("20")
        fan.sheet.get_by_role("button", name="Give", exact=False).first.tap()
    fan.sees("Your hold expired")
    again = fan.sheet.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    takes_the_last_one(demo_shop, edition, 2000 if kind == "gift" else 3500)
    expect(again).to_have_count(0)
    expect(fan.sheet.get_by_role("heading", name="How much")).to_have_count(0)
    expect(fan.button).to_have_text("Sold out")


def takes_the_last_one(shop: DemoShop, edition: str, price_minor: int) -> None:
    """Another buyer, who pays at once."""
    with httpx.Client(base_url=shop.url) as other:
        token = other.post("/v1/session", json={}).json()["token"]
        other.headers["Authorization"] = f"Bearer {token}"
        order = {"order_id": new_order_id(edition), "edition_id": edition, "quantity": 1, "price_minor": price_minor}
        assert other.post("/v1/orders", json=order).status_code == 201
        details = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
        assert other.post(f"/v1/orders/{order['order_id']}/payment", json=details).status_code == 202
