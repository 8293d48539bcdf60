"""Stripe in a browser without the internet: a stand-in for Stripe.js, and for the few addresses of Stripe's that a page
talks to. The card numbers are Stripe's test cards; the tokens become the sandbox's, so that a whole shop gets paid."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import BrowserContext, Frame, Page, Route

from buystream.providers import Authorisation
from buystream.providers.sandbox import SandboxProvider
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command

PUBLISHABLE_KEY = "pk_test_51buystream"
VISA, DECLINED, ASKS = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0027 6000 3184"
BANK = "https://hooks.stripe.com/3d_secure_2/hosted?payment="

_TOKENS = {
    "pm_card_visa": "sandbox_accepted",
    "pm_card_applePay": "sandbox_accepted",
    "pm_card_chargeDeclined": "sandbox_declined",
    "pm_card_authenticationRequired": "sandbox_authentication",
}
_HERE = Path(__file__).parent
_CARD = """<label>Card number<input name="number" inputmode="numeric" placeholder="1234 1234 1234 1234"></label>
<div class="pair"><label>Expiry date<input name="expiry"></label><label>Security code<input name="cvc"></label></div>
<p></p>"""
_EXPRESS = "<button>Buy with Apple Pay</button>"


class TokenProvider(SandboxProvider):
    """The sandbox, by Stripe's tokens and with a bank elsewhere."""

    def authorise(self, authorisation: Authorisation) -> Command | None:
        return _with_bank(super().authorise(_in_sandbox(authorisation)))

    def save_method(self, authorisation: Authorisation) -> Command | None:
        return _with_bank(super().save_method(_in_sandbox(authorisation)))


def _in_sandbox(authorisation: Authorisation) -> Authorisation:
    token = _TOKENS.get(authorisation.payment_method, authorisation.payment_method)
    return msgspec.structs.replace(authorisation, payment_method=token)


def _with_bank(fact: Command | None) -> Command | None:
    if isinstance(fact, commands.RecordAuthenticationRequired):
        return msgspec.structs.replace(fact, url=BANK + fact.payment_id)
    return fact


def stripe_answers(context: BrowserContext, *, wallet: Mapping[str, Any] | None = None) -> None:
    """The context's pages find the stand-in at Stripe's addresses. `wallet`: what Apple Pay says of its owner."""
    script = (_HERE / "stripe.js").read_text().replace("/* the test's wallet */ null", json.dumps(wallet))
    element = (_HERE / "element.html").read_text()

    def scripts(route: Route) -> None:
        kind = route.request.url.rpartition("/")[2]
        if kind == "stripe.js":
            route.fulfill(content_type="text/javascript", body=script)
        else:
            content = _CARD if kind == "payment.html" else _EXPRESS
            route.fulfill(content_type="text/html", body=element.replace("<!-- content -->", content))

    def api(route: Route) -> None:
        route.fulfill(json={"id": route.request.post_data}, headers={"Access-Control-Allow-Origin": "*"})

    context.route("https://js.stripe.com/**", scripts)
    context.route("https://api.stripe.com/**", api)


class StripeForm:
    """Stripe's form in the sheet of a page."""

    def __init__(self, page: Page, *, elsewhere: bool = False) -> None:
        """`elsewhere`: on a page that isn't the shop's, the sheet is in a frame itself."""
        self.page = page
        sheet = page.frame_locator("iframe[title='Checkout']") if elsewhere else page
        self._form = sheet.frame_locator("iframe[title='Secure payment form by Stripe']")
        self.card = self._form.frame_locator("iframe[title='payment']")
        self.divider = self._form.get_by_text("or by card")
        self.wallet = self._form.frame_locator("iframe[title='expressCheckout']").get_by_role("button")

    @property
    def frame(self) -> Frame:
        """The document that holds Stripe.js."""
        (frame,) = (each for each in self.page.frames if each.url.endswith("/payment-form"))
        return frame

    def enter(self, number: str) -> None:
        """A whole card."""
        self.card.get_by_label("Card number").fill(number)
        self.card.get_by_label("Expiry date").fill("12 / 30")
        self.card.get_by_label("Security code").fill("123")

    def calls(self, name: str) -> list[dict[str, Any]]:
        """What Stripe.js was asked by that name, oldest first."""
        calls: list[dict[str, Any]] = self.frame.evaluate("() => window.stripeCalls")
        return [call for call in calls if call["call"] == name]
