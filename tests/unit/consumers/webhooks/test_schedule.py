"""When a webhook is tried again, and when its endpoint is given up."""

import pytest

from buystream.consumers.webhooks.schedule import (
    TRIES_MAX,
    Health,
    Settled,
    Trial,
    TryResult,
    health_after,
    settle,
)

OK, BROKEN, GONE = TryResult(204), TryResult(500), TryResult(410)
HOUR_MS = 3_600_000


def tried_until_given_up(answer: TryResult, chance: float = 0.0) -> tuple[list[int], Settled, Health]:
    """The seconds of each try, how the delivery ends, and how the endpoint does."""
    now_ms, trial, health, tried = 0, Trial(), Health(), [0]
    while True:
        health = health_after(health, trial, answer, now_ms=now_ms)
        settled = settle(trial, answer, now_ms=now_ms, chance=lambda: chance)
        if settled.next_at_ms is None:
            return tried, settled, health
        trial = Trial(settled.tries, 0)
        now_ms = settled.next_at_ms
        tried.append(now_ms // 1000)


def test_the_tries_are_those_of_the_standard() -> None:
    tried, settled, _ = tried_until_given_up(BROKEN)
    assert tried == [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105]
    assert (settled.state, settled.tries) == ("failed", TRIES_MAX)


def test_the_pauses_are_longer_by_a_tenth_at_most() -> None:
    tried, _, _ = tried_until_given_up(BROKEN, chance=1.0)
    assert tried[1:3] == [5, 335]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_only_2xx_is_a_delivery(status: int) -> None:
    assert settle(Trial(), TryResult(status), now_ms=0, chance=lambda: 0).state == "delivered"


@pytest.mark.parametrize("status", [0, 100, 199, 300, 301, 302, 304, 307, 308, 400, 404, 410, 429, 500, 503])
def test_anything_else_is_tried_again(status: int) -> None:
    assert settle(Trial(), TryResult(status), now_ms=0, chance=lambda: 0) == Settled("waiting", 1, 5_000)


def test_retry_after_makes_a_pause_longer_and_never_shorter() -> None:
    asked = [TryResult(503, retry_after_seconds=seconds) for seconds in (1, 60, 10_000_000)]
    pauses = [settle(Trial(), answer, now_ms=0, chance=lambda: 0).next_at_ms for answer in asked]
    assert pauses == [5_000, 60_000, 86_400_000]


def test_an_endpoint_that_asks_for_time_is_left_alone_for_an_hour_at_most() -> None:
    rests = [
        health_after(Health(), Trial(), TryResult(429, retry_after_seconds=seconds), now_ms=0).rests_until_ms
        for seconds in (0, 30, 100_000)
    ]
    assert rests == [1_000, 30_000, HOUR_MS]


def test_an_endpoint_that_accepts_nothing_is_reported_long_before_it_is_disabled() -> None:
    _, _, health = tried_until_given_up(BROKEN)
    assert health.disabled_why == "failing"
    assert health.warned_at_ms is not None
    assert health.disabled_at_ms is not None
    assert health.disabled_at_ms - health.warned_at_ms > 48 * HOUR_MS


def test_an_endpoint_that_accepts_others_is_not_disabled_for_one_that_it_does_not() -> None:
    now_ms = 300 * HOUR_MS
    well = health_after(Health(3, 1, 0, warned_at_ms=2), Trial(), OK, now_ms=now_ms)
    assert well == Health()
    after = health_after(well, Trial(TRIES_MAX - 1, first_at_ms=0), BROKEN, now_ms=now_ms)
    assert not after.disabled_why


def test_an_endpoint_that_failed_once_long_ago_is_not_disabled_for_the_next_failure() -> None:
    after = health_after(Health(1, 0, 0, warned_at_ms=None), Trial(), BROKEN, now_ms=1_000 * HOUR_MS)
    assert not after.disabled_why
    assert after.warned_at_ms is None


def test_gone_disables_an_endpoint_at_once() -> None:
    after = health_after(Health(), Trial(), GONE, now_ms=7)
    assert (after.disabled_why, after.disabled_at_ms) == ("gone", 7)
