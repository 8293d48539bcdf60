"""A merchant's statement: what a period's movements add up to, per currency, never summed across. Periods are half-open
and adjacent ones add up to the whole, because every movement has one moment."""

from typing import Any

import msgspec
from psycopg2.extensions import cursor

from buystream.projections.offer_columns import title_at
from buystream.vocabulary.values import Tax


class Period(msgspec.Struct, frozen=True, gc=False):
    """From `from_ms` on, up to and without `to_ms`."""

    from_ms: int
    to_ms: int


class CurrencyTotals(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`net = sales − refunds − disputes − fees + fees_returned`, all in `currency`. Refunds are without those that
    failed, disputes without those that were won: what is counted is lost, or held by a bank until it has decided.
    `sales` counts payments."""

    currency: str
    sales: int
    sales_minor: int
    refunds_minor: int
    disputes_minor: int
    fees_minor: int
    fees_returned_minor: int
    net_minor: int


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One movement. `amount_minor` and `fee_minor` are signed as the merchant feels them: `net_minor` is their sum.
    `place` is where it stands among the lines."""

    at_ms: int
    kind: str
    edition_id: str
    title: str
    order_id: str
    payment_id: str
    reference: str
    currency: str
    amount_minor: int
    fee_minor: int
    net_minor: int
    place: str


def totals(cur: cursor, merchant_id: str, period: Period) -> list[CurrencyTotals]:
    """By currency, in their alphabetical order; a currency without movements is left out."""
    cur.execute(
        """SELECT currency,
                  count(*) FILTER (WHERE kind = 'sale'),
                  coalesce(sum(amount_minor) FILTER (WHERE kind = 'sale'), 0)::bigint,
                  -coalesce(sum(amount_minor) FILTER (WHERE kind IN ('refund', 'refund_failed')), 0)::bigint,
                  -coalesce(sum(amount_minor) FILTER (WHERE kind LIKE 'dispute%%'), 0)::bigint,
                  -coalesce(sum(fee_minor) FILTER (WHERE kind = 'sale'), 0)::bigint,
                  coalesce(sum(fee_minor) FILTER (WHERE kind <> 'sale'), 0)::bigint
           FROM views.movements WHERE merchant_id = %s AND at_ms >= %s AND at_ms < %s
           GROUP BY currency ORDER BY currency""",
        (merchant_id, period.from_ms, period.to_ms),
    )
    return [
        CurrencyTotals(
            currency=currency,
            sales=sales,
            sales_minor=sales_minor,
            refunds_minor=refunds_minor,
            disputes_minor=disputes_minor,
            fees_minor=fees_minor,
            fees_returned_minor=fees_returned_minor,
            net_minor=sales_minor - refunds_minor - disputes_minor - fees_minor + fees_returned_minor,
        )
        for currency, sales, sales_minor, refunds_minor, disputes_minor, fees_minor, fees_returned_minor in cur
    ]


def lines(
    cur: cursor, merchant_id: str, period: Period, *, after: tuple[int, int, int] | None, limit: int
) -> list[Line]:
    """Oldest first. `after` is the place of the last line of the page before, as `line_place` reads it."""
    cur.execute(
        f"""SELECT m.at_ms, m.partition, m.position, m.kind, m.edition_id, coalesce({title_at("e", "m.at_ms")}, ''),
                  m.order_id, m.payment_id, m.reference, m.currency, m.amount_minor, m.fee_minor
           FROM views.movements AS m LEFT JOIN views.editions AS e USING (edition_id)
           WHERE m.merchant_id = %s AND m.at_ms < %s AND (m.at_ms, m.partition, m.position) > (%s, %s, %s)
           ORDER BY m.at_ms, m.partition, m.position LIMIT %s""",
        (merchant_id, period.to_ms, *(after or (period.from_ms, -1, -1)), limit),
    )
    return [_line(row) for row in cur]


def tax_of_edition(cur: cursor, edition_id: str) -> Tax:
    """The edition's tax; none for an edition that isn't known."""
    cur.execute("SELECT tax_bps, tax_label FROM views.sellers WHERE edition_id = %s", (edition_id,))
    row = cur.fetchone()
    return Tax(bps=row[0], label=row[1]) if row else Tax()


def paid_at_ms(cur: cursor, order_id: str) -> int | None:
    """When the order's money moved; None when none has."""
    cur.execute("SELECT at_ms FROM views.movements WHERE order_id = %s AND kind = 'sale'", (order_id,))
    row = cur.fetchone()
    return int(row[0]) if row else None


def line_place(text: str) -> tuple[int, int, int]:
    """The place that a line's `place` encodes; raises ValueError."""
    at_ms, partition, position = (int(part) for part in text.split("-"))
    return at_ms, partition, position


def _line(row: tuple[Any, ...]) -> Line:
    at_ms, partition, position, *columns, amount_minor, fee_minor = row
    fields = dict(zip(_LINE_TEXTS, columns, strict=True))
    return Line(
        at_ms=at_ms,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        net_minor=amount_minor + fee_minor,
        place=f"{at_ms}-{partition}-{position}",
        **fields,
    )


_LINE_TEXTS = ("kind", "edition_id", "title", "order_id", "payment_id", "reference", "currency")
