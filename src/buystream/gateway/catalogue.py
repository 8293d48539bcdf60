"""What a gateway knows about editions without asking anybody: which exist, and which are sold out."""

import msgspec
from psycopg2.extensions import cursor

from buystream import events
from buystream.codec import decode_event
from buystream.ids import edition_of, partition_of
from buystream.log import Record
from buystream.projections import edition_board, order_views, runner


class Offer(msgspec.Struct, kw_only=True):
    """An edition's terms, as far as the gateway needs them, and its sold-out latch. While it `awaits_terms` it takes no
    orders."""

    edition_id: str
    merchant_id: str
    title: str
    kind: str
    limited: bool
    needs_address: bool
    sold_out: bool
    partition: int
    awaits_terms: bool = False


_TYPES = {
    kind.__name__: f"buystream.{kind.__struct_config__.tag}"
    for kind in (
        events.EditionReleased, events.EditionSoldOut, events.StockReleased, events.TermsApplied,
        events.OrderPlaced, events.OrderRefused,
    )
}  # fmt: skip
RELEASED = _TYPES["EditionReleased"]
SOLD_OUT = _TYPES["EditionSoldOut"]
STOCK_RELEASED = _TYPES["StockReleased"]
TERMS_APPLIED = _TYPES["TermsApplied"]
DECIDES_ORDER = frozenset({_TYPES["OrderPlaced"], _TYPES["OrderRefused"]})


class Catalogue:
    """Written by the thread that tails the events, read by the event loop; each change is one step of a dict or set."""

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}
        self._sent: set[int] = set()

    def offer(self, edition_id: str) -> Offer | None:
        """The edition, or None when there is none."""
        return self._offers.get(edition_id)

    def remember_sent(self, order_id: str) -> None:
        """This order id is on its way to a decision, so a repeat of it must go to the log, sold out or not."""
        self._sent.add(hash(order_id))

    def was_sent(self, order_id: str) -> bool:
        """Whether the id may have been decided. Kept as 64-bit hashes: a false yes only costs a look at the log."""
        return hash(order_id) in self._sent

    def load(self, cur: cursor) -> dict[int, int]:
        """Start from the views; returns the positions of `buystream.events` to go on from, by partition."""
        cur.execute("SELECT to_regclass('views.editions'), to_regclass('views.orders')")
        if None in (cur.fetchone() or (None,)):
            return {}  # no views yet: the log has everything
        # Positions first: rows that move on meanwhile are taken in a second time, which is harmless.
        boards = runner.next_positions(cur, edition_board.NAME)
        orders = runner.next_positions(cur, order_views.NAME)
        for board in edition_board.boards(cur, now_ms=0):
            self._offers[board.edition_id] = Offer(
                edition_id=board.edition_id,
                merchant_id=board.merchant_id,
                title=board.title,
                kind=board.kind,
                limited=board.stock is not None,
                needs_address=board.needs_address,
                sold_out=board.available == 0,
                partition=partition_of(board.edition_id),
                awaits_terms=board.awaits_terms,
            )
        limited = [offer.edition_id for offer in self._offers.values() if offer.limited]
        cur.execute("SELECT order_id FROM views.orders WHERE edition_id = ANY(%s)", (limited,))
        self._sent.update(hash(order_id) for (order_id,) in cur)
        return {p: min(boards.get(p, 0), orders.get(p, 0)) for p in boards.keys() | orders.keys()}

    def apply(self, kind: str, record: Record) -> None:
        """Take in an event of the log, of type `kind`; decodes it only when an edition is new."""
        subject = record.headers["ce_subject"]
        if kind in DECIDES_ORDER:
            offer = self._offers.get(edition_of(subject))
            if offer is not None and offer.limited:
                self._sent.add(hash(subject))
        elif kind == SOLD_OUT:
            self._offers[subject].sold_out = True
        elif kind == STOCK_RELEASED:
            self._offers[subject].sold_out = False
        elif kind == TERMS_APPLIED:
            self._offers[subject].awaits_terms = False
        elif kind == RELEASED:
            event = decode_event(record.value)
            if isinstance(event, events.EditionReleased):
                self._offers[subject] = Offer(
                    edition_id=subject,
                    merchant_id=event.merchant_id,
                    title=event.title,
                    kind=event.kind,
                    limited=event.stock is not None,
                    needs_address=event.needs_address,
                    sold_out=False,
                    partition=record.partition,
                    awaits_terms=event.awaits_terms,
                )
