"""What Kafka says, in the words of the log's port."""

import pytest
from confluent_kafka import KafkaError

from buystream.log import Fenced, LogError, LogUnavailable, Rejected
from buystream.log.kafka.clients import log_error_of


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._TIMED_OUT, LogUnavailable),
        (KafkaError._UNKNOWN_PARTITION, LogUnavailable),  # a broker that has just started says so for a moment
        (KafkaError.UNKNOWN_TOPIC_OR_PART, LogUnavailable),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, LogError),
        (KafkaError.PRODUCER_FENCED, Fenced),
        (KafkaError.MSG_SIZE_TOO_LARGE, Rejected),
        (KafkaError.INVALID_RECORD, Rejected),
    ],
)
def test_only_what_waiting_does_not_help_is_more_than_unavailable(code: int, kind: type[LogError]) -> None:
    assert type(log_error_of(KafkaError(code), "asking")) is kind
