"""Records that nobody of the shop wrote come to every topic of a selling shop: by tools that know nothing of it."""

import json
from collections import Counter
from contextlib import closing
from typing import Any

from confluent_kafka import Producer

from buystream import cluster
from buystream.consumers.feeds import FEEDS
from buystream.delivery.dead_letters import RecordPlace, place_of
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Log, Message, read_all
from buystream.vocabulary.events import Ticked
from tests.support.examples import example
from tests.support.patience import patient, wait_until
from tests.support.records import event_message
from tests.support.roles import PARTITIONS, RoleProcess, SeparateShop
from tests.support.shop_process import buystream

TOPICS = (COMMANDS, EVENTS, DEADLETTER, FEEDS)
ROLES = ("projector", "decider", "payments", "gateway", "feeds", "live")

Foreign = tuple[bytes | None, bytes | None, dict[Any, bytes | None]]
"""Value, key and headers."""

RECORDS: list[Foreign] = [
    (b"not an event", None, {}),
    (b"", None, {}),
    (None, b"a tombstone", {}),
    (None, None, {}),
    (b"\x00\xff\xfe no text", None, {}),
    (b"x" * 3_000_000, b"a huge one", {}),
    (b"{}", b"\xff\xfe", {}),
    (b"{}", b"k" * 10_000, {}),
    (b'{"type":"OrderPlaced.v1"}', b"ed0-aaaaaaaaaa", {"ce_type": b"buystream.OrderPlaced.v1"}),
    (b"{}", None, {"ce_sequence": b"\xff\xfe", "ce_id": b"\xc3\x28"}),
    (b"{}", None, {"ce_sequence": b"0", "ce_type": b"buystream.OrderPlaced.v1"}),
    (b"{}", None, {"ce_sequence": b"-1", "ce_id": b"0--1"}),
    (b"{}", None, {"ce_sequence": None, "ce_replyto": None}),
    (b"[" * 5_000, None, {"dl_topic": b"buystream.events", "dl_position": b"first"}),
]


def taken_by(topic: str) -> list[Foreign]:
    """Those that the broker lets onto that topic: the feeds' memory is compacted, so each needs a key, and small."""
    if topic != FEEDS:
        return RECORDS
    return [(value, key, headers) for value, key, headers in RECORDS if key and len(value or b"") < 1_000_000]


def write(shop: SeparateShop) -> set[tuple[int, RecordPlace]]:
    """All of these to every partition of every topic; where they stand."""
    producer = Producer(
        {
            "bootstrap.servers": shop.settings.kafka_bootstrap,
            "message.max.bytes": 4_000_000,
            "message.timeout.ms": int(patient(60) * 1000),
            "linger.ms": 0,
        }
    )
    written: set[tuple[int, RecordPlace]] = set()

    def note(topic: str, error: object, sent: Any) -> None:
        assert error is None
        written.add((sent.partition(), RecordPlace(topic, sent.offset())))

    for topic in TOPICS:
        for partition in range(PARTITIONS):
            for value, key, headers in taken_by(topic):
                producer.produce(
                    shop.settings.kafka_prefix + topic,
                    value,
                    key,
                    partition,
                    headers=list(headers.items()),
                    on_delivery=lambda error, sent, topic=topic: note(topic, error, sent),
                )
    assert producer.flush(patient(60)) == 0
    assert len(written) == sum(PARTITIONS * len(taken_by(topic)) for topic in TOPICS)
    return written


def set_aside(log: Log) -> Counter[tuple[int, RecordPlace]]:
    """What the dead letters are about, and how often."""
    letters = [record for partition in range(PARTITIONS) for record in read_all(log, DEADLETTER, partition)]
    return Counter((record.partition, place) for record in letters if (place := place_of(record)) is not None)


def wait_until_counted(role: RoleProcess, metric: str, topic: str) -> None:
    """As soon as the metric of an alarm counts the strange records of one topic, each once."""
    number = PARTITIONS * len(taken_by(topic))
    wait_until(lambda: role.metric(metric) >= number, 60, otherwise=lambda: f"{role.role}: {role.metric(metric)}")
    assert role.metric(metric) == number


def test_a_shop_sells_on_whatever_strangers_write_to_its_topics(shop: SeparateShop) -> None:
    roles = projector, decider, *_ = shop.run(*ROLES)
    merchant = shop.add_merchant()
    editions = [shop.release(merchant["api_key"], stock=100) for _ in range(PARTITIONS)]
    shop.sell(editions[0])
    foreign = write(shop)
    for edition_id in editions:
        shop.sell(edition_id)

    wait_until_counted(projector, "buystream_events_poisoned_total", EVENTS)
    wait_until_counted(projector, "buystream_records_set_aside_total", DEADLETTER)
    wait_until_counted(decider, "buystream_records_set_aside_total", COMMANDS)

    # The relay reads its memory when it starts; every other part meets the same records again.
    for role in roles:
        assert role.stop() == 0, role.last_words()
    shop.roles.clear()
    restarted = projector, decider, _, _, feeds, _ = shop.run(*ROLES)
    for edition_id in editions:
        shop.sell(edition_id)
    wait_until_counted(feeds, "buystream_records_set_aside_total", FEEDS)
    assert projector.metric("buystream_events_poisoned_total") == 0
    assert decider.metric("buystream_records_set_aside_total") == 0

    expected = {one for one in foreign if one[1].topic != DEADLETTER}
    with closing(cluster.kafka_log(shop.settings)) as log:
        assert set(set_aside(log).values()) == {1}
        assert set_aside(log).keys() == expected
    for role in restarted:
        assert role.stop() == 0, role.last_words()
        assert "Traceback" not in role.said, role.said

    report = json.loads(buystream("audit", "--json", "--data-dir", str(shop.data_dir)).stdout)
    named = {(one["partition"], *place) for one in report["violations"] for place in one["positions"].items()}
    noted = {(one["partition"], one["position"]) for one in report["notes"]}
    names = {EVENTS: "event", DEADLETTER: "dead letter", FEEDS: FEEDS}
    for partition, place in foreign:
        if place.topic == COMMANDS:
            assert (partition, place.position) in noted
        else:
            assert (partition, names[place.topic], place.position) in named
    assert {one["invariant"] for one in report["violations"]} == {"every record is the shop's own"}


def claiming(sequence: int) -> Message:
    """A record with an owner's whole envelope."""
    return event_message(example(Ticked, originator_version=sequence + 1), sequence=sequence)


def test_a_gateway_and_a_projector_that_cannot_go_on_end_with_status_1(shop: SeparateShop) -> None:
    roles = shop.run("projector", "gateway")
    with closing(cluster.kafka_log(shop.settings)) as log:
        log.append(EVENTS, 0, [claiming(0), claiming(2)])
    for role in roles:
        assert role.wait() == 1, role.last_words()
        assert "from sequence 0 to 2 at position 1" in role.said
