"""The projector on a real PostgreSQL: what crashes, rivals and damage do to it and its views."""

import logging
import threading
from contextlib import closing
from typing import Any

import msgspec
import psycopg2
import pytest
from prometheus_client import REGISTRY
from psycopg2.extensions import cursor

from buystream.database import DatabaseRefused
from buystream.delivery import batch_reader
from buystream.delivery.batch_reader import Batch
from buystream.delivery.policy import DeadLetter, Poisoned, read_dead_letter
from buystream.log import DEADLETTER, EVENTS, Damaged, Message
from buystream.log.postgres import PostgresLog
from buystream.metrics import EVENTS_POISONED
from buystream.projections.edition_board import board
from buystream.projections.engine import builds
from buystream.projections.engine.runner import Projector, caught_up, next_positions
from buystream.projections.merchant_dashboard import dashboard
from buystream.projections.order_views import order
from buystream.projections.people import People
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.codec import Unreadable
from buystream.wiring.views import VIEWS
from tests.support.examples import (
    BEN,
    EDITION,
    MERCHANT,
    T0,
    example,
    order_id,
    replaced,
)
from tests.support.patience import patient, wait_until
from tests.support.postgres import run_sql
from tests.support.projected import (
    PURCHASE,
    SHOP,
    Author,
    all_projections,
    author,
    buyer,
    everything,
    place,
    reading,
    running,
    show,
)
from tests.support.records import changed

__all__ = ["author"]


class Explosive:
    """Applied last, fails once."""

    name = "explosive"
    version = 1

    def __init__(self) -> None:
        self.armed = True

    def prepare(self, cur: cursor) -> None:
        cur.execute("CREATE TABLE explosions (id integer)")

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        if self.armed:
            raise RuntimeError("crashed between the rows and the commit")


def test_a_crash_between_rows_and_commit_changes_nothing(author: Author, database_url: str) -> None:
    author.write(*SHOP, *PURCHASE)
    explosive = Explosive()
    projections = [*all_projections(), explosive]
    with pytest.raises(RuntimeError, match="crashed"):
        Projector(author.log, database_url, projections).run(threading.Event())
    assert not any(everything(database_url).values())
    with reading(database_url) as cur:
        assert set(next_positions(cur, "order_views").values()) == {0}
    explosive.armed = False
    show(author.log, database_url, projections)
    with reading(database_url) as cur:
        shown = board(cur, EDITION, now_ms=T0)
    assert shown is not None
    assert (shown.sold, shown.held) == (1, 0)


def test_two_projectors_apply_each_event_once(author: Author, database_url: str) -> None:
    author.write(SHOP[0], example(commands.ReleaseEdition, stock=1_000))
    first = Projector(author.log, database_url, all_projections())
    second = Projector(author.log, database_url, all_projections())
    with running(first), running(second):
        for number in range(300):
            author.write(place(number, buyer(number)))
        end = {0: author.log.end(EVENTS, 0)}
        assert first.wait_for(end, timeout_seconds=patient(60))
        with reading(database_url) as cur:
            assert caught_up(cur, end)
            assert not caught_up(cur, {0: end[0] + 1})
    with reading(database_url) as cur:
        shown = board(cur, EDITION, now_ms=T0)
        desk = dashboard(cur, MERCHANT, now_ms=T0)
    assert shown is not None
    assert (shown.held, desk.totals.clicks, desk.per_second[-1].clicks) == (300, 300, 300)


