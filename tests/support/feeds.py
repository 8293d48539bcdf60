"""Merchants' topics as a reader of Kafka gets them, with their headers."""

from contextlib import closing
from typing import NamedTuple

from confluent_kafka import TopicPartition

from buystream.log.kafka import KafkaLog
from buystream.log.topics import merchant_topic
from tests.support.patience import Deadline


class Fed(NamedTuple):
    """A record of a merchant's topic."""

    position: int
    key: str
    value: bytes
    headers: dict[str, str]


def feed_of(log: KafkaLog, merchant_id: str, start: int = 0) -> list[Fed]:
    """What a read-committed reader finds from that position on."""
    topic, clients = merchant_topic(merchant_id).name, log._clients
    end, found = log.end(topic, 0), list[Fed]()
    deadline = Deadline(60)
    with closing(clients.consumer()) as consumer:
        consumer.assign([TopicPartition(clients.name_of(topic), 0, start)])
        while start < end and (not found or found[-1].position < end - 1):
            assert not deadline.passed, f"{topic} ends at {end}, read up to {found[-1:]}"
            message = consumer.poll(0.2)
            if message is not None:
                assert message.error() is None, message.error()
                headers = {name: value.decode() for name, value in message.headers() or ()}  # type: ignore[union-attr]
                key, value, offset = message.key() or b"", message.value() or b"", message.offset() or 0
                found.append(Fed(offset, key.decode(), value, headers))
    return found
