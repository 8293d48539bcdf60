"""There are bytes on the command log that nobody understands."""

import random
import time
from contextlib import closing

from buystream import cluster
from buystream.delivery.policy import read_dead_letter
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Message, read_all
from buystream.vocabulary.codec import read_event, read_head
from buystream.vocabulary.events import CommandRefused
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import PARTITIONS, FaultyShop

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
                sent.add((partition, log.append(COMMANDS, partition, [Message(value)])))
            crowd.wait_until_served(50)
        refused = {
            (record.partition, read_head(record.value).commandposition)
            for partition in range(PARTITIONS)
            for record in read_all(log, EVENTS, partition)
            if isinstance(event := read_event(record.value), CommandRefused) and event.reason == "unreadable"
        }
        dead = {
            (record.partition, letter.position): letter.value
            for partition in range(PARTITIONS)
            for record in read_all(log, DEADLETTER, partition)
            if (letter := read_dead_letter(record)) is not None
        }
    assert refused == sent
    assert dead.keys() == sent
    assert set(dead.values()) == set(UNREADABLE)
    assert_sound(shop, crowd)
