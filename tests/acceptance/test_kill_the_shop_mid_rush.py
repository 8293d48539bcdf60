"""kill -9 at any moment of a rush, then up again: every acknowledged order is there, the audit passes, the sale
continues; the same when PostgreSQL's postmaster is killed, or both."""

import json
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2
import pytest

from buystream import rush
from buystream.demo.headless import EditionBooks, count_log, settle
from buystream.vocabulary.ids import new_order_id
from buystream.wiring.opening import open_database, open_log
from tests.support.patience import patient, wait_until
from tests.support.shop_process import ShopProcess, buystream
from tests.support.thorough import THOROUGH

KILLS = ["shop"] * 12 + ["postmaster"] * 5 + ["both"] * 5 if THOROUGH else ["shop"] * 4 + ["postmaster", "both"] * 2
SEED = 20
STOCK = 6_000
WAVE = 300
AT_WORK_SECONDS = (0.05, 1.5)
"""How long the shop is left at work before the next kill."""

FOLLOWS = {
    "held": {"held", "authorised", "confirmed", "cancelled", "expired"},
    "authorised": {"authorised", "confirmed"},
    "confirmed": {"confirmed"},
    "cancelled": {"cancelled"},
    "expired": {"expired"},
}
"""What an order may have become since its buyer's last answer."""


@pytest.fixture
def shop() -> Iterator[ShopProcess]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        # The crowd comes from one address, with a declined card in every tenth hand.
        settings = {"BUYSTREAM_RESTART_GRACE_SECONDS": "2", "BUYSTREAM_NETWORK_DECLINES": "0"}
        running = ShopProcess(Path(folder, "data"), **settings)
        try:
            running.start()
            yield running
        finally:
            running.close()


def test_nothing_is_lost_however_often_the_shop_is_killed(shop: ShopProcess) -> None:
    merchant = shop.add_merchant()
    edition_id = shop.release(merchant["api_key"], stock=STOCK)
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        plan = rush.Plan(
            url=shop.url,
            edition_id=edition_id,
            price_minor=3500,
            buyers=WAVE,
            concurrency=8,
            patience_seconds=patient(120),
        )
        crowd = pool.submit(buy_until, over, plan)
        try:
            moments = random.Random(SEED)
            for victim in moments.sample(KILLS, len(KILLS)):
                time.sleep(moments.uniform(*AT_WORK_SECONDS))
                assert not crowd.done(), crowd.result()
                kill(shop, victim)
        finally:
            over.set()
        outcomes = crowd.result()

    acknowledged = {order_id: state for outcome in outcomes for order_id, state in outcome.acknowledged.items()}
    answers = sum((Counter(outcome.outcomes) for outcome in outcomes), Counter[str]())
    endings = sum((Counter(outcome.endings) for outcome in outcomes), Counter[str]())
    assert answers["unanswered"] == 0
    assert set(endings) <= {"confirmed", "declined", "abandoned", "expired"}, endings
    assert len(acknowledged) >= WAVE
    assert answers["held"] == len(acknowledged)
    assert sum(outcome.contradictions for outcome in outcomes) == 0
    assert sum(outcome.retries for outcome in outcomes) > 0

    a_new_buyer_is_served(shop, edition_id)
    with open_database(shop.settings) as database:
        books = settle(database.dsn, edition_id, patience_seconds=patient(120))
        assert_states(database.dsn, acknowledged)
    assert shop.stop() == 0
    assert shop.processes() == []
    assert_sound(shop, edition_id, books)
    assert shop.processes() == []


def buy_until(over: threading.Event, plan: rush.Plan) -> list[rush.Outcome]:
    """Wave after wave; a buyer without an answer sends the same order again."""
    outcomes = [rush.run(plan)]
    while not over.is_set():
        outcomes.append(rush.run(plan))
    return outcomes


def kill(shop: ShopProcess, victim: str) -> None:
    if victim in ("postmaster", "both"):
        os.kill(shop.postmaster(), signal.SIGKILL)
    if victim in ("shop", "both"):
        shop.kill()
        shop.start(ready=False)
    shop.wait_until_ready()
    wait_for_postmaster(shop)


def wait_for_postmaster(shop: ShopProcess) -> None:
    """With the log on Kafka a shop is ready before its PostgreSQL is back."""

    def runs() -> bool:
        try:
            os.kill(shop.postmaster(), 0)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return False
        return True

    wait_until(runs, 120, otherwise=lambda: "PostgreSQL is not started again")


def a_new_buyer_is_served(shop: ShopProcess, edition_id: str) -> None:
    with httpx.Client(base_url=shop.url) as buyer:
        buyer.headers["Authorization"] = f"Bearer {buyer.post('/v1/session', json={}).json()['token']}"
        order_id = new_order_id(edition_id)
        order = {"order_id": order_id, "edition_id": edition_id, "quantity": 1, "price_minor": 3500}
        assert buyer.post("/v1/orders", json=order).status_code == 201
        assert buyer.post(f"/v1/orders/{order_id}/cancel", json={}).json()["state"] == "cancelled"


def assert_states(dsn: str, acknowledged: dict[str, str]) -> None:
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        cur.execute("SELECT order_id, state FROM views.orders WHERE order_id = ANY(%s)", (list(acknowledged),))
        now = dict(cur.fetchall())
    lost = acknowledged.keys() - now.keys()
    assert not lost
    changed = {
        order_id: (told, now[order_id]) for order_id, told in acknowledged.items() if now[order_id] not in FOLLOWS[told]
    }
    assert not changed


def assert_sound(shop: ShopProcess, edition_id: str, books: EditionBooks) -> None:
    audit = buystream("audit", "--json", "--data-dir", str(shop.data_dir))
    report = json.loads(audit.stdout)
    assert (audit.returncode, report["ok"], report["violations"]) == (0, True, [])
    settings = shop.settings
    with open_database(settings) as database, open_log(database, settings) as log:
        counted = count_log(log, edition_id, STOCK)
    assert counted.ledger == books
    assert counted.most_out <= STOCK
    assert counted.duplicate_orders == 0
