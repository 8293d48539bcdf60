"""What follows from a try: pure, with the time and the chance handed in."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import msgspec

PAUSES_SECONDS: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Between the tries, as Standard Webhooks recommends: ten tries in 75 hours, the first at once."""

TRIES_MAX: Final = len(PAUSES_SECONDS) + 1

JITTER_SHARE: Final = 0.1
"""A pause is longer by up to this share, so that what failed together isn't tried together."""

RETRY_AFTER_SECONDS_MAX: Final = 86_400

WARNED_AT_TRY: Final = 7
"""An endpoint that has accepted nothing for the 17 hours until then is reported to its merchant."""

REST_SECONDS_MAX: Final = 60
"""How long an endpoint rests after a failure at most, unless it asks for more with Retry-After."""

ENDPOINT_REST_SECONDS_MAX: Final = 3_600


class TryResult(msgspec.Struct, frozen=True):
    """What came of a try. `status` is 0 when no answer came; `words` are for people: the error, or the beginning of
    the body."""

    status: int
    words: str = ""
    retry_after_seconds: int = 0

    @property
    def is_success(self) -> bool:
        """2xx, and nothing else."""
        return 200 <= self.status < 300


class Trial(msgspec.Struct, frozen=True):
    """Where a delivery stands: its tries so far, and when the first was."""

    tries: int = 0
    first_at_ms: int | None = None


class Settled(msgspec.Struct, frozen=True):
    """What becomes of a delivery: `delivered`, `failed` for good, or `waiting` for its next try."""

    state: str
    tries: int
    next_at_ms: int | None


class Health(msgspec.Struct, frozen=True):
    """How an endpoint does. `failures` are those since the last success, the first of them at `failing_since_ms`. It is
    sent nothing before `rests_until_ms`. `disabled_why` is empty while it is in use."""

    failures: int = 0
    failing_since_ms: int | None = None
    rests_until_ms: int = 0
    warned_at_ms: int | None = None
    disabled_why: str = ""
    disabled_at_ms: int | None = None


def settle(trial: Trial, answer: TryResult, *, now_ms: int, chance: Callable[[], float]) -> Settled:
    """What becomes of the delivery after this answer; `chance` gives numbers from 0 to 1."""
    tries = trial.tries + 1
    if answer.is_success:
        return Settled("delivered", tries, None)
    if tries >= TRIES_MAX:
        return Settled("failed", tries, None)
    pause_seconds = PAUSES_SECONDS[tries - 1] * (1 + JITTER_SHARE * chance())
    asked_seconds = min(answer.retry_after_seconds, RETRY_AFTER_SECONDS_MAX)
    return Settled("waiting", tries, now_ms + round(max(pause_seconds, asked_seconds) * 1000))


def health_after(health: Health, trial: Trial, answer: TryResult, *, now_ms: int) -> Health:
    """How the endpoint does after this answer. It is disabled when it says 410, and when a delivery is given up while
    it has accepted nothing since that delivery's first try: its merchant was warned long before."""
    if answer.is_success:
        return Health(disabled_why=health.disabled_why, disabled_at_ms=health.disabled_at_ms)
    failing_since_ms = now_ms if health.failing_since_ms is None else health.failing_since_ms
    rest_seconds = min(REST_SECONDS_MAX, 2 ** min(health.failures, 10))
    asked_seconds = min(answer.retry_after_seconds, ENDPOINT_REST_SECONDS_MAX)
    after = msgspec.structs.replace(
        health,
        failures=health.failures + 1,
        failing_since_ms=failing_since_ms,
        rests_until_ms=now_ms + max(rest_seconds, asked_seconds) * 1000,
    )
    if health.disabled_why:
        return after
    if answer.status == HTTPStatus.GONE:
        return msgspec.structs.replace(after, disabled_why="gone", disabled_at_ms=now_ms)
    accepts_nothing = failing_since_ms <= (now_ms if trial.first_at_ms is None else trial.first_at_ms)
    if accepts_nothing and trial.tries + 1 >= TRIES_MAX and health.warned_at_ms is not None:
        return msgspec.structs.replace(after, disabled_why="failing", disabled_at_ms=now_ms)
    if accepts_nothing and trial.tries + 1 >= WARNED_AT_TRY and health.warned_at_ms is None:
        return msgspec.structs.replace(after, warned_at_ms=now_ms)
    return after
