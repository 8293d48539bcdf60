"""A worker that ends before it should is never silent."""

import logging
import threading

import pytest

from buystream.host.workers import Workers
from buystream.log import LogUnavailable
from buystream.providers import ProviderUnavailable
from buystream.providers.sandbox import SandboxProvider
from tests.support.patience import patient


def test_all_workers_are_stopped_at_once() -> None:
    stopped = threading.Barrier(3)  # nobody passes before all three were stopped
    ended: list[str] = []
    workers = Workers()

    def run(stop: threading.Event, name: str) -> None:
        stop.wait()
        stopped.wait(patient(30))
        ended.append(name)

    for name in ("first", "second", "third"):
        workers.start(name, lambda stop, name=name: run(stop, name))  # type: ignore[misc]
    assert workers.problem is None
    workers.stop()
    assert sorted(ended) == ["first", "second", "third"]
    assert workers.problem is None


def test_what_outlasts_the_others_is_stopped_when_they_have_ended_in_reverse_each_one_before_the_next() -> None:
    ended: list[str] = []
    workers = Workers()
    stops: dict[str, threading.Event] = {}
    too_early: list[str] = []

    def run(stop: threading.Event, name: str, needed: tuple[str, ...]) -> None:
        stops[name] = stop
        stop.wait()
        too_early.extend(other for other in needed if stops[other].wait(0.2))
        ended.append(name)

    for name, needed in (("keeper", ()), ("snapshots", ("keeper",)), ("a", ("keeper", "snapshots"))):
        workers.start(
            name,
            lambda stop, name=name, needed=needed: run(stop, name, needed),  # type: ignore[misc]
            outlasts=name != "a",
        )
    workers.start("b", lambda stop: run(stop, "b", ("keeper", "snapshots")))
    workers.stop()
    assert too_early == []
    assert (set(ended[:2]), ended[2:]) == ({"a", "b"}, ["snapshots", "keeper"])
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
    logger = logging.getLogger("buystream.host.workers")
    logger.addHandler(watching)
    try:
        workers = Workers()
        workers.start("views", run)
        assert ended.wait(patient(30))
        workers.stop()
    finally:
        logger.removeHandler(watching)
    assert workers.problem == "ended unexpectedly: views; restart the shop"
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "views" in caplog.text


@pytest.mark.parametrize("trouble", [LogUnavailable("the broker is away"), ProviderUnavailable("PostgreSQL is away")])
def test_the_sandbox_goes_on_after_an_outage(trouble: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox, stop = SandboxProvider.__new__(SandboxProvider), threading.Event()
    outcomes: list[Exception | None] = [trouble, None]

    def report() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome
        stop.set()

    monkeypatch.setattr(sandbox, "_report_late", report)
    monkeypatch.setattr(sandbox, "_report_later", lambda: None)
    sandbox.run(stop)
    assert outcomes == []
