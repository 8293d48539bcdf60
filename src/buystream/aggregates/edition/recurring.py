"""A recurring gift: an amount, given at a fixed interval of months with a saved payment method."""

from calendar import monthrange
from datetime import MAXYEAR, UTC, datetime
from typing import Self

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.edition.order import Order
from buystream.vocabulary import commands, events


class RecurringGift(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """Its edition decides for it. `placed` gifts so far, the last one at `placed_at_ms`; the last `unpaid` of them
    nobody paid, whether the bank said no or waits for the giver. `skipped` ones were missed; the next one is due at
    `next_due_ms`."""

    buyer_id: str
    amount_minor: int
    interval_months: int
    payment_method: str
    delivery: str
    started_at_ms: int
    next_due_ms: int
    placed: int = 0
    placed_at_ms: int = 0
    unpaid: int = 0
    skipped: int = 0
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

    def asks_the_same(self, command: commands.StartRecurringGift) -> bool:
        """Whether the command is a repeat of the one that this gift came from; the saved card may be another by now."""
        return (
            self.buyer_id == command.buyer_id
            and self.amount_minor == command.amount_minor
            and self.interval_months == command.interval_months
        )

    @property
    def following_due_ms(self) -> int:
        """When the gift after the next one is due: the same day of a later month, or its last."""
        return self.due_ms(1)

    def due_ms(self, ahead: int) -> int:
        """When the gift is due that comes so many after the next one."""
        return months_after(self.started_at_ms, self.interval_months * (self.placed + self.skipped + ahead))

    def due(self, at_ms: int) -> int:
        """How many gifts, from the next one on, are due at that time: as quickly after centuries as after a month."""
        months = months_between(self.started_at_ms, at_ms)
        due = max(months // self.interval_months - self.placed - self.skipped, 0)
        return due + 1 if self.due_ms(due) <= at_ms else due

    def missed(self, at_ms: int) -> int:
        """How many gifts, from the next one on, are missed at that time: all but the newest that is due, and that one
        too if the last gift was placed less than half an interval ago."""
        due = self.due(at_ms)
        if not due:
            return 0
        half_ms = (self.due_ms(due) - self.due_ms(due - 1)) // 2
        return due if at_ms - self.placed_at_ms < half_ms else due - 1

    def note_placed(self, event: events.OrderPlaced) -> None:
        """One of its gifts was placed; never refuses."""
        self.placed += 1
        self.unpaid += 1
        self.placed_at_ms = event.at_ms
        if event.next_due_ms is not None:
            self.next_due_ms = event.next_due_ms


class GiftBook(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of an edition: every recurring gift, by its id."""

    gifts: dict[str, RecurringGift] = {}

    def start(self, event: events.RecurringGiftStarted) -> None:
        """One more."""
        self.gifts[event.gift_id] = RecurringGift.begin(event)

    @applies(events.RecurringGiftSkipped)
    def skip(self, event: events.RecurringGiftSkipped) -> None:
        """Some of its gifts were missed."""
        gift = self.gifts[event.gift_id]
        gift.skipped += event.skipped
        gift.next_due_ms = event.next_due_ms

    @applies(events.RecurringGiftEnded)
    def end(self, event: events.RecurringGiftEnded) -> None:
        """No further gift is placed."""
        self.gifts[event.gift_id].ended = event.reason

    @applies(events.OrderPlaced)
    def place(self, event: events.OrderPlaced, _: Order) -> None:
        """One of its gifts was placed."""
        if event.gift_id:
            self.gifts[event.gift_id].note_placed(event)

    @applies(events.OrderConfirmed)
    def pay(self, _: events.OrderConfirmed, order: Order) -> None:
        """A gift that was paid makes up for those before it."""
        if order.gift_id:
            self.gifts[order.gift_id].unpaid = 0

    @applies(events.PaymentAuthorised)
    def save_method(self, event: events.PaymentAuthorised, order: Order) -> None:
        """A payment saved its method: the following gifts are paid by it."""
        if order.gift_id and event.reusable_method:
            self.gifts[order.gift_id].payment_method = event.reusable_method


def months_between(from_ms: int, to_ms: int) -> int:
    """How many months the calendar (UTC) counts from the one time's month to the other's; not all may be complete."""
    latest_ms = _latest_ms()
    start, end = (datetime.fromtimestamp(min(at_ms, latest_ms) // 1000, UTC) for at_ms in (from_ms, to_ms))
    return (end.year - start.year) * 12 + end.month - start.month


def months_after(at_ms: int, months: int) -> int:
    """The same time of day so many months later (UTC), on the same day or the month's last. After the
    last year that a date can name it is never due: then the time is the end of that year."""
    seconds, milliseconds = divmod(at_ms, 1000)
    start = datetime.fromtimestamp(seconds, UTC)
    years, month = divmod(start.month - 1 + months, 12)
    if start.year + years > MAXYEAR:
        return _latest_ms() + 1000
    day = min(start.day, monthrange(start.year + years, month + 1)[1])
    later = start.replace(year=start.year + years, month=month + 1, day=day)
    return int(later.timestamp()) * 1000 + milliseconds


def _latest_ms() -> int:
    """The last second that a date can name."""
    return int(datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()) * 1000
