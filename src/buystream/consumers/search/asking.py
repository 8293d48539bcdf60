"""Asking the search index: which of a merchant's orders have all of some words, and pass some filters. Every way is by
an index, newest first, so what it costs depends on the page and on the rarest of what is wanted, not on the shop."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from psycopg2.extensions import cursor

from buystream.consumers.search.indexing import CONSUMER
from buystream.consumers.search.words import WordHashes, wanted_words

COUNTED_MAX: Final = 2_000
"""Orders that are counted of a word or a filter, to begin with the rarest."""


class Filters(Struct, frozen=True, kw_only=True):
    """What an order must have besides its words; None: anything. `paid_minor` is what was paid in all. Placed from
    `from_ms` to just before `to_ms`."""

    state: str | None = None
    source: str | None = None
    edition_id: str | None = None
    paid_minor: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None


_INDEXED: Final = {
    "state": "o.state = %(state)s",
    "source": "o.source = %(source)s",
    "edition_id": "o.edition_id = %(edition_id)s",
    "paid_minor": "o.paid_minor = %(paid_minor)s",
}
"""Conditions that an index of `search.orders` begins with, or has after the merchant."""

_TIMES: Final = {
    "from_ms": "{0}.placed_at_ms >= %(from_ms)s",
    "to_ms": "{0}.placed_at_ms < %(to_ms)s",
}
_BEYOND: Final = "({0}.placed_at_ms, {0}.order_key) < (%(after_ms)s, %(after_key)s)"
_HAS_WORD: Final = """EXISTS (
    SELECT FROM search.words AS w WHERE w.word = %({1})s AND w.placed_at_ms = {0}.placed_at_ms
        AND w.order_key = {0}.order_key OFFSET 0)"""
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
        for words in ways or ([] if text.strip() else [[]]):
            hashes = [self._hashes.of(merchant_id, word) for word in words]
            asked = Asked(merchant_id=merchant_id, words=hashes, filters=filters, place=place, limit=limit)
            if found := _found(cur, asked):
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


class Asked(Struct, frozen=True, kw_only=True):
    """One search. `words` are their hashes, `place` is when the last order of the page before was placed, and its
    key."""

    merchant_id: str
    words: Sequence[int]
    filters: Filters
    place: tuple[int, int] | None
    limit: int

    @property
    def values(self) -> dict[str, Any]:
        """What the statements name."""
        after_ms, after_key = self.place or (None, None)
        return {
            **{name: getattr(self.filters, name) for name in Filters.__struct_fields__},
            **{f"word_{n}": word for n, word in enumerate(self.words)},
            "merchant_id": self.merchant_id,
            "after_ms": after_ms,
            "after_key": after_key,
            "limit": self.limit,
        }

    @property
    def wanted(self) -> list[str]:
        """The names of the words and of the filters that have an index."""
        return [f"word_{n}" for n in range(len(self.words))] + [name for name in _INDEXED if self._has(name)]

    def counting(self, name: str) -> str:
        """Counts the orders that have it, up to a limit."""
        if name in _INDEXED:
            found = f"SELECT FROM search.orders AS o WHERE o.merchant_id = %(merchant_id)s AND {_INDEXED[name]}"
        else:
            found = f"SELECT FROM search.words WHERE word = %({name})s"
        return f"SELECT count(*) FROM ({found} LIMIT {COUNTED_MAX}) AS found"

    def statement(self, rarest: str) -> str:
        """Begins with the word, or the filter, and looks everything else up. Without either, `rarest` is empty."""
        is_word = rarest.startswith("word_")
        first = "w0" if is_word else "o"
        words = [f"word_{n}" for n in range(len(self.words)) if f"word_{n}" != rarest]
        here = [condition.format(first) for name, condition in _TIMES.items() if self._has(name)]
        here += [_BEYOND.format(first)] if self.place is not None else []
        here += [_HAS_WORD.format(first, word) for word in words]
        of_order = ["o.merchant_id = %(merchant_id)s"]
        of_order += [condition for name, condition in _INDEXED.items() if self._has(name)]
        if is_word:
            order = " AND ".join(["o.order_key = w0.order_key", *of_order])
            found = f"""search.words AS w0 CROSS JOIN LATERAL (
                SELECT o.order_id FROM search.orders AS o WHERE {order} OFFSET 0) AS o"""
            here.append(f"w0.word = %({rarest})s")
        else:
            found = "search.orders AS o"
            here += of_order
        return f"""
            SELECT o.order_id FROM {found} WHERE {" AND ".join(here)}
            ORDER BY {first}.placed_at_ms DESC, {first}.order_key DESC LIMIT %(limit)s"""

    def _has(self, name: str) -> bool:
        return getattr(self.filters, name) is not None


def rarest_of(cur: cursor, asked: Asked) -> str:
    """The word or filter that the fewest orders have; of those that many have, a word."""
    if len(asked.wanted) <= 1:
        return "".join(asked.wanted)
    counted: dict[str, int] = {}
    for name in asked.wanted:
        cur.execute(asked.counting(name), asked.values)
        (counted[name],) = cur.fetchone() or (0,)
    return min(counted, key=counted.__getitem__)


def _found(cur: cursor, asked: Asked) -> list[str]:
    cur.execute(asked.statement(rarest_of(cur, asked)), asked.values)
    return [order_id for (order_id,) in cur]
