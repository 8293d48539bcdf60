"""Orders as their buyers and merchants see them: one row per order, refused ones included."""

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream import events
from buystream.events import Event
from buystream.log import Damaged
from buystream.projections import campaigns
from buystream.projections.batches import Batch
from buystream.projections.campaigns import CampaignView, campaign_view
from buystream.projections.rows import copy_rows

NAME = "order_views"


class PaymentView(msgspec.Struct, frozen=True, gc=False):
    """The newest attempt to pay. `off_session`: it was asked for by the clock, while the buyer was away."""

    payment_id: str
    state: str
    reason: str | None
    authentication_url: str | None
    off_session: bool = False


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What its edition says about an order's money."""

    refund_by: str
    refund_until_ms: int | None
    refund_share_bps: int
    campaign: CampaignView | None


class OrderView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as the API tells it, and what the API doesn't tell everybody: its buyer, the delivery details (a
    ciphertext of the buyer's key, "" before a payment). What was paid; what is back of it (`refunded_minor`, with
    `returned` pieces) and on its way back (`refunding_minor`, `returning`); whether it is disputed (open, won, lost).
    `version` grows with every change, those of its payments included: it is the edition's version at that change.
    `terms` are None while the edition's board isn't written yet."""

    order_id: str
    edition_id: str
    merchant_id: str
    buyer_id: str
    title: str
    quantity: int
    price_minor: int
    total_minor: int
    currency: str
    state: str
    reason: str | None
    hold_expires_at_ms: int | None
    placed_at_ms: int
    payment: PaymentView | None
    carrier: str | None
    tracking: str | None
    delivery: str
    refunded_minor: int
    restocked: bool
    version: int
    paid_minor: int = 0
    returned: int = 0
    dispute: str | None = None
    gift_id: str | None = None
    refunding_minor: int = 0
    returning: int = 0
    terms: OrderTerms | None = None

    @property
    def refundable_minor(self) -> int:
        """What was taken and is neither back nor on its way back."""
        return self.paid_minor - self.refunded_minor - self.refunding_minor

    def returnable_minor(self, at_ms: int) -> int | None:
        """What the buyer gets for giving the order back at that time; None when that can't be done: as the edition
        decides it."""
        terms, kept = self.terms, self.quantity - self.returned - self.returning
        if terms is None or self.state != "confirmed" or terms.refund_by != "buyer" or kept <= 0:
            return None
        if terms.refund_until_ms is not None and at_ms >= terms.refund_until_ms:
            return None
        amount_minor = self.refundable_minor * terms.refund_share_bps // 10_000
        return None if self.paid_minor and not amount_minor else amount_minor

    @property
    def may_choose_another(self) -> bool:
        """Whether its campaign was missed, and its giver is then offered another project."""
        campaign = self.terms.campaign if self.terms else None
        return self.reason == "campaign_missed" and campaign is not None and campaign.if_missed == "choose"


def order(cur: cursor, order_id: str) -> OrderView | None:
    """The order, or None when there is none (yet)."""
    cur.execute(f"{_SELECT} WHERE o.order_id = %s", (order_id,))
    row = cur.fetchone()
    return _view(row) if row else None


def orders_of_buyer(cur: cursor, buyer_id: str, *, limit: int) -> list[OrderView]:
    """The buyer's orders, newest first."""
    cur.execute(
        f"{_SELECT} WHERE o.buyer_id = %s ORDER BY o.placed_at_ms DESC, o.order_id DESC LIMIT %s",
        (buyer_id, limit),
    )
    return [_view(row) for row in cur]


def pledges_of_buyer(cur: cursor, buyer_id: str) -> list[str]:
    """Ids of the buyer's orders whose money has not moved yet, because their campaign has not ended."""
    cur.execute("SELECT order_id FROM views.orders WHERE buyer_id = %s AND state = 'pledged'", (buyer_id,))
    return [order_id for (order_id,) in cur]


def orders_of_merchant(cur: cursor, merchant_id: str, *, after: str | None, limit: int) -> list[OrderView]:
    """The merchant's orders that hold or held stock, newest first. `after` is the id of the last order of the page
    before; one that isn't the merchant's own gives an empty page."""
    page = ""
    if after is not None:
        page = """AND (o.placed_at_ms, o.order_id) <
            (SELECT placed_at_ms, order_id FROM views.orders
             WHERE order_id = %(after)s AND merchant_id = %(merchant_id)s)"""
    cur.execute(
        f"""{_SELECT} WHERE o.merchant_id = %(merchant_id)s AND o.state <> 'refused' {page}
            ORDER BY o.placed_at_ms DESC, o.order_id DESC LIMIT %(limit)s""",
        {"merchant_id": merchant_id, "after": after, "limit": limit},
    )
    return [_view(row) for row in cur]


