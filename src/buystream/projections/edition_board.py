"""The edition board: terms, stock and state of everything on sale, one row per edition."""

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream import events
from buystream.aggregates.recurring import INTERVAL_MONTHS
from buystream.events import Event
from buystream.projections import campaigns
from buystream.projections.batches import Batch
from buystream.projections.campaigns import CampaignView, campaign_view

NAME = "edition_board"

AWAITS_TERMS = "awaits_terms"

SaleState = Literal["scheduled", "open", "paused", "sold_out", "closed", "cancelled"]


class RefundRule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who may give an order back: its merchant at any time, and with `by` buyer its buyer too, before `until_ms` (None:
    any time) and before it is shipped, for `share_bps` of the money (10 000: all of it)."""

    by: Literal["merchant", "buyer"] = "merchant"
    until_ms: int | None = None
    share_bps: int = 10_000
    restock: bool = True


class CancellationView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """It won't take place. While it isn't `completed`, `held` and `sold` of the board are what is left to give back;
    `failed` refunds need the merchant."""

    reason: str
    cancelled_at_ms: int
    completed: bool
    failed: int


class Board(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An edition as the API tells it. `price_minor` is None when the buyer chooses within the bounds; prices include
    `tax_bps` (10 000: 100 %) of tax. `stock` and `available` are None when unlimited. `available + held + sold +
    withdrawn = stock`. `reason` says why it is `scheduled` when that isn't the clock: awaits_terms. A gift can be given
    every so many `recurring_months`; none means once only. `version` is the edition's."""

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
    reason: str | None
    tax_bps: int
    tax_label: str
    refund: RefundRule
    receipts: bool
    recurring_months: tuple[int, ...]
    campaign: CampaignView | None
    cancellation: CancellationView | None

    @property
    def awaits_terms(self) -> bool:
        """Whether it takes no orders yet because its merchant's terms are on their way."""
        return self.reason == AWAITS_TERMS


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


def projects_of_merchant(cur: cursor, merchant_id: str, *, now_ms: int) -> list[Board]:
    """The merchant's campaigns and gifts that can be given to now, newest first."""
    mine = boards_of_merchant(cur, merchant_id, now_ms=now_ms)
    return [one for one in mine if one.state == "open" and (one.kind == "gift" or one.campaign is not None)]


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
    "tax_bps",
    "tax_label",
    "receipts",
    "awaits_terms",
    "refund_by",
    "refund_until_ms",
    "refund_share_bps",
    "refund_restock",
    "target_minor",
    "all_or_nothing",
    "if_missed",
)
"""Columns that carry the name of their field in EditionReleased."""

_SHOWN = tuple(column for column in _TERMS if column in Board.__struct_fields__)
"""What a board tells as it stands."""

_COUNTS = ("available", "held", "sold", "withdrawn", "version")
_SWITCHES = ("paused", "sold_out", "awaits_terms")
_REFUND = ("refund_by", "refund_until_ms", "refund_share_bps", "refund_restock")
_CANCELLATION = ("cancelled_reason", "cancelled_at_ms", "cancellation_completed", "refunds_failed")
_READ = ("edition_id", *_SHOWN, "suggested_minor", *_COUNTS, *_SWITCHES, *_REFUND, *campaigns.COLUMNS, *_CANCELLATION)
_SELECT = f"""
    SELECT {", ".join(f"e.{column}" for column in _READ)}, coalesce(m.name, '') AS merchant_name
    FROM views.editions AS e LEFT JOIN views.merchants AS m USING (merchant_id)"""


def _board(row: Sequence[Any], now_ms: int | None) -> Board:
    fields = dict(zip((*_READ, "merchant_name"), row, strict=True))
    at_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    state, reason = _state(fields, at_ms)
    fixed = fields["price_min_minor"] == fields["price_max_minor"]
    campaign = campaign_view(fields)
    once = fields["kind"] != "gift" or (campaign is not None and campaign.all_or_nothing)
    by, until_ms, share_bps, restock = (fields[column] for column in _REFUND)
    cancellation = None
    if fields["cancelled_at_ms"] is not None:
        cancellation = CancellationView(
            reason=fields["cancelled_reason"],
            cancelled_at_ms=fields["cancelled_at_ms"],
            completed=fields["cancellation_completed"],
            failed=fields["refunds_failed"],
        )
    return Board(
        price_minor=fields["price_min_minor"] if fixed else None,
        state=state,
        reason=reason,
        suggested_minor=tuple(fields["suggested_minor"]),
        refund=RefundRule(by=by, until_ms=until_ms, share_bps=share_bps, restock=restock),
        recurring_months=() if once else INTERVAL_MONTHS,
        campaign=campaign,
        cancellation=cancellation,
        **{column: fields[column] for column in ("edition_id", "merchant_name", *_SHOWN, *_COUNTS)},
    )


