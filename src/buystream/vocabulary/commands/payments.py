"""Facts that the payment provider reports. Each may arrive any number of times, in any order."""

from buystream.vocabulary.actors import PROVIDER
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import (
    AmountMinor,
    BuyerId,
    CardLabel,
    DisputeId,
    Outcome,
    PaymentId,
    Reason,
    Reference,
    RefundId,
    RespondByMs,
    ReusableMethod,
    Url,
)
from buystream.vocabulary.order_states import TAKEN
from buystream.vocabulary.reasons import payment_is_none_of


@asked(PROVIDER, about="payment_id", refusals=["unknown_payment"])
class RecordAuthorisation(Command):
    """The buyer's bank reserved the money. `card_label` is a ciphertext of the buyer's key, and there only with a saved
    method."""

    payment_id: PaymentId
    reference: Reference
    card_label: CardLabel = ""
    reusable_method: ReusableMethod = ""
    buyer_id: BuyerId = ""


@asked(PROVIDER, about="payment_id", refusals=["unknown_payment"])
class RecordAuthenticationRequired(Command):
    """The buyer's bank requires authentication first, at this address."""

    payment_id: PaymentId
    url: Url


@asked(PROVIDER, about="payment_id", refusals=["unknown_payment"])
class RecordDecline(Command):
    """The buyer's bank declined the payment."""

    payment_id: PaymentId
    reason: Reason


@asked(PROVIDER, about="payment_id", refusals=["unknown_payment"])
class RecordMethodSaved(Command):
    """The buyer's payment method can be charged later; no money is reserved. `card_label` is a ciphertext of the
    buyer's key."""

    payment_id: PaymentId
    reference: Reference
    reusable_method: ReusableMethod
    card_label: CardLabel = ""
    buyer_id: BuyerId = ""


@asked(PROVIDER, about="payment_id", refusals=[*payment_is_none_of(TAKEN), "unknown_payment", "wrong_amount"])
class RecordCapture(Command):
    """The money moved: all that was reserved, or less."""

    payment_id: PaymentId
    amount_minor: AmountMinor


@asked(PROVIDER, about="payment_id", refusals=["unknown_payment"])
class RecordCaptureFailure(Command):
    """The reserved money can no longer be captured."""

    payment_id: PaymentId
    reason: Reason


@asked(PROVIDER, about="payment_id", refusals=["unknown_payment"])
class RecordVoid(Command):
    """The reservation was released."""

    payment_id: PaymentId


@asked(
    PROVIDER,
    about="payment_id",
    refusals=[*payment_is_none_of(TAKEN | {"voiding", "voided", "failed"}), "unknown_payment", "wrong_amount"],
)
class RecordRefund(Command):
    """Money went back to the buyer. `refund_id` is ours, or the provider's for one that was made there; empty for the
    one whole refund."""

    payment_id: PaymentId
    amount_minor: AmountMinor
    refund_id: RefundId = ""


@asked(PROVIDER, about="payment_id", refusals=["unknown_payment", "unknown_refund"])
class RecordRefundFailure(Command):
    """The buyer's bank rejected the refund: the merchant has the money again."""

    payment_id: PaymentId
    refund_id: RefundId
    amount_minor: AmountMinor
    reason: Reason


@asked(PROVIDER, about="payment_id", refusals=[*payment_is_none_of(set()), "unknown_payment", "wrong_amount"])
class RecordDispute(Command):
    """The buyer's bank claims the money back; the provider holds it until the bank has decided."""

    payment_id: PaymentId
    dispute_id: DisputeId
    amount_minor: AmountMinor
    reason: Reason
    respond_by_ms: RespondByMs | None = None


@asked(
    PROVIDER,
    about="payment_id",
    refusals=[*payment_is_none_of(set()), "unknown_payment", "wrong_amount", "unknown_outcome"],
)
class RecordDisputeOutcome(Command):
    """The bank has decided: `won` by the merchant, or `lost`; or the dispute was `withdrawn`. It may decide again."""

    payment_id: PaymentId
    dispute_id: DisputeId
    amount_minor: AmountMinor
    outcome: Outcome
    reason: Reason = ""
