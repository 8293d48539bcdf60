"""Feeds: every event that counts in an edition's version goes to its merchant's topic, without personal data, exactly
once for readers of committed records. One transaction holds a batch of events and the relay's progress; what the
relay needs after a restart is in its own compacted topic, written in the same transactions."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Sent
from prometheus_client import Counter

from buystream.delivery.dead_letters import DeadLetters, Unfit
from buystream.delivery.policy import EventReader, Place, Read, work_while_assigned
from buystream.log import Damaged, Log, LogError, LogUnavailable, Record, read_all
from buystream.log.kafka.clients import KafkaClients, as_log_errors, log_error_of
from buystream.log.topics import Topic, Topics, merchant_topic
from buystream.metrics import RECORDS_SET_ASIDE
from buystream.vocabulary import codec
from buystream.vocabulary.events import EditionReleased, Event, MerchantRegistered
from buystream.vocabulary.feed import FED, FEED_CONTENT_TYPE, attributes_of, data_of
from buystream.vocabulary.ids import is_edition_id, is_merchant_id

FEEDS: Final = "buystream.feeds"
"""The relay's memory, compacted, with the partitions of the event log: `<edition id>` → merchant id, and `progress`."""

PROGRESS: Final = "progress"

PARTITION: Final = 0
"""A merchant's topic has one partition."""

RELAYED = Counter("buystream_feed_events", "Events relayed to merchants' topics.", ["partition"])

logger = logging.getLogger(__name__)


class FeedMessage(NamedTuple):
    """A record as the relay writes it."""

    key: str
    value: bytes
    headers: dict[str, str | bytes | None] | None = None


class Feeds:
    """Relays all partitions that are assigned to this process. `clients` reach the cluster that `log` is on; `topics`
    makes what is missing there, with so many replicas."""

    def __init__(self, log: Log, *, clients: KafkaClients, topics: Topics, replication: int = 1) -> None:
        self._log = log
        self._clients = clients
        self._topics = topics
        self._replication = replication
        self.owned: list[int] = []

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; raises Damaged and Poisoned when the events aren't what they must be."""
        for partition in range(self._log.partitions):
            RELAYED.labels(partition)  # from the start: a counter that is born at 1 has not grown
        work_while_assigned(self._log, "feeds", stop, self._work)

    def _work(self, partitions: frozenset[int], ended: Callable[[], bool]) -> None:
        relays: dict[int, Relay] = {}
        try:
            merchant_topics = self._prepare_topics()
            for partition in sorted(partitions):
                relays[partition] = Relay(self._log, partition, clients=self._clients, topics=merchant_topics)
            self.owned = sorted(relays)
            logger.info("relays partitions %s to the merchants' topics", self.owned)
            self._relay(relays, ended)
        except (Damaged, LogUnavailable):
            raise
        except LogError as error:  # fenced, a topic deleted, a permission missing: from the start, until it works
            raise LogUnavailable(str(error)) from error
        finally:
            self.owned = []
            for relay in relays.values():
                relay.close()

    def _prepare_topics(self) -> "MerchantTopics":
        memory = memory_topic(self._log.partitions, replication=self._replication, prefix=self._clients.prefix)
        create_missing(self._topics, [memory])
        return MerchantTopics(self._topics, replication=self._replication, prefix=self._clients.prefix)

    def _relay(self, relays: Mapping[int, "Relay"], ended: Callable[[], bool]) -> None:
        starts = {partition: relay.place for partition, relay in relays.items()}
        reader = EventReader(self._log, "feeds", starts, wanted=(*FED, MerchantRegistered))
        try:
            while not ended():
                batches: defaultdict[int, list[Read]] = defaultdict(list)
                for read in reader.poll(timeout_seconds=0.5):
                    batches[read.record.partition].append(read)
                for partition, batch in batches.items():
                    relays[partition].relay(batch)
        finally:
            reader.close()


