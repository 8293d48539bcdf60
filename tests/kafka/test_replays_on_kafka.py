"""Replays and tables of a log on Kafka: a topic of a replay has each message once, at its own time, and the tables are
those of any other log."""

import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from buystream.host.broker import Broker
from buystream.log import COMMANDS, EVENTS, Message
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import KafkaClients
from buystream.log.topics import Topics
from buystream.replay.exporting import Exporter
from buystream.replay.playing import Player, ReachedBy, Tempo
from buystream.replay.selection import Selection
from buystream.replay.sinks import CantResume
from buystream.replay.topic_sink import BadTopicName, TopicSink, replay_topic
from tests.support.patience import patient
from tests.support.shop_process import buystream
from tests.support.sold_log import SOURCE, sold_log
from tests.unit.replay.test_exporting import export, rows_in

KEY = b"k" * 32


@pytest.fixture
def clients(kafka_broker: Broker, kafka_prefix: str) -> KafkaClients:
    return KafkaClients(kafka_broker.bootstrap, kafka_prefix, patient(10), {})


@pytest.fixture
def topics(kafka_broker: Broker) -> Iterator[Topics]:
    with closing(Topics(kafka_broker.bootstrap)) as topics:
        yield topics


@pytest.fixture
def sold(kafka_log: KafkaLog) -> KafkaLog:
    """The sale is on partition 0, its events in transactions of twenty."""
    sale = sold_log(20)
    kafka_log.append(COMMANDS, 0, [Message(one.value, one.key) for one in sale.read(COMMANDS, 0, 0)])
    events = [Message(one.value, one.key) for one in sale.read(EVENTS, 0, 0)]
    with closing(kafka_log.own(0)) as owner:
        for first in range(0, len(events), 20):
            owner.commit({EVENTS: events[first : first + 20]})
    return kafka_log


def sink_of(
    clients: KafkaClients, topics: Topics, log: KafkaLog, *, resume: bool, selection: Selection, name: str = "concert"
) -> TopicSink:
    topic = replay_topic(name, partitions=log.partitions, replication=1, prefix=clients.prefix)
    return TopicSink(clients, topics, topic, log, source=SOURCE, selection=selection, resume=resume)


def play(log: KafkaLog, sink: TopicSink, selection: Selection) -> int:
    with closing(sink):
        return Player(log, selection, sink.reached, lambda _: None).play(sink, Tempo(None))


def read(clients: KafkaClients, topic: str, count: int) -> list[tuple[dict[str, Any], int]]:
    """The first committed records of partition 0, with their times; fails when there are fewer or more."""
    consumer = Consumer(
        {
            "bootstrap.servers": clients.bootstrap,
            "group.id": "tests",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    with closing(consumer):
        consumer.assign([TopicPartition(topic, 0, 0)])
        found = []
        while (message := consumer.poll(patient(30))) is not None and message.error() is None:
            found.append((json.loads(message.value() or b""), message.timestamp()[1]))
    assert len(found) == count
    return found


class Dies(Exception):
    """As if the process were killed."""


def test_a_topic_has_each_message_once_however_often_the_replay_dies(
    clients: KafkaClients, topics: Topics, sold: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("buystream.replay.playing.TOGETHER_MAX", 15)
    selection, left = Selection(), [3]

    class Dying(TopicSink):
        """The third batch is handed over, and nothing is committed."""

        def write(self, rows: Any, reached: ReachedBy) -> None:
            left[0] -= 1
            if left[0] == 0:
                self._producer.begin_transaction()
                for row in rows:
                    self._producer.produce(self._topic.name, row.record.value, partition=0)
                self._producer.flush(patient(10))
                raise Dies
            super().write(rows, reached)

    topic = replay_topic("concert", partitions=sold.partitions, replication=1, prefix=clients.prefix)
    dying = Dying(clients, topics, topic, sold, source=SOURCE, selection=selection, resume=False)
    with pytest.raises(Dies):
        play(sold, dying, selection)
    again = play(sold, sink_of(clients, topics, sold, resume=True, selection=selection), selection)
    assert play(sold, sink_of(clients, topics, sold, resume=True, selection=selection), selection) == 0
    asked, decided = sold.read(COMMANDS, 0, 0, 1_000), sold.read(EVENTS, 0, 0, 1_000)
    assert again == len(asked) + len(decided) - 30
    found = read(clients, topic.name, len(asked) + len(decided))
    places = [attributes["replayof"] for attributes, _ in found]
    for original in (asked, decided):
        ours = [f"{one.topic}/0/{one.position}" for one in original]
        assert [place for place in places if place.startswith(original[0].topic)] == ours
    for attributes, at_ms in found:
        assert attributes["time"].startswith("20")
        if "sequence" in attributes:
            assert at_ms == attributes["data"]["at_ms"]


def test_a_topic_belongs_to_one_replay(clients: KafkaClients, topics: Topics, sold: KafkaLog) -> None:
    selection = Selection(types=("OrderPlaced",))
    play(sold, sink_of(clients, topics, sold, resume=False, selection=selection), selection)
    with pytest.raises(CantResume, match="--resume"):
        sink_of(clients, topics, sold, resume=False, selection=selection)
    with pytest.raises(CantResume, match="another selection"):
        sink_of(clients, topics, sold, resume=True, selection=Selection())
    with pytest.raises(BadTopicName):
        sink_of(clients, topics, sold, resume=False, selection=selection, name="buystream.events")


def test_the_command_line_replays_into_a_topic(clients: KafkaClients, sold: KafkaLog) -> None:
    environment = {"BUYSTREAM_KAFKA_BOOTSTRAP": clients.bootstrap, "BUYSTREAM_KAFKA_PREFIX": clients.prefix}
    done = buystream("replay", "--to-topic", "night", "--type", "OrderPlaced", "--json", **environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"messages": 20, "to": f"{clients.prefix}buystream.replay.night"}
    read(clients, f"{clients.prefix}buystream.replay.night", 20)
    refused = buystream("replay", "--to-topic", "night", "--type", "OrderPlaced", **environment)
    assert refused.returncode == 1
    assert "--resume" in refused.stderr.splitlines()[-1]


def test_tables_of_a_log_on_kafka_are_those_of_any_other(clients: KafkaClients, sold: KafkaLog, tmp_path: Path) -> None:
    open_log = partial(KafkaLog, clients.bootstrap, prefix=clients.prefix)
    exported = Exporter(open_log, tmp_path / "kafka", KEY, processes=2, chunk_records=50).export()
    export(sold_log(20), tmp_path / "memory")
    ours, theirs = rows_in(tmp_path / "kafka"), rows_in(tmp_path / "memory")
    assert exported.left_out == 0
    for table, rows in theirs.items():
        place = ("position",) if table == "events" else ("at", "day")
        assert [_without(row, place) for row in ours[table]] == [_without(row, place) for row in rows]


def _without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
