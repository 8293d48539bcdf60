"""A replay into a topic of its own on the shop's cluster. One transaction has a batch of records and how far they came,
as the offsets of a consumer group, so each message is there once for readers of committed records."""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec
from confluent_kafka import TopicPartition

from buystream.analysis.rows import TOPIC_OF, Row
from buystream.errors import BuystreamError
from buystream.log import Log
from buystream.log.kafka.clients import KafkaClients, as_log_errors
from buystream.log.topics import FOR_EVER, Topic, Topics
from buystream.replay.playing import ReachedBy, marked
from buystream.replay.selection import Selection
from buystream.replay.sinks import CantResume
from buystream.replay.tables_folder import Reached

TOPIC_START: Final = "buystream.replay."
"""What every such topic is called: no part of a shop reads one."""

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")

ORIGINAL_TIMES: Final = {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(2**63 - 1)}
"""A record that the log's clock stamped far ahead keeps that time too."""

OFFSET_INVALID: Final = -1001

HEADERS: Final[list[tuple[str, str | bytes | None]]] = [("content-type", b"application/cloudevents+json")]


class BadTopicName(BuystreamError):
    """No replay's topic can have that name."""


def replay_topic(name: str, *, partitions: int, replication: int, prefix: str = "") -> Topic:
    """The topic of a replay: its records have the times of their originals, and stay. Raises BadTopicName."""
    if not NAME.fullmatch(name):
        raise BadTopicName(f"{name!r} is no name for a replay: small letters, digits and hyphens; the topic will be"
                           f" {TOPIC_START}NAME")  # fmt: skip
    own = {**ORIGINAL_TIMES, "min.insync.replicas": str(max(1, replication - 1))}
    return Topic(f"{prefix}{TOPIC_START}{name}", partitions, replication, FOR_EVER | own)


class TopicSink:
    """Writes each record to the partition that its original has. A second replay into the same topic ends the first."""

    def __init__(
        self,
        clients: KafkaClients,
        topics: Topics,
        topic: Topic,
        log: Log,
        *,
        source: str,
        selection: Selection,
        resume: bool,
    ) -> None:
        """Makes the topic when it is missing. Raises CantResume, LogUnavailable, LogError."""
        topics.apply([topic])
        self._clients = clients
        self._topic = topic
        self._mark = sha256(source.encode() + msgspec.json.encode(selection)).hexdigest()[:16]
        self._partitions = range(log.partitions)
        group = topic.name
        self._consumer = clients.consumer(group_id=group)
        self._producer = clients.producer(
            transactional_id=topic.name,
            transaction_timeout_ms=int(clients.answer_seconds * 1_000),
            linger_ms=100,
            retry_backoff_ms=2,
            retry_backoff_max_ms=10,
        )
        with as_log_errors(f"replaying into {topic.name}"):
            self._producer.init_transactions(clients.answer_seconds)
            self._reached = self._found(resume=resume)

    @property
    def reached(self) -> ReachedBy:
        """As the offsets of the topic's group say."""
        return self._reached

    def write(self, rows: Sequence[Row], reached: ReachedBy) -> None:
        """In one transaction. Raises LogUnavailable when its outcome is unknown, Fenced when another replay took over,
        and LogError; run it again with --resume."""
        self._commit(rows, [self._offset(stream, one) for stream, one in reached.items()])

    def _commit(self, rows: Sequence[Row], offsets: list[TopicPartition]) -> None:
        producer, name, seconds = self._producer, self._topic.name, self._clients.answer_seconds
        with as_log_errors(f"replaying into {name}"):
            producer.begin_transaction()
            for row in rows:
                record = row.record
                producer.produce(
                    name, marked(row), record.key or None, record.partition, headers=HEADERS, timestamp=row.at_ms
                )
            producer.send_offsets_to_transaction(offsets, self._consumer.consumer_group_metadata(), seconds)
            producer.commit_transaction(seconds)

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()

    def _offset(self, stream: str, reached: Reached) -> TopicPartition:
        table, _, partition = stream.partition("/")
        metadata = msgspec.json.encode((self._mark, reached.sequence)).decode()
        name = self._clients.name_of(TOPIC_OF[table])
        return TopicPartition(name, int(partition), reached.position, metadata)

    def _found(self, *, resume: bool) -> dict[str, Reached]:
        """How far it came. That the topic is a replay's, and of what, is an offset of the topic itself: Kafka forgets
        it with the topic."""
        (own,) = self._committed([TopicPartition(self._topic.name, 0)])
        if own.offset == OFFSET_INVALID:
            if any(self._end(partition) for partition in range(self._topic.partitions)):
                raise CantResume(f"{self._topic.name} isn't empty, and no replay wrote it")
            self._commit([], [TopicPartition(self._topic.name, 0, 0, self._mark)])
            return {}
        if own.metadata != self._mark:
            raise CantResume(f"{self._topic.name} has a replay of another shop or another selection")
        if not resume:
            raise CantResume(f"{self._topic.name} has this replay: continue it with --resume, or choose another name")
        found = {}
        for table, topic in TOPIC_OF.items():
            name = self._clients.name_of(topic)
            for place in self._committed([TopicPartition(name, partition) for partition in self._partitions]):
                if place.offset != OFFSET_INVALID and place.metadata:
                    mark, sequence = msgspec.json.decode(place.metadata)
                    if mark == self._mark:
                        found[f"{table}/{place.partition}"] = Reached(position=place.offset, sequence=sequence)
        return found

    def _committed(self, places: list[TopicPartition]) -> list[TopicPartition]:
        found: list[TopicPartition] = self._consumer.committed(places, self._clients.answer_seconds)
        return found

    def _end(self, partition: int) -> int:
        place = TopicPartition(self._topic.name, partition)
        ends: tuple[int, int] = self._consumer.get_watermark_offsets(place, self._clients.answer_seconds)
        return ends[1]