def _state(fields: Mapping[str, Any], at_ms: int) -> tuple[SaleState, str | None]:
    """In the order in which orders are refused; and the reason, where the state alone doesn't tell it."""
    if fields["cancelled_at_ms"] is not None:
        return "cancelled", None
    if fields["closes_at_ms"] is not None and at_ms >= fields["closes_at_ms"]:
        return "closed", None
    if fields["opens_at_ms"] is not None and at_ms < fields["opens_at_ms"]:
        return "scheduled", None
    if fields["awaits_terms"]:
        return "scheduled", AWAITS_TERMS
    if fields["paused"]:
        return "paused", None
    return ("sold_out" if fields["sold_out"] or fields["available"] == 0 else "open"), None


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
_APPLY = f"""
    UPDATE editions AS e SET
        {", ".join(f"{column} = e.{column} + c.{column}" for column in _ADDED)},
        {", ".join(f"{column} = coalesce(c.{column}, e.{column})" for column in _SWITCHED)},
        version = greatest(e.version, c.version)
    FROM (VALUES %s) AS c (edition_id, {", ".join(_Change.__struct_fields__)})
    WHERE e.edition_id = c.edition_id"""
_CASTS = {"outcome": "text", "cancelled_reason": "text", "cancelled_at_ms": "bigint", "refunds_failed": "bigint"}
_APPLY_TEMPLATE = f"""(%s, {
    ", ".join(
        f"%s::{_CASTS.get(column, 'boolean')}" if column in _SWITCHED else "%s" for column in _Change.__struct_fields__
    )
})"""


class EditionBoard:
    """The projection behind this module's read functions."""

    name = NAME
    version = 3

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
        for edition_id, (raised_minor, givers) in campaigns.count(cur, facts).items():
            changes[edition_id].raised_minor, changes[edition_id].givers = raised_minor, givers
        rows = [(edition_id, *msgspec.structs.astuple(change)) for edition_id, change in changes.items()]
        if rows:
            execute_values(cur, _APPLY, rows, template=_APPLY_TEMPLATE, page_size=1_000)


_COUNTED = (events.EditionEvent, events.OrderEvent, events.PaymentEvent)


def _insert(cur: cursor, released: list[events.EditionReleased]) -> None:
    if released:
        execute_values(
            cur,
            f"""INSERT INTO editions
                (edition_id, released_at_ms, version, suggested_minor, available, saves_methods, {", ".join(_TERMS)})
                VALUES %s""",
            [
                (
                    *(event.originator_id, event.at_ms, event.originator_version, list(event.suggested_minor)),
                    *(event.stock, campaigns.saves_methods(event), *(getattr(event, column) for column in _TERMS)),
                )
                for event in released
            ],
            template=f"(%s, %s, %s, %s::bigint[], %s, %s, {', '.join('%s' for _ in _TERMS)})",
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


def _terms_applied(change: _Change, event: events.TermsApplied) -> None:
    change.awaits_terms = False


def _reached(change: _Change, event: events.CampaignReached) -> None:
    change.reached = True


def _ended(change: _Change, event: events.CampaignEnded) -> None:
    change.outcome = event.outcome


def _cancelled(change: _Change, event: events.EditionCancelled) -> None:
    change.cancelled_reason, change.cancelled_at_ms = event.reason, event.at_ms


def _cancellation_completed(change: _Change, event: events.CancellationCompleted) -> None:
    change.cancellation_completed, change.refunds_failed = True, event.failed


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
    events.TermsApplied: _terms_applied,
    events.CampaignReached: _reached,
    events.CampaignEnded: _ended,
    events.EditionCancelled: _cancelled,
    events.CancellationCompleted: _cancellation_completed,
}
"""Every event that moves an edition's stock or switches."""
