"""The merchant's orders as rows of a file: all of them, those of some ids, or all as they were, in pages that cost no
more at the end than at the beginning."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from psycopg2.extensions import cursor

from buystream.projections.order_rows import Row
from buystream.projections.past_orders import Streams, order_ids_of_merchant, rows_of_orders

ROWS_AT_ONCE = 5_000
PAST_AT_ONCE = 500
"""Of the past, each is folded from its events."""

_COLUMNS = ", ".join(Row.__struct_fields__)

Place = tuple[int, str]
"""When an order was placed, and its id: pages go on after the last order's."""


class Titles(Struct, frozen=True):
    """What the merchant's editions and their variants are called, by their ids."""

    editions: Mapping[str, str]
    variants: Mapping[tuple[str, str], str]

    def items(self, row: Row) -> str:
        """`2 × Night Sky: Balcony`, a line each."""
        edition = self.editions.get(row.edition_id, "")
        names = [(line, self.variants.get((row.edition_id, line.variant_id), "")) for line in row.kept_lines()]
        return "\n".join(f"{line.quantity} × {': '.join(filter(None, (edition, name)))}" for line, name in names)


def titles(cur: cursor, merchant_id: str) -> Titles:
    """As they are now."""
    cur.execute("SELECT edition_id, title FROM views.editions WHERE merchant_id = %s", (merchant_id,))
    editions = dict(cur.fetchall())
    cur.execute(
        """SELECT v.edition_id, v.variant_id, v.title
           FROM views.variants AS v JOIN views.editions AS e USING (edition_id) WHERE e.merchant_id = %s""",
        (merchant_id,),
    )
    return Titles(editions, {(edition_id, variant_id): title for edition_id, variant_id, title in cur if title})


def page(cur: cursor, merchant_id: str, *, after: Place | None) -> list[Row]:
    """All orders but refused ones, newest first."""
    beyond = "" if after is None else "AND (placed_at_ms, order_id) < (%(at_ms)s, %(order_id)s)"
    at_ms, order_id = after or (None, None)
    cur.execute(
        f"""SELECT {_COLUMNS} FROM views.orders WHERE merchant_id = %(merchant_id)s AND state <> 'refused' {beyond}
            ORDER BY placed_at_ms DESC, order_id DESC LIMIT %(limit)s""",
        {"merchant_id": merchant_id, "at_ms": at_ms, "order_id": order_id, "limit": ROWS_AT_ONCE},
    )
    return [Row(*row) for row in cur]


def named(cur: cursor, merchant_id: str, order_ids: Sequence[str]) -> list[Row]:
    """Those of these orders that are the merchant's, in their order."""
    cur.execute(
        f"SELECT {_COLUMNS} FROM views.orders WHERE order_id = ANY(%s) AND merchant_id = %s",
        (list(order_ids), merchant_id),
    )
    found = {row[0]: Row(*row) for row in cur}
    return [found[order_id] for order_id in order_ids if order_id in found]


def past_page(cur: cursor, merchant_id: str, streams: Streams, *, at_ms: int, after: Place | None) -> list[Row]:
    """All as they were at the end of that millisecond."""
    ids = order_ids_of_merchant(cur, merchant_id, at_ms=at_ms, after=after[1] if after else None, limit=PAST_AT_ONCE)
    return list(rows_of_orders(cur, streams, ids, at_ms=at_ms))
