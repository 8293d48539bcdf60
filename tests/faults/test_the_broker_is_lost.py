"""The broker restarts, or can't be reached, or its answer to a commit never arrives."""

import random
import time
from contextlib import closing

import pytest

from buystream import cluster
from buystream.log import EVENTS, Log, read_all
from buystream.vocabulary.codec import read_event
from buystream.vocabulary.events import OrderExpired, OrderPlaced, OwnershipTaken
from tests.faults.books import assert_sound
from tests.faults.conftest import ProxiedBroker
from tests.faults.crowd import Crowd
from tests.faults.shop import FaultyShop, order_of
from tests.support.patience import patient
from tests.support.tcp_proxy import END_TXN, Loss, TcpProxy

UNREACHABLE_SECONDS = 20
GRACE_SECONDS = 25
GIVES_UP_SECONDS = 60


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_restarted_broker_loses_nothing(
    shop: FaultyShop, kafka_broker: ProxiedBroker, moments: random.Random, end: str
) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    with Crowd(shop) as crowd:
        crowd.wait_until_served(50)
        time.sleep(moments.uniform(0.1, 2))
        if end == "killed":
            kafka_broker.kill()
        else:
            kafka_broker.stop()
        kafka_broker.start()
        started = time.monotonic()
        crowd.wait_until_served(100)
        print(f"100 more orders of each edition answered {time.monotonic() - started:.1f} s after the broker's start")
    assert_sound(shop, crowd)


def test_a_broker_that_cannot_be_reached_for_twenty_seconds_costs_nothing_but_time(
    shop: FaultyShop, proxy: TcpProxy, moments: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as through_the_proxy:
        through_the_proxy.setenv("BUYSTREAM_KAFKA_BOOTSTRAP", proxy.address)
        through_the_proxy.setenv("BUYSTREAM_RESTART_GRACE_SECONDS", str(GRACE_SECONDS))
        shop.open("projector", "decider", "payments", "gateway")
    with Crowd(shop) as crowd, shop.buyer() as buyer:
        crowd.wait_until_served(50)
        time.sleep(moments.uniform(0.1, 2))
        held = [order_of(edition_id) for edition_id in shop.editions.values()]
        for order in held:
            assert buyer.post("/v1/orders", json=order).status_code == 201
        with proxy.unreachable():
            time.sleep(UNREACHABLE_SECONDS)
        reachable = time.monotonic()
        crowd.wait_until_served(100)
        with closing(cluster.kafka_log(shop.settings)) as log:
            for partition, order in zip(shop.editions, held, strict=True):
                assert_kept_its_grace(log, partition, order["order_id"])
        print(f"100 more orders of each edition answered {time.monotonic() - reachable:.1f} s after the end of it")
    assert_sound(shop, crowd)


def assert_kept_its_grace(log: Log, partition: int, order_id: str) -> None:
    """By the log's own times, however slow the machine is: after the outage its owner gave a grace, and the hold did
    not run out before the end of it."""
    records = read_all(log, EVENTS, partition)
    events = [read_event(record.value) for record in records]
    (placed,) = (one for one in events if isinstance(one, OrderPlaced) and one.order_id == order_id)
    after = events[events.index(placed) :]
    graces = [one.grace_until_ms for one in after if isinstance(one, OwnershipTaken)]
    assert graces, "the owner did not notice the outage"
    assert graces[0] - placed.at_ms > (UNREACHABLE_SECONDS + GRACE_SECONDS) * 1000 / 2
    expired = [one.at_ms for one in after if isinstance(one, OrderExpired) and one.order_id == order_id]
    assert all(at_ms >= graces[0] for at_ms in expired), "a hold ran out while nobody could pay"


@pytest.mark.parametrize("loss", [Loss.SILENT, Loss.CLOSED], ids=["and silence follows", "with its connection"])
def test_a_commit_whose_answer_is_lost_is_neither_forgotten_nor_done_twice(
    shop: FaultyShop, proxy: TcpProxy, moments: random.Random, loss: Loss
) -> None:
    shop.run("projector", "payments", "gateway")
    decider = shop.add("decider", BUYSTREAM_KAFKA_BOOTSTRAP=proxy.address)
    shop.open()
    with Crowd(shop) as crowd:
        for _ in range(2):
            crowd.wait_until_served(30)
            time.sleep(moments.uniform(0.1, 1))
            heard = len(decider.said)
            proxy.lose_next_answer(END_TXN, loss)
            assert proxy.answer_lost.wait(patient(GIVES_UP_SECONDS))
            if loss is Loss.SILENT:  # it doesn't know what became of its commit, and asks the log
                decider.wait_until_it_said("trying again until it works", after=heard)
                decider.wait_until_it_said("owns partition", after=heard)
        crowd.wait_until_served(50)
    assert_sound(shop, crowd)
