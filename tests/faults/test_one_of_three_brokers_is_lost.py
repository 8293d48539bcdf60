"""A cluster that keeps everything three times loses one node: seconds of waiting, and nothing to do."""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from buystream.host.broker import Broker
from buystream.log import EVENTS
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import FaultyShop
from tests.support.kafka_cluster import NODES, Cluster, running_cluster
from tests.support.patience import patient

ANSWERS_AGAIN_SECONDS = 25


@pytest.fixture
def kafka_cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def kafka_bootstrap(kafka_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """The shop's topics are on all nodes; two of them must have a record before it counts."""
    monkeypatch.setenv("BUYSTREAM_KAFKA_REPLICATION", str(NODES))
    return kafka_cluster.bootstrap


def test_a_killed_broker_of_three_costs_seconds_of_waiting_and_nothing_else(
    shop: FaultyShop, kafka_cluster: Cluster, moments: random.Random
) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    prefix = shop.settings.kafka_prefix
    roles: dict[str, Callable[[], Broker]] = {
        "leads the hottest partition": lambda: kafka_cluster.leader(prefix + EVENTS, 0),
        "coordinates its owner's transactions": lambda: kafka_cluster.coordinator(f"{prefix}buystream-0"),
    }
    with Crowd(shop) as crowd:
        for role, found in roles.items():
            crowd.wait_until_served(30)
            kafka_cluster.wait_until_replicated()
            time.sleep(moments.uniform(0.1, 1))
            node = found()
            node.kill()
            seconds = shop.seconds_until_answered(time.monotonic())
            print(f"after kill -9 of the broker that {role} all editions answered again in {seconds:.1f} s")
            assert seconds < patient(ANSWERS_AGAIN_SECONDS)
            crowd.wait_until_served(30)
            node.start()
        kafka_cluster.wait_until_replicated()
        crowd.wait_until_served(30)
    assert_sound(shop, crowd)
