"""The holds of a partition: which of them runs out when. They are apart from the agenda, because a Tick ends them
first and in numbers of their own, and because those from before the partition was last taken over get a grace."""

from collections.abc import Collection, Iterator
from typing import Final

from buystream.aggregates.deadlines import Deadlines
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.ordering import HOLD
from buystream.aggregates.state import State

_HOLD: Final = HOLD.name


class Holds:
    """What can expire."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._kept = Deadlines(self._is_current)
        """Of orders that were placed before the partition was last taken over."""
        self._running = Deadlines(self._is_current)
        known: dict[bool, list[tuple[int, str, str, str]]] = {True: [], False: []}
        for edition in state.editions.values():
            for order in edition.orders.values():
                if order.hold_expires_at_ms is not None:
                    known[self._is_kept(order)].append((order.hold_expires_at_ms, edition.id, _HOLD, order.id))
        self._kept.fill(known[True])
        self._running.fill(known[False])

    def note(self, edition_id: str, order: Order) -> None:
        """The order's clock was set."""
        if (due_ms := order.hold_expires_at_ms) is not None:
            deadlines = self._kept if order.placed_at_ms <= self._state.taken_at_ms else self._running
            deadlines.add((due_ms, edition_id, _HOLD, order.id))

    def keep(self) -> None:
        """The partition is taken over: all holds that run now get the grace."""
        self._kept.absorb(self._running)

    def next_ms(self, without: Collection[str] = ()) -> int | None:
        """When the next hold runs out or has to be extended; None when no clock runs."""
        kept_ms, running_ms = self._kept.next_ms(without), self._running.next_ms(without)
        if kept_ms is not None and kept_ms < self._state.grace_until_ms:
            kept_ms = min(kept_ms, self._state.at_ms)  # to be extended at once: its buyer should see the time left
        return min((due_ms for due_ms in (kept_ms, running_ms) if due_ms is not None), default=None)

    def to_extend(self, limit: int, without: Collection[str] = ()) -> Iterator[tuple[str, str]]:
        """Up to `limit` edition and order ids of holds that would run out within the grace; each must be extended
        before the next is requested."""
        return _taken(self._kept, self._state.grace_until_ms - 1, limit, without)

    def to_expire(self, until_ms: int, limit: int, without: Collection[str] = ()) -> Iterator[tuple[str, str]]:
        """Up to `limit` edition and order ids of holds that run out by then, those that keep the grace only after it;
        each must be expired before the next is requested."""
        yield from _taken(self._running, until_ms, limit, without)
        if self._state.at_ms >= self._state.grace_until_ms:
            yield from _taken(self._kept, until_ms, limit, without)

    def _is_kept(self, order: Order) -> bool:
        """Whether it was placed before the partition was last taken over."""
        return order.placed_at_ms <= self._state.taken_at_ms

    def _is_current(self, entry: tuple[int, str, str, str]) -> bool:
        due_ms, edition_id, _, order_id = entry
        return self._state.editions[edition_id].book.orders[order_id].hold_expires_at_ms == due_ms


def _taken(deadlines: Deadlines, until_ms: int, limit: int, without: Collection[str]) -> Iterator[tuple[str, str]]:
    while limit and (entry := deadlines.take(until_ms, without)) is not None:
        _, edition_id, _, order_id = entry
        yield edition_id, order_id
        limit -= 1
