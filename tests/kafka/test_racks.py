"""On a cluster whose brokers are in two racks: each topic has a replica in both, and every client library reads from
the replica in its own rack, though another one leads."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from kafka import KafkaConsumer
from kafka import TopicPartition as Place

from buystream import cluster
from buystream.consumers.live.faust_app import faust_app
from buystream.log import EVENTS, Message
from buystream.log.topics import Topics, plan
from buystream.settings import read_settings
from tests.support.kafka_cluster import Cluster, running_cluster
from tests.support.patience import Deadline, patient, wait_until

RACKS = {1: "east", 2: "east", 3: "west"}
PARTITIONS = 6
OURS = "east"


@pytest.fixture(scope="module")
def in_racks() -> Iterator[Cluster]:
    with running_cluster(RACKS) as nodes:
        with closing(Topics(nodes.bootstrap)) as topics:
            topics.apply(plan(partitions=PARTITIONS, replication=2))
        yield nodes


def replicas(nodes: Cluster) -> dict[int, tuple[int, list[int]]]:
    """The leader and the replicas of each partition of the events."""
    client = AdminClient({"bootstrap.servers": nodes.bootstrap})
    found = client.list_topics(EVENTS, timeout=patient(30)).topics[EVENTS].partitions
    return {number: (one.leader, one.replicas) for number, one in found.items()}


def test_topics_apply_puts_a_replica_of_each_partition_in_each_rack(in_racks: Cluster) -> None:
    for _, numbers in replicas(in_racks).values():
        assert {RACKS[number] for number in numbers} == {"east", "west"}


@pytest.fixture
def elsewhere(in_racks: Cluster) -> tuple[int, int]:
    """A partition that is led in the other rack, with a record; and the replica in ours."""
    settings = read_settings({"BUYSTREAM_KAFKA_BOOTSTRAP": in_racks.bootstrap})
    partition, numbers = next(
        (number, numbers) for number, (leader, numbers) in replicas(in_racks).items() if RACKS[leader] != OURS
    )
    with closing(cluster.kafka_log(settings)) as log:
        log.append(EVENTS, partition, [Message(b"{}")])
    return partition, next(number for number in numbers if RACKS[number] == OURS)


def test_confluent_kafka_reads_from_the_replica_in_its_rack(in_racks: Cluster, elsewhere: tuple[int, int]) -> None:
    partition, ours = elsewhere
    asked: list[int] = []

    def note(statistics: str) -> None:
        found = json.loads(statistics)["topics"].get(EVENTS, {}).get("partitions", {}).get(str(partition))
        if found:
            asked.append(found["broker"])

    clients = cluster.clients(
        read_settings({"BUYSTREAM_KAFKA_BOOTSTRAP": in_racks.bootstrap, "BUYSTREAM_KAFKA_CLIENT_RACK": OURS})
    )
    options: Mapping[str, Any] = {"statistics.interval.ms": 100, "stats_cb": note}
    consumer = type(clients)(clients.bootstrap, "", 10.0, {**clients.options, **options}).consumer()
    try:
        consumer.assign([TopicPartition(EVENTS, partition, 0)])
        wait_until(lambda: consumer.poll(0.1) is None and asked[-1:] == [ours], otherwise=lambda: asked)
    finally:
        consumer.close()


def test_kafka_python_reads_from_the_replica_in_its_rack(in_racks: Cluster, elsewhere: tuple[int, int]) -> None:
    partition, ours = elsewhere
    place = Place(EVENTS, partition)
    consumer = KafkaConsumer(bootstrap_servers=in_racks.bootstrap, client_rack=OURS, auto_offset_reset="earliest")
    try:
        consumer.assign([place])

        def chosen() -> bool:
            consumer.poll(max_records=10)
            return bool(consumer._subscription.assignment[place].preferred_read_replica() == ours)

        wait_until(chosen)
    finally:
        consumer.close()


def test_aiokafka_in_faust_reads_from_the_replica_in_its_rack(in_racks: Cluster, elsewhere: tuple[int, int]) -> None:
    partition, ours = elsewhere

    async def assigned(ends: Mapping[int, int]) -> Mapping[int, int]:
        return dict.fromkeys(ends, 0)

    async def ignore(stream: Any) -> None:
        async for _ in stream.events():
            pass

    async def chosen() -> int | None:
        app = faust_app("racks", in_racks.bootstrap, {}, assigned=assigned, rack=OURS)
        app.agent(app.topic(EVENTS, value_serializer="raw"))(ignore)
        deadline, found = Deadline(60), None
        await app.start()
        try:
            while found is None and not deadline.passed:
                await asyncio.sleep(0.1)
                fetcher = app.consumer._thread._consumer and app.consumer._thread._consumer._fetcher
                known = {place.partition: node for place, (node, _) in fetcher._preferred_read_replica.items()}
                found = known.get(partition)
        finally:
            await app.stop()
        return found

    assert asyncio.run(chosen()) == ours
