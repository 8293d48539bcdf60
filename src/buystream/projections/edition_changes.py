"""What each event does to an edition's row: summed per batch, so that `edition_board` writes each row once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from buystream.projections.offer_columns import json_of
from buystream.vocabulary import events
from buystream.vocabulary.events import Event
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.value import Value
from buystream.vocabulary.values import LineUnits, OrderLine, PriceTier, SaleWindow, TicketedEvent

Moved = LineUnits | OrderLine
"""Units of a variant."""


class Counts(msgspec.Struct, gc=False, omit_defaults=True):
    """What a batch adds to one variant's row; None leaves the latch as it is."""

    stock: int = 0
    available: int = 0
    held: int = 0
    sold: int = 0
    withdrawn: int = 0
    sold_out: bool | None = None
    tiers: tuple[PriceTier, ...] | None = None

    def columns(self) -> tuple[Any, ...]:
        """The values of its fields, as `APPLY_TO_VARIANTS` takes them."""
        counts = (getattr(self, name) for name in _COUNTED)
        return (*counts, self.sold_out, None if self.tiers is None else msgspec.json.encode(self.tiers).decode())


_COUNTED = Counts.__struct_fields__[:-2]


class Change(msgspec.Struct, gc=False, omit_defaults=True):
    """What a batch adds to one edition's row; None leaves a switch as it is."""

    stock: int = 0
    available: int = 0
    held: int = 0
    sold: int = 0
    withdrawn: int = 0
    paused: bool | None = None
    version: int = 0
    awaits_terms: bool | None = None
    reached: bool | None = None
    outcome: str | None = None
    cancelled_reason: str | None = None
    cancelled_at_ms: int | None = None
    cancellation_completed: bool | None = None
    refunds_failed: int | None = None
    moved_event: TicketedEvent | None = None
    changed_shipping: Shipping | None = None
    moved_window: SaleWindow | None = None
    renamed: str | None = None
    archived: bool | None = None
    takes_codes: bool | None = None
    raised_minor: int = 0
    givers: int = 0

    def columns(self) -> tuple[Any, ...]:
        """The values of its fields, as `APPLY` takes them."""
        row = msgspec.structs.asdict(self)
        return tuple(json_of(value) if isinstance(value, Value) else value for value in row.values())

    def add(self, counts: Counts) -> None:
        """What became of one of its variants."""
        self.stock += counts.stock
        self.available += counts.available
        self.held += counts.held
        self.sold += counts.sold
        self.withdrawn += counts.withdrawn


_AS_JSON = ("moved_event", "moved_window", "changed_shipping")
_SWITCHED = (
    *("paused", "awaits_terms", "reached", "outcome"),
    *("cancelled_reason", "cancelled_at_ms", "cancellation_completed", "refunds_failed"),
    *(*_AS_JSON, "renamed", "archived", "takes_codes"),
)
_ADDED = ("stock", "available", "held", "sold", "withdrawn", "raised_minor", "givers")
APPLY = f"""
    UPDATE editions AS e SET
        {", ".join(f"{column} = e.{column} + c.{column}" for column in _ADDED)},
        {", ".join(f"{column} = coalesce(c.{column}, e.{column})" for column in _SWITCHED)},
        version = greatest(e.version, c.version)
    FROM (VALUES %s) AS c (edition_id, {", ".join(Change.__struct_fields__)})
    WHERE e.edition_id = c.edition_id"""
_CASTS = {
    "outcome": "text",
    "cancelled_reason": "text",
    "cancelled_at_ms": "bigint",
    "refunds_failed": "bigint",
    "renamed": "text",
    **dict.fromkeys(_AS_JSON, "jsonb"),
}
APPLY_TEMPLATE = f"""(%s, {
    ", ".join(
        f"%s::{_CASTS.get(column, 'boolean')}" if column in _SWITCHED else "%s" for column in Change.__struct_fields__
    )
})"""

APPLY_TO_VARIANTS = f"""
    UPDATE variants AS v SET
        {", ".join(f"{column} = v.{column} + c.{column}" for column in _COUNTED)},
        sold_out = coalesce(c.sold_out, v.sold_out), tiers = coalesce(c.tiers, v.tiers)
    FROM (VALUES %s) AS c (edition_id, variant_id, {", ".join(Counts.__struct_fields__)})
    WHERE v.edition_id = c.edition_id AND v.variant_id = c.variant_id"""
VARIANTS_TEMPLATE = f"(%s, %s, {'%s, ' * len(_COUNTED)}%s::boolean, %s::jsonb)"


