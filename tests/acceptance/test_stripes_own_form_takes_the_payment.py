"""With Stripe's publishable key, the sheet shows Stripe's elements, and no input of ours sees a card. Stripe.js itself
needs the internet, so a stand-in answers at its address that is as strict as its documentation."""

import re
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from buystream.providers.sandbox import SandboxProvider
from tests.acceptance.test_anybody_anywhere_can_buy_in_a_browser import BLOG, website
from tests.support.browser import Buying, Screenshot, expect_to_fit
from tests.support.contrast import too_faint
from tests.support.postgres import run_sql
from tests.support.shop import Shop, register_merchant, shop_at_work
from tests.support.stripe_js import (
    ASKS,
    BANK,
    DECLINED,
    PUBLISHABLE_KEY,
    VISA,
    StripeForm,
    TokenProvider,
    stripe_answers,
)

pytestmark = pytest.mark.timeout(60)

WALLET = {
    "billingDetails": {"name": "Anna Example", "email": "anna@example.org", "address": {"country": "GB"}},
    "shippingAddress": {
        "name": "Anna Example",
        "address": {
            "line1": "1 Sample Street",
            "line2": None,
            "city": "Sampletown",
            "state": "",
            "postal_code": "S1 2AB",
            "country": "GB",
        },
    },
}


@pytest.fixture
def shop(chromium: object, database_url: str) -> Iterator[Shop]:
    """A shop that is paid by Stripe, as far as a browser can tell."""
    stripe = {"bank": None, "sandbox_cards": (), "provider_name": "stripe", "publishable_key": PUBLISHABLE_KEY}
    with shop_at_work(database_url, provider=TokenProvider, **stripe) as running:
        register_merchant(running)
        yield running


def in_front_of(context: BrowserContext, shop: Shop, *, wallet: Any = None, **terms: Any) -> tuple[Buying, StripeForm]:
    """A page with a fresh edition, and the form that its sheet will show."""
    stripe_answers(context, wallet=wallet)
    edition = shop.release(**terms)
    page = context.new_page()
    page.goto(f"{shop.url}/e/{edition}")
    return Buying(page, edition), StripeForm(page)


def tell_who(fan: Buying) -> None:
    """Fill our own part of the form."""
    fan.sheet.get_by_label("Name").fill("Anna Example")
    fan.sheet.get_by_label("E-mail").fill("anna@example.org")


def test_a_card_pays_and_is_remembered(phone: BrowserContext, shop: Shop, screenshot: Screenshot) -> None:
    fan, form = in_front_of(phone, shop)
    asked: list[str] = []
    fan.page.on("request", lambda request: asked.append(request.url))
    fan.comes()
    assert not any("stripe.com" in url for url in asked)  # only when the sheet opens
    fan.tap_buy()
    fan.sees("It’s held for you")
    form.enter(VISA)
    tell_who(fan)
    fan.sheet.get_by_label("Save for one-tap").check()
    expect(fan.sheet.get_by_text("or by card")).to_have_count(0)
    screenshot(fan.page, "stripe-card")
    expect_to_fit(fan.page)
    (terms,) = {
        frozenset(
            (name, call[name]) for name in ("mode", "amount", "currency", "captureMethod", "paymentMethodCreation")
        )
        for call in form.calls("elements")
    }
    assert dict(terms) == {
        "mode": "payment",
        "amount": 4500,
        "currency": "usd",
        "captureMethod": "manual",
        "paymentMethodCreation": "manual",
    }
    assert form.calls("update")[-1]["setupFutureUsage"] == "off_session"
    fan.pay()
    fan.sees("It’s yours!")
    fan.sheet.get_by_role("button", name="Buy another").tap()
    expect(fan.sheet.get_by_role("button", name="Pay $45.00 with")).to_be_visible()
    assert shop.commands("RequestPayment")[0].count(b"pm_card_visa") == 1


def test_no_input_of_ours_can_hold_a_card(phone: BrowserContext, shop: Shop) -> None:
    fan, form = in_front_of(phone, shop, needs_address=True)
    fan.tap_buy()
    expect(form.card.get_by_label("Card number")).to_be_visible()
    inputs = (
        """root => [...root.querySelectorAll("input, textarea")].map((input) => [input.name, input.autocomplete])"""
    )
    ours = fan.element.evaluate("element => (" + inputs + ")(element.shadowRoot)")
    assert ours == [["name", "name"], ["email", "email"], ["address", "street-address"], ["save", ""]]
    assert form.frame.evaluate("(" + inputs + ")(document)") == []
