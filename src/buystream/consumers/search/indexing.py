"""Keeps the search index: which orders the events change, what the views say of these now, and whom an erasure takes
out. Rows and position are one transaction. One process does it at a time."""

import hashlib
import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.consumers.search.tables import TABLES
from buystream.consumers.search.words import WordHashes, address_words, name_words, number_word, tracking_word
from buystream.delivery.policy import (
    Backoff,
    ConsumerDatabase,
    EventReader,
    Place,
    Read,
    known_places,
    load_places,
    move_places,
    save_places,
)
from buystream.log import Log, LogUnavailable
from buystream.projections import order_views
from buystream.projections.engine.builds import next_positions
from buystream.projections.order_rows import CHANGES, changed_order
from buystream.projections.parcels import parcels_in
from buystream.projections.rows import copy_rows
from buystream.vault import Vault, VaultUnavailable
from buystream.vocabulary import events

CONSUMER: Final = "search"

VERSION: Final = 1
"""Raised when other words are kept: then the index is made again from the first event on."""

POLL_SECONDS: Final = 0.25
"""What comes meanwhile is one transaction."""

VIEWS_PAUSE_SECONDS: Final = 0.02

ROWS_AT_ONCE: Final = 1_000

_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtext('buystream search'))"
_SEEN: Final = """
    SELECT order_id, merchant_id, edition_id, buyer_id, placed_at_ms, state, source, paid_minor, delivery, tracking,
        parcels
    FROM views.orders WHERE order_id = ANY(%s) AND state <> 'refused'"""
_KNOWN: Final = "SELECT order_key, state, paid_minor, seen, words FROM search.orders WHERE order_key = ANY(%s)"
_COLUMNS: Final = (
    *(
        "order_key",
        "placed_at_ms",
        "paid_minor",
        "seen",
        "order_id",
        "merchant_id",
        "edition_id",
        "state",
        "source",
        "words",
    ),
)
_CHANGE: Final = """
    UPDATE search.orders AS o SET state = n.state, paid_minor = n.paid_minor, seen = n.seen, words = n.words::bigint[]
    FROM (VALUES %s) AS n (order_key, state, paid_minor, seen, words) WHERE o.order_key = n.order_key"""
_FORGET: Final = """
    DELETE FROM search.words AS w USING (VALUES %s) AS n (word, placed_at_ms, order_key)
    WHERE w.word = n.word AND w.placed_at_ms = n.placed_at_ms AND w.order_key = n.order_key"""
_ADD_ERASED: Final = "INSERT INTO search.erased (buyer_id) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
_NOT_YET_ERASED: Final = """
    SELECT buyer_id FROM vault.erased_buyer WHERE buyer_id NOT IN (SELECT buyer_id FROM search.erased)"""

logger = logging.getLogger(__name__)


class _Order(NamedTuple):
    """What the views say of an order."""

    order_id: str
    merchant_id: str
    edition_id: str
    buyer_id: str
    placed_at_ms: int
    state: str
    source: str
    paid_minor: int
    delivery: str
    tracking: str | None
    parcels: str

    @property
    def sealed(self) -> list[str]:
        """The ciphertexts under its buyer's key that it can be found by."""
        parcels = parcels_in(self.parcels).parcels.values() if self.parcels else ()
        texts = (self.delivery, self.tracking or "", *(parcel.tracking for parcel in parcels))
        return [text for text in dict.fromkeys(texts) if text]


