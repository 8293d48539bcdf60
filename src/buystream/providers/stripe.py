"""Money through Stripe: PaymentIntents that reserve first and move later, SetupIntents that only save a card. Why no
call charges twice, whatever becomes of its answer: docs/decisions/0012-what-stripe-knows-comes-first.md."""

import time
from collections.abc import Callable
from typing import Any, Final

import stripe

from buystream.providers import Authorisation, ProviderUnavailable, RefundCall
from buystream.providers.rate import Lane
from buystream.providers.stripe_api import Do, Json, StripeAnswer, StripeApi, StripeRefused, once
from buystream.providers.stripe_customers import StripeCustomers
from buystream.providers.stripe_facts import (
    GONE,
    TAKEN_BACK,
    intent_facts,
    page_of,
    received_minor,
    refund_facts,
    refund_id_of,
    setup_facts,
)
from buystream.providers.stripe_money import to_stripe
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command
from buystream.vocabulary.ids import edition_of

METHOD_KINDS: Final = ("card", "link")
"""What the payment form offers; wallets are cards. All of these can be reserved and taken later."""

KEYS_LIVE_SECONDS: Final = 20 * 3600
"""Stripe forgets idempotency keys after 24 hours: from here on we look before we ask again."""

CLOCKS_DIFFER_SECONDS: Final = 300

NO_PAGE: Final = "authentication_unsupported"
"""The bank wants to see the buyer in a way that a browser can't follow."""