class Relay:
    """Relays one partition. It fences any earlier relay before it reads how far that came: nothing can be added after.
    After any error it is worth nothing any more; a new one finds out what was committed."""

    def __init__(self, log: Log, partition: int, *, clients: KafkaClients, topics: "MerchantTopics") -> None:
        self._partition = partition
        self._clients = clients
        self._topics = topics
        self._refusal: KafkaError | None = None
        self._producer = feed_producer(clients, partition)
        with as_log_errors(f"becoming the relay of partition {partition}"):
            self._producer.init_transactions(clients.answer_seconds)
        memory = remembered(log, partition)
        RECORDS_SET_ASIDE.labels(FEEDS).inc(DeadLetters(log, "feeds").add(partition, memory.foreign))
        self.place, self._merchants = memory.place, memory.merchants

    def relay(self, batch: Sequence[Read]) -> None:
        """All of these events to their merchants, and the place behind them, or nothing; raises LogUnavailable."""
        learnt: dict[str, str] = {}
        feed: list[tuple[str, FeedMessage]] = []
        needed: set[str] = set()
        for record, head, event in batch:
            if isinstance(event, MerchantRegistered):  # a topic comes with its merchant, who may read it from then on
                needed.add(self._topics.name_of(event.merchant_id))
            elif event is not None or head.editionversion:
                edition_id = head.partitionkey
                if isinstance(event, EditionReleased):
                    learnt[edition_id] = self._merchants[edition_id] = event.merchant_id
                merchant_id = self._merchant_of(edition_id, record)
                feed.append((self._topics.name_of(merchant_id), feed_message(head, event, merchant_id)))
        last = batch[-1]
        place = Place(last.record.position + 1, int(last.head.sequence) + 1)
        self._topics.require(needed | {topic for topic, _ in feed})
        notes = [FeedMessage(edition_id, merchant_id.encode()) for edition_id, merchant_id in learnt.items()]
        notes.append(FeedMessage(PROGRESS, msgspec.json.encode(place)))
        with as_log_errors(f"relaying partition {self._partition}"):
            self._commit(feed, notes)
        RELAYED.labels(self._partition).inc(len(feed))

    def close(self) -> None:
        """Drop what isn't committed: the successor ends it, or its time-out."""
        self._producer.purge()

    def _commit(self, feed: Sequence[tuple[str, FeedMessage]], notes: Sequence[FeedMessage]) -> None:
        self._producer.begin_transaction()
        for topic, message in feed:
            self._produce(topic, PARTITION, message)
        for message in notes:
            self._produce(self._clients.name_of(FEEDS), self._partition, message)
        try:
            self._producer.commit_transaction(self._clients.answer_seconds)
        except KafkaException as error:  # of a message that was refused, it only says that there was one
            raise error if self._refusal is None else log_error_of(self._refusal, "relaying") from error

    def _merchant_of(self, edition_id: str, record: Record) -> str:
        merchant_id = self._merchants.get(edition_id)
        if merchant_id is None:
            raise Damaged(
                f"the event at position {record.position} of partition {record.partition} belongs to edition"
                f" {edition_id}, of which no release was relayed"
            )
        return merchant_id

    def _produce(self, topic: str, partition: int, message: FeedMessage) -> None:
        key, value, headers = message
        self._producer.produce(topic, value, key, partition, headers=headers, on_delivery=self._note)

    def _note(self, error: KafkaError | None, sent: Sent) -> None:
        if error is not None and self._refusal is None:
            self._refusal = error


def feed_producer(clients: KafkaClients, partition: int) -> Producer:
    """The partition's relay, as Kafka knows it."""
    return clients.producer(
        transactional_id=f"{clients.prefix}buystream-feeds-{partition}",
        # A relay that dies inside a transaction holds merchants' readers up until then, or until its successor.
        transaction_timeout_ms=int(clients.answer_seconds * 1000),
        linger_ms=2,
        compression_type="gzip",  # the one that every client reads without a library of its own
        compression_level=1,
        retry_backoff_ms=2,  # how often it asks whether the last transaction's markers are written
        retry_backoff_max_ms=10,
    )


