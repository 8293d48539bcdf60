"""The past is what was shown then: boards, dashboards, orders and every table of every view."""

from contextlib import closing
from typing import Any

import msgspec
import psycopg2
import pytest
from psycopg2.extensions import cursor

from buystream.log import EVENTS
from buystream.log.postgres import PostgresLog
from buystream.projections.boards import Board
from buystream.projections.differences import differences, shown
from buystream.projections.edition_board import board, events_as_released
from buystream.projections.engine.scratch import past_view
from buystream.projections.engine.until import NoSuchPast, Until, first_at_ms, until_position
from buystream.projections.merchant_dashboard import Dashboard, dashboard
from buystream.projections.order_views import OrderView, order
from buystream.projections.past_boards import changes_between, past_board, past_dashboard
from buystream.projections.past_orders import IN_HISTORY, ON_THE_LOG, events_of_orders, past_orders
from buystream.vocabulary import commands
from buystream.wiring.views import VIEWS_BY_NAME
from tests.support.examples import CONCERT, EDITION, MERCHANT, ORDER, T0, example
from tests.support.histories import History
from tests.support.postgres import run_sql
from tests.support.projected import PURCHASE, SHOP, Author, reading, show
from tests.support.steps import release

MOMENTS, STEPS = 6, 200


class Kept(msgspec.Struct):
    """What the live views said at one moment."""

    at_ms: int
    dashboard: Dashboard
    boards: dict[str, Board | None]
    orders: dict[str, OrderView]
    tables: dict[str, set[str]]


def _tables(dsn: str) -> dict[str, set[str]]:
    """Every row of every view, as text, by table."""
    tables = run_sql(dsn, "SELECT viewname FROM pg_views WHERE schemaname = 'views'")
    return {name: {row for (row,) in run_sql(dsn, f"SELECT t::text FROM views.{name} AS t")} for (name,) in tables}


def _keep(history: History, dsn: str) -> Kept:
    author, at_ms = history.author, history.at_ms
    with reading(dsn) as cur:
        known = [one.id for name in history.editions for one in author.partition.state.editions[name].orders.values()]
        return Kept(
            at_ms,
            dashboard(cur, MERCHANT, now_ms=at_ms),
            {name: board(cur, name, now_ms=at_ms) for name in history.editions},
            {one: seen for one in known if (seen := order(cur, one)) is not None},
            _tables(dsn),
        )


