"""Feeds: every event that counts in an edition's version goes to its merchant's topic, without personal data, exactly
once for whoever reads committed. One transaction holds a batch of events and how far the relay has come; what the relay
has to know after a restart stands in a compacted topic of its own, written in the same transactions."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from prometheus_client import Counter

from buystream import codec
from buystream.consumers.delivery import EventReader, Place, work_while_assigned
from buystream.events import EditionEvent, EditionReleased, Event, OrderEvent, PaymentEvent
from buystream.log import Damaged, Log, LogUnavailable, Message, Record

FEEDS: Final = "buystream.feeds"
"""The relay's memory, compacted, with the partitions of the event log: `<edition id>` → merchant id, and `progress`."""

PROGRESS: Final = "progress"
PARTITION: Final = 0
"""A merchant's topic has one partition."""

FED: Final = tuple(kind for kind in codec.EVENTS if issubclass(kind, (EditionEvent, OrderEvent, PaymentEvent)))

PUBLIC_HEADERS: Final = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "ce_partitionkey",
    "ce_sequence",
    "ce_aggregateversion",
    "ce_editionversion",
    "content-type",
)

PUBLIC_FIELDS: Final = frozenset(
    {
        *("type", "originator_id", "originator_version", "at_ms"),
        *("edition_id", "edition_version", "order_id", "payment_id", "merchant_id", "change_id"),
        *("title", "description", "kind", "image", "stock", "limit_per_buyer", "hold_seconds", "needs_address"),
        *("currency", "price_minor", "price_min_minor", "price_max_minor", "suggested_minor", "amount_minor"),
        *("opens_at_ms", "closes_at_ms", "hold_expires_at_ms"),
        *("quantity", "available", "clicks", "reason", "carrier", "restock"),
    }
)
"""What merchants may read, wherever it stands; any other field is left out, a new one too until it is named here."""

TRANSACTION_SECONDS = 10.0
"""A relay that dies inside a transaction holds merchants' readers up for so long, or until its successor comes."""

ADMIN_SECONDS = 10.0

RELAYED = Counter("buystream_feed_events", "Events relayed to merchants' topics.", ["partition"])

logger = logging.getLogger(__name__)


class Feeds:
    """Relays all partitions that are assigned to this process. `client` holds librdkafka's settings of the connection
    (`bootstrap.servers`, security); `topic_settings` those of a merchant's topic that is made here."""

    def __init__(self, log: Log, *, client: Mapping[str, str], topic_settings: Mapping[str, str]) -> None:
        self._log = log
        self._client = client
        self._topic_settings = topic_settings
        self.owned: list[int] = []

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; raises Damaged when the events aren't what they must be."""
        work_while_assigned(self._log, "feeds", stop, self._work)

    def _work(self, partitions: frozenset[int], ended: Callable[[], bool]) -> None:
        topics = MerchantTopics(self._client, self._topic_settings)
        relays: dict[int, Relay] = {}
        try:
            for partition in sorted(partitions):
                relays[partition] = Relay(self._log, partition, client=self._client, topics=topics)
            self.owned = sorted(relays)
            logger.info("relays partitions %s to the merchants' topics", self.owned)
            self._relay(relays, ended)
        finally:
            self.owned = []
            for relay in relays.values():
                relay.close()

    def _relay(self, relays: Mapping[int, "Relay"], ended: Callable[[], bool]) -> None:
        starts = {partition: relay.place for partition, relay in relays.items()}
        reader = EventReader(self._log, "feeds", starts, wanted=FED)
        try:
            while not ended():
                batches: defaultdict[int, list[tuple[Record, Event | None]]] = defaultdict(list)
                for record, event in reader.poll(timeout_seconds=0.5):
                    batches[record.partition].append((record, event))
                for partition, batch in batches.items():
                    relays[partition].relay(batch)
        finally:
            reader.close()


