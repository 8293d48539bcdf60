"""Asking the search index: which of a merchant's orders have all of some words, and pass some filters. Every way is by
an index, newest first, so what it costs depends on the page and not on the shop."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from psycopg2.extensions import cursor

from buystream.consumers.search.indexing import CONSUMER
from buystream.consumers.search.words import WordHashes, wanted_words

COUNTED_MAX: Final = 2_000
"""Orders that are counted of a word, to begin with the rarest."""


class Filters(Struct, frozen=True, kw_only=True):
    """What an order must have besides its words; None: anything. `paid_minor` is what was paid in all. Placed from
    `from_ms` to just before `to_ms`."""

    state: str | None = None
    source: str | None = None
    edition_id: str | None = None
    paid_minor: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None


_CONDITIONS: Final = {
    "state": "o.state = %(state)s",
    "source": "o.source = %(source)s",
    "edition_id": "o.edition_id = %(edition_id)s",
    "paid_minor": "o.paid_minor = %(paid_minor)s",
    "from_ms": "{0}.placed_at_ms >= %(from_ms)s",
    "to_ms": "{0}.placed_at_ms < %(to_ms)s",
}

_ALSO_HAS: Final = """EXISTS (
    SELECT FROM search.words AS w WHERE w.word = %(word_{0})s AND w.placed_at_ms = w0.placed_at_ms
        AND w.order_key = w0.order_key OFFSET 0)"""
"""Looked up for one order after the other: with OFFSET, PostgreSQL makes no join of it, for which it would read all
orders that have a common word."""


class OrderSearch:
    """The orders of all merchants, each asked about by its own merchant."""

    def __init__(self, root: bytes) -> None:
        self._hashes = WordHashes(root)

    def orders(
        self, cur: cursor, merchant_id: str, text: str, filters: Filters, *, after: str | None, limit: int
    ) -> list[str]:
        """Ids of the merchant's orders, newest first, after the order of that id. `text` is what was typed; with
        nothing in it, only the filters count."""
        place = self._place(cur, merchant_id, after)
        if after is not None and place is None:
            return []
        ways = wanted_words(text)
        if not ways:
            return [] if text.strip() else _found(cur, merchant_id, [], filters, place, limit)
        for words in ways:
            hashes = _rarest_first(cur, [self._hashes.of(merchant_id, word) for word in words])
            if found := _found(cur, merchant_id, hashes, filters, place, limit):
                return found
        return []

    def _place(self, cur: cursor, merchant_id: str, after: str | None) -> tuple[int, int] | None:
        if after is None:
            return None
        key = self._hashes.order_key(merchant_id, after)
        cur.execute("SELECT placed_at_ms, order_key FROM search.orders WHERE order_key = %s", (key,))
        return cur.fetchone()


def unread_events(cur: cursor) -> int:
    """How many events the index hasn't read yet that the views show."""
    cur.execute(
        """SELECT coalesce(sum(greatest(p.next_position - coalesce(c.position, 0), 0)), 0)
           FROM views.build AS b JOIN views.position AS p USING (projection, number)
           LEFT JOIN consumer.checkpoint AS c ON c.consumer = %s AND c.partition = p.partition
           WHERE b.live AND b.projection = 'order_views'""",
        (CONSUMER,),
    )
    (number,) = cur.fetchone() or (0,)
    return int(number)


def statement(words: int, filters: Filters, *, is_after: bool) -> str:
    """The query for that many words: `word_0` to `word_n` are its values, the rarest first."""
    first = "w0" if words else "o"
    conditions = ["o.merchant_id = %(merchant_id)s"]
    conditions += ["w0.word = %(word_0)s"] if words else []
    conditions += [_ALSO_HAS.format(n) for n in range(1, words)]
    conditions += [
        condition.format(first) for name, condition in _CONDITIONS.items() if getattr(filters, name) is not None
    ]
    if is_after:
        conditions.append(f"({first}.placed_at_ms, {first}.order_key) < (%(after_ms)s, %(after_key)s)")
    tables = ["search.words AS w0", "JOIN search.orders AS o USING (order_key, placed_at_ms)"] if words else ["search.orders AS o"]
    return f"""
        SELECT o.order_id FROM {" ".join(tables)} WHERE {" AND ".join(conditions)}
        ORDER BY {first}.placed_at_ms DESC, {first}.order_key DESC LIMIT %(limit)s"""


def values(
    merchant_id: str, words: Sequence[int], filters: Filters, place: tuple[int, int] | None, limit: int
) -> dict[str, Any]:
    """What goes into `statement`."""
    after_ms, after_key = place or (None, None)
    return {
        **{name: getattr(filters, name) for name in Filters.__struct_fields__},
        **{f"word_{n}": word for n, word in enumerate(words)},
        "merchant_id": merchant_id,
        "after_ms": after_ms,
        "after_key": after_key,
        "limit": limit,
    }


def _found(
    cur: cursor,
    merchant_id: str,
    words: Sequence[int],
    filters: Filters,
    place: tuple[int, int] | None,
    limit: int,
) -> list[str]:
    said = statement(len(words), filters, is_after=place is not None)
    cur.execute(said, values(merchant_id, words, filters, place, limit))
    return [order_id for (order_id,) in cur]


def _rarest_first(cur: cursor, words: Sequence[int]) -> list[int]:
    if len(words) == 1:
        return list(words)
    counted = {}
    for word in words:
        cur.execute(
            "SELECT count(*) FROM (SELECT FROM search.words WHERE word = %s LIMIT %s) AS found", (word, COUNTED_MAX)
        )
        (counted[word],) = cur.fetchone() or (0,)
    return sorted(counted, key=lambda word: counted[word])