class Indexing:
    """The role `search`."""

    def __init__(self, log: Log, *, dsn: str, vault: Vault, root: bytes) -> None:
        self._log = log
        self._vault = vault
        self._hashes = WordHashes(root)
        self._database = ConsumerDatabase(dsn, TABLES)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        backoff = Backoff(CONSUMER)
        try:
            while not stop.is_set():
                try:
                    self._follow(stop, backoff)
                except (LogUnavailable, VaultUnavailable) as error:
                    backoff.wait(stop, error)
        finally:
            self._database.close()

    def _follow(self, stop: threading.Event, backoff: Backoff) -> None:
        partitions = self._log.partitions
        with self._database.transaction() as cur:
            begin(cur, partitions)
            places = load_places(cur, CONSUMER, partitions)
        self._take_out_erased()
        at = {partition: place.position for partition, place in places.items()}
        reader = EventReader(self._log, CONSUMER, places, wanted=(*CHANGES, events.OrderPlaced, events.BuyerErased))
        try:
            while not stop.is_set() and self._log.partitions == partitions:
                if reads := reader.poll(timeout_seconds=0.5):
                    self._index(reads, at, stop)
                elif not self._is_at(at):
                    return  # the index is to be made again
                backoff.reset()
                stop.wait(POLL_SECONDS if len(reads) < ROWS_AT_ONCE else 0)
        finally:
            reader.close()

    def _is_at(self, at: dict[int, int]) -> bool:
        with self._database.transaction() as cur:
            places = known_places(cur, CONSUMER)
        return all(places.get(partition, Place()).position == position for partition, position in at.items())

    def _index(self, reads: Sequence[Read], at: dict[int, int], stop: threading.Event) -> None:
        changed: set[str] = set()
        erased: list[str] = []
        ends: dict[int, Place] = {}
        for record, head, event in reads:
            ends[record.partition] = Place(record.position + 1, int(head.sequence) + 1)
            if isinstance(event, events.BuyerErased):
                erased.append(event.buyer_id)
            elif isinstance(event, events.OrderPlaced):
                changed.add(event.order_id)
            elif event is not None and (order_id := changed_order(event)):
                changed.add(order_id)
        if (changed or erased) and not self._views_show(ends, stop):
            return
        with self._database.transaction() as cur:
            cur.execute("SET LOCAL synchronous_commit = off")  # rows and positions are lost together
            cur.execute(_ONE_AT_A_TIME)
            move_places(cur, CONSUMER, at, ends)
            if erased:
                cur.execute(_ADD_ERASED, (erased,))
                changed |= _orders_of(cur, erased)
            self._write(cur, changed)
        at.update({partition: place.position for partition, place in ends.items()})

    def _views_show(self, ends: dict[int, Place], stop: threading.Event) -> bool:
        """Once the views show these events; False at `stop`. What they show beyond them comes again as an event."""
        while not stop.is_set():
            with self._database.transaction() as cur:
                shown = next_positions(cur, order_views.NAME)
            if all(shown.get(partition, 0) >= place.position for partition, place in ends.items()):
                return True
            stop.wait(VIEWS_PAUSE_SECONDS)
        return False

    def _take_out_erased(self) -> None:
        """Those whose erasure is on no log: a backup was restored, and they were erased again."""
        with self._database.transaction() as cur:
            cur.execute(_ONE_AT_A_TIME)
            cur.execute(_NOT_YET_ERASED)
            erased = [buyer_id for (buyer_id,) in cur]
            if erased:
                cur.execute(_ADD_ERASED, (erased,))
                self._write(cur, _orders_of(cur, erased))

    def _write(self, cur: cursor, order_ids: Iterable[str]) -> None:
        """The orders as the views show them now."""
        cur.execute(_SEEN, (sorted(order_ids),))
        by_key = {self._hashes.order_key(row[1], row[0]): _Order(*row) for row in cur}
        if not by_key:
            return
        cur.execute(_KNOWN, (list(by_key),))
        known = {row[0]: row[1:] for row in cur}
        erased = _erased_of(cur, {order.buyer_id for order in by_key.values()})
        seen = {key: _seen(order, is_erased=order.buyer_id in erased) for key, order in by_key.items()}
        to_read = [key for key in by_key if key not in known or known[key][2] != seen[key]]
        words = dict(zip(to_read, self._words([by_key[key] for key in to_read], erased), strict=True))
        _write_words(cur, by_key, known, words)
        new = [_row(key, by_key[key], seen[key], hashes) for key, hashes in words.items() if key not in known]
        copy_rows(cur, "search.orders", _COLUMNS, new)
        changed = [
            (key, order.state, order.paid_minor, seen[key], _array(words.get(key, known[key][3])))
            for key, order in by_key.items()
            if key in known and known[key][:3] != (order.state, order.paid_minor, seen[key])
        ]
        if changed:
            execute_values(cur, _CHANGE, changed, page_size=ROWS_AT_ONCE)

    def _words(self, orders: Sequence[_Order], erased: set[str]) -> list[set[int]]:
        """What each is found by."""
        sealed = [(n, order.buyer_id, text) for n, order in enumerate(orders) for text in _readable(order, erased)]
        opened = self._vault.decrypt_many([(buyer_id, text) for _, buyer_id, text in sealed]) if sealed else []
        found = [{number_word(order.order_id)} for order in orders]
        for (n, _, _), said in zip(sealed, opened, strict=True):
            if said is not None:
                found[n] |= name_words(said.get("name", "")) | address_words(said.get("email", ""))
                found[n].add(tracking_word(said.get("tracking", "")))
        return [
            self._hashes.all_of(order.merchant_id, words - {""}) for order, words in zip(orders, found, strict=True)
        ]


