"""The common ending of every scenario."""

import json
from collections import Counter
from contextlib import closing

import psycopg2
from psycopg2.extensions import cursor

from buystream.demo.headless import settle
from buystream.log import EVENTS, Log, read_all
from buystream.projections.engine.builds import caught_up, live_build
from buystream.projections.engine.history import History
from buystream.vocabulary.codec import read_event, read_head
from buystream.vocabulary.events import OrderPlaced
from buystream.wiring.opening import open_database, open_log
from buystream.wiring.views import VIEWS, projector
from tests.faults.crowd import Crowd
from tests.faults.shop import FaultyShop
from tests.support.patience import patient, wait_until
from tests.support.shop_process import buystream

CATCH_UP_SECONDS = 60

FOLLOWS = {
    "held": {"held", "authorised", "confirmed", "cancelled", "expired"},
    "authorised": {"authorised", "confirmed"},
    "confirmed": {"confirmed"},
    "cancelled": {"cancelled"},
    "expired": {"expired"},
}
"""What an order may have become since its buyer's last answer."""


def assert_sound(shop: FaultyShop, crowd: Crowd) -> None:
    """The promised alarms have rung. All continue until no order is in progress; then nothing acknowledged is missing,
    no event is doubled, there is no gap, the audit holds (with it the stock equation), and the views are what a rebuild
    from zero gives."""
    crowd.assert_served()
    rung = ", ".join(f"{alarm} ({'/'.join(sorted(states))})" for alarm, states in sorted(shop.hear_alarms().items()))
    print(f"alarms: {rung or 'none'}")
    with open_database(shop.settings) as database, open_log(database, shop.settings) as log:
        for edition_id in shop.editions.values():
            settle(database.dsn, edition_id, patience_seconds=patient(120))
        stop(shop, "gateway", "payments", "live", "feeds", "decider")
        wait_until_shown(database.dsn, log)
        stop(shop, "projector")
        assert_each_event_once(log)
        assert_nothing_missing(log, database.dsn, crowd.acknowledged)
        assert_views_are_a_rebuild(log, database.dsn)
    audit = buystream("audit", "--json", "--data-dir", str(shop.data_dir))
    report = json.loads(audit.stdout)
    assert (audit.returncode, report["ok"], report["violations"]) == (0, True, [])
    print(f"{len(crowd.acknowledged)} orders acknowledged, {report['events']} events, the books hold")


def stop(shop: FaultyShop, *roles: str) -> None:
    """SIGTERM to every process of these roles, in this order."""
    for role in roles:
        for process in [one for one in shop.roles if one.role == role]:
            shop.retire(process)


def wait_until_shown(dsn: str, log: Log) -> None:
    """Until the views show every event."""
    ends = {partition: log.end(EVENTS, partition) for partition in range(log.partitions)}
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        conn.autocommit = True
        wait_until(lambda: caught_up(cur, ends), CATCH_UP_SECONDS, otherwise=lambda: "the views don't show every event")


def assert_each_event_once(log: Log) -> None:
    """Independently of the audit: sequences are dense, ids are unique, and no order was placed twice."""
    for partition in range(log.partitions):
        records = list(read_all(log, EVENTS, partition))
        assert [int(read_head(record.value).sequence) for record in records] == list(range(len(records)))
        assert len({read_head(record.value).id for record in records}) == len(records)
        placed = Counter(
            event.order_id for record in records if isinstance(event := read_event(record.value), OrderPlaced)
        )
        assert placed.total() == len(placed)


def assert_nothing_missing(log: Log, dsn: str, acknowledged: dict[str, str]) -> None:
    """Each order that a buyer got an answer for is on the log, and is what it was or what may come of that."""
    placed = {
        event.order_id
        for partition in range(log.partitions)
        for record in read_all(log, EVENTS, partition)
        if isinstance(event := read_event(record.value), OrderPlaced)
    }
    assert acknowledged
    assert acknowledged.keys() <= placed
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        cur.execute("SELECT order_id, state FROM views.orders")
        now = dict(cur.fetchall())
    assert now.keys() == placed
    changed = {one: (told, now[one]) for one, told in acknowledged.items() if now[one] not in FOLLOWS[told]}
    assert not changed


def assert_views_are_a_rebuild(log: Log, dsn: str) -> None:
    """Every table of every view, row by row."""
    views = projector(log, dsn)
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        conn.autocommit = True
        for view in (*VIEWS, History):
            live = tables_of(cur, view.name)
            assert live
            views.rebuild(view.name)
            rebuilt = tables_of(cur, view.name)
            assert live.keys() == rebuilt.keys()
            for table, rows in live.items():
                assert rows - rebuilt[table] == rebuilt[table] - rows == Counter(), f"{view.name}: {table}"


def tables_of(cur: cursor, projection: str) -> dict[str, Counter[str]]:
    """The rows of each table of the live build, as text."""
    build = live_build(cur, projection)
    assert build is not None
    cur.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (build.schema,))
    tables = {}
    for (table,) in cur.fetchall():
        # The history's ids number the events as they came from all partitions; between two of those any order is right.
        cur.execute(f"""SELECT (to_jsonb(t) - 'id')::text FROM "{build.schema}"."{table}" AS t""")
        tables[table] = Counter(row for (row,) in cur.fetchall())
    return tables
