"""A payment: one attempt to move an order's money."""

from typing import Final, Literal, Self

import msgspec

from buystream.aggregates.applying import appliers_of, applies
from buystream.vocabulary import events
from buystream.vocabulary.money import Currency, whole_steps
from buystream.vocabulary.order_states import AT_THE_BANK, DISPUTE_HOLDS, PaymentState, RefundState
from buystream.vocabulary.shipping import DeliveryCharge
from buystream.vocabulary.values import LineUnits, Units


class Refund(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """Money on its way back, or back, and the units that were granted with it. `again` is the newest refund that was
    requested in its stead, after it and perhaps others had failed; those have it as their `first`."""

    amount_minor: int
    quantity: int = 0
    units: Units = ()
    """By variant, of an order with several lines."""
    restock: bool = False
    keep_fee: bool = False
    asked_by: str = ""
    state: RefundState = "requested"
    was_refunded: bool = False
    """It failed after it had succeeded."""
    again: str | None = None
    first: str | None = None


class Dispute(msgspec.Struct, kw_only=True, gc=False):
    """Money that the buyer's bank wants back: it holds the amount while it decides, and for good if it is lost."""

    amount_minor: int
    state: str = "open"

    @property
    def is_open(self) -> bool:
        """Whether the bank is deciding."""
        return self.state == "open"

    @property
    def held_minor(self) -> int:
        """What the merchant is without."""
        return self.amount_minor if self.state in DISPUTE_HOLDS else 0

    @property
    def lost_minor(self) -> int:
        """What the merchant is without for good."""
        return self.amount_minor if self.state == "lost" else 0


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
    shipping: DeliveryCharge | None = None
    """What delivery costs; the amount includes it."""
    captured_minor: int = 0
    refunded_minor: int = 0
    fee_returned_minor: int = 0
    refunds: dict[str, Refund] = {}
    refunding: int = 0
    """Refunds under way; `refunding_minor` and `refunding_units` are what they take."""
    refunding_minor: int = 0
    refunding_units: int = 0
    refunding_by_variant: Units = ()
    """The units, of an order with several lines."""
    disputes: dict[str, Dispute] = {}
    disputes_open: int = 0
    """Disputes that a bank is deciding; `held_minor` is with banks, of which `lost_minor` for good."""
    held_minor: int = 0
    lost_minor: int = 0

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
            shipping=event.shipping,
        )

    @property
    def open(self) -> bool:
        """The provider hasn't decided yet."""
        return self.state in AT_THE_BANK

    @property
    def left_minor(self) -> int:
        """What was taken and is neither back nor on its way back, whatever banks hold of it."""
        return self.captured_minor - self.refunded_minor - self.refunding_minor

    @property
    def refundable_minor(self) -> int:
        """What was taken and is neither back, on its way back nor with a bank."""
        return max(self.left_minor - self.held_minor, 0)

    @property
    def is_held(self) -> bool:
        """Whether banks have the last of the money that had not gone back."""
        return 0 < self.captured_minor - self.refunded_minor <= self.held_minor

    @property
    def disputed(self) -> bool:
        """Whether a bank is deciding about it."""
        return self.disputes_open > 0

    @property
    def is_lost(self) -> bool:
        """Whether disputes took the last of the money that had not gone back."""
        return 0 < self.captured_minor - self.refunded_minor <= self.lost_minor

    def refund_for(self, refund_id: str) -> Refund | None:
        """The refund that stands for this id now: the newest that was requested in its stead."""
        refund = self.refunds.get(refund_id)
        return self.refunds[refund.again] if refund is not None and refund.again is not None else refund

    def fee_returned_with(self, amount_minor: int, currency: Currency) -> int:
        """The platform's part of this much more money that goes back, so that all parts add up to the whole fee."""
        return self.fee_of(self.refunded_minor + amount_minor, currency) - self.fee_of(self.refunded_minor, currency)

    def fee_of(self, amount_minor: int, currency: Currency) -> int:
        """The platform's part of that much of what was taken, in whole steps."""
        if not self.captured_minor:
            return 0
        return whole_steps(self.fee_minor * amount_minor // self.captured_minor, currency)

    def apply(self, event: events.PaymentEvent) -> None:
        """Change state; never refuses."""
        self.version = event.originator_version
        if (change := _CHANGES.get(type(event))) is not None:
            change(self, event)

    @applies(events.AuthenticationRequired)
    def _wait_for_buyer(self, _: events.AuthenticationRequired) -> None:
        self.state = "authentication_required"

    @applies(events.PaymentAuthorised)
    def _authorise(self, event: events.PaymentAuthorised) -> None:
        self.state, self.reference, self.delivery, self.reason = "authorised", event.reference, "", ""

    @applies(events.PaymentDeclined)
    def _decline(self, event: events.PaymentDeclined) -> None:
        self.state, self.reason, self.delivery = "declined", event.reason, ""

    @applies(events.MethodSaved)
    def _save_method(self, event: events.MethodSaved) -> None:
        self.state, self.reference, self.delivery, self.reason = "method_saved", event.reference, "", ""
        self.method = event.reusable_method

    @applies(events.PaymentCaptured)
    def _capture(self, event: events.PaymentCaptured) -> None:
        self.state, self.captured_minor, self.fee_minor = "captured", event.amount_minor, event.fee_minor

    @applies(events.PaymentFailed)
    def _fail(self, event: events.PaymentFailed) -> None:
        self.state, self.reason = "failed", event.reason

    @applies(events.VoidRequested)
    def _request_void(self, event: events.VoidRequested) -> None:
        self.state, self.reason = "voiding", event.reason

    @applies(events.PaymentVoided)
    def _void(self, _: events.PaymentVoided) -> None:
        self.state = "voided"

    @applies(events.PaymentDisputed)
    def _dispute(self, event: events.PaymentDisputed) -> None:
        self._note_dispute(event.dispute_id, Dispute(amount_minor=event.amount_minor))

    @applies(events.DisputeClosed)
    def _close_dispute(self, event: events.DisputeClosed) -> None:
        self._note_dispute(event.dispute_id, Dispute(amount_minor=event.amount_minor, state=event.outcome))

    def _note_dispute(self, dispute_id: str, now: Dispute) -> None:
        before = self.disputes.get(dispute_id)
        self.disputes[dispute_id] = now
        self.disputes_open += now.is_open - (before is not None and before.is_open)
        self.held_minor += now.held_minor - (before.held_minor if before is not None else 0)
        self.lost_minor += now.lost_minor - (before.lost_minor if before is not None else 0)

    @applies(events.RefundRequested)
    def _request_refund(self, event: events.RefundRequested) -> None:
        self._answered(event.refund_id)
        refund = Refund(
            amount_minor=event.amount_minor,
            quantity=event.quantity or 0,
            units=event.units,
            restock=event.restock,
            keep_fee=event.keep_fee,
            asked_by=event.asked_by,
        )
        self._note_under_way(refund, 1)
        if event.instead_of is not None:
            failed = self.refunds[event.instead_of]
            refund.first = event.instead_of if failed.first is None else failed.first
            self.refunds[refund.first].again = event.refund_id
        self._note_refund(event.refund_id, refund)

    @applies(events.PaymentRefunded)
    def _refund(self, event: events.PaymentRefunded) -> None:
        refund = self._answered(event.refund_id) or Refund(amount_minor=event.amount_minor)
        refund.state = "refunded"
        self.refunded_minor += event.amount_minor
        self.fee_returned_minor += event.fee_returned_minor
        self._note_refund(event.refund_id, refund)

    @applies(events.RefundFailed)
    def _fail_refund(self, event: events.RefundFailed) -> None:
        refund = self._answered(event.refund_id) or Refund(amount_minor=event.amount_minor)
        refund.state, refund.was_refunded = "failed", event.was_refunded
        if event.was_refunded:
            self.refunded_minor -= event.amount_minor
            self.fee_returned_minor -= event.fee_returned_minor
        self._note_refund(event.refund_id, refund)

    def _answered(self, refund_id: str) -> Refund | None:
        """The known refund of that id, which is not under way any more."""
        refund = self.refunds.get(refund_id)
        if refund is not None and refund.state == "requested":
            self._note_under_way(refund, -1)
        return refund

    def _note_refund(self, refund_id: str, refund: Refund) -> None:
        self.refunds[refund_id] = refund
        if self.refunding:
            self.state = "refund_requested"
        else:
            self.state = "refunded" if 0 < self.captured_minor <= self.refunded_minor else "captured"

    def _note_under_way(self, refund: Refund, sign: Literal[1, -1]) -> None:
        self.refunding += sign
        self.refunding_minor += sign * refund.amount_minor
        self.refunding_units += sign * refund.quantity
        if refund.units:
            self.refunding_by_variant = _added(self.refunding_by_variant, refund.units, sign)


def _added(units: Units, others: Units, sign: Literal[1, -1]) -> Units:
    quantities = {one.variant_id: one.quantity for one in units}
    for one in others:
        quantities[one.variant_id] = quantities.get(one.variant_id, 0) + sign * one.quantity
    return tuple(LineUnits(variant_id=name, quantity=quantity) for name, quantity in quantities.items() if quantity)


_CHANGES: Final = appliers_of(Payment)
