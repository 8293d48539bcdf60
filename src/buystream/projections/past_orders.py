"""Orders as they were: folded from their own events and their payments', which the log's index by aggregate finds
without reading anything else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from psycopg2.extensions import cursor

from buystream.projections.edition_board import later_titles
from buystream.projections.new_order_rows import created
from buystream.projections.order_rows import Row, change, changed_order
from buystream.projections.order_terms import order_terms
from buystream.projections.order_views import OrderView, view_of
from buystream.projections.past_boards import past_fields
from buystream.vocabulary import events
from buystream.vocabulary.codec import read_event


class Streams(NamedTuple):
    """Where the events of aggregates are: a table, its columns, and which of its rows are events."""

    table: str
    stream: str
    value: str
    only: str


ON_THE_LOG: Final = Streams("log.record", "subject", "value", "topic = 'buystream.events'")
IN_HISTORY: Final = Streams("views.history", "originator_id", "state", "true")
"""Of a log on Kafka."""


def events_of_orders(
    cur: cursor, streams: Streams, order_ids: Sequence[str], *, at_ms: int
) -> dict[str, list[events.Event]]:
    """By order, what had happened to it and its payments by the end of that millisecond, in order; orders that weren't
    there yet are left out. A payment's id is its order's, a dot and a number, so both are one stretch of the index: '/'
    follows '.'."""
    table, stream, value, only = streams
    cur.execute(
        f"""SELECT o.order_id, r.value FROM unnest(%s::text[]) AS o (order_id) CROSS JOIN LATERAL (
                SELECT {value} AS value, edition_version FROM {table}
                WHERE {only} AND {stream} >= o.order_id COLLATE "C" AND {stream} < (o.order_id || '/') COLLATE "C"
            ) AS r ORDER BY o.order_id, r.edition_version""",
        (list(order_ids),),
    )
    found: dict[str, list[events.Event]] = {}
    for order_id, encoded in cur:
        event = read_event(bytes(encoded))
        if event.at_ms <= at_ms:
            found.setdefault(order_id, []).append(event)
    return found


def rows_of_orders(cur: cursor, streams: Streams, order_ids: Sequence[str], *, at_ms: int) -> Iterator[Row]:
    """Their rows of `orders` as they were, in the order of the ids."""
    happened = events_of_orders(cur, streams, order_ids, at_ms=at_ms)
    for order_id in order_ids:
        if order_id in happened:
            first, *rest = happened[order_id]
            assert isinstance(first, events.OrderPlaced | events.OrderRefused)
            row = created(first)
            for event in (one for one in (first, *rest) if changed_order(one) is not None):
                change(row, event)
            yield row


def past_orders(cur: cursor, streams: Streams, order_ids: Sequence[str], *, at_ms: int) -> list[OrderView]:
    """The orders as they were at the end of that millisecond, in the order of the ids; those that weren't placed yet
    are left out."""
    rows = list(rows_of_orders(cur, streams, order_ids, at_ms=at_ms))
    edition_ids = sorted({row.edition_id for row in rows})
    editions, later = past_fields(cur, edition_ids, at_ms=at_ms), later_titles(cur, edition_ids)
    return [_view(row, editions[row.edition_id], later.get(row.edition_id, ())) for row in rows]


def _view(row: Row, edition: Mapping[str, Any], later: Sequence[tuple[int, str]]) -> OrderView:
    """`later` are the titles that the edition got after its release, with their times."""
    titles = {one["variant_id"]: one["title"] for one in edition["variants"]}
    title = next((one for since_ms, one in reversed(later) if since_ms <= row.placed_at_ms), edition["title"])
    merchant_name = edition["merchant_name"]
    return view_of(row, terms=order_terms(edition), titles=titles, edition_title=title, merchant_name=merchant_name)


def order_ids_of_merchant(cur: cursor, merchant_id: str, *, at_ms: int, after: str | None, limit: int) -> list[str]:
    """The merchant's orders that had been placed by then and weren't refused, newest first, as
    `buystream.projections.order_views.orders_of_merchant` pages them."""
    cur.execute(
        """SELECT order_id FROM views.orders
           WHERE merchant_id = %(merchant_id)s AND state <> 'refused' AND placed_at_ms <= %(at_ms)s
               AND (%(after)s::text IS NULL OR (placed_at_ms, order_id) <
                   (SELECT placed_at_ms, order_id FROM views.orders
                    WHERE order_id = %(after)s AND merchant_id = %(merchant_id)s))
           ORDER BY placed_at_ms DESC, order_id DESC LIMIT %(limit)s""",
        {"merchant_id": merchant_id, "at_ms": at_ms, "after": after, "limit": limit},
    )
    return [order_id for (order_id,) in cur]
