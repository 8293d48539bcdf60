"""A payment: one attempt to move an order's money."""

from typing import Literal, Self

import msgspec

from buystream import events

PaymentState = Literal[
    "requested",
    "authentication_required",
    "authorised",
    "declined",
    "captured",
    "failed",
    "voiding",
    "voided",
    "refund_requested",
    "refunded",
    "method_saved",
]

TAKEN: frozenset[str] = frozenset({"captured", "refund_requested", "refunded"})
"""The money was taken, whatever became of it."""

OPEN: frozenset[str] = frozenset({"requested", "authentication_required"})
"""The provider hasn't decided yet."""


class Refund(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """Money on its way back, or back. `quantity` None: all pieces that are left."""

    amount_minor: int
    quantity: int | None = None
    restock: bool = False
    keep_fee: bool = False
    state: Literal["requested", "refunded", "failed"] = "requested"


class Payment(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol; its edition decides for it. `fee_minor` of the
    money is the platform's, `destination` the account that gets the rest."""

    id: str
    version: int
    buyer_id: str
    amount_minor: int
    currency: str
    state: PaymentState = "requested"
    reason: str = ""
    reference: str = ""
    delivery: str = ""
    """Kept only while it may have to be remembered for the buyer."""
    method: str = ""
    """What can be charged later: kept only for pledges."""
    fee_minor: int = 0
    destination: str = ""
    setup: bool = False
    off_session: bool = False
    captured_minor: int = 0
    refunded_minor: int = 0
    fee_returned_minor: int = 0
    refunds: dict[str, Refund] = {}
    disputes: dict[str, str] = {}
    """What became of each dispute, by its id: open, won or lost."""

    @classmethod
    def begin(cls, event: events.PaymentRequested) -> Self:
        """From its first event."""
        return cls(
            id=event.originator_id,
            version=event.originator_version,
            buyer_id=event.buyer_id,
            amount_minor=event.amount_minor,
            currency=event.currency,
            delivery=event.delivery if event.save else "",
            fee_minor=event.fee_minor,
            destination=event.destination,
            setup=event.mode == "setup",
            off_session=event.off_session,
        )

    @property
    def open(self) -> bool:
        """The provider hasn't decided yet."""
        return self.state in OPEN

    @property
    def refundable_minor(self) -> int:
        """What was taken and is neither back nor on its way back."""
        asked = sum(refund.amount_minor for refund in self.refunds.values() if refund.state == "requested")
        return self.captured_minor - self.refunded_minor - asked

    @property
    def disputed(self) -> bool:
        """Whether a bank is deciding about it."""
        return "open" in self.disputes.values()

    def fee_returned_with(self, amount_minor: int) -> int:
        """The platform's part of this much more money that goes back, so that all parts add up to the whole fee."""
        if not self.captured_minor:
            return 0
        due_minor = self.fee_minor * (self.refunded_minor + amount_minor) // self.captured_minor
        return due_minor - self.fee_minor * self.refunded_minor // self.captured_minor

    def apply(self, event: events.PaymentEvent) -> None:
        """Change state; never refuses."""
        self.version = event.originator_version
        match event:
            case events.AuthenticationRequired():
                self.state = "authentication_required"
            case events.PaymentAuthorised():
                self.state, self.reference, self.delivery, self.reason = "authorised", event.reference, "", ""
            case events.PaymentDeclined():
                self.state, self.reason, self.delivery = "declined", event.reason, ""
            case events.MethodSaved():
                self.state, self.reference, self.delivery, self.reason = "method_saved", event.reference, "", ""
                self.method = event.reusable_method
            case events.PaymentCaptured():
                self.state, self.captured_minor, self.fee_minor = "captured", event.amount_minor, event.fee_minor
            case events.PaymentFailed():
                self.state, self.reason = "failed", event.reason
            case events.VoidRequested():
                self.state, self.reason = "voiding", event.reason
            case events.PaymentVoided():
                self.state = "voided"
            case events.PaymentDisputed():
                self.disputes = {**self.disputes, event.dispute_id: "open"}
            case events.DisputeClosed():
                self.disputes = {**self.disputes, event.dispute_id: event.outcome}
            case events.RefundRequested() | events.PaymentRefunded() | events.RefundFailed():
                self._apply_refund(event)

    def _apply_refund(self, event: events.RefundRequested | events.PaymentRefunded | events.RefundFailed) -> None:
        refund = self.refunds.get(event.refund_id) or Refund(amount_minor=event.amount_minor)
        match event:
            case events.RefundRequested():
                refund = Refund(
                    amount_minor=event.amount_minor,
                    quantity=event.quantity,
                    restock=event.restock,
                    keep_fee=event.keep_fee,
                )
            case events.PaymentRefunded():
                refund.state = "refunded"
                self.refunded_minor += event.amount_minor
                self.fee_returned_minor += event.fee_returned_minor
            case events.RefundFailed():
                refund.state = "failed"
                if event.was_refunded:
                    self.refunded_minor -= event.amount_minor
                    self.fee_returned_minor -= event.fee_returned_minor
        self.refunds = {**self.refunds, event.refund_id: refund}
        if any(other.state == "requested" for other in self.refunds.values()):
            self.state = "refund_requested"
        else:
            self.state = "refunded" if self.refunded_minor >= self.captured_minor else "captured"
