"""More buyers than the shop can serve: it serves as many as ever, and tells the rest to come again."""

import pytest

from buystream import rush
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import PRICE_MINOR, FaultyShop

pytestmark = pytest.mark.timeout(400)

CONCURRENCIES = (32, 64, 128, 256)
ROUND_BUYERS = 4_000
KEPT_SHARE_MIN = 0.7


def test_at_ten_times_capacity_the_answered_rate_stays_at_seven_tenths_of_the_maximum(shop: FaultyShop) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    crowd = Crowd(shop)
    answered_per_second(shop, crowd, concurrency=64)  # everything is warm
    rates = {concurrency: answered_per_second(shop, crowd, concurrency=concurrency) for concurrency in CONCURRENCIES}
    capacity = max(rates, key=lambda concurrency: rates[concurrency])
    overloaded = answered_per_second(shop, crowd, concurrency=10 * capacity)
    kept = overloaded / rates[capacity]
    told = ", ".join(f"{concurrency}: {rate:.0f}" for concurrency, rate in rates.items())
    print(f"answered/s by orders at once: {told}; {10 * capacity}: {overloaded:.0f}, {kept:.2f} of the maximum")
    assert kept >= KEPT_SHARE_MIN
    assert_sound(shop, crowd)


def answered_per_second(shop: FaultyShop, crowd: Crowd, *, concurrency: int) -> float:
    """Of one rush at one edition, with so many orders at once; nobody pays."""
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
        )
    )
    crowd.outcomes.append(outcome)
    return rush.answered_per_second(outcome)
