"""The topics on a Kafka cluster: what they should be, how they differ, and bringing them there. Refuses whatever would
reorder or forget history. On kafka-python's admin client."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any, Final

import msgspec
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from buystream.log import MERCHANT, TOPICS, LogError, LogUnavailable

MESSAGE_BYTES_MAX = 4_194_304
REQUEST_SECONDS = 15

FOR_EVER = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(MESSAGE_BYTES_MAX),
    "unclean.leader.election.enable": "false",
}
"""The log is the clock and the memory: the broker stamps the time, and nothing is ever dropped or compacted."""


ANY_TIME: Final = "message.timestamp.after.max.ms"
"""How far ahead of the broker's clock a record's own time may be; only a copy that fills a log sets no bound."""


class TopicChangeRefused(LogError):
    """The change would reorder or forget history."""


class Topic(msgspec.Struct, frozen=True):
    """A topic as it should be; a setting that isn't named may be anything."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


class TopicDifference(msgspec.Struct, frozen=True):
    """One thing that is not as planned. `what` is `topic`, `partitions`, `replication` or the name of a setting;
    `refused` says why it can't be changed, if it can't."""

    topic: str
    what: str
    found: str
    wanted: str
    refused: str = ""


def plan(
    *, partitions: int, replication: int = 1, prefix: str = "", settings: Mapping[str, str] | None = None
) -> list[Topic]:
    """Commands, events and dead letters. With replication, all but one of the replicas must have a record before it
    counts as written. `settings` are added to each topic's own."""
    wanted = FOR_EVER | {"min.insync.replicas": str(max(1, replication - 1))} | dict(settings or {})
    return [Topic(prefix + name, partitions, replication, wanted) for name in TOPICS]


def merchant_topic(merchant_id: str, *, replication: int = 1, prefix: str = "") -> Topic:
    """A merchant's public topic: its order events, in one order."""
    settings = FOR_EVER | {"min.insync.replicas": str(max(1, replication - 1))}
    return Topic(f"{prefix}{MERCHANT}{merchant_id}", 1, replication, settings)


