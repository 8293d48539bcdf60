"""What the past costs: `python -m bench.past [--orders 50000] [--per-second 2000] [--rounds 3] [--dsn ...]`.

One edition is bought, six events an order, at so many events a second of the log's time. The views are projected with
and without keyframes, in turns; then moments of that sale are asked about: dashboards, pages of a hundred orders, what
changed since the beginning, and a whole view folded as `buystream as-of` does. Prints one JSON object."""

import argparse
import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import msgspec
import psycopg2

from bench.projections import fresh_database, purchases, released, renumbered, seconds_to_project, server
from buystream.log.postgres import PostgresLog
from buystream.projections.engine.scratch import past_view
from buystream.projections.engine.until import Until
from buystream.projections.keyframes import Keyframes
from buystream.projections.order_views import OrderViews
from buystream.projections.past_boards import changes_between, past_dashboard
from buystream.projections.past_orders import ON_THE_LOG, order_ids_of_merchant, past_orders
from buystream.vocabulary import events
from buystream.vocabulary.ids import new_edition_id
from buystream.wiring.views import VIEWS

MOMENTS = 300
PAGE = 100


def sold(orders: int, per_second: int) -> tuple[events.EditionReleased, list[events.Event]]:
    """The edition, and all that happened to it, in the order of the log."""
    edition = released(new_edition_id(0), orders)
    stream = renumbered(edition, purchases(edition, orders))
    return edition, [
        msgspec.structs.replace(event, at_ms=number * 1_000 // per_second) for number, event in enumerate(stream)
    ]


def projected(dsn: str, stream: list[events.Event], *, keyframes: bool) -> float:
    """Events a second, until the views show the last one."""
    views = [view() for view in VIEWS if keyframes or view is not Keyframes]
    return len(stream) / seconds_to_project(dsn, stream, views)


def milliseconds(ask: Callable[[int], Any], last_ms: int) -> dict[str, float]:
    """How long it takes at moments drawn from the whole sale."""
    pick, took = random.Random(7), []
    for _ in range(MOMENTS):
        at_ms = pick.randint(1, last_ms)
        began = time.perf_counter()
        ask(at_ms)
        took.append((time.perf_counter() - began) * 1_000)
    took.sort()
    return {"p50": round(median(took), 2), "p99": round(took[int(len(took) * 0.99)], 2)}


def asked(dsn: str, edition: events.EditionReleased, stream: list[events.Event]) -> dict[str, Any]:
    """Reads of the past, in milliseconds; and a fold, in events a second."""
    who, last_ms = edition.merchant_id, stream[-1].at_ms
    with psycopg2.connect(dsn) as conn, conn.cursor() as cur:

        def page(at_ms: int) -> None:
            ids = order_ids_of_merchant(cur, who, at_ms=at_ms, after=None, limit=PAGE)
            past_orders(cur, ON_THE_LOG, ids, at_ms=at_ms)

        reads = {
            "dashboard_ms": milliseconds(lambda at_ms: past_dashboard(cur, who, at_ms=at_ms), last_ms),
            "changes_ms": milliseconds(lambda at_ms: changes_between(cur, who, from_ms=0, to_ms=at_ms), last_ms),
            "orders_page_ms": milliseconds(page, last_ms),
        }
        cur.execute("SELECT count(*), pg_total_relation_size(min(tableoid)::regclass) FROM keyframes_1.keyframes")
        rows, size = cur.fetchone() or (0, 0)
    log = PostgresLog(dsn, partitions=1)
    began = time.perf_counter()
    with past_view(dsn, log, OrderViews(), [0]) as view:
        view.fold(Until(last_ms))
    folded = len(stream) / (time.perf_counter() - began)
    log.close()
    return {**reads, "fold_events_per_s": round(folded), "keyframes": rows, "keyframe_bytes": size // max(1, rows)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=50_000)
    options.add_argument("--per-second", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--dsn", help="any PostgreSQL; the embedded one otherwise")
    chosen = options.parse_args()
    edition, stream = sold(chosen.orders, chosen.per_second)
    rates: dict[bool, list[float]] = {True: [], False: []}
    with server(chosen.dsn) as dsn:
        for _ in range(chosen.rounds):
            for keyframes in (False, True):
                database = fresh_database(dsn, "bench_past")
                rates[keyframes].append(projected(database, stream, keyframes=keyframes))
        report = {
            "events": len(stream),
            "projected_events_per_s": round(median(rates[True])),
            "projected_events_per_s_without_keyframes": round(median(rates[False])),
            **asked(database, edition, stream),
        }
    print(msgspec.json.encode(report).decode())


if __name__ == "__main__":
    main()
