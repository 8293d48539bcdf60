"""Where the clicks on a merchant's editions came from, and what came of them: by the minute and in all. The sums over
all placements are what the merchant's dashboard counts."""

from collections.abc import Collection, Iterable, Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch
from buystream.projections.placement_book import OTHER_NUMBER, UNKNOWN_NUMBER, Entry, PlacementBook, PlacementTally
from buystream.projections.rows import copy_rows
from buystream.projections.sales_tally import COUNTED, SalesTally, count
from buystream.vocabulary import events
from buystream.vocabulary.ids import recurring_order_id
from buystream.vocabulary.placements import OTHER, Placement, PlacementCount

NAME = "attribution"

MINUTE_MS: Final = 60_000

SHOWN_MAX: Final = 200
"""Placements in one answer; what came of the rest is added up."""


class PlacementFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the clicks from one placement, in one currency. A name is empty where nothing said it; the `source`
    `other` stands for those that are not kept apart. `clicks` = `held` + `refused`; `conversion` is `paid` / `clicks`,
    0 before the first click; `revenue_minor` is what was paid less what was refunded and what banks have of it."""

    source: str
    campaign: str
    post: str
    app: str
    currency: str
    impressions: int
    clicks: int
    held: int
    paid: int
    refused: int
    expired: int
    revenue_minor: int
    conversion: float


def placement_figures(
    cur: cursor,
    merchant_id: str,
    *,
    edition_id: str | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    by_source: bool = False,
) -> list[PlacementFigures]:
    """Those with the most paid orders first, of all editions or one. `from_ms` and `to_ms` (exclusive) are beginnings
    of minutes; without them, all that ever happened. By source, campaigns and posts are added up."""
    names = ("source", "''", "''", "app") if by_source else ("source", "campaign", "post", "app")
    table = "views.placements AS c"
    if from_ms is not None or to_ms is not None:
        table = "views.placement_minutes AS c JOIN views.placements AS p USING (edition_id, number)"
    prefix = "p" if "AS p" in table else "c"
    named = ", ".join(name if name == "''" else f"{prefix}.{name}" for name in names)
    summed = ", ".join(f"sum(c.{name})::bigint" for name in _COUNTS)
    cur.execute(
        f"""SELECT {named}, e.currency, {summed} FROM {table} JOIN views.attributed_editions AS e USING (edition_id)
            WHERE e.merchant_id = %(merchant)s AND (%(edition)s::text IS NULL OR edition_id = %(edition)s)
                {"AND c.at_ms >= %(from)s AND c.at_ms < %(to)s" if prefix == "p" else ""}
            GROUP BY 1, 2, 3, 4, 5 ORDER BY sum(c.paid) DESC, sum(c.clicks) DESC, sum(c.impressions) DESC, 1, 2, 3, 4, 5
            """,
        {
            "merchant": merchant_id,
            "edition": edition_id,
            "from": from_ms or 0,
            "to": _LATEST_MS if to_ms is None else to_ms,
        },
    )
    return _shown([(tuple(row[:5]), PlacementTally(*row[5:])) for row in cur])


_LATEST_MS: Final = 2**62
_COUNTS: Final = PlacementTally.__struct_fields__
_ENTRY: Final = ("edition_id", "number", "source", "campaign", "post", "app", *_COUNTS)

_Key = tuple[str, str, str, str, str]


def _shown(found: list[tuple[_Key, PlacementTally]]) -> list[PlacementFigures]:
    """As many as can be looked through; the rest by currency."""
    shown, rest = dict(found[:SHOWN_MAX]), found[SHOWN_MAX:]
    for (*_, currency), tally in rest:
        shown.setdefault((OTHER, "", "", "", currency), PlacementTally()).add(tally)
    return [_figures(key, tally) for key, tally in shown.items()]


def _figures(key: _Key, tally: PlacementTally) -> PlacementFigures:
    source, campaign, post, app, currency = key
    return PlacementFigures(
        source=source,
        campaign=campaign,
        post=post,
        app=app,
        currency=currency,
        conversion=tally.paid / tally.clicks if tally.clicks else 0.0,
        **msgspec.structs.asdict(tally),
    )


_OF_ORDERS: Final = COUNTED - {events.RecurringGiftSkipped, events.DemandRecorded}
_REPORTS: Final = (events.DemandRecorded, events.ImpressionsRecorded)

_Minutes = dict[tuple[str, int, int], PlacementTally]
"""By edition, beginning of a minute and number."""


class Attribution:
    """The projection behind this module's read function."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "attribution.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Count event by event: which placements are kept apart depends on their order alone, not on batches."""
        _begin(cur, [event for _, event, _ in batch if isinstance(event, events.EditionReleased)])
        counted = [event for _, event, _ in batch if type(event) in _OF_ORDERS or isinstance(event, _REPORTS)]
        if not counted:
            return
        counting = _Counting(_read_books(cur, {event.edition_id for event in counted}), _read_orders(cur, counted))  # type: ignore[attr-defined]
        for event in counted:
            if isinstance(event, _REPORTS):
                counting.count_report(event)
            else:
                counting.count_order(event)
        counting.write(cur)