def begin(cur: cursor, partitions: int) -> None:
    """Make the index again from the first event on if it is of another version."""
    cur.execute("SELECT version FROM search.form")
    if cur.fetchone() != (VERSION,):
        start_again(cur, partitions)


def start_again(cur: cursor, partitions: int) -> None:
    """Empty the index, and read from the first event on; the role that keeps it notices."""
    cur.execute(_ONE_AT_A_TIME)
    cur.execute("TRUNCATE search.form, search.orders, search.words, search.erased")
    cur.execute("INSERT INTO search.form (version) VALUES (%s)", (VERSION,))
    save_places(cur, CONSUMER, dict.fromkeys(range(partitions), Place()))
    logger.info("the search index is made from the first event on")


def _orders_of(cur: cursor, buyers: Sequence[str]) -> set[str]:
    cur.execute("SELECT order_id FROM views.orders WHERE buyer_id = ANY(%s)", (list(buyers),))
    return {order_id for (order_id,) in cur}


def _erased_of(cur: cursor, buyers: Iterable[str]) -> set[str]:
    cur.execute("SELECT buyer_id FROM search.erased WHERE buyer_id = ANY(%s)", (list(buyers),))
    return {buyer_id for (buyer_id,) in cur}


def _readable(order: _Order, erased: set[str]) -> list[str]:
    return [] if order.buyer_id in erased else order.sealed


def _seen(order: _Order, *, is_erased: bool) -> int:
    said = "erased" if is_erased else "\n".join(order.sealed)
    return int.from_bytes(hashlib.blake2b(said.encode(), digest_size=8).digest(), "big", signed=True)


def _write_words(
    cur: cursor, orders: dict[int, _Order], known: dict[int, tuple[Any, ...]], words: dict[int, set[int]]
) -> None:
    gone: list[tuple[int, int, int]] = []
    new: list[tuple[int, int, int]] = []
    for key, hashes in words.items():
        before = set(known[key][3]) if key in known else set()
        at_ms = orders[key].placed_at_ms
        gone += [(word, at_ms, key) for word in before - hashes]
        new += [(word, at_ms, key) for word in hashes - before]
    if gone:
        execute_values(cur, _FORGET, gone, page_size=ROWS_AT_ONCE)
    copy_rows(cur, "search.words", ("word", "placed_at_ms", "order_key"), sorted(new))


def _row(key: int, order: _Order, seen: int, words: set[int]) -> tuple[Any, ...]:
    return (
        *(key, order.placed_at_ms, order.paid_minor, seen, order.order_id, order.merchant_id, order.edition_id),
        *(order.state, order.source, _array(words)),
    )


def _array(words: Iterable[int]) -> str:
    """As PostgreSQL reads an array."""
    return f"{{{','.join(map(str, sorted(words)))}}}"
