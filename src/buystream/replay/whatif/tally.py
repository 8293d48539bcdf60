"""A tally: what became of one edition, counted from its events, whether they are recorded or decided anew."""

from collections import Counter
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, Final, Self

from buystream.vocabulary import events
from buystream.vocabulary.values import LineUnits, Offer, OrderLine


class SaleTally:
    """Takes one event after another."""

    def __init__(self) -> None:
        self.offer: Offer | None = None
        self.opened_at_ms: int | None = None
        """When it could take its first order; None while it can't."""
        self.ready_at_ms = 0
        """When it was released and had its terms."""
        self.placed = 0
        self.refused: Counter[str] = Counter()
        """Orders by the reason of their refusal."""
        self.reclaimed = 0
        self.expired = 0
        self.cancelled = 0
        self.confirmed = 0
        self.units = 0
        """Sold and kept."""
        self.captured_minor = 0
        self.returned_minor = 0
        self.clicks_behind_latch = 0
        self.units_behind_latch = 0
        self.sold_out_at_ms: int | None = None
        """When nothing of any variant was left for the first time."""
        self.units_of: dict[str, int] = {}
        """Sold and kept, by buyer id; those who have none left are not in it."""
        self.flagged: set[str] = set()
        """Buyers who were ever paused as too fast."""
        self.left: dict[str, int | None] = {}
        """Available units by variant; None: unlimited."""
        self.orders: dict[str, tuple[str, int, int]] = {}
        """Buyer, units and time of every order that ever held stock."""
        self.paid = 0
        self.pay_delays_ms: list[int] = []
        """From placing to being confirmed, of orders that buyers placed themselves."""
        self.asked_themselves = 0
        """How many orders that held stock were placed by their buyers, and not by the clock."""
        self._gift_orders: set[str] = set()
        self._sold_out: set[str] = set()

    @property
    def pay_rate(self) -> tuple[int, int]:
        """Of the orders that buyers placed, how many were paid: (paid, of)."""
        return self.paid, self.asked_themselves

    @property
    def pay_delay_ms(self) -> int:
        """Half of these were paid sooner."""
        delays_ms = sorted(self.pay_delays_ms)
        return delays_ms[len(delays_ms) // 2] if delays_ms else 0

    def copied(self) -> Self:
        """As it is now."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | set | list):
                setattr(other, name, value.copy())
        return other

    def forget_orders(self) -> None:
        """Keep the counts only: nothing more may happen."""
        self.pay_delays_ms = [self.pay_delay_ms] if self.pay_delays_ms else []
        self.orders.clear()

    def _release(self, event: events.EditionReleased) -> None:
        self.offer = offer = event.offer
        self.left = {variant.variant_id: variant.stock for variant in offer.variants}
        if not event.awaits_terms:
            self._open(event.at_ms)

    def _apply_terms(self, event: events.TermsApplied) -> None:
        if self.opened_at_ms is None:
            self._open(event.at_ms)

    def _open(self, at_ms: int) -> None:
        if self.offer is not None:
            self.ready_at_ms = at_ms
            self.opened_at_ms = max(at_ms, self.offer.window.opens_at_ms or 0)

    def _place(self, event: events.OrderPlaced) -> None:
        units = sum(line.quantity for line in event.lines)
        self.placed += 1
        self.orders[event.originator_id] = event.buyer_id, units, event.at_ms
        if event.gift_id:
            self._gift_orders.add(event.originator_id)
        else:
            self.asked_themselves += 1
        self._move(event.moved, -1)

    def _refuse(self, event: events.OrderRefused) -> None:
        self.refused[event.reason] += 1

    def _note_demand(self, event: events.DemandRecorded) -> None:
        """A refusal that spent no id has no demand id."""
        if event.demand_id:
            self.clicks_behind_latch += event.clicks
            self.units_behind_latch += event.quantity
        else:
            self.refused[event.reason] += event.clicks

    def _reclaim(self, event: events.OrderReclaimed) -> None:
        self.reclaimed += 1
        self._move(event.moved, -1)

    def _expire(self, event: events.OrderExpired) -> None:
        self.expired += 1
        self._move(event.moved)

    def _cancel(self, event: events.OrderCancelled) -> None:
        self.cancelled += 1
        self._move(event.moved)

    def _confirm(self, event: events.OrderConfirmed) -> None:
        self.confirmed += 1
        self._keep(event.buyer_id, event.quantity)
        placed_at_ms = self.orders[event.originator_id][2]
        if event.originator_id not in self._gift_orders:
            self.paid += 1
            self.pay_delays_ms.append(event.at_ms - placed_at_ms)

    def _capture(self, event: events.PaymentCaptured) -> None:
        self.captured_minor += event.amount_minor

    def _return_money(self, event: events.PaymentRefunded) -> None:
        self.returned_minor += event.amount_minor

    def _take_back(self, event: events.OrderRefunded) -> None:
        buyer_id, _, _ = self.orders[event.originator_id]
        self._keep(buyer_id, -event.quantity)
        if event.restock:
            self._move(event.moved)

    def _fail_refund(self, event: events.RefundFailed) -> None:
        if not event.was_refunded:
            return
        buyer_id, _, _ = self.orders[event.order_id]
        self.returned_minor -= event.amount_minor
        self._keep(buyer_id, event.quantity)
        if event.from_stock:
            self._move(event.moved, -1)

    def _issue(self, event: events.StockAdded) -> None:
        self._change(event.variant_id, event.quantity)

    def _withdraw(self, event: events.StockWithdrawn) -> None:
        self._change(event.variant_id, -event.quantity)

    def _sell_out(self, event: events.EditionSoldOut) -> None:
        self._sold_out.add(event.variant_id)
        if self.sold_out_at_ms is None and len(self._sold_out) == len(self.left):
            self.sold_out_at_ms = event.at_ms

    def _release_stock(self, event: events.StockReleased) -> None:
        self._sold_out.discard(event.variant_id)

    def _flag(self, event: events.BuyerPaused) -> None:
        self.flagged.add(event.buyer_id)

    def _keep(self, buyer_id: str, quantity: int) -> None:
        self.units += quantity
        units = self.units_of.get(buyer_id, 0) + quantity
        if units:
            self.units_of[buyer_id] = units
        else:
            self.units_of.pop(buyer_id, None)

    def _move(self, moved: Iterable[OrderLine | LineUnits], sign: int = 1) -> None:
        for one in moved:
            self._change(one.variant_id, sign * one.quantity)

    def _change(self, variant_id: str, quantity: int) -> None:
        left = self.left[variant_id]
        if left is not None:
            self.left[variant_id] = left + quantity


COUNTS: Final[dict[type[events.Event], Callable[[SaleTally, Any], None]]] = {
    events.EditionReleased: SaleTally._release,
    events.TermsApplied: SaleTally._apply_terms,
    events.OrderPlaced: SaleTally._place,
    events.OrderRefused: SaleTally._refuse,
    events.DemandRecorded: SaleTally._note_demand,
    events.OrderReclaimed: SaleTally._reclaim,
    events.OrderExpired: SaleTally._expire,
    events.OrderCancelled: SaleTally._cancel,
    events.OrderConfirmed: SaleTally._confirm,
    events.PaymentCaptured: SaleTally._capture,
    events.PaymentRefunded: SaleTally._return_money,
    events.OrderRefunded: SaleTally._take_back,
    events.RefundFailed: SaleTally._fail_refund,
    events.StockAdded: SaleTally._issue,
    events.StockWithdrawn: SaleTally._withdraw,
    events.EditionSoldOut: SaleTally._sell_out,
    events.StockReleased: SaleTally._release_stock,
    events.BuyerPaused: SaleTally._flag,
}
"""What each kind of event changes in a tally; all others change nothing."""
