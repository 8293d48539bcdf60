"""What Kafka says, in the words of the log's port."""

import pytest
from confluent_kafka import KafkaError

from buystream.log import Fenced, LogError, LogUnavailable
from buystream.log.kafka.clients import told


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._TIMED_OUT, LogUnavailable),
        (KafkaError._UNKNOWN_PARTITION, LogUnavailable),  # a broker that has just started says so for a moment
        (KafkaError.UNKNOWN_TOPIC_OR_PART, LogUnavailable),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, LogError),
        (KafkaError.PRODUCER_FENCED, Fenced),
    ],
)
def test_only_what_waiting_does_not_help_is_more_than_unavailable(code: int, kind: type[LogError]) -> None:
    assert type(told(KafkaError(code), "asking")) is kind
