"""Stripe's test cards and tokens (https://docs.stripe.com/testing), of which localstripe knows a few."""

import time
from dataclasses import dataclass

from tests.support.stripe.answers import Json, Refused, missing
from tests.support.stripe.forms import Form
from tests.support.stripe.upstream import Upstream

DECLINED_UPSTREAM = "4000000000000341"
"""The card that localstripe declines when it is charged, and only then."""

AUTHENTICATED_UPSTREAM = "4000002760003184"


@dataclass(frozen=True)
class Card:
    """What a card number does. `authenticates`: "" never, "always", or "once" (not again once it is saved)."""

    number: str
    brand: str = "visa"
    decline_code: str = ""
    declines_setup: bool = False
    authenticates: str = ""

    @property
    def upstream_number(self) -> str:
        """A number with which localstripe behaves the same."""
        if self.authenticates:
            return "4000008260003178" if self.decline_code else AUTHENTICATED_UPSTREAM
        return DECLINED_UPSTREAM if self.decline_code else "4242424242424242"


VISA = Card("4242424242424242")
MASTERCARD = Card("5555555555554444", brand="mastercard")
DECLINED = Card("4000000000000002", decline_code="generic_decline", declines_setup=True)
NO_FUNDS = Card("4000000000009995", decline_code="insufficient_funds", declines_setup=True)
EXPIRED = Card("4000000000000069", decline_code="expired_card", declines_setup=True)
DECLINED_LATER = Card("4000000000000341", decline_code="generic_decline")
AUTHENTICATES = Card("4000002760003184", authenticates="always")
AUTHENTICATES_ONCE = Card("4000002500003155", authenticates="once")
AUTHENTICATES_THEN_DECLINES = Card("4000008260003178", decline_code="insufficient_funds", authenticates="always")

CARDS = {
    card.number: card
    for card in (
        VISA, MASTERCARD, DECLINED, NO_FUNDS, EXPIRED, DECLINED_LATER,
        AUTHENTICATES, AUTHENTICATES_ONCE, AUTHENTICATES_THEN_DECLINES,
    )
}  # fmt: skip

TOKENS = {
    "pm_card_visa": VISA,
    "pm_card_mastercard": MASTERCARD,
    "pm_card_chargeDeclined": DECLINED,
    "pm_card_visa_chargeDeclined": DECLINED,
    "pm_card_visa_chargeDeclinedInsufficientFunds": NO_FUNDS,
    "pm_card_chargeDeclinedExpiredCard": EXPIRED,
    "pm_card_chargeCustomerFail": DECLINED_LATER,
    "pm_card_authenticationRequired": AUTHENTICATES,
    "pm_card_threeDSecure2Required": AUTHENTICATES,
    "pm_card_authenticationRequiredOnSetup": AUTHENTICATES_ONCE,
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": AUTHENTICATES_THEN_DECLINES,
    "tok_visa": VISA,
    "tok_mastercard": MASTERCARD,
    "tok_chargeDeclined": DECLINED,
}
"""A test token makes a new payment method each time it is used."""


class PaymentMethods:
    """The payment methods, and what their cards do."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._cards: dict[str, Card] = {}
        self._shown: dict[str, Json] = {}
        self._used: set[str] = set()
        self._saved: set[str] = set()
        self._confirmation_tokens: dict[str, tuple[str, Json]] = {}

    async def create(self, form: Form) -> Json:
        """POST /v1/payment_methods."""
        given = form.get("card", {})
        card = TOKENS.get(given.get("token", "")) or CARDS.get(given.get("number", ""), VISA)
        return await self._new(card, billing_details=form.get("billing_details", {}))

    async def get(self, id_: str) -> Json:
        """GET /v1/payment_methods/{id}."""
        if id_ in TOKENS:
            return await self._new(TOKENS[id_])
        if id_ not in self._shown:
            raise missing("PaymentMethod", id_, "payment_method")
        return self._shown[id_]

    async def resolve(self, token: str, *, customer: str | None) -> str:
        """The id to charge. A method belongs to its customer; without one it can be used once."""
        method = await self.get(token)
        if method["customer"] != customer and method["customer"] is not None:
            raise Refused(
                "The provided PaymentMethod cannot be used: it belongs to a Customer, include that Customer in the "
                "request.",
                param="payment_method",
            )
        if method["id"] in self._used and method["customer"] is None:
            raise Refused(
                "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, "
                "and may not be used again.",
                param="payment_method",
            )
        return str(method["id"])

    def card(self, id_: str) -> Card:
        """What it does."""
        return self._cards[id_]

    def needs_authentication(self, id_: str) -> bool:
        """Whether the bank asks its holder now."""
        authenticates = self._cards[id_].authenticates
        return authenticates == "always" or (authenticates == "once" and id_ not in self._saved)

    def used(self, id_: str) -> None:
        """It was charged or saved."""
        self._used.add(id_)

    def details(self, id_: str) -> Json:
        """As a charge tells them."""
        return {"type": "card", "card": self._shown[id_]["card"]}

    async def attach(self, id_: str, customer: str) -> Json:
        """It belongs to the customer from now on."""
        method = await self.get(id_)
        if self._cards[method["id"]].declines_setup:
            raise Refused("Your card was declined.", status=402, kind="card_error", code="card_declined")
        status, body = await self._upstream.post(f"/v1/payment_methods/{method['id']}/attach", {"customer": customer})
        if status != 200:
            raise missing("customer", customer, "customer") if status == 404 else Refused(str(body), status=status)
        self._saved.add(method["id"])
        method["customer"] = customer
        return method

    async def detach(self, id_: str) -> Json:
        """It can't be used any more."""
        method = await self.get(id_)
        self._used.add(id_)
        method["customer"] = None
        return method

    def of_customer(self, customer: str) -> list[Json]:
        """Oldest first."""
        return [method for method in self._shown.values() if method["customer"] == customer]

    async def create_confirmation_token(self, form: Form) -> Json:
        """POST /v1/test_helpers/confirmation_tokens: what the Payment Element makes in the browser."""
        method = await self.get(form["payment_method"])
        future = form.get("setup_future_usage")
        token = {
            "id": f"ctoken_{method['id'][3:]}",
            "object": "confirmation_token",
            "setup_future_usage": future,
            "payment_method_preview": {"type": "card", "card": method["card"]},
            "return_url": form.get("return_url"),
        }
        self._confirmation_tokens[str(token["id"])] = method["id"], token
        return token

    def confirmation_token(self, id_: str) -> Json:
        """What it stands for, as parameters of a confirmation."""
        if id_ not in self._confirmation_tokens:
            raise missing("ConfirmationToken", id_, "confirmation_token")
        method, token = self._confirmation_tokens[id_]
        told = {name: token[name] for name in ("setup_future_usage", "return_url") if token[name]}
        return {"payment_method": method, **told}

    async def _new(self, card: Card, *, billing_details: Json | None = None) -> Json:
        given = {
            "number": card.upstream_number,
            "exp_month": "12",
            "exp_year": str(time.gmtime().tm_year + 3),
            "cvc": "123",
        }
        status, method = await self._upstream.post("/v1/payment_methods", {"type": "card", "card": given})
        assert status == 200, method
        method["card"] |= {"brand": card.brand, "last4": card.number[-4:]}
        method["billing_details"] = billing_details or {}
        self._cards[method["id"]] = card
        self._shown[method["id"]] = method
        return method
