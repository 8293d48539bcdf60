"""The relay to merchants' topics, on a real broker: each event once, in order, whatever happens to the relay."""

import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import jsonschema
import msgspec
import pytest

from buystream import schemas
from buystream.consumers.feeds import FEEDS, Feeds, MerchantTopics, Relay, create_missing, memory_topic
from buystream.delivery.policy import Read
from buystream.log import EVENTS, Damaged, Fenced, Log
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import KafkaClients
from buystream.log.topics import Topics, merchant_topic
from buystream.vocabulary import codec, events
from buystream.vocabulary.events import Event
from buystream.vocabulary.feed import FED
from tests.support.examples import EXAMPLES
from tests.support.feeds import Fed, feed_of
from tests.support.patience import wait_until
from tests.support.records import event_message

SCHEMAS = Path(__file__).parents[2] / "schemas"
SPAWN = multiprocessing.get_context("spawn")
MERCHANTS = ("me0-aaaaaaaaaa", "me1-bbbbbbbbbb")
SALE = (
    events.OrderPlaced,
    events.PaymentRequested,
    events.PaymentAuthorised,
    events.OrderAuthorised,
    events.PaymentCaptured,
    events.OrderConfirmed,
)


class Place(msgspec.Struct, frozen=True):
    """A shop's log on the broker."""

    bootstrap: str
    prefix: str

    @property
    def clients(self) -> KafkaClients:
        return KafkaClients(self.bootstrap, self.prefix, 10.0, {})

    @contextmanager
    def feeds(self) -> Iterator[Feeds]:
        with (
            closing(KafkaLog(self.bootstrap, prefix=self.prefix)) as log,
            closing(Topics(self.bootstrap)) as topics,
        ):
            yield Feeds(log, clients=self.clients, topics=topics)


@pytest.fixture
def place(kafka_log: KafkaLog, kafka_broker: object, kafka_prefix: str) -> Place:
    return Place(kafka_broker.bootstrap, kafka_prefix)  # type: ignore[attr-defined]


def edition(partition: int, number: int) -> str:
    return f"ed{partition}-{number:010d}"


def history(partition: int, *, editions: int, length: int) -> list[Event]:
    """Editions of the partition's merchant, whose sales take turns; `length` events of each edition."""
    merchant = MERCHANTS[partition]
    told: list[Event] = []
    for version in range(1, length + 1):
        for number in range(editions):
            if version == 1:
                told.append(example(events.EditionReleased, edition(partition, number), 1, merchant_id=merchant))
            else:
                told.append(example(SALE[version % len(SALE)], edition(partition, number), version))
    return told


def example(kind: type[Event], edition_id: str, version: int, **fields: object) -> Event:
    """The kind's example, as the edition's event of this version."""
    if issubclass(kind, events.EditionEvent):
        fields |= {"originator_id": edition_id, "originator_version": version}
    else:
        fields |= {"edition_id": edition_id, "edition_version": version}
    return msgspec.structs.replace(EXAMPLES[kind], **fields)  # type: ignore[type-var, return-value]


def append(log: Log, partition: int, told: Sequence[Event], *, sequence: int = 0) -> None:
    """The events at the end of the partition, as its owner commits them."""
    messages = [
        event_message(event, sequence=number, partition=partition, command_id="cause", reply_to="gateway")
        for number, event in enumerate(told, sequence)
    ]
    owner = log.own(partition)
    for start in range(0, len(messages), 1000):
        owner.commit({EVENTS: messages[start : start + 1000]})
    owner.close()


def last_fed(log: KafkaLog, merchant_id: str) -> int:
    """The sequence of the last event in the feed, -1 when there is none."""
    end = log.end(merchant_topic(merchant_id).name, 0)
    return int(feed_of(log, merchant_id, end - 1)[-1].headers["ce_sequence"]) if end else -1


