"""The sale of an edition: when it takes orders. Asked before every decision, and shown on every board, in one order."""

from typing import Literal, Self

import msgspec

from buystream.aggregates.applying import applies
from buystream.vocabulary import events
from buystream.vocabulary.values import SaleWindow

NotOnSale = Literal["", "cancelled", "closed", "not_open", "paused"]


class Sale(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """A part of its edition."""

    window: SaleWindow
    awaits_terms: bool = False
    paused: bool = False

    @classmethod
    def begin(cls, event: events.EditionReleased) -> Self:
        """From the release of its edition."""
        return cls(window=event.offer.window, awaits_terms=event.awaits_terms)

    @applies(events.TermsApplied)
    def open(self, _: events.TermsApplied) -> None:
        """Its terms are known."""
        self.awaits_terms = False

    @applies(events.SaleScheduled)
    def schedule(self, event: events.SaleScheduled) -> None:
        """It opens and closes at other times."""
        self.window = event.window

    @applies(events.SalePaused)
    def pause(self, _: events.SalePaused) -> None:
        """No orders for a while."""
        self.paused = True

    @applies(events.SaleResumed)
    def resume(self, _: events.SaleResumed) -> None:
        """Orders again."""
        self.paused = False


def why_not_on_sale(
    at_ms: int,
    *,
    cancelled: bool,
    window: SaleWindow,
    awaits_terms: bool,
    paused: bool,
) -> NotOnSale:
    """Why nobody can order now, or nothing. What is over for good comes first, then what changes with time, then
    what the merchant can change."""
    if cancelled:
        return "cancelled"
    if window.closes_at_ms is not None and at_ms >= window.closes_at_ms:
        return "closed"
    if awaits_terms or (window.opens_at_ms is not None and at_ms < window.opens_at_ms):
        return "not_open"
    return "paused" if paused else ""