class _Counting:
    """One batch."""

    def __init__(self, books: dict[str, PlacementBook], orders: dict[str, int]) -> None:
        self._books = books
        self._orders = orders
        self._placed: dict[str, int] = {}
        self._minutes: _Minutes = {}

    def count_report(self, event: events.DemandRecorded | events.ImpressionsRecorded) -> None:
        """What a gateway counted; of the rest nothing is known."""
        is_seen = isinstance(event, events.ImpressionsRecorded)
        total = event.impressions if isinstance(event, events.ImpressionsRecorded) else event.clicks
        known = sum(one.count for one in event.placements)
        for one in (*event.placements, PlacementCount(placement=Placement(), count=total - known)):
            if one.count:
                placement = one.placement if one.placement != Placement() else None
                number = self._books[event.edition_id].number_of(placement, is_held=False)
                tally = PlacementTally(clicks=one.count, refused=one.count)
                self._add(event, number, PlacementTally(impressions=one.count) if is_seen else tally)

    def count_order(self, event: Any) -> None:
        """What happened to an order, or to its money."""
        book = self._books[event.edition_id]
        if isinstance(event, events.OrderPlaced | events.OrderRefused):
            number = book.number_of(event.placement, is_held=isinstance(event, events.OrderPlaced))
            if isinstance(event, events.OrderPlaced) and event.gift_id and event.placement is None:
                number = book.current(self._number_of_order(recurring_order_id(event.gift_id, 1)))
            if number != UNKNOWN_NUMBER:
                self._placed[event.order_id] = number
        else:
            number = book.current(self._number_of_order(event.order_id))
        tally = SalesTally()
        count(event, tally)
        self._add(event, number, PlacementTally.of(tally))

    def _number_of_order(self, order_id: str) -> int:
        return self._placed.get(order_id, self._orders.get(order_id, UNKNOWN_NUMBER))

    def _add(self, event: Any, number: int, tally: PlacementTally) -> None:
        self._books[event.edition_id].add(number, tally)
        key = (event.edition_id, event.at_ms // MINUTE_MS * MINUTE_MS, number)
        self._minutes.setdefault(key, PlacementTally()).add(tally)

    def write(self, cur: cursor) -> None:
        """Placements with what they are now, minutes with what was added."""
        for edition_id, book in self._books.items():
            if book.displaced:
                _merge(cur, edition_id, book)
        minutes: _Minutes = {}
        for (edition_id, at_ms, number), tally in self._minutes.items():
            key = (edition_id, at_ms, self._books[edition_id].current(number))
            minutes.setdefault(key, PlacementTally()).add(tally)
        _write(cur, _ADD_MINUTES, [(*key, *msgspec.structs.astuple(tally)) for key, tally in minutes.items()])
        entries = [(name, entry) for name, book in self._books.items() for entry in book.changed()]
        _write(cur, _SET_PLACEMENTS, [_row(edition_id, entry) for edition_id, entry in entries])
        given = [(edition_id, book.last_number) for edition_id, book in self._books.items() if book.has_grown]
        _write(cur, _SET_LAST, given)
        copy_rows(cur, "placed_orders", ("order_id", "number"), self._placed.items())


def _begin(cur: cursor, released: Iterable[events.EditionReleased]) -> None:
    rows = [(event.edition_id, event.merchant_id, event.offer.currency, OTHER_NUMBER) for event in released]
    copy_rows(cur, "attributed_editions", ("edition_id", "merchant_id", "currency", "last_number"), rows)


def _read_books(cur: cursor, edition_ids: Collection[str]) -> dict[str, PlacementBook]:
    cur.execute(f"SELECT {', '.join(_ENTRY)} FROM placements WHERE edition_id = ANY(%s)", (sorted(edition_ids),))
    entries: dict[str, list[Entry]] = {edition_id: [] for edition_id in edition_ids}
    for edition_id, number, source, campaign, post, app, *counts in cur:
        placement = Placement(source=source, campaign=campaign, post=post, app=app)
        entries[edition_id].append(Entry(number, placement, PlacementTally(*counts)))
    cur.execute(
        "SELECT edition_id, last_number FROM attributed_editions WHERE edition_id = ANY(%s)", (sorted(edition_ids),)
    )
    last = dict(cur.fetchall())
    return {edition_id: PlacementBook(found, last_number=last[edition_id]) for edition_id, found in entries.items()}


def _read_orders(cur: cursor, counted: Sequence[Any]) -> dict[str, int]:
    """The numbers of the orders that the events are about, as far as they have any."""
    wanted = {event.order_id for event in counted if not isinstance(event, _BEGINNINGS)}
    gifts = {event.gift_id for event in counted if isinstance(event, events.OrderPlaced)} - {""}
    wanted |= {recurring_order_id(gift_id, 1) for gift_id in gifts}
    if not wanted:
        return {}
    cur.execute("SELECT order_id, number FROM placed_orders WHERE order_id = ANY(%s)", (sorted(wanted),))
    return dict(cur.fetchall())


_BEGINNINGS: Final = (events.OrderPlaced, events.OrderRefused, *_REPORTS)


def _merge(cur: cursor, edition_id: str, book: PlacementBook) -> None:
    """What was counted under displaced numbers is counted together."""
    named = {"edition": edition_id, "gone": sorted(book.displaced)}
    summed = ", ".join(f"sum({name})" for name in _COUNTS)
    cur.execute(
        f"""INSERT INTO placement_minutes AS m (edition_id, at_ms, number, {", ".join(_COUNTS)})
            SELECT edition_id, at_ms, {OTHER_NUMBER}, {summed} FROM placement_minutes
            WHERE edition_id = %(edition)s AND number = ANY(%(gone)s) GROUP BY edition_id, at_ms
            ON CONFLICT (edition_id, at_ms, number) DO UPDATE SET {_ADDED}""",
        named,
    )
    for table in ("placement_minutes", "placements"):
        cur.execute(f"DELETE FROM {table} WHERE edition_id = %(edition)s AND number = ANY(%(gone)s)", named)


def _row(edition_id: str, entry: Entry) -> tuple[Any, ...]:
    one = entry.placement
    counts = msgspec.structs.astuple(entry.tally)
    return (edition_id, entry.number, one.source, one.campaign, one.post, one.app, *counts)


def _write(cur: cursor, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        execute_values(cur, statement, rows, page_size=len(rows))


_ADDED: Final = ", ".join(f"{name} = m.{name} + excluded.{name}" for name in _COUNTS)
_ADD_MINUTES: Final = f"""
    INSERT INTO placement_minutes AS m (edition_id, at_ms, number, {", ".join(_COUNTS)}) VALUES %s
    ON CONFLICT (edition_id, at_ms, number) DO UPDATE SET {_ADDED}"""
_SET_PLACEMENTS: Final = f"""
    INSERT INTO placements ({", ".join(_ENTRY)}) VALUES %s
    ON CONFLICT (edition_id, number) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COUNTS)}"""
_SET_LAST: Final = """
    UPDATE attributed_editions AS e SET last_number = c.last_number FROM (VALUES %s) AS c (edition_id, last_number)
    WHERE e.edition_id = c.edition_id"""
