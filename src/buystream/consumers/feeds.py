"""Feeds: every event that counts in an edition's version goes to its merchant's topic, without personal data, exactly
once for whoever reads committed. One transaction holds a batch of events and how far the relay has come; what the relay
has to know after a restart stands in a compacted topic of its own, written in the same transactions."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Sent
from prometheus_client import Counter

from buystream import codec
from buystream.consumers.delivery import EventReader, Place, work_while_assigned
from buystream.events import EditionEvent, EditionReleased, Event, MerchantRegistered, OrderEvent, PaymentEvent
from buystream.log import Damaged, Log, LogError, LogUnavailable, Message, Record
from buystream.log.kafka.clients import Clients, telling, told
from buystream.log.topics import Topic, Topics, merchant_topic

FEEDS: Final = "buystream.feeds"
"""The relay's memory, compacted, with the partitions of the event log: `<edition id>` → merchant id, and `progress`."""

PROGRESS: Final = "progress"
PARTITION: Final = 0
"""A merchant's topic has one partition."""

FED: Final = tuple(kind for kind in codec.EVENTS if issubclass(kind, (EditionEvent, OrderEvent, PaymentEvent)))

PUBLIC_HEADERS: Final = frozenset(
    {
        *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_partitionkey"),
        *("ce_sequence", "ce_aggregateversion", "ce_editionversion", "content-type"),
    }
)

PUBLIC_FIELDS: Final = frozenset(
    {
        *("originator_id", "originator_version", "at_ms"),
        *("edition_id", "edition_version", "order_id", "payment_id", "merchant_id", "change_id"),
        *("title", "description", "kind", "image", "stock", "limit_per_buyer", "hold_seconds", "needs_address"),
        *("currency", "price_minor", "price_min_minor", "price_max_minor", "suggested_minor", "amount_minor"),
        *("opens_at_ms", "closes_at_ms", "hold_expires_at_ms"),
        *("quantity", "available", "clicks", "reason", "carrier", "restock", "whole", "fee_minor"),
        *("tax_bps", "tax_label", "refund_by", "refund_until_ms", "refund_share_bps", "refund_restock"),
        *("refund_id", "keep_fee", "fee_returned_minor", "was_refunded", "dispute_id", "respond_by_ms", "outcome"),
        *("target_minor", "all_or_nothing", "if_missed", "raised_minor", "givers", "receipts", "failed"),
        *("awaits_terms", "terms_id", "fee_share_bps", "fee_fixed_minor", "mode", "off_session"),
        *("interval_months", "next_due_ms"),
        *("until_ms", "measure", "attempts", "window_seconds"),
    }
)
"""What merchants may read, wherever it stands; any other field is left out, a new one too until it is named here."""

RELAYED = Counter("buystream_feed_events", "Events relayed to merchants' topics.", ["partition"])

logger = logging.getLogger(__name__)


class Feeds:
    """Relays all partitions that are assigned to this process. `clients` reach the cluster that `log` is on; `topics`
    makes what is missing there, with so many replicas."""

    def __init__(self, log: Log, *, clients: Clients, topics: Topics, replication: int = 1) -> None:
        self._log = log
        self._clients = clients
        self._topics = topics
        self._replication = replication
        self.owned: list[int] = []

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; raises Damaged and Poisoned when the events aren't what they must be."""
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

    def __init__(self, log: Log, partition: int, *, clients: Clients, topics: "MerchantTopics") -> None:
        self._partition = partition
        self._clients = clients
        self._topics = topics
        self._refusal: KafkaError | None = None
        self._producer = feed_producer(clients, partition)
        with telling(f"becoming the relay of partition {partition}"):
            self._producer.init_transactions(clients.answer_seconds)
        self.place, self._merchants = remembered(log, partition)

    def relay(self, batch: Sequence[tuple[Record, Event | None]]) -> None:
        """All of these events to their merchants, and the place behind them, or nothing; raises LogUnavailable."""
        learnt: dict[str, str] = {}
        feed: list[tuple[str, Message]] = []
        needed: set[str] = set()
        for record, event in batch:
            if isinstance(event, MerchantRegistered):  # a topic comes with its merchant, who may read it from then on
                needed.add(self._topics.name_of(event.merchant_id))
            elif event is not None or "ce_editionversion" in record.headers:
                edition_id = record.headers["ce_partitionkey"]
                if isinstance(event, EditionReleased):
                    learnt[edition_id] = self._merchants[edition_id] = event.merchant_id
                feed.append((self._topic_of(edition_id, record), feed_message(record, event)))
        last = batch[-1][0]
        place = Place(last.position + 1, int(last.headers["ce_sequence"]) + 1)
        self._topics.require(needed | {topic for topic, _ in feed})
        notes = [Message(merchant_id.encode(), edition_id) for edition_id, merchant_id in learnt.items()]
        notes.append(Message(msgspec.json.encode(place), PROGRESS))
        with telling(f"relaying partition {self._partition}"):
            self._commit(feed, notes)
        RELAYED.labels(self._partition).inc(len(feed))

    def close(self) -> None:
        """Drop what isn't committed: the successor ends it, or its time-out."""
        self._producer.purge()

    def _commit(self, feed: Sequence[tuple[str, Message]], notes: Sequence[Message]) -> None:
        self._producer.begin_transaction()
        for topic, message in feed:
            self._produce(topic, PARTITION, message)
        for message in notes:
            self._produce(self._clients.name_of(FEEDS), self._partition, message)
        try:
            self._producer.commit_transaction(self._clients.answer_seconds)
        except KafkaException as error:  # of a message that was refused, it only says that there was one
            raise error if self._refusal is None else told(self._refusal, "relaying") from error

    def _topic_of(self, edition_id: str, record: Record) -> str:
        merchant_id = self._merchants.get(edition_id)
        if merchant_id is None:
            raise Damaged(
                f"the event at position {record.position} of partition {record.partition} belongs to edition"
                f" {edition_id}, of which no release was relayed"
            )
        return self._topics.name_of(merchant_id)

    def _produce(self, topic: str, partition: int, message: Message) -> None:
        headers: Any = list(message.headers.items())
        self._producer.produce(topic, message.value, message.key, partition, headers=headers, on_delivery=self._note)

    def _note(self, error: KafkaError | None, sent: Sent) -> None:
        if error is not None and self._refusal is None:
            self._refusal = error


def feed_producer(clients: Clients, partition: int) -> Producer:
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
    """Create those that aren't there; leave the others as somebody may have set them. Raises LogError."""
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
    headers = {name: text for name, text in record.headers.items() if name in PUBLIC_HEADERS}
    if event is None:
        return Message(b"{}", record.key, headers)
    headers["ce_type"] = codec.type_of(event)
    public = msgspec.convert(event, _PUBLIC_KINDS[type(event)], from_attributes=True)
    return Message(_encode(public), record.key, headers)


def _public_kind(kind: type[Event]) -> type[msgspec.Struct]:
    """The same message with its public fields only."""
    fields = [field for field in msgspec.structs.fields(kind) if field.name in PUBLIC_FIELDS]
    return msgspec.defstruct(
        kind.__name__,
        [(one.name, one.type) if one.required else (one.name, one.type, one.default) for one in fields],
        tag_field="type",
        tag=kind.__struct_config__.tag,
        kw_only=True,
        omit_defaults=True,
        gc=False,
    )


_PUBLIC_KINDS: Final[dict[type[Event], type[msgspec.Struct]]] = {kind: _public_kind(kind) for kind in FED}
_encode: Final = msgspec.json.Encoder().encode