class _Row(msgspec.Struct, gc=False):
    """A row of `orders`, its fields in the order of the columns."""

    order_id: str
    edition_id: str
    merchant_id: str
    buyer_id: str
    quantity: int
    price_minor: int
    currency: str
    placed_at_ms: int
    version: int
    state: str
    reason: str | None = None
    hold_expires_at_ms: int | None = None
    gift_id: str | None = None
    payment_id: str | None = None
    payment_state: str | None = None
    payment_reason: str | None = None
    authentication_url: str | None = None
    carrier: str | None = None
    tracking: str | None = None
    delivery: str = ""
    refunded_minor: int = 0
    restocked: bool = False
    paid_minor: int = 0
    returned: int = 0
    dispute: str | None = None
    before_dispute: str | None = None
    reference: str | None = None
    payment_off_session: bool = False
    disputes_open: int = 0
    refunding: str = ""
    """Refunds on their way: a JSON object of minor units and pieces by refund id, or nothing."""

    @property
    def refunds_asked(self) -> dict[str, tuple[int, int]]:
        """The refunds on their way, by id: minor units, and the pieces that were asked back by number."""
        return _decode_refunds(self.refunding) if self.refunding else {}

    def note_refunds(self, asked: dict[str, tuple[int, int]]) -> None:
        """These are on their way now."""
        self.refunding = msgspec.json.encode(asked).decode() if asked else ""


_decode_refunds = msgspec.json.Decoder(dict[str, tuple[int, int]]).decode

_SOLD = frozenset({"confirmed", "shipped", "delivered"})
_COLUMNS = _Row.__struct_fields__
_AT_FIRST = _COLUMNS[: _COLUMNS.index("payment_id")]
"""What an order's first event sets; the table has defaults for the rest."""
_CHANGING = _COLUMNS[_COLUMNS.index("version") :]
_REFUND_RULE = ("refund_by", "refund_until_ms", "refund_share_bps")
_SELECT = f"""
    SELECT {", ".join(f"o.{column}" for column in _COLUMNS)}, coalesce(e.title, ''),
        {", ".join(f"e.{column}" for column in (*_REFUND_RULE, *campaigns.COLUMNS))}
    FROM views.orders AS o LEFT JOIN views.editions AS e USING (edition_id)"""
_READ = f"SELECT {', '.join(_COLUMNS)} FROM orders WHERE order_id = ANY(%s)"
_UPSERT = f"""
    INSERT INTO orders ({", ".join(_COLUMNS)}) VALUES %s
    ON CONFLICT (order_id) DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in _CHANGING)}"""


def _view(row: Sequence[Any]) -> OrderView:
    o = _Row(*row[: len(_COLUMNS)])
    title, *terms = row[len(_COLUMNS) :]
    payment = None
    if o.payment_id is not None and o.payment_state is not None:
        payment = PaymentView(
            o.payment_id, o.payment_state, o.payment_reason, o.authentication_url, o.payment_off_session
        )
    refunds = o.refunds_asked.values()
    return OrderView(
        order_id=o.order_id,
        edition_id=o.edition_id,
        merchant_id=o.merchant_id,
        buyer_id=o.buyer_id,
        title=title,
        quantity=o.quantity,
        price_minor=o.price_minor,
        total_minor=o.quantity * o.price_minor,
        currency=o.currency,
        state=o.state,
        reason=o.reason,
        hold_expires_at_ms=o.hold_expires_at_ms,
        placed_at_ms=o.placed_at_ms,
        payment=payment,
        carrier=o.carrier,
        tracking=o.tracking,
        delivery=o.delivery,
        refunded_minor=o.refunded_minor,
        restocked=o.restocked,
        version=o.version,
        paid_minor=o.paid_minor,
        returned=o.returned,
        dispute=o.dispute,
        gift_id=o.gift_id,
        refunding_minor=sum(amount_minor for amount_minor, _ in refunds),
        returning=sum(pieces for _, pieces in refunds),
        terms=_terms(terms),
    )


def _terms(columns: Sequence[Any]) -> OrderTerms | None:
    refund_by, refund_until_ms, refund_share_bps, *campaign = columns
    if refund_by is None:
        return None
    return OrderTerms(
        refund_by=refund_by,
        refund_until_ms=refund_until_ms,
        refund_share_bps=refund_share_bps,
        campaign=campaign_view(dict(zip(campaigns.COLUMNS, campaign, strict=True))),
    )


