"""Between processes that share a database: who leads, and how far the views are."""

import threading
from contextlib import closing

from buystream.host.workers import Run, Workers
from buystream.log.postgres import PostgresLog
from buystream.projections.engine.leading import leading
from buystream.projections.shown import NO_VIEWS, Shown
from buystream.wiring.views import VIEWS, projector
from tests.support.patience import wait_until
from tests.support.postgres import run_sql


def noted(name: str, notes: list[str], moved: threading.Condition) -> Run:
    """A worker that notes when it begins and ends."""

    def run(stop: threading.Event) -> None:
        with moved:
            notes.append(f"{name} leads")
            moved.notify_all()
        stop.wait()
        with moved:
            notes.append(f"{name} ends")
            moved.notify_all()

    return run


def test_one_leads_and_the_next_takes_over(database_url: str) -> None:
    notes: list[str] = []
    moved = threading.Condition()

    def said(count: int) -> list[str]:
        with moved:
            assert moved.wait_for(lambda: len(notes) >= count, 30), notes
            return list(notes)

    first, second = Workers(), Workers()
    try:
        first.start("first", leading(database_url, "test", noted("first", notes, moved)))
        assert said(1) == ["first leads"]
        second.start("second", leading(database_url, "test", noted("second", notes, moved)))
        first.stop()
        assert said(3) == ["first leads", "first ends", "second leads"]
        # A process that loses its connection may not be alone any more: it ends, and asks again.
        run_sql(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert said(5)[3:] == ["second ends", "second leads"]
    finally:
        second.stop()
    assert second.problem is None


def test_how_far_the_views_are_is_seen_from_elsewhere(database_url: str) -> None:
    shown = Shown(database_url, [view.name for view in VIEWS])
    watching = Workers()
    watching.start("shown", shown.run)
    try:
        wait_until(lambda: shown.problem == NO_VIEWS)
        assert shown.position(0) == 0
        with closing(PostgresLog(database_url, partitions=2)) as log:
            projector(log, database_url).prepare()
        wait_until(lambda: shown.problem is None)
        run_sql(database_url, "UPDATE views.position SET next_position = 9 WHERE partition = 0")
        wait_until(lambda: shown.position(0) == 9)
        run_sql(database_url, "UPDATE views.position SET next_position = 7 WHERE projection = 'people'")
        wait_until(lambda: (shown.position(0), shown.position(1)) == (7, 0))
    finally:
        watching.stop()
    assert watching.problem is None
