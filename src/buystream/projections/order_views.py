"""Orders as their buyers and merchants see them: one row per order, refused ones included."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.aggregates.edition.ticket import unused_units
from buystream.delivery.batch_reader import Batch
from buystream.log import Damaged
from buystream.projections import campaigns, order_lines
from buystream.projections.door import USED_TICKETS
from buystream.projections.new_order_rows import created
from buystream.projections.offer_columns import REFUND, title_at
from buystream.projections.order_rows import Row, change, changed_order
from buystream.projections.order_terms import HAS_DOWNLOADS, OrderTerms, order_terms
from buystream.projections.parcels import SeenFulfilment, fulfilled_units, parcels_in
from buystream.projections.rows import copy_rows
from buystream.vocabulary import events
from buystream.vocabulary.ids import DERIVED
from buystream.vocabulary.money import currency_of, whole_steps
from buystream.vocabulary.order_states import RETURNABLE, SENT, WITH_STOCK, OrderState, Served
from buystream.vocabulary.placements import Placement
from buystream.vocabulary.shipping import DeliveryCharge

NAME = "order_views"
NUMBER_CHARS: Final = 8


class PaymentView(msgspec.Struct, frozen=True, gc=False):
    """What pledged or paid the order; until then, the newest attempt that was requested or authorised. `off_session`:
    it was requested by the clock, while the buyer was away."""

    payment_id: str
    state: str
    reason: str | None
    authentication_url: str | None
    off_session: bool = False


class OrderView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as the API shows it, and what the API doesn't show everyone: its buyer, the delivery details (a
    ciphertext of the buyer's key, "" before a payment). What was paid; what is back of it (`refunded_minor`, with
    `returned` units) and on its way back (`refunding_minor`, `returning`); whether it is disputed (open, won, lost,
    withdrawn), and what banks have of it (`disputed_minor`). `edition_title` is what the edition was called when it was
    placed. `variant_id` and `price_minor` are those of the only line; with several, empty and None.
    `version` grows with every change, those of its payments included: it is the edition's version at that change.
    `placement`: where the click came from. `terms` are None while the edition's board isn't written yet."""

    order_id: str
    edition_id: str
    merchant_id: str
    buyer_id: str
    title: str
    edition_title: str
    variant_id: str
    quantity: int
    price_minor: int | None
    total_minor: int
    currency: str
    state: OrderState
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
    disputed_minor: int = 0
    terms: OrderTerms | None = None
    merchant_name: str = ""
    stage: OrderState = "held"
    """What it is for the merchant who serves it: `state`, unless a dispute leaves part of the money."""
    served: Served = ""
    attempts: int = 0
    """Payments that the buyer tried."""
    lines: list[order_lines.LineView] = []
    discount: order_lines.DiscountView | None = None
    return_asked: bool = False
    """The buyer asked to return something, perhaps a part."""
    shipping: DeliveryCharge | None = None
    """How it is delivered, and what that costs; None before a payment was requested, or where it has no price."""
    is_unanswered: bool = False
    """A payment was requested, and the provider has said nothing yet."""
    parcels: SeenFulfilment = msgspec.field(default_factory=SeenFulfilment)
    used: list[int] = []
    """The numbers of the tickets that someone came in with."""
    placement: Placement | None = None
    returned_first: list[int] = []
    """The tickets that end first when units come back."""

    @property
    def ordered_lines(self) -> list[order_lines.LineView]:
        """The lines as they were ordered and paid, before any exchange."""
        if not any(line.exchanged for line in self.lines):
            return self.lines
        return order_lines.as_ordered(self.lines, self.discount)

    @property
    def kept_units(self) -> dict[str, int]:
        """As `buystream.aggregates.edition.order.Order.kept_units`."""
        return {line.variant_id: line.quantity - line.returned for line in self.lines}

    @property
    def fulfilled_units(self) -> dict[str, int]:
        """The units of each line that are on their way to the buyer, or with them."""
        return fulfilled_units(self.parcels, self.kept_units, self.served)

    @property
    def left_to_pack(self) -> dict[str, int]:
        """As `buystream.aggregates.edition.order.Order.left_to_pack`."""
        kept = self.kept_units
        if self.parcels.parcels:
            left = self.parcels.left(kept)
        else:
            left = dict.fromkeys(kept, 0) if self.served in SENT else kept
        return {line.variant_id: max(left[line.variant_id] - line.returning, 0) for line in self.lines}

    @property
    def kept(self) -> int:
        """Units that the buyer keeps and that no refund under way takes back."""
        return self.quantity - self.returned - self.returning

    @property
    def refundable_minor(self) -> int:
        """What was taken and is neither back, on its way back nor with a bank."""
        return max(self.paid_minor - self.refunded_minor - self.refunding_minor - self.disputed_minor, 0)

    def returnable_minor(self, at_ms: int) -> int | None:
        """What the buyer gets for giving the order back at that time; None when that can't be done: as the edition
        decides it."""
        terms = self.terms
        if terms is None or terms.is_over or self.state not in RETURNABLE:
            return None
        unused = self._unused_units()
        if not any(unused):
            return None
        if terms.refund.why_not(at_ms) or any(self.fulfilled_units.values()):
            return None
        left_minor = self.refundable_minor
        is_part = sum(unused) < self.kept
        if self.return_asked or terms.keeps_delivery or is_part:
            keeps = terms.keeps_delivery or is_part
            delivery_minor = 0 if keeps or self.shipping is None else self.shipping.amount_minor
            worth_minor = order_lines.worth_minor(self.lines, unused)
            left_minor = min(left_minor, worth_minor + delivery_minor)
        amount_minor = whole_steps(terms.refund.share_of(left_minor), currency_of(self.currency))
        return None if self.paid_minor and not amount_minor else amount_minor

    def _unused_units(self) -> list[int]:
        """Of each line what the buyer keeps and could return: of tickets, those that nobody came in with."""
        kept = [line.kept for line in self.lines]
        if not self.used:
            return kept
        quantities = [line.quantity for line in self.lines]
        gone = [line.quantity - line.kept for line in self.lines]
        return unused_units(quantities, gone, self.returned_first, self.used)

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


