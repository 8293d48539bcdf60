"""Money that moved, and money that is asked back: movements, refunds, disputes and cancelled editions. What a period
adds up to is read by `statements`, what is under way by `refunds`."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch
from buystream.vocabulary import events

NAME = "money"

ROWS_AT_ONCE = 1_000


class Movement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one event did to a merchant's money, signed as the merchant feels it: a sale adds `amount_minor` and takes
    the platform's `fee_minor`. `reference` is the refund's or the dispute's id."""

    kind: str
    edition_id: str
    order_id: str
    payment_id: str
    reference: str
    currency: str
    amount_minor: int
    fee_minor: int
    at_ms: int


def movement_of(event: events.Event) -> Movement | None:
    """The movement that an event is; None for those that move no money. A dispute takes the money when it is opened:
    losing it moves nothing more, and still has its line; so does one that is lost after it was won, or won after it was
    lost, which moves the money again."""
    match event:
        case events.PaymentCaptured() if event.amount_minor:
            return _movement("sale", event, "", event.amount_minor, -event.fee_minor)
        case events.PaymentRefunded() if event.amount_minor:
            return _movement("refund", event, event.refund_id, -event.amount_minor, event.fee_returned_minor)
        case events.RefundFailed(was_refunded=True):
            return _movement("refund_failed", event, event.refund_id, event.amount_minor, -event.fee_returned_minor)
        case events.PaymentDisputed():
            return _movement("dispute", event, event.dispute_id, -event.taken_minor, 0)
        case events.DisputeClosed():
            return _movement(f"dispute_{event.outcome}", event, event.dispute_id, event.returned_minor, 0)
    return None


def _movement(kind: str, event: Any, reference: str, amount_minor: int, fee_minor: int) -> Movement:
    return Movement(
        kind=kind,
        edition_id=event.edition_id,
        order_id=event.order_id,
        payment_id=event.payment_id,
        reference=reference,
        currency=event.currency,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        at_ms=event.at_ms,
    )


class _Refund(msgspec.Struct, kw_only=True, gc=False):
    """A row of `refunds`, its fields in the order of the columns."""

    payment_id: str
    refund_id: str
    order_id: str
    edition_id: str
    currency: str
    state: str
    amount_minor: int
    quantity: int | None = None
    restock: bool = False
    keep_fee: bool = False
    fee_returned_minor: int = 0
    reason: str = ""
    asked_by: str = ""
    failure: str = ""
    asked_at_ms: int
    settled_at_ms: int | None = None
    units: str = ""
    """Of an order with several lines: a JSON array of variants and numbers."""


_RefundEvent = events.RefundRequested | events.PaymentRefunded | events.RefundFailed
_REFUND_COLUMNS = _Refund.__struct_fields__
_READ_REFUNDS = f"""
    SELECT {", ".join(_REFUND_COLUMNS)} FROM refunds
    JOIN unnest(%s::text[], %s::text[]) AS wanted (payment_id, refund_id) USING (payment_id, refund_id)"""
_WRITE_REFUNDS = f"""
    INSERT INTO refunds ({", ".join(_REFUND_COLUMNS)}) VALUES %s ON CONFLICT (payment_id, refund_id) DO UPDATE
    SET {", ".join(f"{column} = excluded.{column}" for column in _REFUND_COLUMNS[2:])}"""
_ADD_MOVEMENTS = """
    INSERT INTO movements (partition, position, merchant_id, at_ms, kind, edition_id, order_id, payment_id, reference,
                           currency, amount_minor, fee_minor)
    SELECT m.partition, m.position, s.merchant_id, m.at_ms, m.kind, m.edition_id, m.order_id, m.payment_id, m.reference,
           m.currency, m.amount_minor, m.fee_minor
    FROM (VALUES %s) AS m (partition, position, kind, edition_id, order_id, payment_id, reference, currency,
                           amount_minor, fee_minor, at_ms) JOIN sellers AS s USING (edition_id)"""
_OPEN_DISPUTES = """
    INSERT INTO disputes (payment_id, dispute_id, order_id, merchant_id, currency, amount_minor, reason, state,
                          opened_at_ms, respond_by_ms)
    SELECT d.payment_id, d.dispute_id, d.order_id, s.merchant_id, d.currency, d.amount_minor, d.reason, 'open',
           d.opened_at_ms, d.respond_by_ms
    FROM (VALUES %s) AS d (payment_id, dispute_id, order_id, edition_id, currency, amount_minor, reason, opened_at_ms,
                           respond_by_ms) JOIN sellers AS s USING (edition_id)
    ON CONFLICT (payment_id, dispute_id) DO UPDATE
        SET amount_minor = excluded.amount_minor, reason = excluded.reason, respond_by_ms = excluded.respond_by_ms"""
_OPEN_DISPUTES_TEMPLATE = "(%s, %s, %s, %s, %s, %s, %s, %s, %s::bigint)"
_CLOSE_DISPUTES = """
    UPDATE disputes AS d SET state = c.state, amount_minor = c.amount_minor, closed_at_ms = c.closed_at_ms
    FROM (VALUES %s) AS c (payment_id, dispute_id, state, amount_minor, closed_at_ms)
    WHERE d.payment_id = c.payment_id AND d.dispute_id = c.dispute_id"""


