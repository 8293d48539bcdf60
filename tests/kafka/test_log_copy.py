"""An embedded shop moves to Kafka: every record keeps its place and its time, the audit and every view stay what they
were, and the shop keeps selling. A copy continues where it was interrupted, and never mixes two shops."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from buystream.cluster import clients
from buystream.host.broker import Broker
from buystream.log import COMMANDS, EVENTS, TOPICS, Log, Message, Record
from buystream.log.copy import copy_log
from buystream.log.filling import FillRefused
from buystream.log.kafka import KafkaLog
from buystream.log.postgres import PostgresLog
from buystream.log.topics import Topics, plan
from buystream.replay.audit import audit
from buystream.settings import Settings
from buystream.wiring.opening import open_database, open_log
from buystream.wiring.views import VIEWS, projector
from tests.support.postgres import run_sql
from tests.support.shop_process import ShopProcess, buystream


@pytest.fixture
def target(kafka_broker: Broker, kafka_prefix: str) -> dict[str, str]:
    """The environment that names an empty place on Kafka."""
    return {"BUYSTREAM_KAFKA_BOOTSTRAP": kafka_broker.bootstrap, "BUYSTREAM_KAFKA_PREFIX": kafka_prefix}


@pytest.fixture
def shop() -> Iterator[ShopProcess]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        shop = ShopProcess(Path(folder, "data"))
        try:
            yield shop
        finally:
            shop.close()


def a_rush(url: str, edition_id: str) -> None:
    done = buystream("rush", "--url", url, "--edition", edition_id, "--buyers", "20", "--no-ceiling", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["endings"]["confirmed"] == 16


def records(log: Log) -> list[Record]:
    """Everything."""
    return [
        record for topic in TOPICS for partition in range(log.partitions) for record in log.read(topic, partition, 0)
    ]


def views(dsn: str) -> dict[str, list[Any]]:
    """Every row of every view."""
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        cur.execute("SELECT viewname FROM pg_views WHERE schemaname = 'views' AND viewname <> 'history'")
        names = [name for (name,) in cur.fetchall()]
        rows = {}
        for name in names:
            cur.execute(f"SELECT to_jsonb(one) FROM views.{name} AS one ORDER BY 1")
            rows[name] = cur.fetchall()
        return rows


def test_a_shop_moves_to_kafka_and_keeps_selling(shop: ShopProcess, target: dict[str, str]) -> None:
    at = ("--data-dir", str(shop.data_dir))
    shop.start()
    merchant = shop.add_merchant()
    edition_id = shop.release(merchant["api_key"], stock=100)
    a_rush(shop.url, edition_id)
    refused = buystream("log", "copy", "--to", "kafka", *at, **target)
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (
        1,
        "buystream: the shop runs: stop it, then copy its log",
    )
    assert shop.stop() == 0

    copied = buystream("log", "copy", "--to", "kafka", "--json", *at, **target)
    assert copied.returncode == 0, copied.stderr
    moved = ShopProcess(shop.data_dir, **target)
    with (
        open_database(shop.settings) as database,
        open_log(database, shop.settings) as ours,
        open_log(database, moved.settings) as theirs,
    ):
        assert records(theirs) == records(ours)
        report = audit(theirs)
        assert report == audit(ours)
        assert report.ok
        counts = json.loads(copied.stdout)
        assert sum(one["records"] for one in counts if one["topic"] == EVENTS) == report.events
        before = views(database.dsn)
        rebuilding = projector(theirs, database.dsn)
        rebuilding.prepare()
        for view in VIEWS:
            rebuilding.rebuild(view.name)
        assert views(database.dsn) == before

    again = buystream("up", *at, "--port", "0")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "was moved to Kafka" in again.stderr
    try:
        moved.start()
        board = httpx.get(f"{moved.url}/v1/editions/{edition_id}").json()
        assert (board["sold"], board["available"] + board["held"]) == (16, 84)
        a_rush(moved.url, edition_id)
        assert moved.stop() == 0
    finally:
        moved.close()
    with open_database(moved.settings) as database, open_log(database, moved.settings) as log:
        later = audit(log)
    assert later.ok
    assert later.events > report.events + 60


def filled(log: Log) -> None:
    """Some commands and events, at times of their own."""
    for number in range(10):
        for topic in (COMMANDS, EVENTS):
            log.append(topic, number % 2, [Message(str(number).encode(), f"key{number}")] * 3)


@pytest.fixture
def source(database_url: str) -> Iterator[PostgresLog]:
    with closing(PostgresLog(database_url, partitions=2)) as log:
        filled(log)
        yield log


class _Interrupted(Exception):
    pass


def interrupted(count: int) -> None:
    """Ends a copy in its midst."""
    if count:
        raise _Interrupted


def test_an_interrupted_copy_resumes(source: PostgresLog, kafka_broker: Broker, kafka_prefix: str) -> None:
    cluster = clients(Settings(kafka_bootstrap=kafka_broker.bootstrap, kafka_prefix=kafka_prefix))
    planned = plan(partitions=2, prefix=kafka_prefix)
    with closing(Topics(kafka_broker.bootstrap)) as topics:
        with pytest.raises(_Interrupted):
            copy_log(source, cluster, topics, planned, interrupted)
        assert {one.what for one in topics.check(planned)} == {"message.timestamp.type"}, "no role starts on it"
        copied = copy_log(source, cluster, topics, planned, lambda count: None)
        assert topics.check(planned) == []
        with closing(KafkaLog(kafka_broker.bootstrap, prefix=kafka_prefix)) as log:
            assert records(log) == records(source)
            at_ms = records(log)[-1].at_ms
            position = log.append(COMMANDS, 0, [Message(b"new")])
            (new,) = log.read(COMMANDS, 0, position)
            assert new.at_ms > at_ms, "the broker is the clock from now on"
            assert records(log)[:15] == records(source)[:15], "and the times before stay"
        assert sum(one.records for one in copied) == 60
        with pytest.raises(FillRefused, match="it isn't empty"):
            copy_log(source, cluster, topics, planned, lambda count: None)


def test_two_shops_are_never_mixed(source: PostgresLog, kafka_broker: Broker, kafka_prefix: str) -> None:
    cluster = clients(Settings(kafka_bootstrap=kafka_broker.bootstrap, kafka_prefix=kafka_prefix))
    planned = plan(partitions=2, prefix=kafka_prefix)
    filling = plan(partitions=2, prefix=kafka_prefix, settings={"message.timestamp.type": "CreateTime"})
    with closing(Topics(kafka_broker.bootstrap)) as topics:
        topics.apply(filling)
        with closing(KafkaLog(kafka_broker.bootstrap, prefix=kafka_prefix)) as log:
            log.append(COMMANDS, 0, [Message(b"of another shop")])
        with pytest.raises(FillRefused, match=r"record 0 of partition 0 of buystream\.commands is not the shop's own"):
            copy_log(source, cluster, topics, planned, lambda count: None)


def test_the_source_is_held_while_it_is_copied(source: PostgresLog, kafka_broker: Broker, kafka_prefix: str) -> None:
    cluster = clients(Settings(kafka_bootstrap=kafka_broker.bootstrap, kafka_prefix=kafka_prefix))
    with closing(Topics(kafka_broker.bootstrap)) as topics, closing(source.assignment("decider")) as shop:
        assert shop.poll(5) == {0, 1}
        with pytest.raises(FillRefused, match="the shop runs"):
            copy_log(source, cluster, topics, plan(partitions=2, prefix=kafka_prefix), lambda count: None)
        assert len(topics.check(plan(partitions=2, prefix=kafka_prefix))) == 3, "nothing was made"


def test_a_record_that_the_old_logs_clock_stamped_years_ahead_keeps_its_time(
    source: PostgresLog, database_url: str, kafka_broker: Broker, kafka_prefix: str
) -> None:
    run_sql(database_url, "UPDATE log.record SET at_ms = at_ms + 100000000000 WHERE position = 3")
    cluster = clients(Settings(kafka_bootstrap=kafka_broker.bootstrap, kafka_prefix=kafka_prefix))
    planned = plan(partitions=2, prefix=kafka_prefix)
    with closing(Topics(kafka_broker.bootstrap)) as topics:
        copy_log(source, cluster, topics, planned, lambda count: None)
        assert topics.check(planned) == []
    with closing(KafkaLog(kafka_broker.bootstrap, prefix=kafka_prefix)) as log:
        assert records(log) == records(source)