def assert_dense(feed: Sequence[Fed], *, editions: int, length: int) -> None:
    """Each edition's events once, in order, from its first version to its last."""
    versions: dict[str, list[int]] = {}
    for record in feed:
        versions.setdefault(record.headers["ce_partitionkey"], []).append(int(record.headers["ce_editionversion"]))
    assert len(versions) == editions
    assert all(found == list(range(1, length + 1)) for found in versions.values())


def assert_published(record: Fed) -> None:
    """It is what schemas/ promises to merchants: its body, and the headers of their channel."""
    name = record.headers["ce_type"].removeprefix("buystream.")
    document = msgspec.json.decode((SCHEMAS / schemas.ASYNCAPI).read_bytes())
    jsonschema.validate(dict(record.headers), document["components"]["schemas"]["feed-headers"])
    jsonschema.validate(msgspec.json.decode(record.value), schemas.published(SCHEMAS)[f"{schemas.FEED}/{name}.json"])


@contextmanager
def running(feeds: Feeds) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=feeds.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


def run_feeds(place: Place) -> None:
    """The relay as a process of its own."""
    with place.feeds() as feeds:
        feeds.run(threading.Event())


def test_killed_again_and_again_the_relay_feeds_each_event_once_in_order(kafka_log: KafkaLog, place: Place) -> None:
    editions, length = 3, 6_000
    for partition in range(2):
        append(kafka_log, partition, history(partition, editions=editions, length=length))
    with closing(Topics(place.bootstrap)) as topics:
        create_missing(topics, [merchant_topic(merchant, prefix=place.prefix) for merchant in MERCHANTS])

    def fed() -> int:
        return sum(kafka_log.end(merchant_topic(merchant).name, 0) for merchant in MERCHANTS)

    seen = []
    for _ in range(3):
        before = fed()
        process = SPAWN.Process(target=run_feeds, args=(place,))
        process.start()
        wait_until(lambda before=before: fed() > before)  # type: ignore[misc]
        process.kill()
        process.join()
        seen.append(fed())
    assert seen == sorted(set(seen)), "each of them did something"

    with place.feeds() as feeds, running(feeds):
        for merchant in MERCHANTS:
            wait_until(lambda merchant=merchant: last_fed(kafka_log, merchant) == editions * length - 1)  # type: ignore[misc]
    for merchant in MERCHANTS:
        assert_dense(feed_of(kafka_log, merchant), editions=editions, length=length)


def test_partitions_move_between_two_relays_while_events_come(kafka_log: KafkaLog, place: Place) -> None:
    rounds, a_round = 4, 50
    told = [history(partition, editions=1, length=rounds * a_round) for partition in range(2)]

    def next_round(number: int) -> None:
        for partition in range(2):
            first = number * a_round
            append(kafka_log, partition, told[partition][first : first + a_round], sequence=first)

    next_round(0)
    with place.feeds() as one, place.feeds() as other, running(other) as stop_other:
        wait_until(lambda: other.owned == [0, 1])
        with running(one):
            next_round(1)
            wait_until(lambda: sorted(one.owned + other.owned) == [0, 1] and len(one.owned) == 1)
            next_round(2)
            stop_other.set()
            next_round(3)
            for merchant in MERCHANTS:
                wait_until(lambda merchant=merchant: last_fed(kafka_log, merchant) == rounds * a_round - 1)  # type: ignore[misc]
    for merchant in MERCHANTS:
        assert_dense(feed_of(kafka_log, merchant), editions=1, length=rounds * a_round)


@pytest.fixture
def merchant_topics(place: Place) -> Iterator[MerchantTopics]:
    with closing(Topics(place.bootstrap)) as topics:
        create_missing(topics, [memory_topic(2, prefix=place.prefix)])
        yield MerchantTopics(topics, replication=1, prefix=place.prefix)


def batch(log: Log, partition: int, start: int, end: int) -> list[Read]:
    return [
        Read(record, codec.read_head(record.value), codec.read_event(record.value))
        for record in log.read(EVENTS, partition, 0)[start:end]
    ]


