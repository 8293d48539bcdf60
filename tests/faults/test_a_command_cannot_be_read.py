"""Bytes that nobody understands stand on the command log."""

import random
import time
from contextlib import closing

import pytest

from buystream import cluster
from buystream.codec import command_position_of, decode_event
from buystream.events import CommandRefused
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Message
from buystream.replay.audit import read_all
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import PARTITIONS, FaultyShop

pytestmark = pytest.mark.timeout(300)

UNREADABLE = (b"\x00\xff\xfe no JSON", b"", b'{"type":"PlaceOrder.v1"}', b'{"type":"NeverHeardOf.v1","order_id":"x"}')


def test_an_unreadable_command_is_answered_with_a_refusal_and_set_aside(
    shop: FaultyShop, moments: random.Random
) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    with closing(cluster.kafka_log(shop.settings)) as log:
        with Crowd(shop) as crowd:
            crowd.wait_until_served(20)
            sent = set()
            for number, value in enumerate(UNREADABLE):
                time.sleep(moments.uniform(0.05, 0.5))
                partition = number % PARTITIONS
                sent.add((partition, log.append(COMMANDS, partition, [Message(value, headers={"ce_id": str(number)})])))
            crowd.wait_until_served(50)
        refused = {
            (record.partition, command_position_of(record.headers))
            for partition in range(PARTITIONS)
            for record in read_all(log, EVENTS, partition)
            if isinstance(event := decode_event(record.value), CommandRefused) and event.reason == "unreadable"
        }
        dead = {
            (record.partition, int(record.headers["dl_position"])): record.value
            for partition in range(PARTITIONS)
            for record in read_all(log, DEADLETTER, partition)
        }
    assert refused == sent
    assert dead.keys() == sent
    assert set(dead.values()) == set(UNREADABLE)
    assert_sound(shop, crowd)
