"""The button for everyone: on other sites, by keyboard alone, by screen reader, in light and dark."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import Buying, DemoShop, Screenshot, expect_to_fit
from tests.support.contrast import too_faint

BLOG = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>A blog</title>
<h1>My favourite band plays</h1><p>Get yourself a ticket:</p>
<script src="{shop}/button.js"></script>
<buy-button edition="{edition}"></buy-button>
<ul id="told"></ul>
<script>
for (const name of ["held", "paid"]) document.addEventListener(`buystream:${{name}}`, ({{ detail }}) => {{
  document.getElementById("told").insertAdjacentHTML("beforeend", `<li>${{name}} ${{detail.total_minor}}</li>`);
}});
</script>"""


@contextmanager
def website(page: str | Callable[[], str]) -> Iterator[str]:
    """Another site, of one page, which may be made again for each visit; its address."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((page if isinstance(page, str) else page()).encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # Another host name than the shop's, so that no cookie of the shop's is sent from here.
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_a_button_on_somebody_elses_site(phone: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot) -> None:
    edition = demo_shop.on_sale(stock=5)
    with website(BLOG.format(shop=demo_shop.url, edition=edition)) as url:
        page = phone.new_page()
        page.goto(url)
        reader = Buying.elsewhere(page, edition)
        reader.tap_buy()
        reader.enter("Accepted", save=True)
        screenshot(page, "phone-elsewhere")
        reader.pay()
        reader.sees("You’re going!")
        expect_to_fit(page)
        expect(page.locator("#told li")).to_have_text(["held 3500", "paid 3500"])
        reader.sheet.get_by_role("button", name="Done").tap()
        page.reload()
        reader.tap_buy()
        expect(reader.sheet.get_by_role("button", name="Pay $35.00 with")).to_be_visible()
    demo_shop.shows(edition, sold=1)
    (cookie,) = phone.cookies()  # the frame's, in this site's partition, for the shop alone
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("__Host-buystream_frame", True, "None")


def focus_by_tab(page: Page, name: str) -> None:
    """Press Tab until the control of that accessible name has the focus."""
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(focused_name(page))
        if name in seen[-1]:
            return
    raise AssertionError(f"Tab never reaches {name!r}: {seen}")


def focused_name(page: Page) -> str:
    """What has the focus: its label or its words."""
    name: str = page.evaluate(
        """() => {
          let focused = document.activeElement;
          while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
          return focused?.labels?.[0]?.textContent ?? focused?.ariaLabel ?? focused?.textContent ?? "";
        }"""
    )
    return name


def test_the_keyboard_is_enough(desktop: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=5)
    page = desktop.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    typist = Buying(page, edition)
    typist.comes()

    focus_by_tab(page, "Buy")
    page.keyboard.press("Enter")
    typist.sees("It’s held for you")
    page.keyboard.press("Escape")
    expect(typist.sheet).to_have_count(0)
    assert "Continue your order" in focused_name(page)

    page.keyboard.press("Enter")
    typist.sees("It’s held for you")
    details = {
        "Card number": "4242424242424242",
        "Expires": "1230",
        "Security code": "123",
        "Name": "Anna Example",
        "E-mail": "anna@example.org",
    }
    for field, text in details.items():
        focus_by_tab(page, field)
        page.keyboard.type(text)
    focus_by_tab(page, "Save for one-tap")
    page.keyboard.press("Space")
    focus_by_tab(page, "Pay $35.00")
    page.keyboard.press("Enter")
    typist.sees("You’re going!")
    page.keyboard.press("Escape")
    expect(typist.sheet).to_have_count(0)
    expect(typist.button).to_have_text("Paid")
    assert focused_name(page) == "Paid"
    (order,) = typist.orders()
    assert order["state"] == "confirmed"


def test_mistakes_are_shown_where_they_are(desktop: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=5)
    page = desktop.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    typist = Buying(page, edition)
    typist.comes()
    typist.button.click()
    typist.sheet.get_by_label("Name").fill("Anna Example")
    typist.sheet.get_by_role("button", name="Pay").click()
    number = typist.sheet.get_by_role("textbox", name="Card number")
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(number).to_have_accessible_description("Enter a card number.")
    expect(number).to_be_focused()
    expect(typist.sheet.get_by_label("Name")).not_to_have_attribute("aria-invalid", "true")
    number.fill("4111 1111 1111 1111")
    typist.sheet.get_by_role("button", name="Pay").click()
    expect(number).to_have_accessible_description("The sandbox only knows its test cards.")
    email = typist.sheet.get_by_label("E-mail")
    email.fill("nina@example")
    typist.sheet.get_by_role("button", name="Pay").click()
    expect(email).to_have_accessible_description("Enter a whole e-mail address, such as anna@example.org.")
    email.fill("nina@example.org")
    typist.sheet.get_by_role("button", name="Pay").click()
    expect(email).to_have_accessible_description("")


def test_a_screen_reader_announces_what_there_is(desktop: BrowserContext, demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(title="A night at the pier", stock=1)
    page = desktop.new_page()
    page.goto(f"{demo_shop.url}/e/{edition}")
    listener = Buying(page, edition)
    listener.comes()
    expect(listener.button).to_have_accessible_name("Buy")
    expect(page.get_by_role("article", name="A night at the pier")).to_be_visible()
    expect(page.get_by_role("main")).to_be_visible()
    said = listener.element.locator(".widget").get_by_role("status")
    expect(said).to_have_attribute("aria-live", "polite")
    expect(said).to_have_text("")
    listener.button.click()
    expect(said).to_have_text("A night at the pier: sold out")
    dialog = page.get_by_role("dialog", name="It’s held for you")
    expect(dialog.get_by_role("timer")).to_contain_text("Held for you for")
    expect(dialog.get_by_role("group", name="Card")).to_be_visible()
    for name in ("Card number", "Expires", "Security code", "Name", "E-mail"):
        expect(dialog.get_by_role("textbox", name=name)).to_be_visible()
    expect(dialog.get_by_role("button", name="Close")).to_be_visible()
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read(
    desktop: BrowserContext, demo_shop: DemoShop, screenshot: Screenshot, scheme: Literal["light", "dark"]
) -> None:
    page = desktop.new_page()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(demo_shop.url)
    fan = Buying(page, demo_shop.sample("band")["edition_id"])
    fan.comes()
    assert too_faint(page) == []
    fan.button.click()
    fan.sees("It’s held for you")
    assert too_faint(page) == []
    fan.choose("Declined")
    fan.sheet.get_by_label("Name").fill("Anna Example")
    fan.sheet.get_by_role("button", name="Pay").click()
    expect(fan.sheet.get_by_text("Enter an e-mail address.")).to_be_visible()
    assert too_faint(page) == []
    fan.sheet.get_by_label("E-mail").fill("anna@example.org")
    fan.sheet.get_by_role("button", name="Pay").click()
    fan.sees("Try another card")
    assert too_faint(page) == []
    screenshot(page, f"desktop-declined-{scheme}")
    fan.sheet.get_by_role("button", name="Cancel").click()
    fan.sees("Order cancelled")
    page.goto(f"{demo_shop.url}/orders")
    expect(page.get_by_role("listitem")).to_have_count(1)
    assert too_faint(page) == []
    page.goto(f"{demo_shop.url}/desk#key={demo_shop.sample('band')['api_key']}")
    expect(page.locator("#ledger tr").first).to_be_visible()
    assert too_faint(page) == []
    screenshot(page, f"desk-{scheme}")