def test_a_relay_that_was_replaced_can_add_nothing(
    kafka_log: KafkaLog, place: Place, merchant_topics: MerchantTopics
) -> None:
    append(kafka_log, 0, history(0, editions=2, length=10))
    replaced = Relay(kafka_log, 0, clients=place.clients, topics=merchant_topics)
    replaced.relay(batch(kafka_log, 0, 0, 5))
    successor = Relay(kafka_log, 0, clients=place.clients, topics=merchant_topics)
    assert successor.place.sequence == 5

    with pytest.raises(Fenced):
        replaced.relay(batch(kafka_log, 0, 5, 20))
    successor.relay(batch(kafka_log, 0, 5, 20))

    assert_dense(feed_of(kafka_log, MERCHANTS[0]), editions=2, length=10)


def test_what_a_relay_left_uncommitted_is_never_seen(
    kafka_log: KafkaLog, place: Place, merchant_topics: MerchantTopics
) -> None:
    append(kafka_log, 0, history(0, editions=1, length=10))
    merchant_topics.name_of(MERCHANTS[0])
    merchant_topics.require({place.prefix + merchant_topic(MERCHANTS[0]).name})
    half_done = place.clients.producer(transactional_id=f"{place.prefix}buystream-feeds-0")
    half_done.init_transactions(10)
    half_done.begin_transaction()
    half_done.produce(place.prefix + merchant_topic(MERCHANTS[0]).name, b"never", partition=0)
    assert half_done.flush(10) == 0

    relay = Relay(kafka_log, 0, clients=place.clients, topics=merchant_topics)
    relay.relay(batch(kafka_log, 0, 0, 10))

    assert_dense(feed_of(kafka_log, MERCHANTS[0]), editions=1, length=10)


def test_an_edition_whose_release_is_missing_stops_the_relay(
    kafka_log: KafkaLog, place: Place, merchant_topics: MerchantTopics
) -> None:
    append(kafka_log, 0, history(0, editions=1, length=3))
    relay = Relay(kafka_log, 0, clients=place.clients, topics=merchant_topics)
    with pytest.raises(Damaged, match=edition(0, 0)):
        relay.relay(batch(kafka_log, 0, 1, 3))


def test_no_byte_of_a_feed_is_about_a_person(
    kafka_log: KafkaLog, place: Place, merchant_topics: MerchantTopics
) -> None:
    person = {
        "buyer_id": "by0-person00000000000000",
        "delivery": "Ada Example ada@example.org 1 Sample Street ciphertext",
        "device": "device-hash",
        "network": "network-hash",
        "payment_method": "card-token",
        "reusable_method": "card-token",
        "card_label": "Visa 4242",
        "reference": "provider-reference",
        "tracking": "tracking-number",
        "url": "https://bank.example/secret",
    }
    kinds = [kind for kind in FED if kind is not events.EditionReleased]
    told: list[Event] = [example(events.EditionReleased, edition(0, 0), 1, merchant_id=MERCHANTS[0])]
    for version, kind in enumerate(kinds, 2):
        names = {field.name for field in msgspec.structs.fields(kind)}
        told.append(
            example(kind, edition(0, 0), version, **{name: text for name, text in person.items() if name in names})
        )
    append(kafka_log, 0, told)
    merchant_topics.name_of(MERCHANTS[0])
    Relay(kafka_log, 0, clients=place.clients, topics=merchant_topics).relay(batch(kafka_log, 0, 0, len(told)))

    feed = feed_of(kafka_log, MERCHANTS[0])
    assert_dense(feed, editions=1, length=len(told))
    for record in feed:
        assert_published(record)
    written = b"\n".join(
        [record.key.encode() + record.value + repr(dict(record.headers)).encode() for record in feed]
        + [record.key.encode() + record.value for record in kafka_log.read(FEEDS, 0, 0)]
    )
    secrets = [*person.values(), "Ada", "Sample Street", "@", "gateway", "cause"]
    assert [text for text in secrets if text.encode() in written] == []
