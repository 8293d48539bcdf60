"""Disputes about a payment, in its edition."""

from typing import Annotated

from buystream.vocabulary.events.payments import PaymentEvent
from buystream.vocabulary.fields import (
    AmountMinor,
    Currency,
    DisputeId,
    HeldMinor,
    MerchantId,
    Outcome,
    Reason,
    RespondByMs,
    meaning,
)


class PaymentDisputed(PaymentEvent):
    """The buyer's bank claims the money back and holds it until it has decided. Until then nothing is refunded, and
    nothing is shipped if it holds all that is left. Recorded again when the bank wants another amount: it held
    `held_minor` until then."""

    dispute_id: DisputeId
    amount_minor: AmountMinor
    currency: Currency
    reason: Reason
    respond_by_ms: RespondByMs | None = None
    held_minor: HeldMinor = 0

    @property
    def taken_minor(self) -> int:
        """What the bank takes with this."""
        return self.amount_minor - self.held_minor


class DisputeClosed(PaymentEvent):
    """The bank has decided, perhaps again. Outcomes: won (the merchant has the money again), lost, withdrawn. `before`
    is the earlier outcome, empty the first time; the bank had held `held_minor` until then (None: `amount_minor`).
    `merchant_id` is present when a receipt was due."""

    dispute_id: DisputeId
    amount_minor: AmountMinor
    currency: Currency
    outcome: Outcome
    before: Annotated[str, meaning("The earlier outcome of the dispute; empty the first time.", feed=True)] = ""
    held_minor: HeldMinor | None = None
    merchant_id: MerchantId = ""

    @property
    def returned_minor(self) -> int:
        """What the merchant regains by this; negative when the bank took it after all."""
        held_minor = self.amount_minor if self.held_minor is None else self.held_minor
        return held_minor - (self.amount_minor if self.outcome == "lost" else 0)

    @property
    def lost_minor(self) -> int:
        """What is lost for good by this; negative when an earlier loss is reversed."""
        held_minor = self.amount_minor if self.held_minor is None else self.held_minor
        lost_minor = self.amount_minor if self.outcome == "lost" else 0
        return lost_minor - (held_minor if self.before == "lost" else 0)
