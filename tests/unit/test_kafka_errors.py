"""What Kafka says, in the words of the log's port."""

import pytest
from confluent_kafka import KafkaError

from buystream.log import Fenced, LogError, LogUnavailable, Rejected
from buystream.log.kafka import reaching
from buystream.log.kafka.clients import KafkaClients, log_error_of


def test_brokers_whose_names_have_no_address_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "Producer", None)  # none is made
    clients = KafkaClients("nowhere.invalid:9092, SSL://other.invalid:9093,third.invalid", "shop.", 10.0, {})
    with pytest.raises(reaching.Unreachable) as refused:
        reaching.reach(clients)
    said = str(refused.value)
    assert said.startswith("Kafka at nowhere.invalid:9092, ")
    assert [name in said.partition("can't be reached: ")[2] for name in ("nowhere", "other", "third")] == [True] * 3


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:9092", "[::1]:9092", "nowhere.invalid:1,localhost:9092", "localhost"])
def test_one_broker_with_an_address_is_enough(bootstrap: str) -> None:
    assert reaching.unresolved(bootstrap) is None


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
