"""Live rates: the windows that `consumers.live` counts, written in batches and read by the merchant's desk."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.projections.windows import SECOND_MS, SPANS, Tally, Window
from buystream.tables import Tables

KEPT_MS: Final = 10 * 60 * SECOND_MS
SECONDS_SHOWN: Final = 120
SILENT_SECONDS_MAX: Final = 5
RECORDS_BEHIND_MAX: Final = 20_000

SLIDING: Final = SPANS[-1]

TABLES: Final = Tables("live", (files("buystream.projections") / "live_rates.sql").read_text())


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What happened per second, on average over a window. `conversion` is sales / clicks of that window, at most 1, and
    0 without clicks."""

    span_seconds: int
    start_ms: int
    clicks_per_second: float
    holds_per_second: float
    sales_per_second: float
    refusals_per_second: float
    conversion: float


class LiveSecond(msgspec.Struct, frozen=True, kw_only=True):
    """One second; `at_ms` is its beginning."""

    at_ms: int
    clicks: int
    holds: int
    sales: int
    refusals: int


class LiveRates(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's seconds, in order and without gaps, the running one last; and the averages over the newest whole
    windows, by edition and of all its editions together."""

    per_second: list[LiveSecond]
    last_10_seconds: Rates
    last_60_seconds: Rates
    editions: dict[str, Rates]
    """By edition id, over the same 60 s; editions without any click or sale are left out."""


class LiveProgress(NamedTuple):
    """How far a partition is: all before `position` is done, it ends at the log's time `at_ms`, and so many records are
    still to come."""

    position: int
    at_ms: int
    records_behind: int


def progress(cur: cursor) -> dict[int, LiveProgress]:
    """The last reported progress, by partition."""
    cur.execute("SELECT partition, position, at_ms, records_behind FROM live.progress")
    return {partition: LiveProgress(*row) for partition, *row in cur}


def write(cur: cursor, windows: Iterable[tuple[Window, Tally]]) -> None:
    """What happened in windows so far. It only ever grows, so the greater count is the right one, no matter who wrote
    it or how often."""
    rows = [(*window, *msgspec.structs.astuple(tally)) for window, tally in windows]
    if rows:
        execute_values(cur, _WRITE, sorted(rows), page_size=1_000)  # sorted: two writers can't lock each other out


def publish(cur: cursor, reached: Mapping[int, LiveProgress]) -> None:
    """How far live is, now."""
    rows = [(partition, *row) for partition, row in sorted(reached.items())]
    if rows:
        execute_values(cur, _TELL, rows, template="(%s, %s, %s, %s, clock_timestamp())")


def forget(cur: cursor) -> None:
    """Delete the windows that began long before the log's newest event."""
    cur.execute("DELETE FROM live.windows WHERE start_ms < (SELECT max(at_ms) FROM live.progress) - %s", (KEPT_MS,))


def live_rates(cur: cursor, merchant_id: str, *, now_ms: int) -> LiveRates | None:
    """None when live isn't there for every partition, or is too far behind: then ask the views."""
    if not _is_live(cur):
        return None
    newest_ms = now_ms // SECOND_MS * SECOND_MS
    ten, sixty = (_newest_whole(span_seconds, now_ms) for span_seconds in (10, SLIDING.seconds))
    cur.execute(
        """SELECT w.edition_id, w.span_seconds, w.start_ms, w.clicks, w.holds, w.sales, w.refusals
           FROM views.totals AS t JOIN live.windows AS w USING (edition_id)
           WHERE t.merchant_id = %s AND (
               w.span_seconds = 1 AND w.start_ms > %s
               OR w.span_seconds = 10 AND w.start_ms = %s OR w.span_seconds = 60 AND w.start_ms = %s)""",
        (merchant_id, newest_ms - SECONDS_SHOWN * SECOND_MS, ten, sixty),
    )
    seconds: dict[int, Tally] = {}
    totals = {10: Tally(), 60: Tally()}
    editions: dict[str, Rates] = {}
    for edition_id, span_seconds, start_ms, *counts in cur:
        tally = Tally(*counts)
        if span_seconds == 1:
            seconds.setdefault(start_ms, Tally()).add(tally)
        else:
            totals[span_seconds].add(tally)
        if span_seconds == SLIDING.seconds:
            editions[edition_id] = _rates(tally, span_seconds, start_ms)
    shown = range(newest_ms - (SECONDS_SHOWN - 1) * SECOND_MS, newest_ms + 1, SECOND_MS)
    return LiveRates(
        per_second=[_second(at_ms, seconds.get(at_ms) or Tally()) for at_ms in shown],
        last_10_seconds=_rates(totals[10], 10, ten),
        last_60_seconds=_rates(totals[60], 60, sixty),
        editions=editions,
    )


def _is_live(cur: cursor) -> bool:
    cur.execute("SELECT to_regclass('live.progress') IS NOT NULL")
    (exists,) = cur.fetchone() or (False,)
    if not exists:
        return False
    cur.execute(
        """SELECT coalesce(bool_and(
               told_at > clock_timestamp() - make_interval(secs => %s) AND records_behind <= %s), false)
           FROM live.progress""",
        (SILENT_SECONDS_MAX, RECORDS_BEHIND_MAX),
    )
    (is_live,) = cur.fetchone() or (False,)
    return bool(is_live)


def _newest_whole(span_seconds: int, now_ms: int) -> int:
    """The beginning of the newest window of that span that has ended."""
    every_ms = next(span.every_seconds for span in SPANS if span.seconds == span_seconds) * SECOND_MS
    return now_ms // every_ms * every_ms - span_seconds * SECOND_MS


def _rates(tally: Tally, span_seconds: int, start_ms: int) -> Rates:
    return Rates(
        span_seconds=span_seconds,
        start_ms=start_ms,
        clicks_per_second=tally.clicks / span_seconds,
        holds_per_second=tally.holds / span_seconds,
        sales_per_second=tally.sales / span_seconds,
        refusals_per_second=tally.refusals / span_seconds,
        conversion=min(1.0, tally.sales / tally.clicks) if tally.clicks else 0.0,
    )


def _second(at_ms: int, tally: Tally) -> LiveSecond:
    return LiveSecond(at_ms=at_ms, clicks=tally.clicks, holds=tally.holds, sales=tally.sales, refusals=tally.refusals)


_WRITE = """
    INSERT INTO live.windows AS w (edition_id, span_seconds, start_ms, clicks, holds, sales, refusals) VALUES %s
    ON CONFLICT (edition_id, span_seconds, start_ms) DO UPDATE SET
        clicks = greatest(w.clicks, excluded.clicks), holds = greatest(w.holds, excluded.holds),
        sales = greatest(w.sales, excluded.sales), refusals = greatest(w.refusals, excluded.refusals)"""
_TELL = """
    INSERT INTO live.progress AS p (partition, position, at_ms, records_behind, told_at) VALUES %s
    ON CONFLICT (partition) DO UPDATE SET position = greatest(p.position, excluded.position),
        at_ms = greatest(p.at_ms, excluded.at_ms), records_behind = excluded.records_behind,
        told_at = excluded.told_at"""
