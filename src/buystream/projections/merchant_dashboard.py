"""The merchant's dashboard: clicks, sales, refusals and revenue, by the second, by the minute and in total."""

from collections import Counter
from collections.abc import Iterable
from importlib.resources import files

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch
from buystream.projections.boards import MerchantBoard
from buystream.projections.edition_board import boards_of_merchant
from buystream.projections.live_rates import LiveRates, live_rates
from buystream.projections.sales_tally import COUNTED, SalesTally, count, refusal_in
from buystream.vocabulary import events

NAME = "merchant_dashboard"

SECOND_MS, MINUTE_MS = 1_000, 60_000
SECONDS_SHOWN, MINUTES_SHOWN = 120, 60

SECONDS_KEPT_MS = 10 * MINUTE_MS
"""Seconds are for the live chart; older times are shown by the minute."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """All that ever happened. `clicks` = `held` + `refused`: every tap on Buy that was answered; a buyer who taps three
    times on what is sold out counts three times. `held` counts the orders that ever held stock; `revenue_minor` is what
    was paid less what was refunded and what is lost or held in disputes, by currency; `conversion` is `confirmed` /
    `clicks`, 0 before the first click. `gifts_skipped` gifts of recurring givers were missed in an outage, and nobody
    was charged for them."""

    clicks: int
    held: int
    confirmed: int
    refused: int
    expired: int
    revenue_minor: dict[str, int]
    conversion: float
    refusals: dict[str, int]
    gifts_skipped: int = 0


class Second(msgspec.Struct, frozen=True):
    """One second; `at_ms` is its beginning."""

    at_ms: int
    clicks: int
    sales: int
    refusals: int


class Minute(msgspec.Struct, frozen=True):
    """One minute; `at_ms` is its beginning. A refund lowers the revenue of the minute it happened in, a dispute too."""

    at_ms: int
    clicks: int
    sales: int
    revenue_minor: dict[str, int]


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """As the API shows it. Both series are in order of time, without gaps, and end with what is running now. `live` is
    there when the live role is; the seconds are its own then."""

    merchant_id: str
    as_of_ms: int
    editions: list[MerchantBoard]
    totals: Totals
    per_second: list[Second]
    per_minute: list[Minute]
    live: LiveRates | None


def dashboard(cur: cursor, merchant_id: str, *, now_ms: int) -> Dashboard:
    """The last 120 seconds, the last 60 minutes, and all time. Cheap enough to be asked every second."""
    live = live_rates(cur, merchant_id, now_ms=now_ms)
    return Dashboard(
        merchant_id=merchant_id,
        as_of_ms=now_ms,
        editions=boards_of_merchant(cur, merchant_id, now_ms=now_ms),
        totals=_totals(cur, merchant_id),
        per_second=_of_live(live) if live else _per_second(cur, merchant_id, now_ms),
        per_minute=_per_minute(cur, merchant_id, now_ms),
        live=live,
    )


def _totals(cur: cursor, merchant_id: str) -> Totals:
    cur.execute(
        """SELECT currency, sum(clicks)::bigint, sum(held)::bigint, sum(confirmed)::bigint, sum(refused)::bigint,
                  sum(expired)::bigint, sum(gifts_skipped)::bigint, sum(revenue_minor)::bigint
           FROM views.totals WHERE merchant_id = %s GROUP BY currency""",
        (merchant_id,),
    )
    rows = cur.fetchall()
    clicks, held, confirmed, refused, expired, gifts_skipped = (sum(row[n] for row in rows) for n in range(1, 7))
    cur.execute(
        """SELECT r.reason, sum(r.refused)::bigint
           FROM views.totals AS t JOIN views.refusals AS r USING (edition_id) WHERE t.merchant_id = %s
           GROUP BY r.reason ORDER BY 2 DESC, 1""",
        (merchant_id,),
    )
    return Totals(
        clicks=clicks,
        held=held,
        confirmed=confirmed,
        refused=refused,
        expired=expired,
        revenue_minor={row[0]: row[7] for row in rows},
        conversion=confirmed / clicks if clicks else 0.0,
        refusals=dict(cur.fetchall()),
        gifts_skipped=gifts_skipped,
    )


def _of_live(live: LiveRates) -> list[Second]:
    return [Second(one.at_ms, one.clicks, one.sales, one.refusals) for one in live.per_second]


def _per_second(cur: cursor, merchant_id: str, now_ms: int) -> list[Second]:
    starts = bucket_starts(now_ms, SECOND_MS, SECONDS_SHOWN)
    cur.execute(
        """SELECT at_ms, sum(clicks)::bigint, sum(sales)::bigint, sum(refusals)::bigint
           FROM views.seconds WHERE merchant_id = %s AND at_ms >= %s GROUP BY at_ms""",
        (merchant_id, starts[0]),
    )
    found = {row[0]: Second(*row) for row in cur}
    return [found.get(at_ms) or Second(at_ms, 0, 0, 0) for at_ms in starts]


def _per_minute(cur: cursor, merchant_id: str, now_ms: int) -> list[Minute]:
    starts = bucket_starts(now_ms, MINUTE_MS, MINUTES_SHOWN)
    cur.execute(
        """SELECT m.at_ms, t.currency, sum(m.clicks)::bigint, sum(m.sales)::bigint, sum(m.revenue_minor)::bigint
           FROM views.minutes AS m JOIN views.totals AS t USING (edition_id)
           WHERE m.merchant_id = %s AND m.at_ms >= %s GROUP BY m.at_ms, t.currency""",
        (merchant_id, starts[0]),
    )
    found = {at_ms: Minute(at_ms, 0, 0, {}) for at_ms in starts}
    for at_ms, currency, clicks, sales, revenue_minor in cur:
        if (so_far := found.get(at_ms)) is not None:
            revenues = {**so_far.revenue_minor, currency: revenue_minor}
            found[at_ms] = Minute(at_ms, so_far.clicks + clicks, so_far.sales + sales, revenues)
    return list(found.values())


def bucket_starts(now_ms: int, bucket_ms: int, count: int) -> range:
    """The beginnings of the last `count` buckets, the running one included."""
    newest_ms = now_ms // bucket_ms * bucket_ms
    return range(newest_ms - (count - 1) * bucket_ms, newest_ms + 1, bucket_ms)


_Tallies = dict[tuple[str, int], SalesTally]
"""By edition and beginning of a second (or minute, or 0 for all time)."""


class MerchantDashboard:
    """The projection behind this module's read function."""

    name = NAME
    version = 3

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "merchant_dashboard.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Count by edition and second, then add minutes and totals up from the seconds."""
        _begin(cur, [event for _, event, _ in batch if isinstance(event, events.EditionReleased)])
        seconds: _Tallies = {}
        refusals: Counter[tuple[str, str]] = Counter()
        for _, event, _ in batch:
            if type(event) in COUNTED:
                key = (event.edition_id, event.at_ms // SECOND_MS * SECOND_MS)  # type: ignore[attr-defined]
                tally = seconds.get(key)
                if tally is None:
                    tally = seconds[key] = SalesTally()
                count(event, tally)
                if (refused := refusal_in(event)) is not None:
                    reason, clicks = refused
                    refusals[event.edition_id, reason] += clicks  # type: ignore[attr-defined]
        if seconds:
            _add_buckets(cur, "seconds", seconds)
            _add_buckets(cur, "minutes", _rolled_up(seconds, MINUTE_MS))
            _add_totals(cur, _rolled_up(seconds, None))
            newest_ms = max(at_ms for _, at_ms in seconds)
            cur.execute("DELETE FROM seconds WHERE at_ms < %s", (newest_ms - SECONDS_KEPT_MS,))
        if refusals:
            execute_values(cur, _ADD_REFUSALS, [(*key, count) for key, count in refusals.items()])


def _rolled_up(seconds: _Tallies, bucket_ms: int | None) -> _Tallies:
    rolled: _Tallies = {}
    for (edition_id, at_ms), tally in seconds.items():
        start_ms = at_ms // bucket_ms * bucket_ms if bucket_ms else 0
        rolled.setdefault((edition_id, start_ms), SalesTally()).add(tally)
    return rolled


_ADD_REFUSALS = """
    INSERT INTO refusals AS r (edition_id, reason, refused) VALUES %s
    ON CONFLICT (edition_id, reason) DO UPDATE SET refused = r.refused + excluded.refused"""
_ADD_TOTALS = """
    UPDATE totals AS t SET
        clicks = t.clicks + c.clicks, held = t.held + c.held, confirmed = t.confirmed + c.confirmed,
        refused = t.refused + c.refused, expired = t.expired + c.expired,
        gifts_skipped = t.gifts_skipped + c.gifts_skipped,
        revenue_minor = t.revenue_minor + c.revenue_minor
    FROM (VALUES %s) AS c (edition_id, clicks, held, confirmed, refused, expired, gifts_skipped, revenue_minor)
    WHERE t.edition_id = c.edition_id"""
_ADD_BUCKETS = """
    INSERT INTO {table} AS b (merchant_id, edition_id, at_ms, clicks, sales, refusals, revenue_minor)
    SELECT t.merchant_id, c.* FROM (VALUES %s) AS c (edition_id, at_ms, clicks, sales, refusals, revenue_minor)
        JOIN totals AS t USING (edition_id)
    ON CONFLICT (merchant_id, at_ms, edition_id) DO UPDATE SET
        clicks = b.clicks + excluded.clicks, sales = b.sales + excluded.sales,
        refusals = b.refusals + excluded.refusals, revenue_minor = b.revenue_minor + excluded.revenue_minor"""


def _begin(cur: cursor, released: Iterable[events.EditionReleased]) -> None:
    rows = [(event.originator_id, event.merchant_id, event.offer.currency) for event in released]
    if rows:
        execute_values(cur, "INSERT INTO totals (edition_id, merchant_id, currency) VALUES %s", rows)


def _add_totals(cur: cursor, totals: _Tallies) -> None:
    rows = [(edition_id, *msgspec.structs.astuple(tally)) for (edition_id, _), tally in totals.items()]
    execute_values(cur, _ADD_TOTALS, rows, page_size=len(rows))


def _add_buckets(cur: cursor, table: str, buckets: _Tallies) -> None:
    rows = [
        (edition_id, at_ms, tally.clicks, tally.confirmed, tally.refused, tally.revenue_minor)
        for (edition_id, at_ms), tally in buckets.items()
    ]
    execute_values(cur, _ADD_BUCKETS.format(table=table), rows, page_size=len(rows))
