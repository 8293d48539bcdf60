"""What is left to do after an edition was cancelled. Every event about one of its orders sorts that order again, so
that no decision looks at more than one; the orders that nothing happens to are looked at in bounded steps."""

from typing import Literal

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.order_book import OrderBook
from buystream.vocabulary import events
from buystream.vocabulary.order_states import CANCELLABLE

CANCELLATION = "cancellation"
"""Who requested a refund: see `RefundRequested.asked_by`."""

Stage = Literal["ready", "waiting", "done"]


class Cancellation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition. Orders are looked at in the order in which they were placed, `looked_at` so far."""

    restock: bool
    since_ms: int
    looked_at: int = 0
    ready: dict[str, bool] = {}
    """Orders that can be ended now, by id, in the order in which that came to light."""
    waiting: set[str] = set()
    """Orders whose money is under way."""
    asked: dict[str, str | None] = {}
    """What the provider owes an answer, so that a long list never fills its queue: the refund by its payment's id; None
    for a void."""
    failed: set[str] = set()
    """Orders whose money the buyer's bank didn't take: they need the merchant, and aren't requested again."""
    completed: bool = False
    failed_told: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing can be done, and nothing is waited for but banks that decide a dispute."""
        return not (self.ready or self.waiting or self.asked)

    def stage(self, order: Order) -> Stage:
        """What the cancellation has to do with the order now."""
        if order.state in CANCELLABLE:
            return "ready"
        if order.state == "authorised":
            return "waiting"
        paid = order.paid_payment
        if paid is None or paid.disputed or (order.id in self.failed and paid.refundable_minor):
            return "done"
        if paid.refunding:
            return "waiting"
        if order.given_back:
            return "ready" if order.all_owed and paid.refundable_minor else "done"
        return "ready"

    def note(self, order: Order) -> None:
        """Sort the order by what it has come to."""
        stage = self.stage(order)
        if stage == "ready":
            self.ready[order.id] = True
        else:
            self.ready.pop(order.id, None)
        if stage == "waiting":
            self.waiting.add(order.id)
        else:
            self.waiting.discard(order.id)

    def proceed(self, event: events.CancellationContinued | events.CancellationCompleted, book: OrderBook) -> None:
        """Look at the next orders, or say that nothing is left to do."""
        if isinstance(event, events.CancellationCompleted):
            self.completed, self.failed_told = True, event.failed
            return
        looked_at, self.looked_at, self.completed = self.looked_at, event.looked_at, False
        for number in range(looked_at, event.looked_at):
            self.note(book.orders[book.placed[number]])

    @applies(events.OrderEvent)
    def note_order(self, _: events.OrderEvent, order: Order) -> None:
        """Sort the order again."""
        self.note(order)

    @applies(events.OrderRefunded)
    def note_return(self, event: events.OrderRefunded, order: Order) -> None:
        """From an order that is refunded now, the merchant keeps nothing, whatever was agreed: money that a bank has,
        and that returns, is the buyer's."""
        order.all_owed = order.all_owed or event.whole
        if order.given_back:
            self.failed.discard(order.id)
        self.note(order)

    @applies(events.RefundRequested)
    def ask_for_refund(self, event: events.RefundRequested, order: Order) -> None:
        """The provider owes an answer, if it was the cancellation that asked."""
        if event.asked_by == CANCELLATION:
            self.asked[event.payment_id] = event.refund_id
            self.note(order)
        else:
            self.note_answer(event, order)

    @applies(events.VoidRequested)
    def ask_for_void(self, event: events.VoidRequested, order: Order) -> None:
        """The provider owes an answer."""
        self.asked[event.payment_id] = None
        self.note(order)

    @applies(events.PaymentRefunded)
    def note_refund(self, event: events.PaymentRefunded, order: Order) -> None:
        """A refund succeeded."""
        self._forget_refund(event.payment_id, event.refund_id)
        self.note(order)

    @applies(events.RefundFailed)
    def note_failure(self, event: events.RefundFailed, order: Order) -> None:
        """A refund failed; `order` has changed by the event already."""
        self._forget_refund(event.payment_id, event.refund_id)
        payment = order.payment(event.payment_id)
        if payment is not None and payment.refunds[event.refund_id].asked_by == CANCELLATION:
            self.failed.add(order.id)
        self.note(order)

    @applies(events.PaymentEvent)
    def note_answer(self, event: events.PaymentEvent, order: Order) -> None:
        """Whatever else happens to a payment answers the request for a void."""
        if self.asked.get(event.payment_id, "") is None:
            del self.asked[event.payment_id]
        self.note(order)

    def _forget_refund(self, payment_id: str, refund_id: str) -> None:
        if self.asked.get(payment_id) == refund_id:
            del self.asked[payment_id]
