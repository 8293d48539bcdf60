"""What the views say after some events, folded in memory by the projections' own code."""

from collections.abc import Iterable
from typing import Any

import msgspec

from buystream.aggregates.edition.edition import Edition
from buystream.projections.boards import MerchantBoard, merchant_board_of
from buystream.projections.edition_changes import CHANGES, COUNTS, Change, Counts, moves_of
from buystream.projections.new_order_rows import created
from buystream.projections.offer_columns import stock_of, terms_of, variants_of
from buystream.projections.order_rows import Row, change, changed_order
from buystream.projections.order_terms import order_terms
from buystream.projections.order_views import OrderView, view_of
from buystream.vocabulary import events

_SWITCHES = {
    "paused": False,
    "takes_codes": False,
    "reached": False,
    "outcome": None,
    "cancelled_reason": None,
    "cancelled_at_ms": None,
    "cancellation_completed": False,
    "moved_event": None,
    "changed_shipping": None,
    "moved_window": None,
    "renamed": None,
    "archived": False,
    "picture": None,
    "notes": (),
    "has_story": False,
    "refunds_failed": 0,
    "raised_minor": 0,
    "givers": 0,
}


_REPLACED = (
    *("cancelled_at_ms", "refunds_failed", "moved_event", "changed_shipping"),
    *("moved_window", "renamed"),
)
"""What an event says anew; other numbers are added."""


class SeenInMemory:
    """Rows of orders and of editions, by id."""

    def __init__(self) -> None:
        self._orders: dict[str, Row] = {}
        self._editions: dict[str, dict[str, Any]] = {}

    def see(self, happened: Iterable[events.Event]) -> None:
        """Fold these."""
        for event in happened:
            if isinstance(event, events.EditionReleased):
                self._editions[event.edition_id] = _released(event)
            if isinstance(event, events.OrderPlaced | events.OrderRefused):
                self._orders[event.order_id] = created(event)
            if (order_id := changed_order(event)) is not None:
                change(self._orders[order_id], event)
            if type(event) in CHANGES:
                self._change_edition(event)
            elif type(event) in COUNTS:
                self._count(event)

    def order(self, order_id: str) -> OrderView:
        """An order as it is seen now."""
        row = self._orders[order_id]
        fields = self._editions[row.edition_id]
        return view_of(row, terms=order_terms(fields))

    def edition(self, edition: Edition, at_ms: int) -> MerchantBoard:
        """An edition as its merchant sees it at that time."""
        return merchant_board_of(self._editions[edition.id], at_ms)

    def _change_edition(self, event: Any) -> None:
        step = Change()
        CHANGES[type(event)](step, event)
        fields = self._editions[event.edition_id]
        for name, value in msgspec.structs.asdict(step).items():
            if isinstance(value, bool | str) or name in _REPLACED:
                fields[name] = fields[name] if value is None else value
            elif value is not None and fields[name] is not None:
                fields[name] += value

    def _count(self, event: Any) -> None:
        for moved in moves_of(event):
            counts = Counts()
            COUNTS[type(event)](counts, event, moved.quantity)
            self._add(event, moved.variant_id, counts)

    def _add(self, event: Any, variant_id: str, counts: Counts) -> None:
        change = Change()
        change.add(counts)
        fields = self._editions[event.edition_id]
        (variant,) = [one for one in fields["variants"] if one["variant_id"] == variant_id]
        for name in ("stock", "available", "held", "sold", "withdrawn"):
            for row, added in ((fields, change), (variant, counts)):
                if row[name] is not None:
                    row[name] += getattr(added, name)
        if counts.sold_out is not None:
            variant["sold_out"] = counts.sold_out
        if counts.tiers is not None:
            variant["tiers"] = counts.tiers


def _released(event: events.EditionReleased) -> dict[str, Any]:
    counts = {"available": stock_of(event.offer), "held": 0, "sold": 0, "withdrawn": 0, "version": 1}
    none = {"held": 0, "sold": 0, "withdrawn": 0, "sold_out": False, "tiers": ()}
    variants = [{**one, **none, "available": one["stock"]} for one in variants_of(event.offer)]
    names = {"edition_id": event.edition_id, "merchant_id": event.merchant_id, "merchant_name": ""}
    released = {"awaits_terms": event.awaits_terms, "saves_methods": event.saves_methods}
    terms = terms_of(event.offer) | {"suggested_minor": event.offer.suggested_minor, "variants": variants}
    terms["event"] = event.offer.event
    terms["shipping"] = msgspec.to_builtins(event.offer.shipping)
    return terms | released | _SWITCHES | counts | names