class Money:
    """The projection. Only events that move money, or ask for it, cost it anything."""

    name = NAME
    version = 3

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "money.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Editions first: the movements take their merchant from them."""
        found = [(position, event) for position, event, _ in batch if type(event) in _RELEVANT]
        if not found:
            return
        _note_editions(cur, [event for _, event in found])
        moved = [(partition, position, move) for position, event in found if (move := movement_of(event)) is not None]
        rows = [(number, position, *msgspec.structs.astuple(move)) for number, position, move in moved]
        _write(cur, _ADD_MOVEMENTS, rows)
        _note_refunds(cur, [event for _, event in found if isinstance(event, _RefundEvent)])
        _note_disputes(cur, [event for _, event in found])


_RELEVANT = frozenset(
    {
        events.EditionReleased,
        events.EditionCancelled,
        events.CancellationContinued,
        events.CancellationCompleted,
        events.PaymentCaptured,
        events.RefundRequested,
        events.PaymentRefunded,
        events.RefundFailed,
        events.PaymentDisputed,
        events.DisputeClosed,
    }
)


def _note_editions(cur: cursor, found: Iterable[events.Event]) -> None:
    released, cancelled = [], []
    completed: dict[str, tuple[str, int | None]] = {}
    for event in found:
        match event:
            case events.EditionReleased():
                released.append((event.edition_id, event.merchant_id, event.offer.tax.bps, event.offer.tax.label))
            case events.EditionCancelled():
                cancelled.append((event.edition_id, event.restock, event.reason, event.at_ms))
            case events.CancellationContinued():
                completed[event.edition_id] = event.edition_id, None
            case events.CancellationCompleted():
                completed[event.edition_id] = event.edition_id, event.at_ms
    _write(cur, "INSERT INTO sellers (edition_id, merchant_id, tax_bps, tax_label) VALUES %s", released)
    _write(cur, "INSERT INTO cancellations (edition_id, restock, reason, since_ms) VALUES %s", cancelled)
    _write(
        cur,
        """UPDATE cancellations AS c SET completed_at_ms = d.at_ms FROM (VALUES %s) AS d (edition_id, at_ms)
           WHERE c.edition_id = d.edition_id""",
        list(completed.values()),
        template="(%s, %s::bigint)",
    )


def _note_refunds(cur: cursor, found: list[_RefundEvent]) -> None:
    """One final row per refund that the batch is about."""
    keys = sorted({(event.payment_id, event.refund_id) for event in found})
    if not keys:
        return
    cur.execute(_READ_REFUNDS, ([payment_id for payment_id, _ in keys], [refund_id for _, refund_id in keys]))
    rows = {row[:2]: _Refund(**dict(zip(_REFUND_COLUMNS, row, strict=True))) for row in cur}
    for event in found:
        key = event.payment_id, event.refund_id
        if isinstance(event, events.RefundRequested) or key not in rows:
            rows[key] = _begun(event)
        row = rows[key]
        match event:
            case events.PaymentRefunded():
                row.state, row.settled_at_ms, row.fee_returned_minor = "refunded", event.at_ms, event.fee_returned_minor
            case events.RefundFailed():
                row.state, row.settled_at_ms, row.failure = "failed", event.at_ms, event.reason
                row.fee_returned_minor = 0
    _write(cur, _WRITE_REFUNDS, [msgspec.structs.astuple(row) for row in rows.values()])


def _begun(event: _RefundEvent) -> _Refund:
    """Requested by us, or made at the provider and only reported."""
    refund = _Refund(
        payment_id=event.payment_id,
        refund_id=event.refund_id,
        order_id=event.order_id,
        edition_id=event.edition_id,
        currency=event.currency,
        state="requested",
        amount_minor=event.amount_minor,
        asked_at_ms=event.at_ms,
    )
    if isinstance(event, events.RefundRequested):
        refund.quantity, refund.restock = event.quantity, event.restock
        refund.units = msgspec.json.encode(event.units).decode() if event.units else ""
        refund.keep_fee, refund.reason, refund.asked_by = event.keep_fee, event.reason, event.asked_by
    return refund


def _note_disputes(cur: cursor, found: Iterable[events.Event]) -> None:
    opened: dict[tuple[str, str], tuple[Any, ...]] = {}
    closed: dict[tuple[str, str], tuple[Any, ...]] = {}
    for event in found:
        match event:
            case events.PaymentDisputed():
                key = event.payment_id, event.dispute_id
                opened_at_ms = opened[key][7] if key in opened else event.at_ms
                opened[key] = (
                    *(*key, event.order_id, event.edition_id, event.currency),
                    *(event.amount_minor, event.reason, opened_at_ms, event.respond_by_ms),
                )
            case events.DisputeClosed():
                key = event.payment_id, event.dispute_id
                closed[key] = (*key, event.outcome, event.amount_minor, event.at_ms)
    _write(cur, _OPEN_DISPUTES, list(opened.values()), template=_OPEN_DISPUTES_TEMPLATE)
    _write(cur, _CLOSE_DISPUTES, list(closed.values()))


def _write(cur: cursor, statement: str, rows: list[tuple[Any, ...]], *, template: str | None = None) -> None:
    if rows:
        execute_values(cur, statement, rows, template=template, page_size=ROWS_AT_ONCE)
