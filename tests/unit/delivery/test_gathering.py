"""Readers in the background gather what comes while the log is busy."""

import pytest

from buystream.delivery import gathering
from buystream.delivery.gathering import BUSY_RECORDS, FULL_RECORDS, GATHER_SECONDS, Gathering


class Clock:
    """Time passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(gathering, "monotonic", lambda: stopped.now)
    monkeypatch.setattr(gathering, "sleep", stopped.sleep)
    return stopped


def test_the_first_batch_is_taken_at_once(clock: Clock) -> None:
    Gathering().wait()
    assert clock.slept == []


def test_after_a_busy_batch_the_next_one_gathers(clock: Clock) -> None:
    one = Gathering()
    one.note(BUSY_RECORDS)
    clock.now += GATHER_SECONDS / 5  # the time that its work took
    one.wait()
    assert clock.slept == [pytest.approx(GATHER_SECONDS * 4 / 5)]


@pytest.mark.parametrize("records", [0, 1, BUSY_RECORDS - 1, FULL_RECORDS, FULL_RECORDS * 10])
def test_a_small_batch_and_a_full_one_delay_nothing(clock: Clock, records: int) -> None:
    one = Gathering()
    one.note(BUSY_RECORDS)
    one.note(records)
    one.wait()
    assert clock.slept == []


def test_who_worked_longer_than_it_gathers_goes_on_at_once(clock: Clock) -> None:
    one = Gathering()
    one.note(BUSY_RECORDS)
    clock.now += GATHER_SECONDS
    one.wait()
    assert clock.slept == []
