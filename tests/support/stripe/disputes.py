"""Disputes (https://docs.stripe.com/disputes): opened and closed by the tests, as cardholders and their banks do."""

import itertools
import time
from dataclasses import dataclass, field

from tests.support.stripe.answers import Json, Refused, missing
from tests.support.stripe.charges import Charges
from tests.support.stripe.intents import Intents
from tests.support.stripe.webhooks import Mailer

RESPOND_SECONDS = 14 * 86_400


@dataclass
class Disputes:
    """All disputes."""

    intents: Intents
    charges: Charges
    mail: Mailer
    book: dict[str, Json] = field(default_factory=dict)
    """By id, oldest first."""

    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def open(self, intent_id: str, *, amount_minor: int | None = None, reason: str = "fraudulent") -> Json:
        """The cardholder wants the money back, all of what is left unless told; the bank takes it for now. Raises
        Refused when nothing is left."""
        intent = await self.intents.get(intent_id)
        moved = self.charges.of(intent["latest_charge"])
        if moved.rest_minor <= 0:
            raise Refused("This charge has been refunded: nothing is left to dispute.")
        moved.disputed = True
        now = int(time.time())
        dispute = {
            "id": f"du_{next(self._numbers):014d}",
            "object": "dispute",
            "amount": moved.rest_minor if amount_minor is None else amount_minor,
            "charge": intent["latest_charge"],
            "created": now,
            "currency": intent["currency"],
            "evidence_details": {"due_by": now + RESPOND_SECONDS, "has_evidence": False, "submission_count": 0},
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": intent_id,
            "reason": reason,
            "status": "needs_response",
        }
        self.book[dispute["id"]] = dispute
        self.mail.send("charge.dispute.created", dispute)
        self.mail.send("charge.dispute.funds_withdrawn", dispute)
        return dispute

    async def close(self, id_: str, *, won: bool) -> Json:
        """The bank decided: won, and the money comes back to us, or lost."""
        dispute = self.get(id_)
        dispute["status"] = "won" if won else "lost"
        moved = self.charges.of(dispute["charge"])
        moved.disputed = not won
        if won:
            self.mail.send("charge.dispute.funds_reinstated", dispute)
        self.mail.send("charge.dispute.closed", dispute)
        return dispute

    def get(self, id_: str) -> Json:
        """GET /v1/disputes/{id}."""
        if id_ not in self.book:
            raise missing("dispute", id_)
        return self.book[id_]
