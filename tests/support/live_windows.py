"""The windows of live, counted once more from the log, beside what live wrote."""

from collections import Counter
from typing import Any

from buystream.log import EVENTS, Log
from buystream.projections.windows import SPANS, starts_ms
from buystream.vocabulary import events
from buystream.vocabulary.codec import read_event
from tests.support.patience import wait_until
from tests.support.postgres import run_sql

Counts = dict[tuple[str, int, int], tuple[int, int, int, int]]
"""By edition, span and beginning: clicks, holds, sales, refusals."""


def recount(log: Log) -> Counts:
    """The windows, counted from the whole log in the plainest way."""
    counts: dict[tuple[str, int, int], Counter[str]] = {}
    for partition in range(log.partitions):
        start = 0
        while records := log.read(EVENTS, partition, start):
            start = records[-1].position + 1
            for event in (read_event(record.value) for record in records):
                happened: dict[str, int] = {}
                match event:
                    case events.OrderPlaced():
                        happened = {"clicks": 1, "holds": 1}
                    case events.OrderRefused():
                        happened = {"clicks": 1, "refusals": 1}
                    case events.DemandRecorded():
                        happened = {"clicks": event.clicks, "refusals": event.clicks}
                    case events.OrderConfirmed():
                        happened = {"sales": 1}
                for span in SPANS if happened else ():
                    for start_ms in starts_ms(span, event.at_ms):
                        key = (event.edition_id, span.seconds, start_ms)  # type: ignore[attr-defined]
                        counts.setdefault(key, Counter()).update(happened)
    return {key: (one["clicks"], one["holds"], one["sales"], one["refusals"]) for key, one in counts.items()}


def shown(dsn: str) -> Counts:
    """What live wrote."""
    if run_sql(dsn, "SELECT to_regclass('live.windows')") == [(None,)]:
        return {}
    rows: list[Any] = run_sql(
        dsn, "SELECT edition_id, span_seconds, start_ms, clicks, holds, sales, refusals FROM live.windows"
    )
    return {(edition_id, span, start_ms): tuple(counts) for edition_id, span, start_ms, *counts in rows}


def wait_for_recount(log: Log, dsn: str) -> None:
    """Until live shows what the log says now."""
    expected = recount(log)
    assert expected
    try:
        wait_until(lambda: shown(dsn) == expected, 60)
    except AssertionError:
        assert shown(dsn) == expected
        raise
