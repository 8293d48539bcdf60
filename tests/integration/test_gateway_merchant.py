"""What a merchant does over HTTP beside money: names of requests, keys, and what was used at the door."""

from tests.support.shop import DELIVERY, Shop, order_of, shop, wait_until

__all__ = ["shop"]

REUSED = "idempotency-key-reused"
TERMS = {"title": "Night Sky, live", "price_minor": 4500, "stock": 10, "needs_address": False}


def test_an_idempotency_key_stands_for_one_edition_and_one_stock_change(shop: Shop) -> None:
    key = {"Idempotency-Key": "one"}
    with shop.merchant() as merchant:
        first = merchant.post("/v1/merchant/editions", json=TERMS, headers=key).json()
        assert (
            merchant.post("/v1/merchant/editions", json=TERMS, headers=key).json()["edition_id"] == first["edition_id"]
        )
        other = merchant.post("/v1/merchant/editions", json=TERMS | {"stock": 11}, headers=key)
        assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (422, REUSED)
        stock = f"/v1/merchant/editions/{first['edition_id']}/stock"
        assert merchant.post(stock, json={"add": 2}, headers=key).json()["stock"] == 12
        assert merchant.post(stock, json={"add": 2}, headers=key).json()["stock"] == 12
        withdrawn = merchant.post(stock, json={"withdraw": 2}, headers=key)
        assert (withdrawn.status_code, withdrawn.json()["type"].rpartition("/")[2]) == (422, REUSED)


def test_times_that_make_no_sense_are_refused_with_the_reason(shop: Shop) -> None:
    for terms, slug in (
        ({"opens_at_ms": 1_800_000_000}, "not-milliseconds"),
        ({"closes_at_ms": 1_600_000_000_000}, "closes-in-the-past"),
        ({"refund": {"by": "buyer", "until_ms": 1_600_000_000_000}}, "returns-end-in-the-past"),
    ):
        with shop.merchant() as merchant:
            answer = merchant.post("/v1/merchant/editions", json=TERMS | terms)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, slug)


def test_an_order_for_more_than_is_left_says_how_many_are(shop: Shop) -> None:
    edition_id = shop.release(stock=2)
    with shop.buyer() as buyer:
        answer = buyer.post("/v1/orders", json=order_of(edition_id, quantity=3))
    assert answer.status_code == 409
    assert (answer.json()["reason"], answer.json()["available"]) == ("sold_out", 2)
    assert "only 2 left" in answer.json()["detail"]


def test_a_ticket_is_marked_as_used_once_it_is_paid(shop: Shop) -> None:
    order = order_of(shop.release())
    path = f"/v1/merchant/orders/{order['order_id']}/deliver"
    with shop.buyer() as buyer, shop.merchant() as merchant:
        buyer.post("/v1/orders", json=order)
        assert merchant.post(path).json()["reason"] == "order_held"
        paid = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
        buyer.post(f"/v1/orders/{order['order_id']}/payment", json=paid)
        wait_until(lambda: buyer.get(f"/v1/orders/{order['order_id']}").json()["state"] == "confirmed")
        for _ in range(2):
            assert merchant.post(path).json()["state"] == "delivered"
        assert buyer.post(path).status_code == 401
