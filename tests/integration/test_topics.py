"""Topics on a real broker: planned, compared, brought there, and history is never reordered or forgotten."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from buystream.host.broker import Broker
from buystream.log import COMMANDS, EVENTS, LogUnavailable, Message
from buystream.log.kafka import KafkaLog
from buystream.log.topics import TopicChangeRefused, TopicDifference, Topics, merchant_topic, plan
from tests.support.ports import reserved_port


@pytest.fixture
def topics(kafka_broker: Broker) -> Iterator[Topics]:
    with closing(Topics(kafka_broker.bootstrap)) as topics:
        yield topics


def test_topics_are_created_once_and_then_as_planned(topics: Topics, kafka_prefix: str) -> None:
    wanted = plan(partitions=3, prefix=kafka_prefix)
    missing = [(one.topic, one.what, one.wanted) for one in topics.check(wanted)]
    assert missing == [(topic.name, "topic", "3 partitions") for topic in wanted]
    assert [one.what for one in topics.apply(wanted)] == ["topic"] * 3
    assert topics.check(wanted) == []
    assert topics.apply(wanted) == []


def test_partitions_are_added_and_never_taken_away(topics: Topics, kafka_prefix: str) -> None:
    topics.apply(plan(partitions=2, prefix=kafka_prefix))
    more = topics.apply(plan(partitions=4, prefix=kafka_prefix))
    assert [(one.what, one.found, one.wanted) for one in more] == [("partitions", "2", "4")] * 3
    with pytest.raises(TopicChangeRefused, match="never taken away"):
        topics.apply(plan(partitions=3, prefix=kafka_prefix))
    assert topics.check(plan(partitions=4, prefix=kafka_prefix)) == []


@pytest.mark.parametrize(
    "setting", [{"cleanup.policy": "compact"}, {"retention.ms": "604800000"}, {"retention.bytes": "1000000"}]
)
def test_a_setting_that_would_forget_history_is_refused(
    topics: Topics, kafka_prefix: str, setting: dict[str, str]
) -> None:
    topics.apply(plan(partitions=1, prefix=kafka_prefix))
    with pytest.raises(TopicChangeRefused):
        topics.apply(plan(partitions=2, prefix=kafka_prefix, settings=setting))
    assert topics.check(plan(partitions=1, prefix=kafka_prefix)) == []  # not even the partitions were added


def test_the_clock_can_be_changed_only_while_the_log_is_empty(
    topics: Topics, kafka_broker: Broker, kafka_prefix: str
) -> None:
    by_writers = {"message.timestamp.type": "CreateTime"}
    topics.apply(plan(partitions=1, prefix=kafka_prefix, settings=by_writers))
    topics.apply(plan(partitions=1, prefix=kafka_prefix))
    with closing(KafkaLog(kafka_broker.bootstrap, prefix=kafka_prefix)) as log:
        log.append(COMMANDS, 0, [Message(b"a")])
    changed = topics.check(plan(partitions=1, prefix=kafka_prefix, settings=by_writers))
    assert changed[0] == TopicDifference(
        kafka_prefix + COMMANDS,
        "message.timestamp.type",
        "LogAppendTime",
        "CreateTime",
        "what was decided by one clock can't be decided again by another",
    )
    assert [bool(one.refused) for one in changed] == [True, False, False]


def test_other_settings_are_brought_back(topics: Topics, kafka_prefix: str) -> None:
    topics.apply(plan(partitions=1, prefix=kafka_prefix, settings={"max.message.bytes": "1000000"}))
    changed = topics.apply(plan(partitions=1, prefix=kafka_prefix))
    assert {(one.what, one.found, one.wanted) for one in changed} == {("max.message.bytes", "1000000", "4194304")}
    assert topics.check(plan(partitions=1, prefix=kafka_prefix)) == []


def test_a_merchants_topic_comes_and_goes_and_the_shops_own_stay(topics: Topics, kafka_prefix: str) -> None:
    topic = merchant_topic("me0-n1ghtsky00", prefix=kafka_prefix)
    assert topic.name == f"{kafka_prefix}buystream.merchant.me0-n1ghtsky00"
    topics.apply([topic])
    assert topics.check([topic]) == []
    assert topics.delete(topic.name)
    assert not topics.delete(topic.name)
    assert [one.what for one in topics.check([topic])] == ["topic"]
    topics.apply(plan(partitions=1, prefix=kafka_prefix))
    with pytest.raises(TopicChangeRefused):
        topics.delete(kafka_prefix + EVENTS)


def test_a_cluster_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(LogUnavailable):
        Topics(f"127.0.0.1:{reserved_port()}", options={"bootstrap_timeout_ms": 1000})
