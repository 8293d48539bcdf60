"""An owner dies, freezes, or has to share: its partitions continue elsewhere, and every order is decided once."""

import os
import random
import signal
import time

from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import PARTITIONS, FaultyShop
from tests.support.patience import patient
from tests.support.ports import reserved_port

ANSWERS_AGAIN_SECONDS = 10
SESSION_SECONDS = 6
"""After this the group takes a silent decider's partitions away."""


def test_a_decider_killed_in_a_batch_is_followed_by_another_within_ten_seconds(
    shop: FaultyShop, moments: random.Random
) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    with Crowd(shop) as crowd:
        for _ in range(2):
            crowd.wait_until_served(50)
            first = shop.only("decider")
            (other,) = shop.run("decider")
            other.wait_until_it_said("owns partition")
            time.sleep(moments.uniform(0.2, 2))
            shop.lose(first)
            seconds = shop.seconds_until_answered(time.monotonic())
            print(f"after kill -9 of an owner all editions answered again in {seconds:.1f} s")
            assert seconds < patient(ANSWERS_AGAIN_SECONDS)
        crowd.wait_until_served(50)
    assert_sound(shop, crowd)


def test_a_decider_starts_while_postgresql_is_away_and_decides(shop: FaultyShop, moments: random.Random) -> None:
    """Deciding needs only Kafka: its new owner folds without a snapshot."""
    shop.open("projector", "decider", "payments", "gateway")
    nowhere = f"postgresql://nobody@127.0.0.1:{reserved_port()}/away"
    with Crowd(shop) as crowd:
        crowd.wait_until_served(50)
        first = shop.only("decider")
        other = shop.add("decider", BUYSTREAM_DATABASE_URL=nowhere, BUYSTREAM_SECRET_KEY="0123456789abcdef" * 2)
        time.sleep(moments.uniform(0.2, 2))
        shop.lose(first)
        seconds = shop.seconds_until_answered(time.monotonic())
        print(f"without PostgreSQL a new owner answered for all editions in {seconds:.1f} s")
        assert "is folded from its first event" in other.said
        crowd.wait_until_served(50)
    assert_sound(shop, crowd)


def test_a_decider_frozen_past_its_session_is_fenced_when_it_thaws(shop: FaultyShop, moments: random.Random) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    zombie = shop.only("decider")
    with Crowd(shop) as crowd:
        crowd.wait_until_served(50)
        (other,) = shop.run("decider")
        other.wait_until_it_said("owns partition")
        for process in (zombie, other):
            crowd.wait_until_served(20)
            time.sleep(moments.uniform(0.2, 2))
            rest = other if process is zombie else zombie
            heard, heard_rest = len(process.said), len(rest.said)
            os.kill(process.pid, signal.SIGSTOP)
            try:
                rest.wait_until_it_said(f"works on partitions {list(range(PARTITIONS))}", after=heard_rest)
                rest.wait_until_it_said("owns partition", after=heard_rest)
                crowd.wait_until_served(100)
            finally:
                os.kill(process.pid, signal.SIGCONT)
            process.wait_until_it_said("owns partition", after=heard)  # it comes back automatically, from the log
            fenced = "trying again until it works" in process.said[heard:]
            print(f"the zombie {'was refused its commit' if fenced else 'had nothing to commit'}")
    assert_sound(shop, crowd)


def test_partitions_that_move_between_two_deciders_are_decided_in_order(
    shop: FaultyShop, moments: random.Random
) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    with Crowd(shop) as crowd:
        for _ in range(4):
            crowd.wait_until_served(30)
            (second,) = shop.run("decider")
            second.wait_until_it_said("owns partition")
            time.sleep(moments.uniform(0.1, 1.5))
            shop.retire(second)
        crowd.wait_until_served(50)
    assert_sound(shop, crowd)
