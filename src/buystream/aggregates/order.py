"""An order: one buyer's claim on a quantity of one edition."""

from typing import Literal, Self

import msgspec

from buystream import commands, events
from buystream.aggregates.payment import TAKEN, Payment

OrderState = Literal[
    "held",
    "pledged",
    "authorised",
    "confirmed",
    "shipped",
    "delivered",
    "refused",
    "expired",
    "cancelled",
    "refunded",
    "disputed",
]

SOLD: frozenset[str] = frozenset({"confirmed", "shipped", "delivered"})
"""The buyer has paid and keeps it."""


class Order(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol; its edition decides for it."""

    id: str
    version: int
    buyer_id: str
    quantity: int
    price_minor: int
    currency: str
    placed_at_ms: int
    state: OrderState = "held"
    reason: str = ""
    hold_expires_at_ms: int | None = None
    payments: list[Payment] = []
    returned: int = 0
    """Pieces that came back with a refund."""
    gift_id: str = ""
    """The recurring gift that it belongs to."""
    before_dispute: str = ""
    """The state that it goes back to when the merchant wins."""

    @classmethod
    def begin(cls, event: events.OrderPlaced | events.OrderRefused) -> Self:
        """From its first event."""
        order = cls(
            id=event.originator_id,
            version=event.originator_version,
            buyer_id=event.buyer_id,
            quantity=event.quantity,
            price_minor=event.price_minor,
            currency=event.currency,
            placed_at_ms=event.at_ms,
        )
        if isinstance(event, events.OrderPlaced):
            order.hold_expires_at_ms, order.gift_id = event.hold_expires_at_ms, event.gift_id
        else:
            order.state, order.reason = "refused", event.reason
        return order

    @property
    def total_minor(self) -> int:
        """What the buyer pays, in minor units."""
        return self.quantity * self.price_minor

    @property
    def kept(self) -> int:
        """Pieces that the buyer has not given back."""
        return self.quantity - self.returned

    @property
    def paid_payment(self) -> Payment | None:
        """The attempt whose money was taken."""
        return next((payment for payment in self.payments if payment.state in TAKEN), None)

    @property
    def last_payment(self) -> Payment | None:
        """The newest attempt to pay."""
        return self.payments[-1] if self.payments else None

    def payment(self, payment_id: str) -> Payment | None:
        """The attempt with that id."""
        return next((payment for payment in self.payments if payment.id == payment_id), None)

    def asks_the_same(self, command: commands.PlaceOrder) -> bool:
        """Whether the command is a repeat of the one that this order came from."""
        return (
            self.buyer_id == command.buyer_id
            and self.quantity == command.quantity
            and self.price_minor == command.price_minor
        )

    def apply(self, event: events.OrderEvent) -> None:
        """Change state by an event of the order's own; never refuses."""
        self.version = event.originator_version
        match event:
            case events.HoldExtended():
                self.hold_expires_at_ms = event.hold_expires_at_ms
            case events.OrderReclaimed():
                self.state = "held"
            case events.OrderPledged():
                self.state, self.hold_expires_at_ms = "pledged", None
            case events.OrderAuthorised():
                self.state, self.hold_expires_at_ms = "authorised", None
            case events.OrderConfirmed():
                self.state = "confirmed"
            case events.OrderExpired():
                self.state, self.hold_expires_at_ms = "expired", None
            case events.OrderCancelled():
                self.state, self.reason, self.hold_expires_at_ms = "cancelled", event.reason, None
            case events.OrderShipped():
                self.state = "shipped"
            case events.OrderDelivered():
                self.state = "delivered"
            case events.OrderRefunded():
                self.returned += event.quantity
                if event.whole:
                    self.state = "refunded"

    def apply_payment(self, event: events.PaymentEvent) -> None:
        """Change state by an event of one of its payments: the hold's clock stands still while the provider works."""
        if isinstance(event, events.PaymentRequested):
            self.payments = [*self.payments, Payment.begin(event)]
            self.hold_expires_at_ms = None
            if self.state == "pledged":
                self.state = "held"
            return
        payment = self.payment(event.originator_id)
        if payment is not None:
            payment.apply(event)
        match event:
            case events.AuthenticationRequired() | events.PaymentDeclined():
                self.hold_expires_at_ms = event.hold_expires_at_ms
            case events.PaymentDisputed() if self.state in SOLD:
                self.before_dispute, self.state = self.state, "disputed"
            case events.DisputeClosed(outcome="won") if self.state == "disputed":
                if payment is None or not payment.disputed:
                    self.state = self.before_dispute  # type: ignore[assignment]
