"""The composition root's small parts: asking a log for one decision."""

from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from buystream.aggregates.partition import Partition
from buystream.consumers.answering import decide_batch
from buystream.errors import BuystreamError
from buystream.host.workers import Run
from buystream.log import COMMANDS, EVENTS, Message
from buystream.projections.engine.history import History
from buystream.settings import Settings
from buystream.vocabulary import events
from buystream.wiring import background, deciding, roster
from buystream.wiring.parts import Parts
from buystream.wiring.views import HISTORY
from tests.support.examples import T0
from tests.support.memory_log import MemoryLog
from tests.support.steps import release


class DecidingLog(MemoryLog):
    """Answers each command as soon as it is appended."""

    def __init__(self) -> None:
        super().__init__(stamp=lambda: T0)
        self.partition = Partition(0)

    def append(self, topic: str, partition: int, messages: list[Message]) -> int:  # type: ignore[override]
        first = super().append(topic, partition, messages)
        if topic == COMMANDS:
            super().append(
                EVENTS, partition, decide_batch(self.partition, self.read(COMMANDS, partition, first))[EVENTS]
            )
        return first


def test_a_command_is_answered_by_its_own_event_whatever_else_is_decided() -> None:
    log = DecidingLog()
    assert isinstance(deciding.decided(log, release()), events.EditionReleased)  # type: ignore[arg-type]
    refused = deciding.decided(log, release())  # type: ignore[arg-type]
    assert isinstance(refused, events.CommandRepeated)


def test_that_nobody_decides_is_an_error_and_the_command_stays_on_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "DECISION_SECONDS", 0.01)
    log = MemoryLog(stamp=lambda: T0)
    with pytest.raises(BuystreamError, match="is a decider running"):
        deciding.decided(log, release())  # type: ignore[arg-type]
    assert log.end(COMMANDS, 0) == 1


def test_the_history_has_one_name() -> None:
    assert History.name == HISTORY


def test_a_role_says_its_own_problem_and_others_have_none() -> None:
    class Parts:
        class decider:  # noqa: N801  a part, named as the roster asks for it
            problem = "partition 2 is refused"

    assert roster.problem_of("decider", Parts) == "partition 2 is refused"  # type: ignore[arg-type]
    assert {roster.problem_of(role, Parts) for role in roster.ROSTER.keys() - roster.PROBLEMS.keys()} == {None}  # type: ignore[arg-type]
    assert roster.PROBLEMS.keys() | roster.ONE_AT_A_TIME <= roster.ROSTER.keys()


@pytest.mark.parametrize(
    ("setting", "processors", "threads", "expected"),
    [(0, 2, 1, True), (0, 1, 1, False), (2, 1, 1, True), (1, 8, 1, False), (2, 8, 2, False)],
)
def test_a_shop_has_two_processes_where_it_may_and_can_be_forked(
    setting: int, processors: int, threads: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_processors", lambda: processors)
    monkeypatch.setattr(background.threading, "active_count", lambda: threads)
    assert background.wanted(Settings(processes=setting)) is expected


def test_a_shop_in_two_processes_runs_the_same_as_one_in_one() -> None:
    class Anything:
        provider_runs: ClassVar[dict[str, Run]] = {}

        def __getattr__(self, name: str) -> Any:
            return SimpleNamespace(run=name)

    parts = cast(Parts, Anything())
    for settings in (Settings(), Settings(kafka_bootstrap="broker:9092")):
        here, there = roster.foreground_runs(parts), roster.background_runs(parts, settings)
        assert not here.keys() & there.keys()
        assert {**here, **there} == roster.all_runs(parts, settings)