class MerchantTopics:
    """The merchants' topics that are known to exist."""

    def __init__(self, topics: Topics, *, replication: int, prefix: str) -> None:
        self._topics = topics
        self._replication = replication
        self._prefix = prefix
        self._planned: dict[str, Topic] = {}
        self._known: set[str] = set()

    def name_of(self, merchant_id: str) -> str:
        """The topic of this merchant."""
        topic = self._planned.get(merchant_id)
        if topic is None:
            topic = merchant_topic(merchant_id, replication=self._replication, prefix=self._prefix)
            self._planned[merchant_id] = topic
        return topic.name

    def require(self, names: set[str]) -> None:
        """Return when all of these exist; raises LogError."""
        if unknown := names - self._known:
            create_missing(self._topics, [topic for topic in self._planned.values() if topic.name in unknown])
            self._known |= unknown


def create_missing(topics: Topics, planned: Sequence[Topic]) -> None:
    """Create those that aren't there; leave the others as an operator may have set them. Raises LogError."""
    missing = {difference.topic for difference in topics.check(planned) if difference.what == "topic"}
    topics.apply([topic for topic in planned if topic.name in missing])


def memory_topic(partitions: int, *, replication: int = 1, prefix: str = "") -> Topic:
    """The relay's memory. Compacted soon, because a start reads all of it; without it every feed begins again."""
    settings = {
        "cleanup.policy": "compact",
        "segment.ms": "600000",
        "segment.bytes": "16777216",
        "min.cleanable.dirty.ratio": "0.1",
        "min.insync.replicas": str(max(1, replication - 1)),
        "unclean.leader.election.enable": "false",
    }
    return Topic(prefix + FEEDS, partitions, replication, settings)


class Memory(NamedTuple):
    """How far the relay of a partition has come, the merchant of each edition that it has met, and what no relay
    wrote."""

    place: Place
    merchants: dict[str, str]
    foreign: list[Unfit]


def remembered(log: Log, partition: int) -> Memory:
    """What the relay of this partition knows. Raises Damaged when its progress is lost: compaction keeps one record of
    each key, and the last one may be foreign."""
    place, merchants, foreign = Place(), dict[str, str](), list[Unfit]()
    for record in read_all(log, FEEDS, partition):
        text = record.value.decode(errors="replace")
        if record.key == PROGRESS and (reached := progress_of(record)) and reached.position > place.position:
            place = reached
        elif is_edition_id(record.key, partition) and is_merchant_id(text):
            merchants[record.key] = text
        else:
            foreign.append(Unfit(record, "no relay wrote it"))
    if not place.position and any(one.record.key == PROGRESS for one in foreign):
        raise Damaged(
            f"{FEEDS} no longer says how far partition {partition} was relayed: a foreign record took its place"
        )
    return Memory(place, merchants, foreign)


_decode_place = msgspec.json.Decoder(Place).decode


def progress_of(record: Record) -> Place | None:
    """How far a relay says that it has come; None when no relay wrote this."""
    try:
        place = _decode_place(record.value)
    except msgspec.DecodeError:
        return None
    return place if msgspec.json.encode(place) == record.value else None


def feed_message(head: codec.EventHead, event: Event | None, merchant_id: str = "") -> FeedMessage:
    """The event as merchants read it: see `buystream.vocabulary.feed`. In the binary mode of CloudEvents:
    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md"""
    said: dict[str, Any] = msgspec.to_builtins(attributes_of(head, event, merchant_id))
    headers: dict[str, str | bytes | None] = {f"ce_{name}": str(value) for name, value in said.items()}
    return FeedMessage(head.partitionkey, data_of(event), {**headers, "content-type": FEED_CONTENT_TYPE})
