"""The merchant's client library, on a real broker: what it yields, drops, notices and remembers."""

import io
import json
from collections.abc import Sequence
from contextlib import closing
from itertools import islice

import msgspec
import pytest
from buystream_merchant import FeedError, FeedEvent, FeedGap, OrderFeed, print_feed
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from kafka.admin import KafkaAdminClient, MemberToRemove

from buystream.consumers.feeds import create_missing, feed_message, feed_producer
from buystream.host.broker import Broker
from buystream.log.kafka.clients import KafkaClients
from buystream.log.topics import Topics, merchant_topic
from buystream.vocabulary import codec, events
from buystream.vocabulary.events import Event
from tests.support.examples import EXAMPLES, ORDER, PAYMENT
from tests.support.patience import patient
from tests.support.records import event_message

MERCHANT = "me0-merchant00"
ONE, OTHER = "ed0-0ne0000000", "ed0-0ther00000"
IDLE_SECONDS = 2.0


class Feed:
    """A merchant's topic, written as the relay writes it."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.topic = merchant_topic(MERCHANT, prefix=prefix)
        self._producer = feed_producer(KafkaClients(bootstrap, prefix, patient(10), {}), 0)
        self._producer.init_transactions(patient(10))

    def write(self, *places: tuple[str, int], commit: bool = True) -> None:
        """One transaction with an event of each edition and version."""
        self._producer.begin_transaction()
        for edition_id, version in places:
            message = feed_message(*recorded(edition_id, version))
            self._producer.produce(self.topic.name, message.value, message.key, 0, headers=message.headers)
        if commit:
            self._producer.commit_transaction(patient(10))
        else:
            self._producer.flush(patient(10))
            self._producer.abort_transaction(patient(10))

    def write_foreign(self, *values: bytes | None) -> None:
        """What a stranger put there."""
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(self.topic.name, value, partition=0)
        self._producer.commit_transaction(patient(10))

    def open(self, **options: object) -> OrderFeed:
        """A reader that ends when it has read everything."""
        given: dict[str, object] = {"prefix": self.prefix, "idle_seconds": patient(IDLE_SECONDS)} | options
        return OrderFeed(self.bootstrap, MERCHANT, **given)  # type: ignore[arg-type]


def recorded(edition_id: str, version: int) -> tuple[codec.EventHead, Event]:
    """The edition's event of this version: its release, then sales."""
    kind = events.EditionReleased if version == 1 else events.OrderConfirmed
    names = ("originator_id", "originator_version") if version == 1 else ("edition_id", "edition_version")
    event: Event = msgspec.structs.replace(EXAMPLES[kind], **dict(zip(names, (edition_id, version), strict=True)))  # type: ignore[assignment, type-var]
    return codec.read_head(event_message(event, sequence=version).value), event


def places(read: Sequence[FeedEvent]) -> list[tuple[str, int]]:
    return [(event.edition_id, event.edition_version) for event in read]


@pytest.fixture
def feed(kafka_broker: Broker, kafka_prefix: str) -> Feed:
    feed = Feed(kafka_broker.bootstrap, kafka_prefix)
    with closing(Topics(kafka_broker.bootstrap)) as topics:
        create_missing(topics, [feed.topic])
    return feed


def test_an_event_is_typed_and_leads_to_its_order(feed: Feed) -> None:
    feed.write((ONE, 1), (ONE, 2))
    with feed.open() as reader:
        released, confirmed = islice(reader, 2)

    assert (released.type, released.type_version, released.subject) == ("EditionReleased", 1, ONE)
    assert released.order_id is None
    assert released.data["offer"]["title"] == "Night Sky, live"
    assert (confirmed.type, confirmed.order_id) == ("OrderConfirmed", ORDER)
    assert confirmed.time.timestamp() * 1000 == confirmed.data["at_ms"]
    assert "buyer_id" not in confirmed.data


def test_a_payments_event_leads_to_its_order_too() -> None:
    event = FeedEvent("0-1", "PaymentCaptured", 1, PAYMENT, ONE, 3, recorded(ONE, 1)[1].at_ms, {})  # type: ignore[arg-type]
    assert event.order_id == ORDER


def test_the_next_run_continues_after_what_is_done(feed: Feed) -> None:
    feed.write(*((ONE, version) for version in range(1, 6)))
    with feed.open() as reader:
        assert places(list(islice(reader, 3))) == [(ONE, 1), (ONE, 2), (ONE, 3)]
    with feed.open() as reader:
        assert places(list(reader)) == [(ONE, 4), (ONE, 5)]
    with feed.open(group_id="another-system") as reader:
        assert len(list(reader)) == 5


def test_an_event_whose_work_failed_comes_again(feed: Feed) -> None:
    feed.write(*((ONE, version) for version in range(1, 4)))

    def work_through(reader: OrderFeed) -> None:
        with reader:
            for event in reader:
                _ = 1 // (2 - event.edition_version)

    with pytest.raises(ZeroDivisionError):
        work_through(feed.open())
    with feed.open() as reader:
        assert places(list(reader)) == [(ONE, 2), (ONE, 3)]


def test_commit_counts_the_event_at_hand(feed: Feed) -> None:
    feed.write((ONE, 1), (ONE, 2))
    reader = feed.open()
    next(reader)
    reader.commit()
    reader.close()
    with feed.open() as reader:
        assert places(list(reader)) == [(ONE, 2)]


