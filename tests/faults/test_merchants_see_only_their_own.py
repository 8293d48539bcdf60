"""On a broker that asks who one is (SASL) and refuses what isn't granted: a merchant reads its own feed, and nothing
else."""

import json
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from buystream_merchant import FeedError, OrderFeed
from buystream_merchant.events import topic_of
from confluent_kafka import Consumer, KafkaError, Producer
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import ClusterAuthorizationFailedError

from buystream.api_keys import api_key_hash
from buystream.vocabulary.commands import RegisterMerchant
from buystream.vocabulary.events import EditionReleased, MerchantRegistered
from buystream.vocabulary.ids import new_edition_id, new_merchant_id
from buystream.wiring.deciding import decided
from buystream.wiring.opening import open_database, open_log
from tests.faults.shop import FaultyShop
from tests.support.guarded_kafka import GuardedBroker
from tests.support.patience import patient
from tests.support.shop_process import buystream
from tests.support.steps import release

WAIT_SECONDS = 20

OURS, THEIRS = new_merchant_id(0), new_merchant_id(1)
PASSWORDS = {user: secrets.token_hex(16) for user in ("shop", OURS, THEIRS)}


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[GuardedBroker]:
    """Running, and in the environment, with the shop's own user."""
    with (
        tempfile.TemporaryDirectory(prefix="buystream-faults-") as folder,
        GuardedBroker(Path(folder), PASSWORDS) as broker,
    ):
        monkeypatch.setenv("BUYSTREAM_KAFKA_BOOTSTRAP", broker.address)
        monkeypatch.setenv("BUYSTREAM_KAFKA_OPTIONS", broker.options("shop"))
        monkeypatch.setenv("BUYSTREAM_PARTITIONS", "2")
        yield broker


def as_user(broker: GuardedBroker, user: str, password: str | None = None) -> dict[str, Any]:
    """kafka-python's options."""
    return {
        "bootstrap_servers": broker.address,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": user,
        "sasl_plain_password": password or PASSWORDS[user],
    }


def test_a_merchant_reads_its_own_feed_with_its_own_groups_and_nothing_else(
    guarded: GuardedBroker,
) -> None:
    assert buystream("topics", "apply").returncode == 0
    with tempfile.TemporaryDirectory(prefix="buystream-faults-") as folder:
        shop = FaultyShop(Path(folder, "data"))
        try:
            shop.run("projector", "decider", "feeds")
            editions = sell_for_both(shop)
            feeds = shop.only("feeds")
            feeds.wait_until_it_said("relays partitions [0, 1]")
            wait_until_relayed(guarded, editions)
        finally:
            shop.close()

    granted = json.loads(buystream("topics", "apply", "--json").stdout)
    assert {one["topic"] for one in granted} == {topic_of(OURS), topic_of(THEIRS)}
    assert "consumer_byte_rate" in {one["what"] for one in granted}
    checked = buystream("topics", "check")
    assert (checked.returncode, checked.stdout.startswith("The topics are as planned on Kafka at ")) == (0, True)

    reads_its_own(guarded, OURS, editions[OURS])
    reads_its_own(guarded, THEIRS, editions[THEIRS])
    for topic in (topic_of(THEIRS), "buystream.events", "buystream.commands", "buystream.feeds"):
        cannot_read(guarded, OURS, topic)
    cannot_join(guarded, OURS, group_id=topic_of(THEIRS))
    cannot_join(guarded, OURS, group_id="buystream-decider")
    cannot_write(guarded, OURS, topic_of(OURS))
    cannot_write(guarded, OURS, "buystream.commands")
    sees_one_topic(guarded, OURS)
    cannot_grant_itself_more(guarded, OURS)

    assert buystream("topics", "forget", THEIRS, "--yes").returncode == 0
    cannot_read(guarded, THEIRS, topic_of(THEIRS))
    reads_its_own(guarded, OURS, editions[OURS], group_id=f"{topic_of(OURS)}.another")


def sell_for_both(shop: FaultyShop) -> dict[str, str]:
    """Both merchants with an edition each."""
    editions = {}
    with open_database(shop.settings) as database, open_log(database, shop.settings) as log:
        for partition, merchant_id in enumerate((OURS, THEIRS)):
            known = RegisterMerchant(
                merchant_id=merchant_id, name="Night Sky", currency="USD", api_key_hash=api_key_hash(merchant_id)
            )
            assert isinstance(decided(log, known), MerchantRegistered)
            edition_id = new_edition_id(partition)
            terms = release(edition_id=edition_id, merchant_id=merchant_id)
            assert isinstance(decided(log, terms), EditionReleased)
            editions[merchant_id] = edition_id
    return editions


def wait_until_relayed(guarded: GuardedBroker, editions: dict[str, str]) -> None:
    for merchant_id, edition_id in editions.items():
        options = as_user(guarded, "shop")
        bootstrap = options.pop("bootstrap_servers")
        with OrderFeed(bootstrap, merchant_id, group_id=f"wait-{merchant_id}", **options) as feed:
            assert next(feed).edition_id == edition_id


def reads_its_own(guarded: GuardedBroker, user: str, edition_id: str, *, group_id: str | None = None) -> None:
    options = as_user(guarded, user)
    bootstrap = options.pop("bootstrap_servers")
    with OrderFeed(bootstrap, user, group_id=group_id, idle_seconds=patient(3), **options) as feed:
        assert {event.edition_id for event in feed} == {edition_id}


def cannot_read(guarded: GuardedBroker, user: str, topic: str) -> None:
    """Nor even see: who may read a topic may describe it."""
    consumer = Consumer(guarded.librdkafka(user) | {"group.id": topic_of(user)})
    error = consumer.list_topics(topic, timeout=patient(WAIT_SECONDS)).topics[topic].error
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    consumer.close()


def cannot_join(guarded: GuardedBroker, user: str, *, group_id: str) -> None:
    options = as_user(guarded, user)
    bootstrap = options.pop("bootstrap_servers")
    feed = OrderFeed(bootstrap, user, group_id=group_id, idle_seconds=patient(WAIT_SECONDS), **options)
    with pytest.raises(FeedError, match="GroupAuthorizationFailed"):
        next(feed)
    feed.close()


def cannot_write(guarded: GuardedBroker, user: str, topic: str) -> None:
    codes: list[int | None] = []
    producer = Producer(guarded.librdkafka(user))
    producer.produce(topic, b"mine", partition=0, on_delivery=lambda error, _: codes.append(error and error.code()))
    producer.flush(patient(WAIT_SECONDS))
    assert codes == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def sees_one_topic(guarded: GuardedBroker, user: str) -> None:
    consumer = KafkaConsumer(**as_user(guarded, user))
    try:
        assert consumer.topics() == {topic_of(user)}
    finally:
        consumer.close()


def cannot_grant_itself_more(guarded: GuardedBroker, user: str) -> None:
    admin = KafkaAdminClient(**as_user(guarded, user))
    try:
        everywhere = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        with pytest.raises(ClusterAuthorizationFailedError):
            admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, everywhere))
    finally:
        admin.close()