def orders(cur: cursor, order_ids: Sequence[str]) -> list[OrderView]:
    """Those of these orders that there are, in no order."""
    cur.execute(f"{_SELECT} WHERE o.order_id = ANY(%s)", (list(order_ids),))
    return [_view(row) for row in cur]


def orders_where(cur: cursor, condition: str, values: Mapping[str, Any]) -> list[OrderView]:
    """Those that an SQL condition on `o`, with an order and a limit, selects."""
    cur.execute(f"{_SELECT} WHERE {condition}", values)
    return [_view(row) for row in cur]


def orders_of_buyer(cur: cursor, buyer_id: str, *, limit: int) -> list[OrderView]:
    """The buyer's orders, newest first."""
    cur.execute(
        f"{_SELECT} WHERE o.buyer_id = %s ORDER BY o.placed_at_ms DESC, o.order_id DESC LIMIT %s",
        (buyer_id, limit),
    )
    return [_view(row) for row in cur]


def merchants_orders_named(cur: cursor, merchant_id: str, names: Sequence[str]) -> list[OrderView]:
    """The merchant's orders with these ids, and those whose ids end with one of these numbers. Ids are found by the
    table's key; numbers by one pass over the merchant's orders."""
    numbers = [name for name in names if len(name) == NUMBER_CHARS]
    cur.execute(f"{_SELECT} WHERE o.order_id = ANY(%s) AND o.merchant_id = %s", (list(names), merchant_id))
    found = {row[0]: _view(row) for row in cur}
    if numbers:
        cur.execute(
            f"{_SELECT} WHERE o.merchant_id = %s AND o.state <> 'refused' AND right(o.order_id, %s) = ANY(%s)",
            (merchant_id, NUMBER_CHARS, numbers),
        )
        found |= {row[0]: _view(row) for row in cur}
    return list(found.values())


