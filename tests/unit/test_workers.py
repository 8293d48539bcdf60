"""A worker that ends before it is told to is never silent."""

import logging
import threading

import pytest

from buystream.workers import Workers


def test_workers_are_stopped_in_reverse_each_one_before_the_next() -> None:
    ended: list[str] = []
    workers = Workers()
    for name in ("first", "second", "third"):
        workers.start(name, lambda stop, name=name: (stop.wait(), ended.append(name)))  # type: ignore[misc]
    assert workers.problem is None
    workers.stop()
    assert ended == ["third", "second", "first"]
    assert workers.problem is None


@pytest.mark.parametrize("dies", [True, False])
def test_an_unexpected_end_is_logged_and_makes_a_problem(dies: bool, caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()

    class Ended(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            ended.set()

    def run(_stop: threading.Event) -> None:
        if dies:
            raise RuntimeError("no more")

    watching = Ended()
    logger = logging.getLogger("buystream.workers")
    logger.addHandler(watching)
    try:
        workers = Workers()
        workers.start("views", run)
        assert ended.wait(5)
        workers.stop()
    finally:
        logger.removeHandler(watching)
    assert workers.problem == "ended unexpectedly: views; restart the shop"
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "views" in caplog.text
