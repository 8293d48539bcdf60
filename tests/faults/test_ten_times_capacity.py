"""More buyers than the shop can serve: it serves as many as ever, and asks the rest to come again."""

import time
from typing import NamedTuple

import pytest

from buystream import rush
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import PRICE_MINOR, FaultyShop

CAPACITY = 128
"""Orders at once: more of them are answered no faster, only later."""

ROUND_BUYERS = 10_000
ROUNDS = 4
KEPT_SHARE_MIN = 0.7

DECISION_SECONDS = "0.4"
"""What is decided in half of that, on this machine, is fewer orders than ten times the capacity."""

MEASURED = (0.2, 0.8)
"""Of a round's buyers: between these the crowd is as large as the plan says."""


class Answered(NamedTuple):
    """So many orders in so many seconds."""

    orders: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.orders / self.seconds

    def and_then(self, other: "Answered") -> "Answered":
        """Both together."""
        return Answered(self.orders + other.orders, self.seconds + other.seconds)


def test_at_ten_times_capacity_the_answered_rate_stays_at_seven_tenths_of_the_maximum(
    shop: FaultyShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two rates are measured in turns, because this machine may have something else to do as well."""
    monkeypatch.setenv("BUYSTREAM_DECISION_SECONDS", DECISION_SECONDS)
    shop.open("projector", "decider", "payments", "gateway")
    crowd = Crowd(shop)
    answered(shop, crowd, concurrency=CAPACITY)  # everything is warm
    most, overloaded = Answered(), Answered()
    for _ in range(ROUNDS):
        most = most.and_then(answered(shop, crowd, concurrency=CAPACITY))
        overloaded = overloaded.and_then(answered(shop, crowd, concurrency=10 * CAPACITY))
    kept = overloaded.per_second / most.per_second
    print(f"{CAPACITY} at once: {most.per_second:.0f}/s; ten times as many: {overloaded.per_second:.0f}/s, {kept:.2f}")
    assert kept >= KEPT_SHARE_MIN
    assert_sound(shop, crowd)


def answered(shop: FaultyShop, crowd: Crowd, *, concurrency: int) -> Answered:
    """In the midst of one rush at one edition, with so many orders at once; nobody pays."""
    seen: list[tuple[int, float]] = []
    outcome = rush.run(
        rush.Plan(
            url=shop.url,
            edition_id=shop.editions[0],
            price_minor=PRICE_MINOR,
            buyers=ROUND_BUYERS,
            concurrency=concurrency,
            duplicates=0.0,
            abandon=1.0,
            decline=0.0,
        ),
        on_progress=lambda progress: seen.append((progress.answered, time.monotonic())),
    )
    crowd.outcomes.append(outcome)
    begin, end = (next(look for look in seen if look[0] >= share * ROUND_BUYERS) for share in MEASURED)
    found = Answered(end[0] - begin[0], end[1] - begin[1])
    print(f"{concurrency} at once: {found.per_second:.0f} answered/s, {outcome.retries} sent again")
    return found