def orders_of_number(cur: cursor, number: str) -> list[str]:
    """The ids that end with an order's number, as pages show it: NUMBER_CHARS characters. Reads the whole table."""
    cur.execute("SELECT order_id FROM views.orders WHERE right(order_id, %s) = %s", (NUMBER_CHARS, number))
    return [order_id for (order_id,) in cur]


def taken_by_buyer(cur: cursor, buyer_id: str, edition_id: str) -> dict[str, int]:
    """How many of each variant, by its id, the buyer holds or has bought and kept: of a recurring gift the first."""
    cur.execute(
        """SELECT l.variant_id, sum(l.quantity - l.returned) FROM views.orders AS o CROSS JOIN LATERAL (
               SELECT o.variant_id, o.quantity, o.returned WHERE o.lines = ''
               UNION ALL
               SELECT line->>0, (line->>1)::integer, (line->>3)::integer
               FROM json_array_elements(nullif(o.lines, '')::json) AS line
           ) AS l (variant_id, quantity, returned)
           WHERE o.buyer_id = %s AND o.edition_id = %s AND o.state = ANY(%s)
           AND (o.gift_id IS NULL OR o.order_id LIKE %s) GROUP BY l.variant_id""",
        (buyer_id, edition_id, list(WITH_STOCK), f"%{DERIVED}1"),
    )
    return {variant_id: int(taken) for variant_id, taken in cur}


