"""Charges: what localstripe keeps of them, as the pinned API version shows them."""

from dataclasses import dataclass, field

from tests.support.stripe.answers import Json, Refused, missing
from tests.support.stripe.cards import PaymentMethods
from tests.support.stripe.connect import Connect
from tests.support.stripe.upstream import Upstream

AUTHORISATION_SECONDS = 7 * 86_400
"""How long a card's reservation lasts (https://docs.stripe.com/payments/place-a-hold-on-a-payment-method)."""


@dataclass
class Movements:
    """What became of one charge's money. Released: reserved, and released without ever moving."""

    captured_minor: int = 0
    refunded_minor: int = 0
    released_minor: int = 0
    disputed: bool = False
    expired: bool = False

    @property
    def rest_minor(self) -> int:
        """What may still be refunded."""
        return self.captured_minor - self.refunded_minor


@dataclass
class Charges:
    """All charges."""

    upstream: Upstream
    methods: PaymentMethods
    connect: Connect
    movements: dict[str, Movements] = field(default_factory=dict)
    """By charge."""

    releases: list[Json] = field(default_factory=list)
    """The refunds that stand for what smaller captures released, oldest first."""

    def of(self, charge_id: str) -> Movements:
        """What became of its money."""
        return self.movements.setdefault(charge_id, Movements())

    async def raw(self, charge_id: str) -> Json:
        """As localstripe has it."""
        status, charge = await self.upstream.get(f"/v1/charges/{charge_id}")
        if status != 200:
            raise missing("charge", charge_id)
        return charge

    def shown(self, raw: Json, intent: Json) -> Json:
        """As Stripe shows it. `amount_refunded` includes what was released: a smaller capture counts as a partial
        refund (https://github.com/woocommerce/woocommerce-gateway-stripe/issues/1073), and so does a cancellation."""
        moved = self.of(raw["id"])
        back_minor = moved.refunded_minor + moved.released_minor
        failed = raw["status"] == "failed"
        details = self.methods.details(raw["payment_method"])
        if not failed and not raw["captured"]:
            details["card"] = {**details["card"], "capture_before": raw["created"] + AUTHORISATION_SECONDS}
        return {
            **{name: value for name, value in raw.items() if name != "refunds"},
            **self.connect.shown(raw["id"]),
            "amount_captured": moved.captured_minor,
            "amount_refunded": back_minor,
            "refunded": back_minor == raw["amount"],
            "status": "failed" if moved.expired else raw["status"],
            "paid": not failed,
            "disputed": moved.disputed,
            "payment_intent": intent["id"],
            "metadata": intent["metadata"],
            "payment_method_details": details,
            "billing_details": {},
            "on_behalf_of": intent["on_behalf_of"],
            "transfer_data": intent["transfer_data"],
            "transfer_group": intent["transfer_group"],
            "application_fee_amount": intent["application_fee_amount"],
            "destination": (intent["transfer_data"] or {}).get("destination"),
        }


def refuse_unrefundable(raw: Json, moved: Movements, amount_minor: int | None) -> int:
    """How much is to be refunded, or Stripe's refusal."""
    if moved.disputed:
        raise Refused(f"Charge {raw['id']} has been charged back.", code="charge_disputed", begun=True)
    if moved.captured_minor and not moved.rest_minor:
        raise Refused(f"Charge {raw['id']} has already been refunded.", code="charge_already_refunded", begun=True)
    if not moved.captured_minor:
        raise Refused(f"This PaymentIntent ({raw['payment_intent']}) does not have a successful charge to refund.")
    amount_minor = moved.rest_minor if amount_minor is None else amount_minor
    if not 0 < amount_minor <= moved.rest_minor:
        raise Refused(
            f"Refund amount ({amount_minor}) is greater than unrefunded amount on charge ({moved.rest_minor})",
            param="amount",
            begun=True,
        )
    return amount_minor
