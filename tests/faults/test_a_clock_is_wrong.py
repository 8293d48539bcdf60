"""The log's clock is half an hour ahead for a moment: the partition stops there until an operator's verdict."""

import json
import random
import time
from contextlib import closing

from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from buystream import cluster
from buystream.log import COMMANDS, Record
from buystream.settings import Settings
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import FaultyShop
from tests.support.patience import patient, wait_until
from tests.support.shop_process import buystream

PARTITION = 0
AHEAD_SECONDS = 1_800
WAIT_SECONDS = 30


def test_a_command_from_the_future_stops_its_partition_until_it_is_passed_over(
    shop: FaultyShop, moments: random.Random
) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    with Crowd(shop) as crowd:
        crowd.wait_until_served(30)
        time.sleep(moments.uniform(0.1, 1))
        with closing(cluster.kafka_log(shop.settings)) as log:
            repeated = log.read(COMMANDS, PARTITION, log.end(COMMANDS, PARTITION) - 1)[0]
        position = append_stamped(shop.settings, repeated, time.time() + AHEAD_SECONDS)
        decider = shop.only("decider")
        wait_until(lambda: decider.metric("buystream_partitions_stopped") == 1, 60)
        shop.alarms.wait_until_rung({"PartitionStopped"})
        shown = buystream("clock", "show", "--json", "--data-dir", str(shop.data_dir))
        (stopped,) = json.loads(shown.stdout)
        assert (stopped["partition"], stopped["position"]) == (PARTITION, position)
        passed = buystream("clock", "pass-over", str(PARTITION), str(position), "--data-dir", str(shop.data_dir))
        assert passed.returncode == 0, passed.stderr
        crowd.wait_until_served(50)
    assert_sound(shop, crowd)


def append_stamped(settings: Settings, record: Record, at: float) -> int:
    """The same command once more, stamped by a broker whose clock says `at`; its position."""
    topic = settings.kafka_prefix + COMMANDS
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap})
    sent: list[Message] = []
    stamp_by(settings, topic, "CreateTime")
    try:
        producer.produce(
            topic,
            record.value,
            record.key,
            record.partition,
            timestamp=int(at * 1000),
            on_delivery=lambda error, message: sent.append(message),
        )
        assert producer.flush(patient(WAIT_SECONDS)) == 0
    finally:
        stamp_by(settings, topic, "LogAppendTime")
    (message,) = sent
    assert message.error() is None
    position = message.offset()
    assert position is not None
    return position


def stamp_by(settings: Settings, topic: str, clock: str) -> None:
    """Whose time the topic's records carry."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    entry = ConfigEntry("message.timestamp.type", clock, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for altered in admin.incremental_alter_configs([resource]).values():
        altered.result(patient(WAIT_SECONDS))
