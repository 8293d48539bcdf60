"""What Stripe knows of this shop's payments: its lists, put together by our payment ids."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from buystream.providers.rate import Lane
from buystream.providers.stripe_api import Json, StripeApi, StripeRefused
from buystream.providers.stripe_facts import (
    GONE,
    OPEN_DISPUTE,
    TAKEN_BACK,
    amount_minor_of,
    payment_of,
    received_minor,
    refund_id_of,
    without_release,
)
from buystream.vocabulary.ids import partition_of

_RANK: Final = ("canceled", "requires_payment_method", "requires_confirmation", "requires_action", "processing")
_MONEY: Final = frozenset({"succeeded", "requires_capture"})


class StripePayment(msgspec.Struct):
    """One payment: its intent, whatever belongs to that, and the intents that should not be there."""

    intent: Json
    refunds: list[Json] = []
    disputes: list[Json] = []
    others: list[Json] = []

    @property
    def id(self) -> str:
        """Of the intent."""
        return str(self.intent["id"])

    @property
    def is_setup(self) -> bool:
        """Whether it only saves a card."""
        return bool(self.intent["object"] == "setup_intent")

    @property
    def currency(self) -> str:
        """ISO 4217; "" for a setup."""
        return str(self.intent.get("currency") or "").upper()

    @property
    def is_reserved(self) -> bool:
        """Whether money is reserved and not taken."""
        return bool(self.intent["status"] == "requires_capture")

    @property
    def captured_minor(self) -> int:
        """What was taken, but for what was taken by mistake and went back at once."""
        return received_minor(self.intent) - self._taken_back_minor

    @property
    def refunded_minor(self) -> int:
        """What is back at the buyer's."""
        back = sum(amount_minor_of(refund) for refund in self.refunds if refund["status"] == "succeeded")
        return back - self._taken_back_minor

    @property
    def disputed_minor(self) -> int:
        """What a bank holds or has taken."""
        held = OPEN_DISPUTE | {"lost"}
        return sum(amount_minor_of(dispute) for dispute in self.disputes if dispute["status"] in held)

    @property
    def live_refund_ids(self) -> set[str]:
        """Our ids of the refunds that are under way or done."""
        return {refund_id_of(refund) for refund in self.refunds if refund["status"] not in GONE}

    @property
    def is_under_way(self) -> bool:
        """Whether money is still moving."""
        return self.is_reserved or any(refund["status"] in ("pending", "requires_action") for refund in self.refunds)

    @property
    def _taken_back_minor(self) -> int:
        return sum(
            amount_minor_of(refund)
            for refund in self.refunds
            if refund["status"] == "succeeded" and refund_id_of(refund) == TAKEN_BACK
        )

    def reported(self) -> str:
        """For people."""
        return f"{self.intent['status']} {self.id}"


class StripeAccount:
    """Looks at the account; `payments` are what it saw. Used by one thread."""

    def __init__(self, api: StripeApi, *, partitions: int) -> None:
        self._api = api
        self._partitions = partitions
        self._payments: dict[str, StripePayment] = {}

    @property
    def payments(self) -> Mapping[str, StripePayment]:
        """By our payment ids; what isn't this shop's is left out."""
        return self._payments

    def look(self, since_ms: int | None) -> None:
        """List everything that was made since then, or ever, and what that belongs to."""
        made: Json = {} if since_ms is None else {"created": {"gte": since_ms // 1000}}
        refunds, disputes = defaultdict(list), defaultdict(list)
        # What can only come later is listed first: so nothing is seen without what it belongs to.
        for dispute in self._list("disputes", **made):
            disputes[str(dispute.get("payment_intent"))].append(dispute)
        for refund in self._list("refunds", **made):
            refunds[str(refund.get("payment_intent"))].append(refund)
        expand = ["data.payment_method"]
        intents = {it["id"]: it for it in self._list("payment_intents", expand=expand, **made)}
        setups = list(self._list("setup_intents", expand=expand, **made))
        for older in (refunds.keys() | disputes.keys()) - intents.keys() - {"None"}:
            if (intent := self._intent(older)) is not None:
                intents[older] = intent
        self._payments = {}
        for intent in (*intents.values(), *setups):
            payment_id = payment_of(intent)
            if payment_id is not None and partition_of(payment_id) < self._partitions:
                payment = StripePayment(
                    intent, without_release(refunds[intent["id"]], intent) if "amount" in intent else []
                )
                payment.disputes = disputes[intent["id"]]
                self._add(payment_id, payment)

    def look_again(self, references: Mapping[str, str]) -> None:
        """At these payments, by payment id: they may have moved while we looked."""
        for payment_id, reference in references.items():
            seen = self._payments.get(payment_id)
            self.fetch(payment_id, reference or (seen.id if seen else ""))

    def fetch(self, payment_id: str, reference: str) -> StripePayment | None:
        """One payment as it is now; None when Stripe has no such intent."""
        intent = self._intent(reference)
        if intent is None or payment_of(intent) != payment_id:
            return None
        payment = StripePayment(intent)
        if not payment.is_setup:
            payment.refunds = without_release(list(self._list("refunds", payment_intent=reference)), intent)
            payment.disputes = list(self._list("disputes", payment_intent=reference))
        if (seen := self._payments.get(payment_id)) is not None:
            payment.others = seen.others
        self._payments[payment_id] = payment
        return payment

    def _add(self, payment_id: str, payment: StripePayment) -> None:
        """One payment has one intent; if it has more, the one with money counts, and others with money are reported."""
        first = self._payments.get(payment_id)
        if first is None:
            self._payments[payment_id] = payment
            return
        best, other = sorted((first, payment), key=_weight, reverse=True)
        best.others = [*first.others, *([other.intent] if other.intent["status"] in _MONEY else [])]
        self._payments[payment_id] = best

    def _list(self, name: str, **wanted: Any) -> Any:
        return self._api.every(Lane.BOOKS, lambda v1, params: getattr(v1, name).list(params), **wanted)

    def _intent(self, reference: str) -> Json | None:
        params: Any = {"expand": ["payment_method"]}
        name = "setup_intents" if reference.startswith("seti_") else "payment_intents"
        try:
            return self._api.read(Lane.BOOKS, lambda v1: getattr(v1, name).retrieve(reference, params))
        except StripeRefused:
            return None


def _weight(payment: StripePayment) -> tuple[int, int]:
    status = payment.intent["status"]
    rank = len(_RANK) + (status == "succeeded") if status in _MONEY or status not in _RANK else _RANK.index(status)
    return rank, -payment.intent["created"]