def test_a_repeated_event_is_dropped_and_a_gap_stops_the_projector(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    placed = author.messages(place(1))
    run_sql(database_url, "DROP INDEX log.record_aggregate_version")
    run_sql(database_url, "DROP INDEX log.record_edition_version")
    author.log.append(EVENTS, 0, placed)
    author.log.append(EVENTS, 0, placed)
    show(author.log, database_url)
    before = everything(database_url)
    assert len(before["orders"]) == 1
    author.messages(place(2, BEN))
    author.log.append(EVENTS, 0, author.messages(place(3, buyer(3))))
    with pytest.raises(Damaged, match="gap"):
        Projector(author.log, database_url, all_projections()).run(threading.Event())
    assert everything(database_url) == before


def letters(log: PostgresLog) -> list[DeadLetter]:
    read = [read_dead_letter(record) for record in log.read(DEADLETTER, 0, 0)]
    return [letter for letter in read if letter is not None]


def test_poison_goes_to_the_dead_letters_and_is_passed(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    (placed,) = author.messages(place(1))
    author.log.append(EVENTS, 0, [Message(changed(placed.value, data={"type": "Nothing.v1"})), Message(b"")])
    author.write(place(2, BEN))
    author.log.append(EVENTS, 0, [Message(b"no sequence")])
    show(author.log, database_url)
    with reading(database_url) as cur:
        assert order(cur, order_id(2)) is not None
        assert next_positions(cur, "order_views")[0] == author.log.end(EVENTS, 0)
    unreadable, empty, nothing = letters(author.log)
    assert b"Nothing.v1" in unreadable.value
    assert "unreadable" in unreadable.reason
    assert (empty.value, nothing.value) == (b"", b"no sequence")
    assert empty.reason.startswith("it isn't an event's CloudEvent")


def test_nothing_but_poison_stops_the_projector(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    show(author.log, database_url)
    unreadable = [Message(changed(author.messages(place(number))[0].value, data="garbage")) for number in range(150)]
    author.log.append(EVENTS, 0, unreadable)
    with pytest.raises(Poisoned, match="in a row"):
        Projector(author.log, database_url, all_projections()).run(threading.Event())


def test_foreign_records_never_stop_the_projector_and_each_is_set_aside_once(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    author.log.append(EVENTS, 0, [Message(b"not an event") for _ in range(150)])
    author.write(place(1))
    show(author.log, database_url)
    Projector(author.log, database_url, all_projections()).rebuild("order_views")
    show(author.log, database_url)
    with reading(database_url) as cur:
        assert order(cur, order_id(1)) is not None
    places = [letter.position for letter in letters(author.log)]
    assert len(places) == len(set(places)) == 150


def test_a_row_that_breaks_the_stock_rule_cannot_be_stored(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    show(author.log, database_url)
    for change in ("available = available - 1", "held = -1, available = 11", "sold = 1", "stock = NULL"):
        for table in ("editions", "variants"):
            with pytest.raises(psycopg2.errors.CheckViolation):
                run_sql(database_url, f"UPDATE views.{table} SET {change}")
    (placed,) = author.messages(place(1))
    oversold = replaced(codec.read_event(placed.value), {"quantity": 11})
    author.log.append(EVENTS, 0, [Message(changed(placed.value, data=msgspec.to_builtins(oversold)))])
    before = everything(database_url)
    with pytest.raises(DatabaseRefused, match="violates check constraint"):
        Projector(author.log, database_url, all_projections()).run(threading.Event())
    assert everything(database_url) == before


def test_the_views_continue_after_postgresql_dropped_every_connection(
    author: Author, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    author.write(*SHOP)
    projector = Projector(author.log, database_url, all_projections())
    with running(projector):
        assert projector.wait_for({0: author.log.end(EVENTS, 0)}, timeout_seconds=patient(60))
        run_sql(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        with closing(PostgresLog(database_url, partitions=2)) as log:
            log.append(EVENTS, 0, author.messages(place(1)))
            assert projector.wait_for({0: log.end(EVENTS, 0)}, timeout_seconds=patient(60))
    assert "views" in caplog.text


# Rebuilding.


def test_a_rebuilt_view_equals_the_one_that_grew(author: Author, database_url: str) -> None:
    author.write(*SHOP, *PURCHASE)
    projector = Projector(author.log, database_url, all_projections())
    with running(projector):
        for number in range(2, 6):
            author.write(place(number, buyer(number)))
            projector.rebuild("edition_board" if number % 2 else "order_views")
        author.write(example(commands.RefundOrder), example(commands.RecordRefund))
        assert projector.wait_for({0: author.log.end(EVENTS, 0)}, timeout_seconds=patient(60))
    grown = everything(database_url)
    assert grown["orders"]
    for view in VIEWS:
        projector.rebuild(view.name)
    assert everything(database_url) == grown


def test_a_view_that_is_replaced_while_a_projector_asks_where_it_stands_does_not_end_the_projector(
    author: Author, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.write(*SHOP, place(1))
    projector = Projector(author.log, database_url, all_projections())
    projector.prepare()
    stand, live_build = projector._stand, builds.live_build
    left = ["people"]

    def then_it_is_replaced(cur: cursor, name: str) -> builds.Build | None:
        build = live_build(cur, name)
        if name in left:
            left.remove(name)
            projector.rebuild(name)
        return build

    def stand_beside_a_rebuild(conn: Any) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(builds, "live_build", then_it_is_replaced)
            return stand(conn)

    monkeypatch.setattr(projector, "_stand", stand_beside_a_rebuild)
    with running(projector):
        assert projector.wait_for({0: author.log.end(EVENTS, 0)}, timeout_seconds=patient(60))
    assert not left


def test_a_view_of_another_version_is_built_anew_before_it_is_read(author: Author, database_url: str) -> None:
    author.write(*SHOP, place(1))
    show(author.log, database_url)

    class NewerPeople(People):
        version = People.version + 1

        def prepare(self, cur: cursor) -> None:
            super().prepare(cur)
            cur.execute("ALTER TABLE merchants ADD COLUMN motto text NOT NULL DEFAULT 'stars'")

    Projector(
        author.log, database_url, [NewerPeople() if isinstance(one, People) else one for one in all_projections()]
    ).prepare()
    assert run_sql(database_url, "SELECT name, motto FROM views.merchants") == [("Night Sky", "stars")]
    schemas = run_sql(database_url, "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^people_'")
    assert schemas == [("people_2",)]


def test_a_program_that_cannot_read_what_a_view_was_built_from_leaves_it_as_it_is(
    author: Author, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.write(*SHOP, place(1))
    author.log.append(EVENTS, 0, [Message(changed(author.messages(place(9))[0].value, data={"type": "Nothing.v1"}))])
    author.write(place(2, BEN))
    show(author.log, database_url)
    grown = everything(database_url)

    def read_by_an_older_release(value: bytes) -> events.Event:
        if b"OrderPlaced" in value:
            raise Unreadable("a newer release wrote it")
        return codec.read_event(value)

    projector = Projector(author.log, database_url, all_projections())
    projector.rebuild("order_views")  # what was set aside before keeps nobody from rebuilding
    with monkeypatch.context() as older:
        older.setattr(batch_reader, "read_event", read_by_an_older_release)
        with pytest.raises(Poisoned, match="The view stays"):
            projector.rebuild("order_views")
    assert everything(database_url) == grown
    projector.rebuild("order_views")
    assert everything(database_url) == grown


def test_a_view_ahead_of_the_log_is_discarded_loudly(
    author: Author, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    author.write(*SHOP, place(1))
    show(author.log, database_url)
    run_sql(database_url, "UPDATE views.position SET next_position = 99 WHERE projection = 'edition_board'")
    run_sql(database_url, "UPDATE views.editions SET held = 5, available = 5")
    with caplog.at_level(logging.WARNING):
        show(author.log, database_url)
    assert "DISCARDED" in caplog.text
    with reading(database_url) as cur:
        shown = board(cur, EDITION, now_ms=T0)
    assert shown is not None
    assert (shown.held, shown.available) == (1, 9)


def test_waiting_for_a_position_ends_at_its_time_out(author: Author, database_url: str) -> None:
    projector = Projector(author.log, database_url, all_projections())
    with running(projector):
        assert not projector.wait_for({0: 1}, timeout_seconds=0.05)
        author.write(*SHOP)
        assert projector.wait_for({0: 1}, timeout_seconds=patient(60))


def test_what_an_alarm_counts_is_there_before_the_first_poisoned_event(author: Author, database_url: str) -> None:
    EVENTS_POISONED.clear()
    with running(Projector(author.log, database_url, all_projections())):
        for partition in range(author.log.partitions):
            labels = {"partition": str(partition)}
            wait_until(lambda of=labels: REGISTRY.get_sample_value("buystream_events_poisoned_total", of) == 0)
