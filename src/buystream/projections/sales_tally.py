"""What the merchant's desk counts: which events, and what each of them adds."""

from typing import Final

import msgspec

from buystream.vocabulary import events


class SalesTally(msgspec.Struct, gc=False):
    """What happened to one edition, in one second or in all: `buystream.projections.merchant_dashboard.Totals` says
    what each of these counts."""

    clicks: int = 0
    held: int = 0
    confirmed: int = 0
    refused: int = 0
    expired: int = 0
    gifts_skipped: int = 0
    revenue_minor: int = 0

    def add(self, other: "SalesTally") -> None:
        """Both together."""
        self.clicks += other.clicks
        self.held += other.held
        self.confirmed += other.confirmed
        self.refused += other.refused
        self.expired += other.expired
        self.gifts_skipped += other.gifts_skipped
        self.revenue_minor += other.revenue_minor


COUNTED: Final = frozenset(
    {
        events.OrderPlaced,
        events.OrderRefused,
        events.DemandRecorded,
        events.OrderConfirmed,
        events.OrderRefunded,
        events.RefundFailed,
        events.PaymentDisputed,
        events.DisputeClosed,
        events.OrderExpired,
        events.OrderReclaimed,
        events.RecurringGiftSkipped,
    }
)
"""Every event that a tally counts."""


def count(event: events.Event, tally: SalesTally) -> None:
    """Add what the event says."""
    match event:
        case events.OrderPlaced():
            tally.clicks += 1
            tally.held += 1
        case events.OrderRefused():
            tally.clicks += 1
            tally.refused += 1
        case events.DemandRecorded():
            tally.clicks += event.clicks
            tally.refused += event.clicks
        case events.OrderConfirmed():
            tally.confirmed += 1
            tally.revenue_minor += event.amount_minor
        case events.OrderRefunded():
            tally.revenue_minor -= event.amount_minor
        case events.RefundFailed(was_refunded=True):
            tally.revenue_minor += event.amount_minor
        case events.DisputeClosed():
            tally.revenue_minor += event.returned_minor
        case events.PaymentDisputed():
            tally.revenue_minor -= event.taken_minor
        case events.OrderExpired():
            tally.expired += 1
        case events.OrderReclaimed():
            tally.expired -= 1
        case events.RecurringGiftSkipped():
            tally.gifts_skipped += event.skipped


def refusal_in(event: events.Event) -> tuple[str, int] | None:
    """Why clicks were refused, and how many; None when it says nothing about that."""
    match event:
        case events.OrderRefused():
            return event.reason, 1
        case events.DemandRecorded():
            return event.reason, event.clicks
    return None
