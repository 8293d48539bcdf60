"""An edition's order book: every order for it, and the codes that they use."""

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.edition.codes import Codes
from buystream.aggregates.edition.order import Order
from buystream.vocabulary import events


class Remarks(msgspec.Struct, omit_defaults=True):
    """Names of what a merchant's people noted about an order, and sent again."""

    notes: tuple[str, ...] = ()
    resent: tuple[str, ...] = ()


class OrderBook(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition. Its methods return the order that the event is about."""

    orders: dict[str, Order] = {}
    placed: list[str] = []
    """Ids of all orders that ever held stock, the oldest first: what a cancellation walks, in steps."""
    refused: int = 0
    """How many were refused: their ids are spent, and stay here."""
    codes: Codes | None = None
    remarks: dict[str, Remarks] = {}
    """By order, of those few that have any."""

    @applies(events.OrderPlaced)
    def place(self, event: events.OrderPlaced) -> Order:
        """One more."""
        order_id = event.originator_id
        self.orders[order_id] = order = Order.begin(event)
        self.placed.append(order_id)
        if event.code is not None:
            self._take_code(order)
        return order

    @applies(events.OrderRefused)
    def refuse(self, event: events.OrderRefused) -> Order:
        """An id is spent."""
        self.orders[event.originator_id] = order = Order.begin(event)
        self.refused += 1
        return order

    @applies(events.OrderEvent)
    def change(self, event: events.OrderEvent) -> Order:
        """By an event of the order's own."""
        order = self.orders[event.originator_id]
        order.apply(event)
        return order

    @applies(events.OrderExpired, events.OrderCancelled)
    def end(self, event: events.OrderExpired | events.OrderCancelled) -> Order:
        """A hold ended, and nothing was paid."""
        order = self.change(event)
        if order.code is not None and self.codes is not None:
            self.codes.give_back(order.code, order)
        return order

    @applies(events.OrderReclaimed)
    def reclaim(self, event: events.OrderReclaimed) -> Order:
        """What it had, it has again."""
        order = self.change(event)
        if order.code is not None:
            self._take_code(order)
        return order

    @applies(events.CodeApplied)
    def apply_code(self, event: events.CodeApplied) -> Order:
        """Another code, or the first."""
        order = self.orders[event.originator_id]
        if order.code is not None and self.codes is not None:
            self.codes.give_back(order.code, order)
        self.change(event)
        self._take_code(order)
        return order

    def _take_code(self, order: Order) -> None:
        if order.code is not None and self.codes is not None:
            self.codes.take(order.code, order)

    @applies(events.OrderNoteWritten, events.ConfirmationResent)
    def remark(self, event: events.OrderNoteWritten | events.ConfirmationResent) -> Order:
        """Beside the order: nothing is decided by it."""
        remarks = self.remarks.setdefault(event.originator_id, Remarks())
        if isinstance(event, events.OrderNoteWritten):
            remarks.notes += (event.note_id,)
        else:
            remarks.resent += (event.resend_id,)
        return self.change(event)

    @applies(events.PaymentEvent)
    def change_payment(self, event: events.PaymentEvent) -> Order:
        """By an event of one of the order's payments."""
        order = self.orders[event.order_id]
        order.apply_payment(event)
        return order
