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
]

OPEN: frozenset[str] = frozenset({"requested", "authentication_required"})
"""The provider hasn't decided yet."""


class Payment(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol; its edition decides for it."""

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
    restock: bool = False

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
        )

    @property
    def open(self) -> bool:
        """The provider hasn't decided yet."""
        return self.state in OPEN

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
            case events.PaymentCaptured():
                self.state = "captured"
            case events.PaymentFailed():
                self.state, self.reason = "failed", event.reason
            case events.VoidRequested():
                self.state, self.reason = "voiding", event.reason
            case events.PaymentVoided():
                self.state = "voided"
            case events.RefundRequested():
                self.state, self.restock = "refund_requested", event.restock
            case events.PaymentRefunded():
                self.state = "refunded"
