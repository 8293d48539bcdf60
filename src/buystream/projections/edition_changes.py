"""What each event does to an edition's row: summed per batch, so that `edition_board` writes each row once."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from buystream.vocabulary import events
from buystream.vocabulary.events import Event


class Change(msgspec.Struct, gc=False):
    """What a batch adds to one edition's row; None leaves a switch as it is."""

    stock: int = 0
    available: int = 0
    held: int = 0
    sold: int = 0
    withdrawn: int = 0
    paused: bool | None = None
    sold_out: bool | None = None
    version: int = 0
    awaits_terms: bool | None = None
    reached: bool | None = None
    outcome: str | None = None
    cancelled_reason: str | None = None
    cancelled_at_ms: int | None = None
    cancellation_completed: bool | None = None
    refunds_failed: int | None = None
    raised_minor: int = 0
    givers: int = 0


_SWITCHED = (
    *("paused", "sold_out", "awaits_terms", "reached", "outcome"),
    *("cancelled_reason", "cancelled_at_ms", "cancellation_completed", "refunds_failed"),
)
_ADDED = ("stock", "available", "held", "sold", "withdrawn", "raised_minor", "givers")
APPLY = f"""
    UPDATE editions AS e SET
        {", ".join(f"{column} = e.{column} + c.{column}" for column in _ADDED)},
        {", ".join(f"{column} = coalesce(c.{column}, e.{column})" for column in _SWITCHED)},
        version = greatest(e.version, c.version)
    FROM (VALUES %s) AS c (edition_id, {", ".join(Change.__struct_fields__)})
    WHERE e.edition_id = c.edition_id"""
_CASTS = {"outcome": "text", "cancelled_reason": "text", "cancelled_at_ms": "bigint", "refunds_failed": "bigint"}
APPLY_TEMPLATE = f"""(%s, {
    ", ".join(
        f"%s::{_CASTS.get(column, 'boolean')}" if column in _SWITCHED else "%s" for column in Change.__struct_fields__
    )
})"""


def _held(change: Change, event: events.OrderPlaced | events.OrderReclaimed) -> None:
    change.available -= event.quantity
    change.held += event.quantity


def _confirmed(change: Change, event: events.OrderConfirmed) -> None:
    change.held -= event.quantity
    change.sold += event.quantity


def _released(change: Change, event: events.OrderExpired | events.OrderCancelled) -> None:
    change.held -= event.quantity
    change.available += event.quantity


def _refunded(change: Change, event: events.OrderRefunded) -> None:
    change.sold -= event.quantity
    if event.restock:
        change.available += event.quantity
    else:
        change.withdrawn += event.quantity


def _taken_again(change: Change, event: events.RefundFailed) -> None:
    change.sold += event.quantity
    if event.from_stock:
        change.available -= event.quantity
    else:
        change.withdrawn -= event.quantity


def _added(change: Change, event: events.StockAdded) -> None:
    change.stock += event.quantity
    change.available += event.quantity


def _withdrawn(change: Change, event: events.StockWithdrawn) -> None:
    change.available -= event.quantity
    change.withdrawn += event.quantity


def _paused(change: Change, event: events.SalePaused) -> None:
    change.paused = True


def _resumed(change: Change, event: events.SaleResumed) -> None:
    change.paused = False


def _sold_out(change: Change, event: events.EditionSoldOut) -> None:
    change.sold_out = True


def _on_sale_again(change: Change, event: events.StockReleased) -> None:
    change.sold_out = False


def _terms_applied(change: Change, event: events.TermsApplied) -> None:
    change.awaits_terms = False


def _reached(change: Change, event: events.CampaignReached) -> None:
    change.reached = True


def _ended(change: Change, event: events.CampaignEnded) -> None:
    change.outcome = event.outcome


def _cancelled(change: Change, event: events.EditionCancelled) -> None:
    change.cancelled_reason, change.cancelled_at_ms = event.reason, event.at_ms


def _cancellation_continued(change: Change, event: events.CancellationContinued) -> None:
    change.cancellation_completed = False


def _cancellation_completed(change: Change, event: events.CancellationCompleted) -> None:
    change.cancellation_completed, change.refunds_failed = True, event.failed


CHANGES: Mapping[type[Event], Callable[[Change, Any], None]] = {
    events.OrderPlaced: _held,
    events.OrderReclaimed: _held,
    events.OrderConfirmed: _confirmed,
    events.OrderExpired: _released,
    events.OrderCancelled: _released,
    events.OrderRefunded: _refunded,
    events.RefundFailed: _taken_again,
    events.StockAdded: _added,
    events.StockWithdrawn: _withdrawn,
    events.SalePaused: _paused,
    events.SaleResumed: _resumed,
    events.EditionSoldOut: _sold_out,
    events.StockReleased: _on_sale_again,
    events.TermsApplied: _terms_applied,
    events.CampaignReached: _reached,
    events.CampaignEnded: _ended,
    events.EditionCancelled: _cancelled,
    events.CancellationContinued: _cancellation_continued,
    events.CancellationCompleted: _cancellation_completed,
}
"""Every event that moves an edition's stock or switches."""
