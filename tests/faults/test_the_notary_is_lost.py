"""The notary dies in a rush: it resumes where its tree was, and never publishes another one than before."""

import random
import time
from collections.abc import Sequence

import httpx

from buystream.database import DatabaseRefused, one_transaction
from buystream.log import EVENTS, read_all
from buystream.transparency import tables
from buystream.transparency.checkpoints import Checkpoint
from buystream.transparency.merkle import check_consistency, consistency_proof
from buystream.transparency.notes import read_key
from buystream.transparency.proofs import read_proof
from buystream.transparency.verifying import verify
from buystream.wiring.opening import open_database, open_log
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import FaultyShop, order_of
from tests.support import notarised
from tests.support.patience import wait_until


def test_a_killed_notary_resumes_its_tree_and_every_receipt_verifies(shop: FaultyShop, moments: random.Random) -> None:
    shop.open("projector", "decider", "payments", "gateway", "notary")
    with open_database(shop.settings) as database, shop.buyer() as buyer:
        bought: list[str] = []
        published: list[Checkpoint] = []
        with Crowd(shop) as crowd:
            for _ in range(4):
                bought += [buy(buyer, edition_id) for edition_id in shop.editions.values()]
                crowd.wait_until_served(20)
                published.append(wait_until(lambda: newest(database.dsn)))
                time.sleep(moments.uniform(0.05, 0.5))
                shop.lose(shop.only("notary"))
                shop.run("notary")
            crowd.wait_until_served(50)
        with open_log(database, shop.settings) as log:
            events = sum(1 for number in range(log.partitions) for _ in read_all(log, EVENTS, number))
        wait_until(lambda: notarised.published_size(database.dsn) >= events)
        notarised.check_served(database.dsn)
        check_all_are_one_tree(database.dsn, published)
        key = read_key(httpx.get(f"{shop.url}/tlog/key").text.strip())
        for order_id in bought:
            proof = buyer.get(f"/v1/orders/{order_id}/receipt.tlog-proof").raise_for_status()
            assert verify(read_proof(proof.content), keys=[key]).event["subject"] == order_id
    assert_sound(shop, crowd)


def buy(buyer: httpx.Client, edition_id: str) -> str:
    """The id of an order that was placed."""
    order = order_of(edition_id)
    wait_until(lambda: buyer.post("/v1/orders", json=order).status_code in (200, 201))
    return str(order["order_id"])


def newest(dsn: str) -> Checkpoint | None:
    """The newest checkpoint that was published, if any was."""
    try:
        _, checkpoint = notarised.published(dsn)
    except (DatabaseRefused, AssertionError):
        return None
    return checkpoint


def check_all_are_one_tree(dsn: str, earlier: Sequence[Checkpoint]) -> None:
    """Each of these is the beginning of the tree that is published now."""
    _, last = notarised.published(dsn)
    with one_transaction(dsn, "test") as cur:
        hashes = tables.hashes_of(cur)
        for before in earlier:
            proof = consistency_proof(hashes, before.size, last.size)
            check_consistency(proof, old_size=before.size, old_root=before.root, size=last.size, root=last.root)
