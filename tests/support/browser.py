"""Chromium on a phone or a desk, and the demo shop it looks at.

Fixtures of the acceptance suite: `demo_shop` (a `DemoShop`, one process per session), `chromium` (one for the modules
that run one after another), `phone` and `desktop` (a fresh context each), `screenshot` (takes a picture, into the
folder that BUYSTREAM_SCREENSHOTS names)."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from buystream.demo.samples import KEPT_IN
from tests.support.patience import patient, wait_until
from tests.support.shop_process import ShopProcess

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT_SECONDS = 60
HOST = "app.example"
HOST_SECRET = "a secret shared with the host application"

Screenshot = Callable[[Page, str], None]


class DemoShop(ShopProcess):
    """`buystream demo` with its four sample merchants: band, label, charity, shop."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        super().__init__(data_dir, "demo", "--no-browser", **environment)

    def sample(self, slug: str) -> dict[str, str]:
        """`merchant_id`, `edition_id`, `api_key` of a sample."""
        kept: dict[str, dict[str, str]] = json.loads((self.data_dir / KEPT_IN).read_text())
        return kept[slug]

    def merchant(self, slug: str) -> httpx.Client:
        """A client with that merchant's key."""
        key = self.sample(slug)["api_key"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"})

    def on_sale(self, slug: str = "band", **terms: Any) -> str:
        """Release a fresh edition of that merchant; its id."""
        return self.release(self.sample(slug)["api_key"], **terms)

    def board(self, edition_id: str) -> dict[str, Any]:
        """The edition's board."""
        board: dict[str, Any] = httpx.get(f"{self.url}/v1/editions/{edition_id}").json()
        return board

    def shows(self, edition_id: str, **fields: Any) -> None:
        """The board says so at last: gateways share a read of it for a moment."""
        wait_until(lambda: fields.items() <= self.board(edition_id).items(), otherwise=lambda: self.board(edition_id))


class Buying:
    """A person in front of one `<buy-button>`: what they see and do, in their words."""

    def __init__(self, page: Page, edition_id: str) -> None:
        self.page = page
        self.edition_id = edition_id
        self.element = page.locator(f"buy-button[edition='{edition_id}']")
        self.button = self.element.locator("button.buy")
        self.sheet = self.element.get_by_role("dialog")

    @classmethod
    def elsewhere(cls, page: Page, edition_id: str) -> "Buying":
        """On a page that isn't the shop's, where the sheet is in a frame of the shop's."""
        buying = cls(page, edition_id)
        buying.sheet = page.frame_locator("iframe[title='Checkout']").get_by_role("dialog")
        return buying

    def comes(self) -> None:
        """In front of the button, until it can be pressed. A button that nobody sees doesn't ask for its edition."""
        self.element.scroll_into_view_if_needed()
        expect(self.button).to_be_enabled()

    def tap_buy(self) -> None:
        self.comes()
        self.button.tap()

    def sees(self, heading: str) -> None:
        """The sheet shows this screen."""
        expect(self.sheet.get_by_role("heading", name=heading)).to_be_visible()

    def enter(self, card: str, *, save: bool = False, address: bool = False) -> None:
        """Fill the form with a test card, by its label, and invented details."""
        self.choose(card)
        self.sheet.get_by_label("Name").fill("Anna Example")
        self.sheet.get_by_label("E-mail").fill("anna@example.org")
        if address:
            self.enter_address()
        if save:
            self.sheet.get_by_label("Save for one-tap").check()

    def enter_address(self, country: str = "GB", **fields: str) -> None:
        """An invented one, in the form of that country; `fields` by their labels."""
        self.sheet.get_by_label("Country").select_option(country)
        usual = {"Street address": "1 Sample Street", "Town": "Sampletown", "Postcode": "S1 2AB"}
        for label, text in reversed((fields or usual).items()):  # the postal code shows that its form is there
            self.sheet.get_by_label(label, exact=True).fill(text)

    def choose(self, card: str) -> None:
        """One of the sandbox's test cards."""
        self.sheet.get_by_text("Choose a test card").click()
        self.sheet.get_by_role("button", name=card, exact=True).click()

    def pay(self) -> None:
        self.sheet.get_by_role("button", name="Pay").tap()

    def orders(self) -> list[dict[str, Any]]:
        """What the API says that this browser's buyer ordered, newest first."""
        orders: list[dict[str, Any]] = self.page.request.get(f"{origin_of(self.page)}/v1/orders").json()["orders"]
        return orders


def executable() -> str | None:
    """The browser that CHROMIUM names, or the one on the path that takes the least processor time."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def origin_of(page: Page) -> str:
    """Scheme, host and port of what the page shows."""
    return "/".join(page.url.split("/")[:3])


@pytest.fixture(scope="session")
def demo_shop(shop_environment: dict[str, str]) -> Iterator[DemoShop]:
    """A running demo, which knows one host application."""
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        shop = DemoShop(Path(folder, "data"), BUYSTREAM_HOST_SECRETS=f"{HOST}={HOST_SECRET}", **shop_environment)
        try:
            shop.start()
            yield shop
            shop.stop()
        finally:
            shop.close()


class _Chromium:
    """One for all the modules that need one and run one after another. It doesn't last beside others: Playwright keeps
    an event loop running in this thread, and other tests want their own."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._browser: Browser | None = None

    def open(self) -> Browser:
        """Start it unless it runs."""
        if self._browser is None:
            playwright = self._opened.enter_context(sync_playwright())
            self._browser = self._opened.enter_context(
                playwright.chromium.launch(
                    executable_path=executable(), args=ARGUMENTS, timeout=patient(WAIT_SECONDS) * 1000
                )
            )
        return self._browser

    def close_unless(self, is_used: bool) -> None:
        """End it, unless it answers and is used again."""
        if not is_used or self._browser is None or not self._browser.is_connected():
            self._browser = None
            self._opened.close()


_chromium = _Chromium()


@pytest.fixture(scope="module")
def chromium(demo_shop: DemoShop) -> Browser:
    """The shop is started before, because it wants an event loop of its own."""
    return _chromium.open()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """The browser stays for the next module if that begins with it."""
    yield
    if nextitem is None or nextitem.path != item.path:
        _chromium.close_unless(nextitem is not None and nextitem.path.parent == item.path.parent and _begins(nextitem))


def _begins(item: pytest.Item) -> bool:
    return "chromium" in getattr(item, "fixturenames", ())


def patient_context(browser: Browser, **options: Any) -> BrowserContext:
    """A browser without any past, whose language and time are not this machine's; whatever is expected of its pages may
    take as long as this machine needs."""
    context = browser.new_context(**{"locale": "en-US", "timezone_id": "UTC"} | options)
    context.set_default_timeout(patient(WAIT_SECONDS) * 1000)
    expect.set_options(timeout=patient(WAIT_SECONDS) * 1000)
    return context


@pytest.fixture
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    """A phone of its own, without any past."""
    context = patient_context(chromium, viewport=PHONE, has_touch=True, is_mobile=True)
    yield context
    context.close()


@pytest.fixture
def desktop(chromium: Browser) -> Iterator[BrowserContext]:
    """A desktop browser without any past."""
    context = patient_context(chromium, viewport=DESKTOP)
    yield context
    context.close()


@pytest.fixture(scope="session")
def screenshot() -> Screenshot:
    """Takes a picture of what the page shows, when its entrance is over; nothing if nobody wants them."""
    folder = os.environ.get("BUYSTREAM_SCREENSHOTS")

    def take(page: Page, name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder, f"{name}.png"), animations="disabled")

    return take


def expect_to_fit(page: Page) -> None:
    """Nothing sticks out to the side, at the latest when charts have followed a change of size."""
    assert page.viewport_size
    expect(page.locator("html")).to_have_js_property("scrollWidth", page.viewport_size["width"])