class StripeProvider:
    """Implements `buystream.providers.Provider`. Safe for many threads; remembers nothing between calls."""

    def __init__(self, api: StripeApi, *, public_url: str, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._return_url = f"{public_url}/bank-answered"
        self._clock = clock
        self._customers = StripeCustomers(api)

    def authorise(self, authorisation: Authorisation) -> Command | None:
        """A PaymentIntent, confirmed at once and captured later."""
        payment_id = authorisation.payment_id
        try:
            found = self._left_long_ago(authorisation, self._find_intent)
            intent = found or self._create_intent(authorisation)
            if intent["status"] == "requires_confirmation":
                intent = self._confirm(payment_id, intent["id"], authorisation)
        except StripeRefused as refusal:
            return commands.RecordDecline(payment_id=payment_id, reason=refusal.code)
        if intent["status"] == "requires_action" and not page_of(intent):
            self.void(payment_id, reference=intent["id"])
            return commands.RecordDecline(payment_id=payment_id, reason=NO_PAGE)
        facts = intent_facts(payment_id, intent)
        return facts[0] if facts else None

    def save_method(self, authorisation: Authorisation) -> Command | None:
        """A SetupIntent, for charges while the buyer is away."""
        payment_id = authorisation.payment_id
        try:
            found = self._left_long_ago(authorisation, self._find_setup)
            intent = found or self._create_setup(authorisation)
        except StripeRefused as refusal:
            return commands.RecordDecline(payment_id=payment_id, reason=refusal.code)
        if intent["status"] == "requires_action" and not page_of(intent):
            return commands.RecordDecline(payment_id=payment_id, reason=NO_PAGE)
        facts = setup_facts(payment_id, intent)
        return facts[0] if facts else None

    def capture(self, payment_id: str, *, reference: str, amount_minor: int, currency: str = "") -> Command | None:
        """Take reserved money. What can no longer be captured is released, if it is still reserved."""
        try:
            params: Any = {"amount_to_capture": self._amount(amount_minor, currency, reference)}
        except StripeRefused as refusal:
            return commands.RecordCaptureFailure(payment_id=payment_id, reason=refusal.code)

        def capture(key: str) -> StripeAnswer:
            return self._api.call(
                Lane.BUY, lambda v1: v1.payment_intents.capture(reference, params, {"idempotency_key": key})
            )

        def find() -> Json | None:
            intent = self._intent(reference)
            return intent if intent["status"] != "requires_capture" else None

        try:
            intent, reason = self._or_as_it_is(reference, lambda: self._once(f"{payment_id}:capture", capture, find))
        except StripeRefused as refusal:
            return commands.RecordCaptureFailure(payment_id=payment_id, reason=refusal.code)
        if intent["status"] == "succeeded":
            return commands.RecordCapture(payment_id=payment_id, amount_minor=received_minor(intent))
        if intent["status"] == "processing":
            return None
        if intent["status"] == "canceled":
            lapsed = intent.get("cancellation_reason") == "automatic"
            reason = "authorisation_expired" if lapsed else "authorisation_cancelled"
        else:
            self.void(payment_id, reference=reference)
        return commands.RecordCaptureFailure(payment_id=payment_id, reason=reason)

    def void(self, payment_id: str, *, reference: str) -> Command | None:
        """Cancel the intent. Money that was taken meanwhile, by a person at the dashboard, goes back."""

        def cancel(key: str) -> StripeAnswer:
            return self._api.call(
                Lane.BUY, lambda v1: v1.payment_intents.cancel(reference, {}, {"idempotency_key": key})
            )

        def find() -> Json | None:
            intent = self._intent(reference)
            return intent if intent["status"] in ("canceled", "succeeded") else None

        voided = commands.RecordVoid(payment_id=payment_id)
        try:
            intent, _ = self._or_as_it_is(reference, lambda: self._once(f"{payment_id}:void", cancel, find))
        except StripeRefused:
            return voided  # no such intent: nothing is reserved
        if intent["status"] == "succeeded":
            back = RefundCall(
                payment_id=payment_id,
                refund_id=TAKEN_BACK,
                reference=reference,
                amount_minor=received_minor(intent),
                currency=intent["currency"].upper(),
                destination=str((intent.get("transfer_data") or {}).get("destination") or ""),
            )
            self.refund(back)
        elif intent["status"] != "canceled":
            raise ProviderUnavailable(f"Stripe: {reference} can't be cancelled while it is {intent['status']}")
        return voided

    def refund(self, refund: RefundCall) -> Command | None:
        """A refund, unless there is one already that asks for the same. One that failed may be requested again."""
        try:
            facts = refund_facts(refund.payment_id, self._refunded(refund))
        except StripeRefused as refusal:
            return commands.RecordRefundFailure(
                payment_id=refund.payment_id,
                refund_id=refund.refund_id,
                amount_minor=refund.amount_minor,
                reason=refusal.code,
            )
        return facts[0] if facts else None

    def _refunded(self, refund: RefundCall) -> Json:
        before = self._asked(refund)
        if (live := _live(before)) is not None:
            return live
        params = self._refund_params(refund)

        def create(key: str) -> StripeAnswer:
            return self._api.call(Lane.REFUND, lambda v1: v1.refunds.create(params, {"idempotency_key": key}))

        key = f"{refund.payment_id}:refund:{refund.refund_id}" + (f":after{len(before)}" if before else "")
        return self._once(key, create, lambda: _live(self._asked(refund)))

    def _asked(self, refund: RefundCall) -> list[Json]:
        """Every refund that was requested under this id."""
        listed = self._api.every(
            Lane.REFUND, lambda v1, params: v1.refunds.list(params), payment_intent=refund.reference
        )
        return [it for it in listed if it.get("metadata") and refund_id_of(it) == refund.refund_id]

    def forget_buyer(self, buyer_id: str) -> None:
        """Delete all customers of this buyer."""
        self._customers.forget_buyer(buyer_id)

    def forget_method(self, payment_method: str) -> None:
        """Delete the customer of a saved method."""
        self._customers.forget_method(payment_method)

    # How a call is made once.

    def _once(self, key: str, do: Do, find: Callable[[], Json | None]) -> Json:
        return once(key, do, find, self._as_it_is_now)

    def _or_as_it_is(self, reference: str, act: Callable[[], Json]) -> tuple[Json, str]:
        """The intent after the call; or, when it is refused, as it is, and why. Raises StripeRefused when
        there is none."""
        try:
            return act(), ""
        except StripeRefused as refusal:
            return self._intent(reference), refusal.code

    def _as_it_is_now(self, it: Json) -> Json:
        """A replayed answer says what was; ask again."""
        match it["object"]:
            case "payment_intent":
                return self._intent(it["id"])
            case "setup_intent":
                return self._setup(it["id"])
            case "refund":
                return self._api.call(Lane.REFUND, lambda v1: v1.refunds.retrieve(it["id"])).body
            case _:
                return it

    def _left_long_ago(self, it: Authorisation, find: Callable[[Authorisation], Json | None]) -> Json | None:
        """What became of a call so old that its key may be forgotten."""
        age_seconds = self._clock() - it.requested_at_ms / 1000
        return find(it) if it.requested_at_ms and age_seconds > KEYS_LIVE_SECONDS else None

    # PaymentIntents.

    def _create_intent(self, it: Authorisation) -> Json:
        params: Any = {
            "amount": to_stripe(it.amount_minor, it.currency),
            "currency": it.currency.lower(),
            "capture_method": "manual",
            "confirm": True,
            "payment_method_types": list(METHOD_KINDS),
            "metadata": _metadata(it),
            "expand": ["payment_method"],
            **self._customers.method_of(it, saves=it.save),
            **_shares(it),
            **self._presence(it),
        }
        if it.save:
            params["setup_future_usage"] = "off_session"
        if it.statement:
            params["statement_descriptor_suffix"] = it.statement

        def create(key: str) -> StripeAnswer:
            return self._api.call(Lane.BUY, lambda v1: v1.payment_intents.create(params, {"idempotency_key": key}))

        return self._once(it.payment_id, create, lambda: self._find_intent(it))

    def _confirm(self, payment_id: str, intent_id: str, it: Authorisation) -> Json:
        """Stripe had made the intent, and failed before it asked the bank."""
        params: Any = {"expand": ["payment_method"], **self._presence(it)}

        def confirm(key: str) -> StripeAnswer:
            return self._api.call(
                Lane.BUY, lambda v1: v1.payment_intents.confirm(intent_id, params, {"idempotency_key": key})
            )

        def find() -> Json | None:
            intent = self._intent(intent_id)
            return intent if intent["status"] != "requires_confirmation" else None

        return self._once(f"{payment_id}:confirm", confirm, find)

    def _amount(self, amount_minor: int, currency: str, intent_id: str) -> int:
        """As Stripe counts it. Raises StripeRefused when the currency has to be looked up and there is no such
        intent."""
        return to_stripe(amount_minor, currency or self._intent(intent_id)["currency"].upper())

    def _intent(self, intent_id: str) -> Json:
        params: Any = {"expand": ["payment_method"]}
        return self._api.call(Lane.BUY, lambda v1: v1.payment_intents.retrieve(intent_id, params)).body

    def _find_intent(self, it: Authorisation) -> Json | None:
        return self._find(it, lambda v1, params: v1.payment_intents.list(params))

    # SetupIntents.

    def _create_setup(self, it: Authorisation) -> Json:
        params: Any = {
            "confirm": True,
            "usage": "off_session",
            "payment_method_types": list(METHOD_KINDS),
            "metadata": _metadata(it),
            "expand": ["payment_method"],
            "return_url": self._return_url,
            **self._customers.method_of(it, saves=True),
        }

        def create(key: str) -> StripeAnswer:
            return self._api.call(Lane.BUY, lambda v1: v1.setup_intents.create(params, {"idempotency_key": key}))

        return self._once(it.payment_id, create, lambda: self._find_setup(it))

    def _setup(self, intent_id: str) -> Json:
        params: Any = {"expand": ["payment_method"]}
        return self._api.call(Lane.BUY, lambda v1: v1.setup_intents.retrieve(intent_id, params)).body

    def _find_setup(self, it: Authorisation) -> Json | None:
        return self._find(it, lambda v1, params: v1.setup_intents.list(params))

    # What both are made of. Everything is a function of the authorisation: other parameters under one key are refused.

    def _find(self, it: Authorisation, list_: Callable[[Any, Json], stripe.StripeObject]) -> Json | None:
        """The intent of this payment among those made since it was requested. Stripe's lists, unlike its search, show
        what was just made."""
        since = it.requested_at_ms // 1000 - CLOCKS_DIFFER_SECONDS
        wanted: Json = {"created": {"gte": since}} if it.requested_at_ms else {}
        listed = self._api.every(Lane.BUY, list_, expand=["data.payment_method"], **wanted)
        mine = (intent for intent in listed if (intent.get("metadata") or {}).get("payment_id") == it.payment_id)
        return next(mine, None)

    def _presence(self, it: Authorisation) -> Json:
        return {"off_session": True} if it.off_session else {"return_url": self._return_url}

    def _refund_params(self, refund: RefundCall) -> Any:
        metadata = {"payment_id": refund.payment_id}
        if refund.refund_id:
            metadata["refund_id"] = refund.refund_id
        amount = self._amount(refund.amount_minor, refund.currency, refund.reference)
        params: Json = {"payment_intent": refund.reference, "amount": amount, "metadata": metadata}
        if refund.destination:
            params["reverse_transfer"] = True
            params["refund_application_fee"] = not refund.keep_fee and self._has_fee(refund.reference)
        return params

    def _has_fee(self, intent_id: str) -> bool:
        """Giving back a fee that was never taken is an error at Stripe's."""
        return bool(
            self._api.call(Lane.REFUND, lambda v1: v1.payment_intents.retrieve(intent_id)).body.get(
                "application_fee_amount"
            )
        )


def _live(refunds: list[Json]) -> Json | None:
    return next((it for it in refunds if it["status"] not in GONE), None)


def _metadata(it: Authorisation) -> dict[str, str]:
    """Our opaque ids, no personal data: they route whatever Stripe reports later."""
    edition_id = edition_of(it.order_id)
    return {
        "payment_id": it.payment_id,
        "order_id": it.order_id,
        "edition_id": edition_id,
        "buyer_id": it.buyer_id,
    }


def _shares(it: Authorisation) -> Json:
    """A destination charge: the platform is the merchant of record, the account gets all but the fee. Not
    `on_behalf_of`: a card that is saved for one account could not be charged for another."""
    if not it.destination:
        return {}
    fee = {"application_fee_amount": to_stripe(it.fee_minor, it.currency)} if it.fee_minor else {}
    return {"transfer_data": {"destination": it.destination}, **fee}
