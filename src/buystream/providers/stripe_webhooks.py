"""Stripe's notifications, read: signed, in any order, any number of times, weeks late. They say that something
happened; where that could be outdated by now, Stripe is asked what is."""

import time
from collections.abc import Sequence
from typing import Final

import msgspec
import stripe

from buystream.providers import BadNotification, ForeignNotification, ProviderUnavailable
from buystream.providers.rate import Lane
from buystream.providers.stripe_api import Json, StripeApi, StripeRefused
from buystream.providers.stripe_facts import (
    dispute_facts,
    intent_facts,
    payment_of,
    refund_facts,
    setup_facts,
    without_release,
)
from buystream.vocabulary.commands import Command
from buystream.vocabulary.ids import partition_of

TOLERANCE_SECONDS: Final = 300

PAYMENT_KINDS: Final = frozenset(
    f"payment_intent.{what}"
    for what in ("amount_capturable_updated", "requires_action", "payment_failed", "canceled", "succeeded")
)
SETUP_KINDS: Final = frozenset(f"setup_intent.{what}" for what in ("succeeded", "setup_failed", "requires_action"))
REFUND_KINDS: Final = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
DISPUTE_KINDS: Final = frozenset(
    f"charge.dispute.{what}" for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
)
KINDS: Final = PAYMENT_KINDS | SETUP_KINDS | REFUND_KINDS | DISPUTE_KINDS | {"charge.refunded"}
"""What has news for us; the endpoint at Stripe needs no others."""


class StripeNotifications:
    """Reads what is sent to the webhook. Safe for many threads."""

    def __init__(self, api: StripeApi, secrets: Sequence[str], *, partitions: int, is_live: bool = False) -> None:
        """`is_live`: the account's money is real: what happens in test mode is no news, and the other way round."""
        self._api = api
        self._is_live = is_live
        self._secrets = tuple(secrets)
        self._partitions = partitions

    def facts(self, payload: bytes, signature: str) -> list[Command] | None:
        """What the notification says; None for a kind that has no news. Raises BadNotification, ForeignNotification,
        and ProviderUnavailable when Stripe has to be asked and can't be."""
        event = self._verified(payload, signature)
        try:
            kind, about = str(event["type"]), event["data"]["object"]
            if kind not in KINDS:
                return None
            self._refuse_other_accounts(event)
            return self._facts(kind, about)
        except (KeyError, TypeError, AttributeError):
            raise BadNotification("The event has not the form of its kind.") from None

    def _verified(self, payload: bytes, signature: str) -> Json:
        """Any of the secrets will do: while one replaces the other, both are valid."""
        if not any(_is_signed(payload, signature, secret) for secret in self._secrets):
            raise BadNotification("The signature is missing, wrong or too old.")
        try:
            return msgspec.json.decode(payload, type=dict)
        except msgspec.DecodeError:
            raise BadNotification("The body is not an event.") from None

    def _refuse_other_accounts(self, event: Json) -> None:
        """A connected account belongs to its merchant, who can write the ids of our payments into payments of its own;
        and in test mode anybody pays. Raises ForeignNotification."""
        if event.get("account") or bool(event.get("livemode", self._is_live)) != self._is_live:
            raise ForeignNotification

    def _facts(self, kind: str, about: Json) -> list[Command]:
        if kind in PAYMENT_KINDS:
            return intent_facts(self._own(about), self._with_method(about))
        if kind in SETUP_KINDS:
            return setup_facts(self._own(about), self._with_method(about))
        intent = self._intent_of(about)
        payment_id = self._own(intent)
        if kind in DISPUTE_KINDS:
            return dispute_facts(payment_id, self._as_it_is_now(about))
        # A refund may succeed first and fail later: what an old notification says may not be so any more.
        listed = self._api.every(Lane.REFUND, lambda v1, params: v1.refunds.list(params), payment_intent=intent["id"])
        return [fact for refund in without_release(list(listed), intent) for fact in refund_facts(payment_id, refund)]

    def _own(self, it: Json) -> str:
        payment_id = payment_of(it)
        if payment_id is None:
            raise ForeignNotification
        if partition_of(payment_id) >= self._partitions:  # Stripe sends it again: by then this process is a new one
            raise ProviderUnavailable(f"{payment_id} is in a partition that was added after this process began")
        return payment_id

    def _intent_of(self, it: Json) -> Json:
        """The PaymentIntent of a charge, refund or dispute; those don't know our ids."""
        reference = it.get("payment_intent")
        if not reference:
            raise ForeignNotification
        try:
            return self._api.call(Lane.BUY, lambda v1: v1.payment_intents.retrieve(str(reference))).body
        except StripeRefused:
            raise ForeignNotification from None

    def _as_it_is_now(self, dispute: Json) -> Json:
        """One that was lost may be won later: what an old notification says may not be so any more."""
        try:
            return self._api.call(Lane.REFUND, lambda v1: v1.disputes.retrieve(str(dispute["id"]))).body
        except StripeRefused:
            raise ForeignNotification from None

    def _with_method(self, intent: Json) -> Json:
        """Notifications tell the payment method's id only. People are shown a card's last digits, if it is kept."""
        saves = intent.get("setup_future_usage") or intent["object"] == "setup_intent"
        method_id = intent.get("payment_method")
        if not saves or not method_id or intent["status"] not in ("requires_capture", "succeeded"):
            return intent
        method = self._api.call(Lane.BUY, lambda v1: v1.payment_methods.retrieve(str(method_id))).body
        return {**intent, "payment_method": method}


def _is_signed(payload: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, TOLERANCE_SECONDS)
        return _signed_at_seconds(signature) <= time.time() + TOLERANCE_SECONDS
    except (stripe.SignatureVerificationError, ValueError, IndexError, TypeError):  # TypeError: not ASCII
        return False


def _signed_at_seconds(signature: str) -> int:
    """Of a signature that is valid. The library refuses old ones only; one from the future could be repeated until
    then."""
    return max(int(value) for name, _, value in (part.partition("=") for part in signature.split(",")) if name == "t")
