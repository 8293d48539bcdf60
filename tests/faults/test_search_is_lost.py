"""The search index's process dies in a rush: the next one continues after the last transaction, and the index holds
each order once, as the views have it."""

import random
import time

from buystream.database import one_transaction
from buystream.demo.headless import settle
from buystream.wiring.opening import open_database
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import FaultyShop
from tests.support.patience import wait_until

INDEXED = "SELECT order_id, state, paid_minor FROM search.orders ORDER BY order_id"
SEEN = "SELECT order_id, state, paid_minor FROM views.orders WHERE state <> 'refused' ORDER BY order_id"
BY_ORDER = "SELECT unnest(words) AS word, order_key FROM search.orders ORDER BY word, order_key"
BY_WORD = "SELECT word, order_key FROM search.words ORDER BY word, order_key"


def test_a_killed_search_finds_every_order_once_it_is_back(shop: FaultyShop, moments: random.Random) -> None:
    shop.open("projector", "decider", "payments", "gateway", "search")
    with open_database(shop.settings) as database:
        with Crowd(shop) as crowd:
            for _ in range(3):
                before = len(rows(database.dsn, INDEXED))
                crowd.wait_until_served(20)
                wait_until(lambda known=before: len(rows(database.dsn, INDEXED)) > known, 60)  # type: ignore[misc]
                time.sleep(moments.uniform(0.05, 0.5))
                shop.lose(shop.only("search"))
                crowd.wait_until_served(20)
                shop.run("search")
            crowd.wait_until_served(50)
        for edition_id in shop.editions.values():
            settle(database.dsn, edition_id)
        wait_until(lambda: rows(database.dsn, INDEXED) == rows(database.dsn, SEEN), 60)
        assert rows(database.dsn, BY_ORDER) == rows(database.dsn, BY_WORD)
        assert rows(database.dsn, BY_WORD)
    assert_sound(shop, crowd)


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    """What it answers."""
    with one_transaction(dsn, "test") as cur:
        cur.execute(query)
        return list(cur.fetchall())