def test_repeats_are_dropped_also_after_a_restart(feed: Feed) -> None:
    feed.write((ONE, 1), (OTHER, 1), (ONE, 1), (ONE, 2))
    with feed.open() as reader:
        assert places(list(reader)) == [(ONE, 1), (OTHER, 1), (ONE, 2)]
        assert reader.repeats == 1
    feed.write((ONE, 1), (ONE, 2), (OTHER, 1), (OTHER, 2))
    with feed.open() as reader:
        assert places(list(reader)) == [(OTHER, 2)]
        assert reader.repeats == 3


def test_a_gap_is_raised_and_asking_again_continues(feed: Feed) -> None:
    feed.write((ONE, 1), (ONE, 4), (ONE, 5))
    with feed.open() as reader:
        assert next(reader).edition_version == 1
        with pytest.raises(FeedGap, match="from version 1 to 4: 2 events are missing") as gap:
            next(reader)
        assert (gap.value.edition_id, gap.value.expected, gap.value.found) == (ONE, 2, 4)
        assert places(list(reader)) == [(ONE, 4), (ONE, 5)]


def test_a_gap_between_two_runs_and_at_the_beginning_is_noticed(feed: Feed) -> None:
    gaps: list[FeedGap] = []
    feed.write((ONE, 2))
    with feed.open(on_gap=gaps.append) as reader:
        assert places(list(reader)) == [(ONE, 2)]
    assert gaps.pop().expected == 1
    feed.write((ONE, 4))
    with feed.open(on_gap=gaps.append) as reader:
        assert places(list(reader)) == [(ONE, 4)]
    assert gaps.pop().expected == 3


def test_events_that_left_the_topic_unread_are_noticed(feed: Feed) -> None:
    feed.write((ONE, 1), (ONE, 2))
    with feed.open() as reader:
        next(reader)
    feed.write((ONE, 3), (ONE, 4), (ONE, 5))
    delete_before(feed, offset=4)
    gaps: list[FeedGap] = []
    with feed.open(on_gap=gaps.append) as reader:
        assert places(list(reader)) == [(ONE, 4), (ONE, 5)]
    assert [gap.edition_id for gap in gaps] == [None, ONE]


def test_what_was_aborted_is_not_read(feed: Feed) -> None:
    feed.write((ONE, 1))
    feed.write((ONE, 2), (OTHER, 1), commit=False)
    feed.write((ONE, 2))
    with feed.open() as reader:
        assert places(list(reader)) == [(ONE, 1), (ONE, 2)]


def test_a_reader_that_lost_its_turn_starts_again_behind_the_last_commit(feed: Feed) -> None:
    feed.write(*((ONE, version) for version in range(1, 4)))
    with feed.open(max_poll_records=1) as stalled:
        assert next(stalled).edition_version == 1
        assert next(stalled).edition_version == 2
        throw_out_members(feed)
        assert places(list(stalled)) == [(ONE, 2), (ONE, 3)]


def test_a_feed_is_printed_as_lines_of_json(feed: Feed, capsys: pytest.CaptureFixture[str]) -> None:
    feed.write((ONE, 1), (ONE, 3))
    lines = io.StringIO()
    printed = print_feed(feed.bootstrap, MERCHANT, out=lines, idle_seconds=patient(IDLE_SECONDS), prefix=feed.prefix)
    assert printed == 2
    assert [json.loads(line)["edition_version"] for line in lines.getvalue().splitlines()] == [1, 3]
    assert "gap: edition ed0-0ne0000000 goes from version 1 to 3" in capsys.readouterr().err


def test_a_topic_that_is_not_there_is_an_error_at_once(feed: Feed) -> None:
    for unknown in (OrderFeed(feed.bootstrap, MERCHANT, prefix="typo."), OrderFeed(feed.bootstrap, "me0-n0b0dy0000")):
        with pytest.raises(FeedError, match=r"there is no topic .*, or this user may not read it"), unknown as reader:
            next(reader)


def test_a_foreign_record_is_skipped_once_and_counted(feed: Feed) -> None:
    feed.write((ONE, 1))
    feed.write_foreign(b"not an event", None)
    feed.write((ONE, 2))
    with feed.open() as reader:
        assert places(list(reader)) == [(ONE, 1), (ONE, 2)]
        assert reader.foreign == 2
    with feed.open() as reader:
        assert list(reader) == []
        assert reader.foreign == 0


def test_a_new_group_on_a_trimmed_topic_begins_with_what_is_left(feed: Feed, caplog: pytest.LogCaptureFixture) -> None:
    feed.write(*((ONE, version) for version in range(1, 6)))
    delete_before(feed, offset=3)
    with feed.open(group_id="new") as reader:
        assert places(list(reader)) == [(ONE, 4), (ONE, 5)]
    assert "begins at offset 3: older events are gone" in caplog.text


def delete_before(feed: Feed, *, offset: int) -> None:
    """What retention does, at once."""
    admin = AdminClient({"bootstrap.servers": feed.bootstrap})
    for done in admin.delete_records([TopicPartition(feed.topic.name, 0, offset)]).values():
        done.result(patient(30))


def throw_out_members(feed: Feed) -> None:
    """What the coordinator does with a reader that doesn't ask for too long."""
    admin = KafkaAdminClient(bootstrap_servers=feed.bootstrap)
    group_id = f"{feed.prefix}buystream.merchant.{MERCHANT}"
    (group,) = admin.describe_groups([group_id]).values()
    admin.remove_group_members(group_id, [MemberToRemove(member_id=member["member_id"]) for member in group["members"]])
    admin.close()