def test_every_view_of_the_past_is_what_it_showed_then(postgres_log: PostgresLog, database_url: str) -> None:
    history = History(Author(postgres_log), seed=6)
    kept: list[Kept] = []
    for _ in range(MOMENTS):
        history.go_on(STEPS)
        show(postgres_log, database_url, [make() for make in VIEWS_BY_NAME.values()])
        kept.append(_keep(history, database_url))
        history.at_ms += 1  # what comes next is after that moment
    assert len({one.dashboard.totals.clicks for one in kept}) == MOMENTS
    assert len({one.dashboard.totals.revenue_minor["USD"] for one in kept}) > 2
    with reading(database_url) as cur:
        for then in kept:
            assert past_dashboard(cur, MERCHANT, at_ms=then.at_ms) == then.dashboard
            for name, live in then.boards.items():
                past = past_board(cur, name, at_ms=then.at_ms)
                assert live is not None
                assert past is not None
                assert {**_fields(past), "as_of_ms": 0} == {**_fields(live), "as_of_ms": 0}
            for streams in (ON_THE_LOG, IN_HISTORY):
                seen = past_orders(cur, streams, list(then.orders), at_ms=then.at_ms)
                assert seen == list(then.orders.values())
    for name, make in VIEWS_BY_NAME.items():
        with past_view(database_url, postgres_log, make(), range(2)) as view:
            for then in (kept[1], kept[-2]):
                view.fold(Until(then.at_ms))
                found = {table: _texts(view, table) for table in {one.table for one in view.rows()}}
                for table, rows in found.items():
                    assert rows == then.tables[table], (name, table)
    assert run_sql(database_url, "SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == [(0,)]


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _texts(view: Any, table: str) -> set[str]:
    view._cur.execute(f'SELECT t::text FROM "{table}" AS t')
    return {row for (row,) in view._cur}


def test_what_changed_between_two_moments_has_fields_and_types_of_events(
    postgres_log: PostgresLog, database_url: str
) -> None:
    author = Author(postgres_log)
    author.write(*SHOP, at_ms=T0)
    author.write(*PURCHASE, example(commands.PauseSale), at_ms=T0 + 5_000)
    show(postgres_log, database_url)
    with reading(database_url) as cur:
        changes = changes_between(cur, MERCHANT, from_ms=T0, to_ms=T0 + 5_000)
        same = changes_between(cur, MERCHANT, from_ms=T0 + 5_000, to_ms=T0 + 6_000)
    assert {one.field: (one.before, one.after) for one in changes.totals} == {
        "clicks": (0, 1),
        "held": (0, 1),
        "confirmed": (0, 1),
        "revenue_minor.USD": (0, 4500),
        "conversion": (0.0, 1.0),
    }
    (edition,) = changes.editions
    assert {(one.field, one.before, one.after) for one in edition.changed} >= {
        ("available", 10, 9),
        ("sold", 0, 1),
        ("state", "open", "paused"),
        ("variants.0.sold", 0, 1),
    }
    assert changes.happened == {
        "OrderAuthorised": 1,
        "OrderConfirmed": 1,
        "OrderPlaced": 1,
        "PaymentAuthorised": 1,
        "PaymentCaptured": 1,
        "PaymentRequested": 1,
        "SalePaused": 1,
        **{name: count for name, count in changes.happened.items() if name == "CaptureRequested"},
    }
    assert (same.totals, same.editions, same.happened) == ([], [], {})


def test_an_event_was_where_it_was_before_it_moved(postgres_log: PostgresLog, database_url: str) -> None:
    author = Author(postgres_log)
    author.write(SHOP[0], release(event=CONCERT), at_ms=T0)
    moved = example(commands.MoveEvent)
    author.write(moved, at_ms=T0 + 5_000)
    show(postgres_log, database_url)
    with reading(database_url) as cur:
        now = board(cur, EDITION, now_ms=T0)
        then, later = (past_board(cur, EDITION, at_ms=at_ms) for at_ms in (T0 + 4_999, T0 + 5_000))
        assert events_as_released(cur, [EDITION]) == {EDITION: CONCERT}
    assert now is not None
    assert then is not None
    assert later is not None
    assert (then.event, later.event, now.event) == (CONCERT, moved.event, moved.event)


def test_the_past_is_found_by_its_indexes(postgres_log: PostgresLog, database_url: str) -> None:
    """However much there is: a moment reads one row for each edition, an order its own events."""
    Author(postgres_log).write(*SHOP, *PURCHASE)
    show(postgres_log, database_url)
    plans: list[str] = []

    class Explained(cursor):
        """Asks for the plan of each query, then runs it."""

        def execute(self, query: Any, values: Any = None) -> None:
            asked = self.mogrify(query, values)
            super().execute(b"EXPLAIN " + asked)
            plans.append("\n".join(line for (line,) in self.fetchall()))
            super().execute(asked)

    with closing(psycopg2.connect(database_url)) as conn, conn.cursor(cursor_factory=Explained) as cur:
        with conn.cursor() as plain:
            plain.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        past_dashboard(cur, MERCHANT, at_ms=T0)
        events_of_orders(cur, ON_THE_LOG, [ORDER], at_ms=T0)
    of_keyframes = [plan for plan in plans if "keyframes" in plan]
    assert len(of_keyframes) == 3
    assert all("keyframes_pkey" in plan for plan in of_keyframes)
    assert "record_aggregate_version" in plans[-1]


def test_a_position_ends_the_past_within_a_millisecond(postgres_log: PostgresLog, database_url: str) -> None:
    author = Author(postgres_log)
    author.write(*SHOP, *PURCHASE, at_ms=T0)
    released = next(record.position for record in postgres_log.read(EVENTS, 0, 0) if b"EditionReleased" in record.value)
    until = until_position(postgres_log, 0, released)
    assert until.at_ms == T0
    with past_view(database_url, postgres_log, VIEWS_BY_NAME["order_views"](), [0]) as view:
        view.fold(until)
        assert list(view.rows()) == []
        view.keep()
        happened = view.fold(Until(T0))
        (new,) = view.changes(ORDER)
        assert (new.table, new.before, (new.after or {})["state"]) == ("orders", None, "confirmed")
        assert happened["buystream.OrderPlaced.v1"] == 1
        assert [one.row["order_id"] for one in view.rows(EDITION)] == [ORDER]
        assert next(view.rows(MERCHANT)).row["merchant_id"] == MERCHANT
    end = postgres_log.end(EVENTS, 0)
    for partition, position, said in ((7, 0, "no partition 7"), (0, end, f"end before {end}")):
        with pytest.raises(NoSuchPast, match=said):
            until_position(postgres_log, partition, position)
    assert first_at_ms(postgres_log) == T0


def test_a_view_of_the_past_leaves_nothing_behind_when_it_fails(postgres_log: PostgresLog, database_url: str) -> None:
    Author(postgres_log).write(*SHOP, at_ms=T0)

    def fail() -> None:
        with past_view(database_url, postgres_log, VIEWS_BY_NAME["money"](), [0]) as view:
            view.fold(Until(T0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with closing(psycopg2.connect(database_url)) as conn, conn.cursor() as cur:
        cur.execute("SELECT count(*) FROM pg_class WHERE relname = 'movements'")
        assert cur.fetchone() == (0,)


def test_what_leads_to_a_person_is_not_in_a_state_that_is_shown() -> None:
    before = shown({"delivery": "ciphertext", "sold": {"a": 1}, "variants": [{"variant_id": "", "sold": 1}]})
    after = shown({"delivery": "another", "sold": {"a": 2}, "variants": [{"variant_id": "", "sold": 2}]})
    assert [one.field for one in differences(before, after)] == ["sold.a", "variants.0.sold"]
