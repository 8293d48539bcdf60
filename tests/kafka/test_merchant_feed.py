"""The merchant's client library, on a real broker: what it yields, drops, notices and remembers."""

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import islice

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from kafka.admin import KafkaAdminClient, MemberToRemove

from buystream import codec, events
from buystream.broker import Broker
from buystream.consumers.feeds import create_missing, feed_message, feed_producer
from buystream.events import Event
from buystream.log import EVENTS, Record
from buystream.log.kafka.clients import Clients
from buystream.log.topics import Topics, merchant_topic
from buystream.merchant import FeedEvent, FeedGap, OrderFeed, print_feed
from tests.support.examples import EXAMPLES, ORDER, PAYMENT

MERCHANT = "me0-merchant00"
ONE, OTHER = "ed0-0ne0000000", "ed0-0ther00000"
IDLE_SECONDS = 2.0


class Feed:
    """A merchant's topic, written as the relay writes it."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.topic = merchant_topic(MERCHANT, prefix=prefix)
        self._producer = feed_producer(Clients(bootstrap, prefix, 10.0, {}), 0)
        self._producer.init_transactions(10)

    def write(self, *places: tuple[str, int], commit: bool = True) -> None:
        """One transaction with an event of each edition and version."""
        self._producer.begin_transaction()
        for edition_id, version in places:
            message = feed_message(*recorded(edition_id, version))
            headers = list(message.headers.items())
            self._producer.produce(self.topic.name, message.value, message.key, 0, headers=headers)  # type: ignore[arg-type]
        if commit:
            self._producer.commit_transaction(10)
        else:
            self._producer.flush(10)
            self._producer.abort_transaction(10)

    def open(self, **options: object) -> OrderFeed:
        """A reader that ends when it has read everything."""
        given: dict[str, object] = {"prefix": self.prefix, "idle_seconds": IDLE_SECONDS} | options
        return OrderFeed(self.bootstrap, MERCHANT, **given)  # type: ignore[arg-type]


def recorded(edition_id: str, version: int) -> tuple[Record, Event]:
    """The edition's event of this version: its release, then sales."""
    kind = events.EditionReleased if version == 1 else events.OrderConfirmed
    names = ("originator_id", "originator_version") if version == 1 else ("edition_id", "edition_version")
    event: Event = msgspec.structs.replace(EXAMPLES[kind], **dict(zip(names, (edition_id, version), strict=True)))  # type: ignore[assignment, type-var]
    headers = codec.event_headers(
        event, partition=0, sequence=version, command_position=version, command_id="cause", rules_version=1
    )
    return Record(EVENTS, 0, version, event.at_ms, codec.encode(event), edition_id, headers), event


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
    assert released.data["title"] == "Night Sky, live"
    assert (confirmed.type, confirmed.order_id) == ("OrderConfirmed", ORDER)
    assert confirmed.time.timestamp() * 1000 == confirmed.data["at_ms"]
    assert "buyer_id" not in confirmed.data


def test_a_payments_event_leads_to_its_order_too() -> None:
    event = FeedEvent("0-1", "PaymentCaptured", 1, PAYMENT, ONE, 3, recorded(ONE, 1)[1].at_ms, {})  # type: ignore[arg-type]
    assert event.order_id == ORDER


def test_the_next_run_goes_on_behind_what_is_done(feed: Feed) -> None:
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


def test_a_gap_is_raised_and_asking_again_goes_on(feed: Feed) -> None:
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
    printed = print_feed(feed.bootstrap, MERCHANT, out=lines, idle_seconds=IDLE_SECONDS, prefix=feed.prefix)
    assert printed == 2
    assert [json.loads(line)["edition_version"] for line in lines.getvalue().splitlines()] == [1, 3]
    assert "gap: edition ed0-0ne0000000 goes from version 1 to 3" in capsys.readouterr().err


LOADED_BESIDES_KAFKA = """
import sys
before = set(sys.modules)
import buystream.merchant
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded - sys.stdlib_module_names))
"""


def test_the_library_needs_kafka_python_only() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED_BESIDES_KAFKA], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['buystream', 'kafka']"


def delete_before(feed: Feed, *, offset: int) -> None:
    """What retention does, at once."""
    admin = AdminClient({"bootstrap.servers": feed.bootstrap})
    for done in admin.delete_records([TopicPartition(feed.topic.name, 0, offset)]).values():
        done.result(10)


def throw_out_members(feed: Feed) -> None:
    """What the coordinator does with a reader that doesn't ask for too long."""
    admin = KafkaAdminClient(bootstrap_servers=feed.bootstrap)
    group_id = f"{feed.prefix}buystream.merchant.{MERCHANT}"
    (group,) = admin.describe_groups([group_id]).values()
    admin.remove_group_members(group_id, [MemberToRemove(member_id=member["member_id"]) for member in group["members"]])
    admin.close()