class OrderViews:
    """The projection behind this module's read functions."""

    name = NAME
    version = 3

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "order_views.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Fold the batch to one final row per order, then write the new rows and the changed ones."""
        created = {
            event.originator_id: _created(event)
            for _, event, _ in batch
            if isinstance(event, events.OrderPlaced | events.OrderRefused)
        }
        changes = [(order_id, event) for _, event, _ in batch if (order_id := _changed_order(event)) is not None]
        changed = _read(cur, {order_id for order_id, _ in changes} - created.keys())
        for order_id, event in changes:
            row = created.get(order_id) or changed[order_id]
            _CHANGES[type(event)](row, event)
            row.version = event.edition_version  # type: ignore[attr-defined]
        touched = {order_id for order_id, _ in changes}
        _insert(cur, _AT_FIRST, [row for order_id, row in created.items() if order_id not in touched])
        _insert(cur, _COLUMNS, [row for order_id, row in created.items() if order_id in touched])
        if changed:
            execute_values(cur, _UPSERT, list(map(msgspec.structs.astuple, changed.values())), page_size=1_000)


def _insert(cur: cursor, columns: Sequence[str], rows: Sequence[_Row]) -> None:
    copy_rows(cur, "orders", columns, (msgspec.structs.astuple(row)[: len(columns)] for row in rows))


def _read(cur: cursor, order_ids: set[str]) -> dict[str, _Row]:
    if not order_ids:
        return {}
    cur.execute(_READ, (sorted(order_ids),))
    rows = {row[0]: _Row(*row) for row in cur}
    if missing := order_ids - rows.keys():
        raise Damaged(f"the events change orders that none of them placed: {', '.join(sorted(missing)[:5])}")
    return rows


def _created(event: events.OrderPlaced | events.OrderRefused) -> _Row:
    placed = isinstance(event, events.OrderPlaced)
    return _Row(
        event.originator_id,
        event.edition_id,
        event.merchant_id,
        event.buyer_id,
        event.quantity,
        event.price_minor,
        event.currency,
        event.at_ms,
        event.edition_version,
        "held" if placed else "refused",
        None if isinstance(event, events.OrderPlaced) else event.reason,
        event.hold_expires_at_ms if isinstance(event, events.OrderPlaced) else None,
        (event.gift_id or None) if isinstance(event, events.OrderPlaced) else None,
    )


def _changed_order(event: Event) -> str | None:
    if type(event) not in _CHANGES:
        return None
    return event.order_id if isinstance(event, events.PaymentEvent) else event.originator_id


def _hold_extended(row: _Row, event: events.HoldExtended) -> None:
    row.hold_expires_at_ms = event.hold_expires_at_ms


def _reclaimed(row: _Row, event: events.OrderReclaimed) -> None:
    row.state = "held"


def _authorised(row: _Row, event: events.OrderAuthorised) -> None:
    row.state, row.hold_expires_at_ms = "authorised", None


def _confirmed(row: _Row, event: events.OrderConfirmed) -> None:
    row.state = "confirmed"


def _expired(row: _Row, event: events.OrderExpired) -> None:
    row.state, row.hold_expires_at_ms = "expired", None


def _cancelled(row: _Row, event: events.OrderCancelled) -> None:
    row.state, row.reason, row.hold_expires_at_ms = "cancelled", event.reason, None


def _shipped(row: _Row, event: events.OrderShipped) -> None:
    row.state, row.carrier, row.tracking = "shipped", event.carrier, event.tracking


def _delivered(row: _Row, event: events.OrderDelivered) -> None:
    row.state = "delivered"


def _pledged(row: _Row, event: events.OrderPledged) -> None:
    row.state, row.hold_expires_at_ms = "pledged", None


def _refunded(row: _Row, event: events.OrderRefunded) -> None:
    row.refunded_minor, row.restocked = row.refunded_minor + event.amount_minor, event.restock
    row.returned += event.quantity
    if event.whole:
        row.state = "refunded"


def _refund_requested(row: _Row, event: events.RefundRequested) -> None:
    row.note_refunds({**row.refunds_asked, event.refund_id: (event.amount_minor, event.quantity or 0)})
    _payment_moves(row, event, "refund_requested")