class Relay:
    """Relays one partition. It fences any earlier relay before it reads how far that came: nothing can be added after.
    After any error it is worth nothing any more; a new one finds out what was committed."""

    def __init__(self, log: Log, partition: int, *, client: Mapping[str, str], topics: "MerchantTopics") -> None:
        self._partition = partition
        self._topics = topics
        settings: dict[str, Any] = {
            **client,
            "transactional.id": f"buystream-feeds-{partition}",
            "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
            "compression.type": "lz4",
            "linger.ms": 2,
            "retry.backoff.ms": 2,  # what a transaction waits for the markers of the one before
            "retry.backoff.max.ms": 10,
        }
        self._producer = Producer(settings)
        try:
            with log_unavailable():
                self._producer.init_transactions(TRANSACTION_SECONDS)
            self.place, self._merchants = remembered(log, partition)
        except BaseException:
            self.close()
            raise

    def relay(self, batch: Sequence[tuple[Record, Event | None]]) -> None:
        """All of these events to their merchants, and the place behind them, or nothing; raises LogUnavailable."""
        learnt: dict[str, str] = {}
        feed: list[tuple[str, Message]] = []
        for record, event in batch:
            if "ce_editionversion" in record.headers:
                edition_id = record.headers["ce_partitionkey"]
                if isinstance(event, EditionReleased):
                    learnt[edition_id] = self._merchants[edition_id] = event.merchant_id
                feed.append((self._topic_of(edition_id, record), feed_message(record, event)))
        last = batch[-1][0]
        place = Place(last.position + 1, int(last.headers["ce_sequence"]) + 1)
        self._topics.create_missing({topic for topic, _ in feed})
        with log_unavailable():
            self._producer.begin_transaction()
            for topic, message in feed:
                self._produce(topic, PARTITION, message)
            for edition_id, merchant_id in learnt.items():
                self._produce(FEEDS, self._partition, Message(merchant_id.encode(), edition_id))
            self._produce(FEEDS, self._partition, Message(msgspec.json.encode(place), PROGRESS))
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        RELAYED.labels(self._partition).inc(len(feed))

    def close(self) -> None:
        """Drop what isn't committed."""
        self._producer.purge()
        self._producer.close()

    def _topic_of(self, edition_id: str, record: Record) -> str:
        merchant_id = self._merchants.get(edition_id)
        if merchant_id is None:
            raise Damaged(
                f"the event at position {record.position} of partition {record.partition} belongs to edition"
                f" {edition_id}, of which no release was relayed"
            )
        return merchant_topic(merchant_id)

    def _produce(self, topic: str, partition: int, message: Message) -> None:
        self._producer.produce(topic, message.value, message.key, partition, headers=list(message.headers.items()))


class MerchantTopics:
    """The merchants' topics that exist; makes the ones that don't."""

    def __init__(self, client: Mapping[str, str], settings: Mapping[str, str]) -> None:
        self._admin = AdminClient(dict(client))
        self._settings = dict(settings)
        self._known: set[str] = set()

    def create_missing(self, topics: set[str]) -> None:
        """Return when all of these exist; raises LogUnavailable."""
        if topics <= self._known:
            return
        with log_unavailable():
            self._known = set(self._admin.list_topics(timeout=ADMIN_SECONDS).topics)
            missing = [NewTopic(topic, num_partitions=1, config=self._settings) for topic in topics - self._known]
            if missing:
                for topic, made in self._admin.create_topics(missing, operation_timeout=ADMIN_SECONDS).items():
                    try:
                        made.result(ADMIN_SECONDS)
                    except KafkaException as error:
                        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                            raise
                    self._known.add(topic)


def remembered(log: Log, partition: int) -> tuple[Place, dict[str, str]]:
    """How far the relay of this partition has come, and the merchant of each edition that it has met."""
    place, merchants, start = Place(), {}, 0
    while records := log.read(FEEDS, partition, start):
        for record in records:
            if record.key == PROGRESS:
                place = msgspec.json.decode(record.value, type=Place)
            else:
                merchants[record.key] = record.value.decode()
        start = records[-1].position + 1
    return place, merchants


def feed_message(record: Record, event: Event | None) -> Message:
    """The event as merchants read it: with its own id and place, in its newest version, and nothing that isn't public.
    One that can't be read (None) keeps its place in the edition, with an empty body."""
    headers: dict[str, str] = {name: record.headers[name] for name in PUBLIC_HEADERS if name in record.headers}
    if event is None:
        return Message(b"{}", record.key, headers)
    headers["ce_type"] = codec.type_of(event)
    fields = msgspec.to_builtins(event)
    body = {name: value for name, value in fields.items() if name in PUBLIC_FIELDS}
    return Message(msgspec.json.encode(body), headers["ce_partitionkey"], headers)


def merchant_topic(merchant_id: str) -> str:
    """Where the merchant's events stand."""
    return f"buystream.merchant.{merchant_id}"


@contextmanager
def log_unavailable() -> Iterator[None]:
    """An error of Kafka: what became of the transaction isn't known here, the log tells."""
    try:
        yield
    except (KafkaException, BufferError) as error:
        raise LogUnavailable(f"Kafka: {error}") from error
