"""Money asked back: an order's refunds and disputes, a merchant's disputes, and how far a cancelled edition is."""

from typing import Final

import msgspec
from psycopg2.extensions import cursor

from buystream.vocabulary.order_states import WITH_STOCK, DisputeState, RefundState
from buystream.vocabulary.values import LineUnits


class RefundView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`quantity` units come back with it (null: made at the provider), of an order with several lines those in
    `lines`. `failure` says why the bank rejected it.
    `refund_id` is the provider's when it was made there, and empty for a whole refund without one."""

    refund_id: str
    payment_id: str
    state: RefundState
    amount_minor: int
    currency: str
    quantity: int | None
    restock: bool
    keep_fee: bool
    fee_returned_minor: int
    reason: str
    failure: str
    asked_at_ms: int
    settled_at_ms: int | None
    lines: tuple[LineUnits, ...] = ()


class DisputeView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The buyer's bank has the money while it is open. `respond_by_ms` is when the merchant must have answered it."""

    dispute_id: str
    payment_id: str
    order_id: str
    state: DisputeState
    amount_minor: int
    currency: str
    reason: str
    opened_at_ms: int
    respond_by_ms: int | None
    closed_at_ms: int | None


class CancellationProgress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far a cancelled edition is, counted in orders: `total` = `waiting` + `refunding` + `disputed` + `cancelled` +
    `refunded` + `failed`. Cancelled ones had not paid; failed ones need the merchant: their bank didn't take the money.
    Disputed ones are their bank's to decide."""

    edition_id: str
    restock: bool
    reason: str
    since_ms: int
    completed_at_ms: int | None
    total: int
    waiting: int
    refunding: int
    disputed: int
    cancelled: int
    refunded: int
    failed: int


def refunds_of_order(cur: cursor, order_id: str) -> list[RefundView]:
    """In the order in which they were requested."""
    columns = RefundView.__struct_fields__[:-1]
    cur.execute(
        f"SELECT units, {', '.join(columns)} FROM views.refunds WHERE order_id = %s ORDER BY asked_at_ms, refund_id",
        (order_id,),
    )
    return [
        RefundView(**dict(zip(columns, row, strict=True)), lines=_decode_units(units) if units else ())
        for units, *row in cur
    ]


_decode_units: Final = msgspec.json.Decoder(tuple[LineUnits, ...]).decode


def disputes_of_order(cur: cursor, order_id: str) -> list[DisputeView]:
    """The oldest first."""
    return _disputes(cur, "order_id = %s ORDER BY opened_at_ms, dispute_id", (order_id,))


def disputes_of_merchant(cur: cursor, merchant_id: str, *, state: str | None, limit: int) -> list[DisputeView]:
    """The newest first; only those in `state`, if one is given."""
    return _disputes(
        cur,
        "merchant_id = %s AND state = coalesce(%s, state) ORDER BY opened_at_ms DESC, dispute_id LIMIT %s",
        (merchant_id, state, limit),
    )


def _disputes(cur: cursor, where: str, values: tuple[object, ...]) -> list[DisputeView]:
    columns = DisputeView.__struct_fields__
    cur.execute(f"SELECT {', '.join(columns)} FROM views.disputes WHERE {where}", values)
    return [DisputeView(**dict(zip(columns, row, strict=True))) for row in cur]


def cancellation(cur: cursor, edition_id: str) -> CancellationProgress | None:
    """How far the edition's cancellation is; None when it takes place."""
    cur.execute(
        "SELECT restock, reason, since_ms, completed_at_ms FROM views.cancellations WHERE edition_id = %s",
        (edition_id,),
    )
    row = cur.fetchone()
    if row is None:
        return None
    # An order's id starts with its edition's, so its primary key finds an edition's orders: '.' follows '-'.
    cur.execute(
        """SELECT CASE
               WHEN r.requested THEN 'refunding'
               WHEN o.state IN ('disputed', 'cancelled', 'refunded') THEN o.state
               WHEN r.failed THEN 'failed'
               ELSE 'waiting' END, count(*)
           FROM views.orders AS o LEFT JOIN (
               SELECT order_id, bool_or(state = 'requested') AS requested, bool_or(state = 'failed') AS failed
               FROM views.refunds WHERE edition_id = %(edition_id)s AND asked_by = 'cancellation' GROUP BY order_id
           ) AS r USING (order_id)
           WHERE o.order_id >= %(edition_id)s || '-' AND o.order_id < %(edition_id)s || '.' AND (
               r.order_id IS NOT NULL OR o.reason = 'edition_cancelled' OR o.state = ANY(%(with_stock)s))
           GROUP BY 1""",
        {"edition_id": edition_id, "with_stock": list(WITH_STOCK)},
    )
    counts: dict[str, int] = dict(cur.fetchall())
    restock, reason, since_ms, completed_at_ms = row
    return CancellationProgress(
        edition_id=edition_id,
        restock=restock,
        reason=reason,
        since_ms=since_ms,
        completed_at_ms=completed_at_ms,
        total=sum(counts.values()),
        waiting=counts.get("waiting", 0),
        refunding=counts.get("refunding", 0),
        disputed=counts.get("disputed", 0),
        cancelled=counts.get("cancelled", 0),
        refunded=counts.get("refunded", 0),
        failed=counts.get("failed", 0),
    )
