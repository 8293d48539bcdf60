"""A gateway, the payments, the projector, feeds, live or PostgreSQL dies: buyers send the same order again, the rest
continues where it was."""

import os
import random
import signal
import time
from contextlib import closing

import pytest
from buystream_merchant import OrderFeed

from buystream import cluster
from buystream.demo.headless import settle
from buystream.log import EVENTS, read_all
from buystream.vocabulary.codec import read_head
from buystream.wiring.opening import open_database, open_log
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import PARTITIONS, FaultyShop, order_of
from tests.support.live_windows import shown, wait_for_recount
from tests.support.patience import patient, wait_until
from tests.support.roles import RoleProcess


def test_a_gateway_killed_with_requests_in_flight_has_lost_none_of_them(
    shop: FaultyShop, moments: random.Random
) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    with Crowd(shop, concurrency=64) as crowd:
        for _ in range(3):
            crowd.wait_until_served(30)
            time.sleep(moments.uniform(0.1, 1))
            shop.lose(shop.only("gateway"))
            shop.add("gateway", port=shop.port)
        crowd.wait_until_served(50)
    assert sum(outcome.retries for outcome in crowd.outcomes) > 0
    assert_sound(shop, crowd)


@pytest.mark.parametrize("role", ["projector", "payments"])
def test_a_killed_process_resumes_where_it_was(shop: FaultyShop, moments: random.Random, role: str) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    with Crowd(shop) as crowd:
        for _ in range(4):
            crowd.wait_until_served(20)
            time.sleep(moments.uniform(0.05, 0.5))
            shop.lose(shop.only(role))
            shop.run(role)
        crowd.wait_until_served(50)
    assert_sound(shop, crowd)


def test_killed_feeds_relay_each_event_once(shop: FaultyShop, moments: random.Random) -> None:
    shop.open("projector", "decider", "payments", "gateway", "feeds")
    with Crowd(shop) as crowd:
        for _ in range(2):
            crowd.wait_until_served(20)
            time.sleep(moments.uniform(0.05, 0.5))
            shop.lose(shop.only("feeds"))
            shop.run("feeds")
        shop.only("feeds").wait_until_it_said("relays partitions")
        crowd.wait_until_served(50)
    settings, merchant_id = shop.settings, shop.merchant["merchant_id"]
    wait_until_relayed(shop.only("feeds"))
    with closing(cluster.kafka_log(settings)) as log:
        due = [
            head.id
            for partition in range(PARTITIONS)
            for record in read_all(log, EVENTS, partition)
            if (head := read_head(record.value)).editionversion
        ]
    # A gap in an edition's versions would raise FeedGap.
    with OrderFeed(
        settings.kafka_bootstrap, merchant_id, idle_seconds=patient(5), prefix=settings.kafka_prefix
    ) as feed:
        fed = [event.id for event in feed]
    assert feed.repeats == 0
    assert len(fed) == len(set(fed))
    assert set(due) <= set(fed)
    assert_sound(shop, crowd)


def wait_until_relayed(feeds: RoleProcess) -> None:
    """Until it stands still: everything that was there has been relayed."""
    before = -1.0
    while (relayed := feeds.metric("buystream_feed_events_total")) != before:
        before = relayed
        time.sleep(patient(3))


def test_killed_live_counts_each_event_once(shop: FaultyShop, moments: random.Random) -> None:
    shop.open("projector", "decider", "payments", "gateway", "live")
    with open_database(shop.settings) as database, open_log(database, shop.settings) as log:
        with Crowd(shop) as crowd:
            for _ in range(2):
                wait_until_it_counts(database.dsn)
                time.sleep(moments.uniform(0.05, 0.5))
                shop.lose(shop.only("live"))
                crowd.wait_until_served(20)
                shop.run("live")
            wait_until_it_counts(database.dsn)
            crowd.wait_until_served(20)
        for edition_id in shop.editions.values():
            settle(database.dsn, edition_id)
        wait_for_recount(log, database.dsn)
    assert_sound(shop, crowd)


def wait_until_it_counts(dsn: str) -> None:
    """Until live has written something new."""
    before = shown(dsn)
    wait_until(lambda: shown(dsn) != before, 60)


def test_postgresql_restarted_interrupts_no_sale(shop: FaultyShop, moments: random.Random) -> None:
    shop.open("projector", "decider", "payments", "gateway")
    with Crowd(shop) as crowd, shop.buyer() as buyer:
        for edition_id in shop.editions.values():
            crowd.wait_until_served(50)
            time.sleep(moments.uniform(0.1, 1))
            os.kill(shop.postmaster(), signal.SIGKILL)  # whichever role notices first starts it again
            killed = time.monotonic()
            assert buyer.post("/v1/orders", json=order_of(edition_id)).status_code == 201
            print(f"an order was placed {time.monotonic() - killed:.2f} s after PostgreSQL was killed")
        crowd.wait_until_served(100)
    assert_sound(shop, crowd)
