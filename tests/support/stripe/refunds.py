"""Refunds (https://docs.stripe.com/refunds): at most what was captured; at once, or pending for a while; some fail."""

from dataclasses import dataclass, field

from tests.support.stripe.amounts import refuse_off_step
from tests.support.stripe.answers import Json, Refused, missing
from tests.support.stripe.charges import Charges, refuse_unrefundable
from tests.support.stripe.forms import Form, whole
from tests.support.stripe.intents import Intents, refuse_unknown
from tests.support.stripe.upstream import Upstream
from tests.support.stripe.webhooks import Mailer

CREATING = {
    "amount", "charge", "metadata", "payment_intent", "reason", "refund_application_fee", "reverse_transfer",
}  # fmt: skip


@dataclass
class Refunds:
    """All refunds."""

    upstream: Upstream
    intents: Intents
    charges: Charges
    mail: Mailer
    book: dict[str, Json] = field(default_factory=dict)
    """By id, oldest first."""

    async def create(self, form: Form, *, pending: bool) -> Json:
        """POST /v1/refunds. A pending one is settled later."""
        refuse_unknown(form, CREATING)
        intent = await self._intent(form)
        charge_id = intent["latest_charge"]
        if charge_id is None:
            raise Refused(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
        raw = await self.charges.raw(charge_id)
        moved = self.charges.of(charge_id)
        amount_minor = refuse_unrefundable(raw, moved, whole(form, "amount"))
        refuse_off_step(amount_minor, intent["currency"])
        shares = self.charges.connect.refunded(charge_id, amount_minor, form)
        moved.refunded_minor += amount_minor
        wanted = {"payment_intent": intent["id"], "amount": amount_minor, "metadata": form.get("metadata")}
        status, base = await self.upstream.post("/v1/refunds", wanted)
        assert status == 200, base
        refund = self.book[base["id"]] = {
            **base,
            **shares,
            "payment_intent": intent["id"],
            "reason": form.get("reason"),
            "status": "pending" if pending else "succeeded",
            "failure_reason": None,
        }
        self.mail.send("refund.created", refund)
        self.mail.send("charge.refunded", await self.intents.charge(intent))
        return refund

    async def settle(self, id_: str, *, succeeded: bool, reason: str = "lost_or_stolen_card") -> Json:
        """A pending refund arrived, or a refund failed, which happens up to 30 days later."""
        refund = self.get(id_)
        previous = {"status": refund["status"]}
        refund["status"] = "succeeded" if succeeded else "failed"
        if not succeeded:
            refund["failure_reason"] = reason
            self.charges.of(refund["charge"]).refunded_minor -= refund["amount"]
            self.mail.send("refund.failed", refund)
        self.mail.send("refund.updated", refund, previous=previous)
        self.mail.send("charge.refund.updated", refund, previous=previous)
        return refund

    def get(self, id_: str) -> Json:
        """GET /v1/refunds/{id}."""
        if id_ not in self.book:
            raise missing("refund", id_)
        return self.book[id_]

    def every(self) -> list[Json]:
        """All, oldest first: also those that localstripe made, as Stripe does, of what a smaller capture released."""
        return sorted([*self.charges.releases, *self.book.values()], key=lambda refund: int(refund["created"]))

    async def _intent(self, form: Form) -> Json:
        if "payment_intent" in form:
            return await self.intents.get(form["payment_intent"])
        if "charge" in form:
            return await self.intents.get((await self.charges.raw(form["charge"]))["payment_intent"])
        raise Refused("One of the following params should be provided: payment_intent or charge.")
