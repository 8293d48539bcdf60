"""A recurring gift: an amount, given again every so many months by a saved payment method."""

from calendar import monthrange
from datetime import UTC, datetime
from typing import Final, Self

import msgspec

from buystream import events

DECLINES_MAX: Final = 3
"""So many declined payments in a row end it."""

INTERVAL_MONTHS: Final = (1, 3, 6, 12)


class RecurringGift(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """Its edition decides for it. `placed` gifts so far; the next one is due at `next_due_ms`."""

    buyer_id: str
    amount_minor: int
    interval_months: int
    payment_method: str
    delivery: str
    started_at_ms: int
    next_due_ms: int
    placed: int = 0
    declines: int = 0
    ended: str = ""

    @classmethod
    def begin(cls, event: events.RecurringGiftStarted) -> Self:
        """From its first event."""
        return cls(
            buyer_id=event.buyer_id,
            amount_minor=event.amount_minor,
            interval_months=event.interval_months,
            payment_method=event.payment_method,
            delivery=event.delivery,
            started_at_ms=event.at_ms,
            next_due_ms=event.next_due_ms,
        )

    @property
    def following_due_ms(self) -> int:
        """When the gift after the next one is due: the same day of a later month, or its last."""
        return months_after(self.started_at_ms, self.interval_months * (self.placed + 1))

    def note_placed(self, event: events.OrderPlaced) -> None:
        """One of its gifts was placed; never refuses."""
        self.placed += 1
        if event.next_due_ms is not None:
            self.next_due_ms = event.next_due_ms

    def note_order(self, event: events.OrderEvent) -> None:
        """A gift that was paid forgives earlier declines; never refuses."""
        if isinstance(event, events.OrderConfirmed):
            self.declines = 0


def months_after(at_ms: int, months: int) -> int:
    """The same time of day so many months later (UTC), on the same day or the month's last."""
    seconds, milliseconds = divmod(at_ms, 1000)
    start = datetime.fromtimestamp(seconds, UTC)
    years, month = divmod(start.month - 1 + months, 12)
    day = min(start.day, monthrange(start.year + years, month + 1)[1])
    later = start.replace(year=start.year + years, month=month + 1, day=day)
    return int(later.timestamp()) * 1000 + milliseconds