class Topics:
    """The topics of one cluster. `options` are kafka-python's, for SASL and TLS. Every method raises LogUnavailable
    when the cluster can't be reached, and LogError with what it says otherwise."""

    def __init__(self, bootstrap: str, *, options: Mapping[str, Any] | None = None) -> None:
        with as_log_errors():
            self._admin = KafkaAdminClient(
                bootstrap_servers=bootstrap,
                client_id="buystream-topics",
                request_timeout_ms=REQUEST_SECONDS * 1000,
                **({"bootstrap_timeout_ms": REQUEST_SECONDS * 1000} | dict(options or {})),
            )

    def check(self, topics: Sequence[Topic]) -> list[TopicDifference]:
        """What is not as planned, in the order of the plan; changes nothing."""
        with as_log_errors():
            return [difference for topic in topics for difference in self._differences(topic)]

    def apply(self, topics: Sequence[Topic]) -> list[TopicDifference]:
        """Make it as planned; returns what was changed. Raises Refused, and then has changed nothing. More partitions
        are for new ids only: every id keeps the partition that it names."""
        differences = self.check(topics)
        if refused := [difference for difference in differences if difference.refused]:
            raise TopicChangeRefused(
                "; ".join(f"{one.topic}: {one.what} stays {one.found}: {one.refused}" for one in refused)
            )
        planned = {topic.name: topic for topic in topics}
        with as_log_errors():
            for difference in differences:
                self._change(planned[difference.topic], difference)
            self._admin.wait_for_topics(list(planned))
        if differences:
            self._wait_until_seen(topics)
        return differences

    def stamp_from_now_on(self, topics: Sequence[Topic]) -> None:
        """Let the broker be the clock of topics that a copy has filled: what is there keeps the time that it came with,
        because a batch of records says whose time it carries."""
        with as_log_errors():
            for topic in topics:
                setting = "message.timestamp.type"
                self._change(topic, TopicDifference(topic.name, setting, "CreateTime", topic.settings[setting]))

    def take_writers_time(self, topics: Sequence[Topic]) -> bool:
        """Whether any of these takes the time that records come with, and any time at all, as while a copy fills it. A
        mirror of a log has the first alone."""
        with as_log_errors():
            found = [self._settings(topic, ANY_TIME) for topic in topics]
        return any(
            settings["message.timestamp.type"] == "CreateTime" and settings[ANY_TIME] == str(2**63 - 1)
            for settings in found
        )

    def delete(self, topic: str) -> bool:
        """Delete a topic with all that is in it; whether it was there. Never one of the log's own."""
        if topic.endswith(TOPICS):
            raise TopicChangeRefused(f"{topic} is the shop's history and is not deleted")
        with as_log_errors(), suppress(UnknownTopicOrPartitionError):  # gone already
            self._admin.delete_topics([topic])
            return True
        return False

    def close(self) -> None:
        """Release the connections."""
        self._admin.close()

    def _wait_until_seen(self, topics: Sequence[Topic]) -> None:
        """Brokers answer before all of them know."""
        deadline = monotonic() + REQUEST_SECONDS
        while remaining := self.check(topics):
            if monotonic() > deadline:
                raise LogUnavailable(f"Kafka took the change and doesn't show it: {remaining[0]}")
            sleep(0.05)

    def _differences(self, topic: Topic) -> Iterator[TopicDifference]:
        (found,) = self._admin.describe_topics([topic.name])
        if found["error_code"] == UnknownTopicOrPartitionError.errno:
            yield TopicDifference(topic.name, "topic", "", f"{topic.partitions} partitions")
            return
        partitions = len(found["partitions"])
        if partitions != topic.partitions:
            refused = "partitions are never taken away" if partitions > topic.partitions else ""
            yield TopicDifference(topic.name, "partitions", str(partitions), str(topic.partitions), refused)
        replication = min(len(partition["replica_nodes"]) for partition in found["partitions"])
        if replication != topic.replication:
            refused = "reassign its replicas with Kafka's own tools"
            yield TopicDifference(topic.name, "replication", str(replication), str(topic.replication), refused)
        settings = self._settings(topic)
        for name, wanted in topic.settings.items():
            if (value := settings.get(name, "")) != wanted:
                refused = _why_not(name, wanted, has_records=self._has_records(topic.name, partitions))
                yield TopicDifference(topic.name, name, value, wanted, refused)

    def _settings(self, topic: Topic, *others: str) -> dict[str, str]:
        """Those that are planned for the topic, and others."""
        resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, [*topic.settings, *others])
        described = self._admin.describe_configs([resource], config_filter="all")
        return {name: found["value"] for name, found in described["topic"][topic.name].items()}

    def _has_records(self, topic: str, partitions: int) -> bool:
        ends = self._admin.list_partition_offsets(
            {TopicPartition(topic, partition): OffsetSpec.LATEST for partition in range(partitions)}
        )
        return any(end.offset > 0 for end in ends.values())

    def _change(self, topic: Topic, difference: TopicDifference) -> None:
        match difference.what:
            case "topic":
                self._create(topic)
            case "partitions":
                self._admin.create_partitions({topic.name: topic.partitions})
            case setting:
                resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, {setting: difference.wanted})
                answer = self._admin.alter_configs([resource])["topic"][topic.name]
                if answer != "OK":
                    raise LogError(f"Kafka refuses {setting}={difference.wanted} for {topic.name}: {answer}")

    def _create(self, topic: Topic) -> None:
        details = {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replication,
            "configs": dict(topic.settings),
        }
        with suppress(TopicAlreadyExistsError):  # another process was quicker
            self._admin.create_topics({topic.name: details})


def _why_not(setting: str, wanted: str, *, has_records: bool) -> str:
    if setting == "cleanup.policy" and "compact" in wanted:
        return "compaction would drop history"
    if setting in ("retention.ms", "retention.bytes") and wanted != "-1":
        return "retention would forget history"
    if setting == "message.timestamp.type" and has_records:
        return "what was decided by one clock can't be decided again by another"
    return ""


@contextmanager
def as_log_errors() -> Iterator[None]:
    """Raises what Kafka says as an error of the port."""
    try:
        yield
    except KafkaError as error:
        kind = LogUnavailable if error.retriable else LogError
        raise kind(f"Kafka can't manage topics: {error}") from error
