"""The suite's limits: written for one machine, longer on a slower one, and the longer the busier it gets meanwhile."""

import re
from pathlib import Path

import httpx
import pytest

from tests.support import patience
from tests.support.patience import COMPUTING_SECONDS, Deadline, Slowness, bounded, wait_until

TESTS = Path(__file__).parents[1]


class Turned:
    """A clock that only a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def seconds_until_passed(clock: Turned, deadline: Deadline, *, step: float) -> float:
    while not deadline.passed:
        clock.now += step
    return clock.now


@pytest.mark.parametrize("slowness", [1.0, 2.0, 15.0])
def test_a_limit_is_longer_by_how_much_slower_the_machine_is(slowness: float) -> None:
    clock = Turned()
    deadline = Deadline(10.0, clock=clock, slowness=lambda: slowness)
    assert seconds_until_passed(clock, deadline, step=0.25) == pytest.approx(10 * slowness, abs=1)


def test_a_machine_that_gets_busy_while_somebody_waits_stretches_the_limit() -> None:
    clock = Turned()
    deadline = Deadline(10.0, clock=clock, slowness=lambda: 1.0 if clock.now < 5 else 20.0)
    assert seconds_until_passed(clock, deadline, step=0.25) == pytest.approx(5 + 5 * 20, abs=20)


def test_a_minute_in_which_the_machine_did_not_let_us_run_is_not_a_minute_of_waiting() -> None:
    clock = Turned()
    deadline = Deadline(10.0, clock=clock, slowness=lambda: 1.0)
    clock.now = 60.0
    assert not deadline.passed


def test_a_short_limit_passes_too() -> None:
    clock = Turned()
    deadline = Deadline(0.3, clock=clock, slowness=lambda: 1.0)
    assert seconds_until_passed(clock, deadline, step=0.1) == pytest.approx(0.3, abs=0.11)


def test_slowness_is_measured_anew_once_a_second_and_never_falls_below_the_starts() -> None:
    clock, probes = Turned(), [COMPUTING_SECONDS, COMPUTING_SECONDS * 7]
    slowness = Slowness(lambda: 2.0, lambda: probes.pop(0), clock)
    assert (slowness(), slowness()) == (2.0, 2.0)
    clock.now = 1.5
    assert (slowness(), probes) == (pytest.approx(7.0), [])


def test_limits_only_grow_and_within_a_bound() -> None:
    assert [bounded(measured) for measured in (0.2, 3.0, 10_000.0)] == [1.0, 3.0, patience.SLOWNESS_MAX]


def test_the_start_takes_the_slowest_of_computing_writing_and_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "compute", lambda: patience.COMPUTING_SECONDS)
    monkeypatch.setattr(patience, "write", lambda: patience.WRITING_SECONDS * 12)
    monkeypatch.setattr(patience, "start", lambda: patience.STARTING_SECONDS * 3)
    assert patience.slowness_at_start() == pytest.approx(12.0)


def test_the_starts_measure_is_handed_on_to_the_processes_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(patience.VARIABLE, "3.5")
    assert patience.measured_at_start() == 3.5


def test_a_wait_says_what_it_saw_when_it_is_too_late() -> None:
    seen = iter(range(1_000_000))
    with pytest.raises(AssertionError, match="only this far"):
        wait_until(lambda: next(seen) < 0, 0.05, otherwise=lambda: "only this far")
    assert wait_until(lambda: "what was found") == "what was found"


def test_httpx_waits_as_long_as_this_machine_needs_in_every_call() -> None:
    with httpx.Client() as client:
        assert client.timeout.read is not None
        assert client.timeout.read >= 60


def test_clients_of_httpx_share_the_certificates_of_all_authorities() -> None:
    created = httpx._transports.default.create_ssl_context
    before = created.cache_info()
    for _ in range(3):
        httpx.Client().close()
    assert created.cache_info().misses <= before.misses + 1
    assert created.cache_info().hits >= before.hits + 2


LIMITS_OF_THEIR_OWN = re.compile(
    r"mark\.timeout\(|monotonic\(\) \+ |\btimeout=\d|\bfree_ports?\(|"
    r"\.(wait|join|result|poll|set_default_timeout|set_options)\((timeout=)?\d{2,}"
)


def test_no_test_has_a_limit_or_a_port_of_its_own() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{number}: {line.strip()}"
        for path in TESTS.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if LIMITS_OF_THEIR_OWN.search(line) and path != Path(__file__)
    ]
    assert found == [], "limits come from tests/support/patience.py, ports from tests/support/ports.py"