def _payment_refunded(row: _Row, event: events.PaymentRefunded) -> None:
    _refund_answered(row, event, refunded_minor=row.refunded_minor + event.amount_minor)


def _refund_failed(row: _Row, event: events.RefundFailed) -> None:
    if event.was_refunded:
        row.refunded_minor -= event.amount_minor
    _refund_answered(row, event, refunded_minor=row.refunded_minor)


def _refund_answered(row: _Row, event: events.PaymentRefunded | events.RefundFailed, *, refunded_minor: int) -> None:
    asked = row.refunds_asked
    asked.pop(event.refund_id, None)
    row.note_refunds(asked)
    answered = "refunded" if refunded_minor >= row.paid_minor else "captured"
    _payment_moves(row, event, "refund_requested" if asked else answered)


def _captured(row: _Row, event: events.PaymentCaptured) -> None:
    row.paid_minor = event.amount_minor
    _payment_moves(row, event, "captured")


def _disputed(row: _Row, event: events.PaymentDisputed) -> None:
    row.dispute, row.disputes_open = "open", row.disputes_open + 1
    if row.state in _SOLD:
        row.before_dispute, row.state = row.state, "disputed"


def _dispute_closed(row: _Row, event: events.DisputeClosed) -> None:
    row.disputes_open -= 1
    row.dispute = "open" if row.disputes_open else event.outcome
    if event.outcome == "won" and not row.disputes_open and row.state == "disputed" and row.before_dispute is not None:
        row.state = row.before_dispute


def _payment_requested(row: _Row, event: events.PaymentRequested) -> None:
    row.hold_expires_at_ms = None
    row.delivery = event.delivery or row.delivery  # a pledge's charge comes without
    if row.state == "pledged":
        row.state = "held"
    row.payment_id, row.payment_state = event.originator_id, "requested"
    row.payment_off_session = event.off_session
    row.payment_reason = row.authentication_url = None


def _authentication_required(row: _Row, event: events.AuthenticationRequired) -> None:
    row.hold_expires_at_ms = event.hold_expires_at_ms
    if _payment_moves(row, event, "authentication_required"):
        row.authentication_url = event.url


def _payment_authorised(row: _Row, event: events.PaymentAuthorised) -> None:
    if _payment_moves(row, event, "authorised"):
        row.reference = event.reference


def _declined(row: _Row, event: events.PaymentDeclined) -> None:
    row.hold_expires_at_ms = event.hold_expires_at_ms
    if _payment_moves(row, event, "declined"):
        row.payment_reason = event.reason


def _failed(row: _Row, event: events.PaymentFailed) -> None:
    if _payment_moves(row, event, "failed"):
        row.payment_reason = event.reason


def _voiding(row: _Row, event: events.VoidRequested) -> None:
    if _payment_moves(row, event, "voiding"):
        row.payment_reason = event.reason


def _payment_moves(row: _Row, event: events.PaymentEvent, state: str) -> bool:
    """The view shows the newest attempt: news of an earlier one are not for it."""
    if row.payment_id != event.originator_id:
        return False
    row.payment_state, row.payment_reason, row.authentication_url = state, None, None
    return True


def _payment_becomes(state: str) -> Callable[[_Row, Any], None]:
    def change(row: _Row, event: events.PaymentEvent) -> None:
        _payment_moves(row, event, state)

    return change


_CHANGES: Mapping[type[Event], Callable[[_Row, Any], None]] = {
    events.HoldExtended: _hold_extended,
    events.OrderReclaimed: _reclaimed,
    events.OrderPledged: _pledged,
    events.OrderAuthorised: _authorised,
    events.OrderConfirmed: _confirmed,
    events.OrderExpired: _expired,
    events.OrderCancelled: _cancelled,
    events.OrderShipped: _shipped,
    events.OrderDelivered: _delivered,
    events.OrderRefunded: _refunded,
    events.PaymentRequested: _payment_requested,
    events.AuthenticationRequired: _authentication_required,
    events.PaymentAuthorised: _payment_authorised,
    events.PaymentDeclined: _declined,
    events.MethodSaved: _payment_becomes("method_saved"),
    events.PaymentCaptured: _captured,
    events.PaymentFailed: _failed,
    events.VoidRequested: _voiding,
    events.PaymentVoided: _payment_becomes("voided"),
    events.RefundRequested: _refund_requested,
    events.PaymentRefunded: _payment_refunded,
    events.RefundFailed: _refund_failed,
    events.PaymentDisputed: _disputed,
    events.DisputeClosed: _dispute_closed,
}
"""Every event that changes an order's row."""
