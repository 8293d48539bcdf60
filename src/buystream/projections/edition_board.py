"""The edition board: terms, stock and state of everything on sale, one row per edition."""

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream import events
from buystream.events import Event
from buystream.projections.batches import Batch

NAME = "edition_board"

SaleState = Literal["scheduled", "open", "paused", "sold_out", "closed"]


class Board(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An edition as the API tells it. `price_minor` is None when the buyer chooses within the bounds; `stock` and
    `available` are None when unlimited. `available + held + sold + withdrawn = stock`. `version` is the edition's."""

    edition_id: str
    merchant_id: str
    merchant_name: str
    title: str
    description: str
    kind: str
    image: str
    currency: str
    price_minor: int | None
    price_min_minor: int
    price_max_minor: int
    suggested_minor: tuple[int, ...]
    limit_per_buyer: int
    stock: int | None
    available: int | None
    held: int
    sold: int
    withdrawn: int
    state: SaleState
    opens_at_ms: int | None
    closes_at_ms: int | None
    hold_seconds: int
    needs_address: bool
    version: int


def board(cur: cursor, edition_id: str, *, now_ms: int | None = None) -> Board | None:
    """The edition, or None when there is none (yet). `now_ms` (the wall clock's if None) opens and closes the sale."""
    cur.execute(f"{_SELECT} WHERE e.edition_id = %s", (edition_id,))
    row = cur.fetchone()
    return _board(row, now_ms) if row else None


def boards(cur: cursor, *, now_ms: int | None = None) -> list[Board]:
    """All editions, newest first."""
    cur.execute(f"{_SELECT} ORDER BY e.released_at_ms DESC, e.edition_id")
    return [_board(row, now_ms) for row in cur]


def boards_of_merchant(cur: cursor, merchant_id: str, *, now_ms: int | None = None) -> list[Board]:
    """The merchant's editions, newest first."""
    cur.execute(f"{_SELECT} WHERE e.merchant_id = %s ORDER BY e.released_at_ms DESC, e.edition_id", (merchant_id,))
    return [_board(row, now_ms) for row in cur]


_TERMS = (
    "merchant_id",
    "title",
    "description",
    "kind",
    "image",
    "currency",
    "price_min_minor",
    "price_max_minor",
    "limit_per_buyer",
    "hold_seconds",
    "needs_address",
    "opens_at_ms",
    "closes_at_ms",
    "stock",
)
"""Columns that carry the name of their field in EditionReleased."""

_READ = (
    "edition_id",
    *_TERMS,
    "suggested_minor",
    *("available", "held", "sold", "withdrawn", "paused", "sold_out", "version"),
)
_SELECT = f"""
    SELECT {", ".join(f"e.{column}" for column in _READ)}, coalesce(m.name, '') AS merchant_name
    FROM views.editions AS e LEFT JOIN views.merchants AS m USING (merchant_id)"""


def _board(row: Sequence[Any], now_ms: int | None) -> Board:
    fields = dict(zip((*_READ, "merchant_name"), row, strict=True))
    at_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    state = _state(fields, fields.pop("paused"), fields.pop("sold_out"), at_ms)
    fixed = fields["price_min_minor"] == fields["price_max_minor"]
    fields["suggested_minor"] = tuple(fields["suggested_minor"])
    return Board(price_minor=fields["price_min_minor"] if fixed else None, state=state, **fields)


def _state(terms: Mapping[str, Any], paused: bool, sold_out: bool, at_ms: int) -> SaleState:
    if terms["closes_at_ms"] is not None and at_ms >= terms["closes_at_ms"]:
        return "closed"
    if terms["opens_at_ms"] is not None and at_ms < terms["opens_at_ms"]:
        return "scheduled"
    if paused:
        return "paused"
    return "sold_out" if sold_out or terms["available"] == 0 else "open"


class _Change(msgspec.Struct, gc=False):
    """What a batch adds to one edition's row; None leaves a switch as it is."""

    stock: int = 0
    available: int = 0
    held: int = 0
    sold: int = 0
    withdrawn: int = 0
    paused: bool | None = None
    sold_out: bool | None = None
    version: int = 0


_APPLY = """
    UPDATE editions AS e SET
        stock = e.stock + c.stock, available = e.available + c.available, held = e.held + c.held,
        sold = e.sold + c.sold, withdrawn = e.withdrawn + c.withdrawn,
        paused = coalesce(c.paused, e.paused), sold_out = coalesce(c.sold_out, e.sold_out),
        version = greatest(e.version, c.version)
    FROM (VALUES %s) AS c (edition_id, stock, available, held, sold, withdrawn, paused, sold_out, version)
    WHERE e.edition_id = c.edition_id"""
_APPLY_TEMPLATE = "(%s, %s, %s, %s, %s, %s, %s::boolean, %s::boolean, %s)"


class EditionBoard:
    """The projection behind this module's read functions."""

    name = NAME
    version = 2

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "edition_board.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Add up what the batch does to each edition, then write each row once."""
        facts = [event for _, event, _ in batch if isinstance(event, _COUNTED)]
        _insert(cur, [event for event in facts if isinstance(event, events.EditionReleased)])
        changes: dict[str, _Change] = {}
        for event in facts:
            change = changes.get(event.edition_id)
            if change is None:
                change = changes[event.edition_id] = _Change()
            change.version = event.edition_version
            if (step := _CHANGES.get(type(event))) is not None:
                step(change, event)
        rows = [(edition_id, *msgspec.structs.astuple(change)) for edition_id, change in changes.items()]
        if rows:
            execute_values(cur, _APPLY, rows, template=_APPLY_TEMPLATE, page_size=1_000)


_COUNTED = (events.EditionEvent, events.OrderEvent, events.PaymentEvent)


def _insert(cur: cursor, released: list[events.EditionReleased]) -> None:
    if released:
        execute_values(
            cur,
            f"""INSERT INTO editions
                (edition_id, released_at_ms, version, suggested_minor, available, {", ".join(_TERMS)}) VALUES %s""",
            [
                (
                    *(event.originator_id, event.at_ms, event.originator_version, list(event.suggested_minor)),
                    *(event.stock, *(getattr(event, column) for column in _TERMS)),
                )
                for event in released
            ],
            template=f"(%s, %s, %s, %s::bigint[], %s, {', '.join('%s' for _ in _TERMS)})",
        )


def _held(change: _Change, event: events.OrderPlaced | events.OrderReclaimed) -> None:
    change.available -= event.quantity
    change.held += event.quantity


def _confirmed(change: _Change, event: events.OrderConfirmed) -> None:
    change.held -= event.quantity
    change.sold += event.quantity


def _released(change: _Change, event: events.OrderExpired | events.OrderCancelled) -> None:
    change.held -= event.quantity
    change.available += event.quantity


def _refunded(change: _Change, event: events.OrderRefunded) -> None:
    change.sold -= event.quantity
    if event.restock:
        change.available += event.quantity
    else:
        change.withdrawn += event.quantity


def _added(change: _Change, event: events.StockAdded) -> None:
    change.stock += event.quantity
    change.available += event.quantity


def _withdrawn(change: _Change, event: events.StockWithdrawn) -> None:
    change.available -= event.quantity
    change.withdrawn += event.quantity


def _paused(change: _Change, event: events.SalePaused) -> None:
    change.paused = True


def _resumed(change: _Change, event: events.SaleResumed) -> None:
    change.paused = False


def _sold_out(change: _Change, event: events.EditionSoldOut) -> None:
    change.sold_out = True


def _on_sale_again(change: _Change, event: events.StockReleased) -> None:
    change.sold_out = False


_CHANGES: Mapping[type[Event], Callable[[_Change, Any], None]] = {
    events.OrderPlaced: _held,
    events.OrderReclaimed: _held,
    events.OrderConfirmed: _confirmed,
    events.OrderExpired: _released,
    events.OrderCancelled: _released,
    events.OrderRefunded: _refunded,
    events.StockAdded: _added,
    events.StockWithdrawn: _withdrawn,
    events.SalePaused: _paused,
    events.SaleResumed: _resumed,
    events.EditionSoldOut: _sold_out,
    events.StockReleased: _on_sale_again,
}
"""Every event that moves an edition's stock or switches."""