def moves_of(event: Any) -> Sequence[Moved]:
    """The variants whose stock or latch the event changes, with the units that it moves, if it moves any."""
    if isinstance(event, _OF_ORDERS):
        return event.moved
    return (LineUnits(variant_id=event.variant_id, quantity=getattr(event, "quantity", 0)),)


def _held(counts: Counts, _: events.OrderPlaced | events.OrderReclaimed, quantity: int) -> None:
    counts.available -= quantity
    counts.held += quantity


def _confirmed(counts: Counts, _: events.OrderConfirmed, quantity: int) -> None:
    counts.held -= quantity
    counts.sold += quantity


def _released(counts: Counts, _: events.OrderExpired | events.OrderCancelled, quantity: int) -> None:
    counts.held -= quantity
    counts.available += quantity


def _refunded(counts: Counts, event: events.OrderRefunded, quantity: int) -> None:
    counts.sold -= quantity
    if event.restock:
        counts.available += quantity
    else:
        counts.withdrawn += quantity


def _taken_again(counts: Counts, event: events.RefundFailed, quantity: int) -> None:
    counts.sold += quantity
    if event.from_stock:
        counts.available -= quantity
    else:
        counts.withdrawn -= quantity


def _put_back(counts: Counts, _: events.ReturnInspected, quantity: int) -> None:
    counts.withdrawn -= quantity
    counts.available += quantity


def _exchanged(counts: Counts, event: events.UnitsExchanged, quantity: int) -> None:
    counts.sold += quantity
    if quantity > 0 or event.restock:
        counts.available -= quantity
    else:
        counts.withdrawn -= quantity


def _added(counts: Counts, _: events.StockAdded, quantity: int) -> None:
    counts.stock += quantity
    counts.available += quantity


def _withdrawn(counts: Counts, _: events.StockWithdrawn, quantity: int) -> None:
    counts.available -= quantity
    counts.withdrawn += quantity


def _priced(counts: Counts, event: events.PriceTiersSet, _: int) -> None:
    counts.tiers = event.tiers


def _sold_out(counts: Counts, _: events.EditionSoldOut, __: int) -> None:
    counts.sold_out = True


def _on_sale_again(counts: Counts, _: events.StockReleased, __: int) -> None:
    counts.sold_out = False


def _paused(change: Change, event: events.SalePaused) -> None:
    change.paused = True


def _resumed(change: Change, event: events.SaleResumed) -> None:
    change.paused = False


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


def _moved(change: Change, event: events.EventMoved) -> None:
    change.moved_event = event.event


def _delivery_priced(change: Change, event: events.ShippingChanged) -> None:
    change.changed_shipping = event.shipping


def _scheduled(change: Change, event: events.SaleScheduled) -> None:
    change.moved_window = event.window


def _described(change: Change, event: events.EditionDescribed) -> None:
    if event.title is not None:
        change.renamed = event.title


def _archived(change: Change, event: events.EditionArchived) -> None:
    change.archived = event.archived


def _code_created(change: Change, event: events.CodeCreated) -> None:
    change.takes_codes = True


COUNTS: Mapping[type[Event], Callable[[Counts, Any, int], None]] = {
    events.OrderPlaced: _held,
    events.OrderReclaimed: _held,
    events.OrderConfirmed: _confirmed,
    events.OrderExpired: _released,
    events.OrderCancelled: _released,
    events.OrderRefunded: _refunded,
    events.RefundFailed: _taken_again,
    events.ReturnInspected: _put_back,
    events.UnitsExchanged: _exchanged,
    events.StockAdded: _added,
    events.StockWithdrawn: _withdrawn,
    events.PriceTiersSet: _priced,
    events.EditionSoldOut: _sold_out,
    events.StockReleased: _on_sale_again,
}
"""Every event that moves a variant's stock or its latch."""

_OF_ORDERS = (
    *(events.OrderPlaced, events.OrderReclaimed, events.OrderConfirmed, events.OrderExpired, events.OrderCancelled),
    *(events.OrderRefunded, events.RefundFailed, events.ReturnInspected, events.UnitsExchanged),
)

CHANGES: Mapping[type[Event], Callable[[Change, Any], None]] = {
    events.SalePaused: _paused,
    events.SaleResumed: _resumed,
    events.TermsApplied: _terms_applied,
    events.CampaignReached: _reached,
    events.CampaignEnded: _ended,
    events.EditionCancelled: _cancelled,
    events.CancellationContinued: _cancellation_continued,
    events.CancellationCompleted: _cancellation_completed,
    events.EventMoved: _moved,
    events.ShippingChanged: _delivery_priced,
    events.SaleScheduled: _scheduled,
    events.EditionDescribed: _described,
    events.EditionArchived: _archived,
    events.CodeCreated: _code_created,
}
"""Every event that moves an edition's switches."""
