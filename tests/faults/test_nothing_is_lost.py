"""A healthy shop under the same crowd: it rings no alarm, and nothing is about to."""

from tests.faults.alarms import SPEED
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import FaultyShop


def test_a_healthy_shop_rings_no_alarm(shop: FaultyShop) -> None:
    shop.open("projector", "decider", "payments", "gateway", "feeds", "live")
    with Crowd(shop) as crowd:
        crowd.wait_until_served(400)
        assert shop.alarms.rung().keys() <= SPEED
    assert_sound(shop, crowd)
