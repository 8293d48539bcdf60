"""Recurring gifts as their givers see them: one row per gift, beside the orders that it made."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch
from buystream.projections import order_views
from buystream.projections.offer_columns import title_at
from buystream.projections.order_views import OrderView
from buystream.vocabulary import events
from buystream.vocabulary.order_states import GiftState

NAME = "recurring_gifts"


class GiftView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A recurring gift: running, or ended for a `reason` (giver, declined, unpaid, closed). `given` gifts were paid and
    didn't go back, `given_minor` in all; `last` is the newest one's order. `version` is the edition's at the last
    change of the gift itself, or of its newest order."""

    gift_id: str
    edition_id: str
    merchant_id: str
    title: str
    amount_minor: int
    currency: str
    interval_months: int
    state: GiftState
    reason: str | None
    started_at_ms: int
    next_at_ms: int | None
    given: int
    given_minor: int
    skipped: int
    last: OrderView | None
    version: int


def gift(cur: cursor, gift_id: str, *, buyer_id: str) -> GiftView | None:
    """The buyer's recurring gift of that id, or None."""
    cur.execute(f"{_SELECT} WHERE g.gift_id = %s AND g.buyer_id = %s", (gift_id, buyer_id))
    return next(iter(_views(cur)), None)


def gifts_of_buyer(cur: cursor, buyer_id: str) -> list[GiftView]:
    """The buyer's recurring gifts, newest first."""
    cur.execute(f"{_SELECT} WHERE g.buyer_id = %s ORDER BY g.started_at_ms DESC, g.gift_id", (buyer_id,))
    return _views(cur)


def running_gifts(cur: cursor, buyer_id: str) -> list[str]:
    """Ids of the buyer's recurring gifts that haven't ended."""
    cur.execute("SELECT gift_id FROM views.recurring_gifts WHERE buyer_id = %s AND ended IS NULL", (buyer_id,))
    return [gift_id for (gift_id,) in cur]


_SELECT = f"""
    SELECT g.gift_id, g.edition_id, coalesce(e.merchant_id, ''), coalesce({title_at("e", "g.started_at_ms")}, ''),
        g.amount_minor, g.currency, g.interval_months, g.started_at_ms, g.next_due_ms, g.ended,
        g.version, g.last_order_id, paid.gifts, paid.minor, g.skipped
    FROM views.recurring_gifts AS g LEFT JOIN views.editions AS e USING (edition_id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS gifts, coalesce(sum(o.paid_minor - o.refunded_minor - o.lost_minor), 0)::bigint AS minor
        FROM views.orders AS o
        WHERE o.gift_id = g.gift_id AND o.paid_minor > o.refunded_minor + o.lost_minor
    ) AS paid"""


def _views(cur: cursor) -> list[GiftView]:
    rows = cur.fetchall()
    return [_view(row, order_views.order(cur, row[11]) if row[11] else None) for row in rows]


def _view(row: Sequence[Any], last: OrderView | None) -> GiftView:
    (gift_id, edition_id, merchant_id, title, amount_minor, currency, interval_months) = row[:7]
    (started_at_ms, next_due_ms, ended, version, _, given, given_minor, skipped) = row[7:]
    return GiftView(
        gift_id=gift_id,
        edition_id=edition_id,
        merchant_id=merchant_id,
        title=title,
        amount_minor=amount_minor,
        currency=currency,
        interval_months=interval_months,
        state="running" if ended is None else "ended",
        reason=ended,
        started_at_ms=started_at_ms,
        next_at_ms=next_due_ms if ended is None else None,
        given=given,
        given_minor=given_minor,
        skipped=skipped,
        last=last,
        version=version if last is None else max(version, last.version),
    )


class RecurringGifts:
    """The projection behind this module's read functions."""

    name = NAME
    version = 2

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "recurring_gifts.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """New gifts first, then the last word about each one."""
        started = [event for _, event, _ in batch if isinstance(event, events.RecurringGiftStarted)]
        placed = {
            event.gift_id: event for _, event, _ in batch if isinstance(event, events.OrderPlaced) and event.gift_id
        }
        ended = {event.gift_id: event for _, event, _ in batch if isinstance(event, events.RecurringGiftEnded)}
        if started:
            execute_values(cur, _START, [_row(event) for event in started])
        if placed:
            rows = [(one.gift_id, one.order_id, one.next_due_ms, one.edition_version) for one in placed.values()]
            execute_values(cur, _PLACE, rows, template="(%s, %s, %s::bigint, %s)")
        skipped = [event for _, event, _ in batch if isinstance(event, events.RecurringGiftSkipped)]
        for one in skipped:
            cur.execute(_SKIP, (one.skipped, one.next_due_ms, one.edition_version, one.gift_id))
        if ended:
            execute_values(cur, _END, [(one.gift_id, one.reason, one.edition_version) for one in ended.values()])


_START = """
    INSERT INTO recurring_gifts
        (gift_id, edition_id, buyer_id, amount_minor, currency, interval_months, started_at_ms, next_due_ms, version)
    VALUES %s"""
_PLACE = """
    UPDATE recurring_gifts AS g SET last_order_id = n.order_id,
        next_due_ms = greatest(n.next_due_ms, g.next_due_ms), version = greatest(g.version, n.version)
    FROM (VALUES %s) AS n (gift_id, order_id, next_due_ms, version) WHERE g.gift_id = n.gift_id"""
_SKIP = """
    UPDATE recurring_gifts SET skipped = skipped + %s, next_due_ms = greatest(next_due_ms, %s),
        version = greatest(version, %s)
    WHERE gift_id = %s"""
_END = """
    UPDATE recurring_gifts AS g SET ended = n.reason, version = greatest(g.version, n.version)
    FROM (VALUES %s) AS n (gift_id, reason, version) WHERE g.gift_id = n.gift_id"""


def _row(event: events.RecurringGiftStarted) -> tuple[Any, ...]:
    return (
        *(event.gift_id, event.edition_id, event.buyer_id, event.amount_minor, event.currency, event.interval_months),
        *(event.at_ms, event.next_due_ms, event.edition_version),
    )