def sold_orders_of_edition(
    cur: cursor, edition_id: str, *, after: str | None = None, limit: int | None = None
) -> list[OrderView]:
    """Orders of the edition that were paid for, whatever became of them, by their ids; after that one, `limit` at
    most."""
    cur.execute(
        f"""{_SELECT} WHERE o.edition_id = %(edition)s AND o.merchant_id = (
                SELECT merchant_id FROM views.editions WHERE edition_id = %(edition)s)
            AND o.order_id > %(after)s AND o.order_id < %(edition)s || '.' AND o.served <> ''
            ORDER BY o.order_id LIMIT %(limit)s""",
        {"edition": edition_id, "after": after or edition_id, "limit": limit},
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


_COLUMNS = Row.__struct_fields__
_AT_FIRST = _COLUMNS[: _COLUMNS.index("payment_id")]
"""What an order's first event sets; the table has defaults for the rest."""
_CHANGING = _COLUMNS[_COLUMNS.index("version") :]
_TERMS = (*REFUND, "needs_address", "event", "shipping", "cancelled_at_ms", *campaigns.COLUMNS)
_TITLES = """
    CASE WHEN o.lines = '' THEN NULL
    ELSE (SELECT json_object_agg(t.variant_id, t.title) FROM views.variants AS t
          WHERE t.edition_id = o.edition_id) END"""
_SELECT = f"""
    SELECT {", ".join(f"o.{column}" for column in _COLUMNS)}, coalesce({title_at("e", "o.placed_at_ms")}, ''),
        coalesce(v.title, ''), {_TITLES}, coalesce(m.name, ''),
        {", ".join(f"e.{column}" for column in _TERMS)},
        EXISTS (SELECT FROM views.files AS f WHERE f.edition_id = o.edition_id AND f.state = 'offered')
            OR EXISTS (SELECT FROM views.licence_terms AS l WHERE l.edition_id = o.edition_id),
        {USED_TICKETS}
    FROM views.orders AS o LEFT JOIN views.editions AS e USING (edition_id)
        LEFT JOIN views.variants AS v
            ON v.edition_id = o.edition_id AND v.variant_id = o.variant_id AND o.lines = ''
        LEFT JOIN views.merchants AS m ON m.merchant_id = o.merchant_id"""
_READ = f"SELECT {', '.join(_COLUMNS)} FROM orders WHERE order_id = ANY(%s)"
_UPSERT = f"""
    INSERT INTO orders ({", ".join(_COLUMNS)}) VALUES %s
    ON CONFLICT (order_id) DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in _CHANGING)}"""


def _view(row: Sequence[Any]) -> OrderView:
    edition_title, variant_title, titles, merchant_name, *terms, used, first = row[len(_COLUMNS) :]
    o = Row(*row[: len(_COLUMNS)])
    titles = {o.variant_id: variant_title} if titles is None else titles
    view = view_of(o, terms=_terms(terms), titles=titles, edition_title=edition_title, merchant_name=merchant_name)
    return replace(view, used=used, returned_first=first or []) if used else view


_AS_IN_THE_ROW: Final = tuple(
    name for name in OrderView.__struct_fields__ if name in {*_COLUMNS, "placement"} - {"lines", "parcels"}
)


def view_of(
    o: Row,
    *,
    terms: OrderTerms | None,
    titles: Mapping[str, str] = MappingProxyType({}),
    edition_title: str = "",
    merchant_name: str = "",
) -> OrderView:
    """The order that the row and its edition's terms say; `titles` are its variants'."""
    payment = None
    if o.payment_id is not None and o.payment_state is not None:
        more = o.payment_reason, o.authentication_url, o.payment_off_session
        payment = PaymentView(o.payment_id, o.payment_state, *more)
    refunds = o.refunds_asked.values()
    charge = order_lines.charges_in(o.charges).get(o.payment_id or "")
    lines = order_lines.shown(o.kept_lines(), refunds, titles)
    return OrderView(
        **{name: getattr(o, name) for name in _AS_IN_THE_ROW},
        edition_title=edition_title,
        title=": ".join(filter(None, (edition_title, "" if o.lines else titles.get(o.variant_id, "")))),
        total_minor=sum(line.total_minor for line in lines) + (charge.amount_minor if charge is not None else 0),
        shipping=charge,
        payment=payment,
        lines=lines,
        discount=order_lines.discount_view(order_lines.code_in(o.code)),
        refunding_minor=sum(refund.amount_minor for refund in refunds),
        returning=sum(refund.quantity for refund in refunds),
        terms=terms,
        merchant_name=merchant_name,
        stage=o.stage,
        is_unanswered=bool(o.unanswered),
        parcels=parcels_in(o.parcels),
    )


def _terms(columns: Sequence[Any]) -> OrderTerms | None:
    fields = dict(zip((*_TERMS, HAS_DOWNLOADS), columns, strict=True))
    return None if fields["refund_by"] is None else order_terms(fields)


class OrderViews:
    """The projection behind this module's read functions."""

    name = NAME
    version = 11

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "order_views.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Fold the batch to one final row per order, then write the new rows and the changed ones."""
        new = {
            event.originator_id: created(event)
            for _, event, _ in batch
            if isinstance(event, events.OrderPlaced | events.OrderRefused)
        }
        changes = [(order_id, event) for _, event, _ in batch if (order_id := changed_order(event)) is not None]
        changed = _read(cur, {order_id for order_id, _ in changes} - new.keys())
        for order_id, event in changes:
            change(new.get(order_id) or changed[order_id], event)
        touched = {order_id for order_id, _ in changes}
        _insert(cur, _AT_FIRST, [row for order_id, row in new.items() if order_id not in touched])
        _insert(cur, _COLUMNS, [row for order_id, row in new.items() if order_id in touched])
        if changed:
            execute_values(cur, _UPSERT, list(map(msgspec.structs.astuple, changed.values())), page_size=1_000)


def _insert(cur: cursor, columns: Sequence[str], rows: Sequence[Row]) -> None:
    copy_rows(cur, "orders", columns, (msgspec.structs.astuple(row)[: len(columns)] for row in rows))


def _read(cur: cursor, order_ids: set[str]) -> dict[str, Row]:
    if not order_ids:
        return {}
    cur.execute(_READ, (sorted(order_ids),))
    rows = {row[0]: Row(*row) for row in cur}
    if missing := order_ids - rows.keys():
        raise Damaged(f"the events change orders that none of them placed: {', '.join(sorted(missing)[:5])}")
    return rows
