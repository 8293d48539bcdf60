"""Leading is an advisory lock of a session. What becomes of it when a pool hands sessions out: docs/operations.md says
which roles must not go through one."""

import logging
import threading
from collections.abc import Iterator

import pytest

from buystream.host.workers import Run, Workers
from buystream.projections.engine.leading import leading
from tests.support.other_postgres import other_postgres
from tests.support.patience import wait_until
from tests.support.pooler import pooler


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with other_postgres() as dsn:
        yield dsn


def counted(leaders: list[threading.Event]) -> Run:
    """A worker that is counted while it leads."""

    def run(stop: threading.Event) -> None:
        leaders.append(stop)
        stop.wait()
        leaders.remove(stop)

    return run


def test_with_a_pool_of_transactions_two_lead_at_once(postgres: str) -> None:
    leaders: list[threading.Event] = []
    first, second = Workers(), Workers()
    with pooler(postgres, mode="transaction", pool_size=1) as dsn:
        try:
            for workers, number in ((first, 1), (second, 2)):
                workers.start("leads", leading(dsn, "test", counted(leaders)))
                wait_until(lambda number=number: len(leaders) == number)  # type: ignore[misc]
        finally:
            second.stop()
            first.stop()


def test_with_a_pool_of_sessions_one_leads(postgres: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    leaders: list[threading.Event] = []
    first, second = Workers(), Workers()
    with pooler(postgres, mode="session", pool_size=2) as dsn:
        try:
            first.start("leads", leading(dsn, "test", counted(leaders)))
            wait_until(lambda: len(leaders) == 1)
            second.start("leads", leading(dsn, "test", counted(leaders)))
            wait_until(lambda: "test stands by: another one leads" in caplog.text)
            assert len(leaders) == 1
            first.stop()
            wait_until(lambda: "test leads" in caplog.text and len(leaders) == 1)
        finally:
            second.stop()
            first.stop()
