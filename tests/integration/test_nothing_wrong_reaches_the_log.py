"""What the gateway can know to be wrong is answered as its owner would, and is kept nowhere."""

from typing import Any

import httpx

from buystream.log import COMMANDS
from buystream.vocabulary.ids import new_edition_id, new_order_id
from tests.support.postgres import run_sql
from tests.support.shop import DELIVERY, Shop, order_of, shop, wait_until

__all__ = ["shop"]

PAYING = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}


def kept(shop: Shop) -> list[Any]:
    """Where the log ends, and how many keys there are."""
    ends = [shop.log.end(COMMANDS, partition) for partition in range(shop.log.partitions)]
    return [*ends, run_sql(shop.dsn, "SELECT count(*) FROM vault.buyer_key")]


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def test_what_is_about_nothing_leaves_nothing(shop: Shop) -> None:
    edition, unlimited = shop.release(), shop.release(stock=None)
    with shop.buyer() as buyer, shop.merchant() as merchant:
        before = kept(shop)
        for order_id in (new_order_id(edition), new_order_id(unlimited)):
            for what in ("payment", "cancel", "return"):
                answer = buyer.post(f"/v1/orders/{order_id}/{what}", json=PAYING if what == "payment" else {})
                assert problem(answer) == (404, "unknown-order"), what
            answer = buyer.post(f"/v1/gifts/{order_id}/end", json={})
            assert problem(answer) == (404, "unknown-gift")
            for what, body in (("ship", {"carrier": "Post"}), ("refund", {})):
                answer = merchant.post(f"/v1/merchant/orders/{order_id}/{what}", json=body)
                assert problem(answer) == (404, "unknown-order")
        nowhere = new_edition_id(0)
        assert problem(buyer.post("/v1/orders", json=order_of(nowhere))) == (404, "unknown-edition")
        assert problem(merchant.post(f"/v1/merchant/editions/{nowhere}/pause")) == (404, "unknown-edition")
        for wrong in ("x", "ed0-short-0", "ed9999-0123456789-00000000000000000000"):
            assert problem(buyer.post(f"/v1/orders/{wrong}/payment", json=PAYING))[0] == 404
        assert buyer.delete("/v1/me").status_code == 204
        assert kept(shop) == before


def test_a_price_or_quantity_that_is_never_right_leaves_nothing(shop: Shop) -> None:
    edition = shop.release(price_minor=4500, limit_per_buyer=2)
    with shop.buyer() as buyer:
        before = kept(shop)
        for price_minor in (0, 4499, 4501):
            answer = buyer.post("/v1/orders", json=order_of(edition, price_minor=price_minor))
            assert problem(answer) == (409, "wrong-price")
            assert answer.json()["reason"] == "wrong_price"
        assert problem(buyer.post("/v1/orders", json=order_of(edition, quantity=3))) == (409, "over-limit")
        assert kept(shop) == before


def test_a_cancelled_edition_takes_no_more_commands(shop: Shop) -> None:
    edition = shop.release()
    with shop.buyer() as buyer, shop.merchant() as merchant:
        assert merchant.post(f"/v1/merchant/editions/{edition}/cancel", json={}).status_code == 202
        wait_until(lambda: buyer.get(f"/v1/editions/{edition}").json()["state"] == "cancelled")
        before = kept(shop)
        assert problem(buyer.post("/v1/orders", json=order_of(edition))) == (409, "cancelled")
        assert kept(shop) == before


def test_another_buyers_order_is_unknown_and_leaves_nothing(shop: Shop) -> None:
    order = order_of(shop.release())
    with shop.buyer() as anna, shop.buyer() as ben:
        assert anna.post("/v1/orders", json=order).status_code == 201
        wait_until(lambda: anna.get(f"/v1/orders/{order['order_id']}").status_code == 200)
        before = kept(shop)
        for what in ("payment", "cancel", "return"):
            answer = ben.post(f"/v1/orders/{order['order_id']}/{what}", json=PAYING if what == "payment" else {})
            assert problem(answer) == (404, "unknown-order")
        assert kept(shop) == before


def test_a_key_is_made_when_an_order_is_paid(shop: Shop) -> None:
    order = order_of(shop.release())
    with shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=order).status_code == 201
        *_, keys = kept(shop)
        assert buyer.post(f"/v1/orders/{order['order_id']}/payment", json=PAYING).status_code == 202
        *_, later = kept(shop)
    assert later[0][0] == keys[0][0] + 1
