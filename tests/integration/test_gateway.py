"""The buyer's way through the gateway: a real server, log, decider, projector and sandbox."""

import httpx

from tests.support.shop import DELIVERY, Shop, order_of, shop, wait_until

__all__ = ["shop"]


def test_an_order_is_held_and_its_repeat_changes_nothing(shop: Shop) -> None:
    edition = shop.release(stock=3)
    body = order_of(edition, quantity=2)
    with shop.buyer() as buyer:
        first, again = buyer.post("/v1/orders", json=body), buyer.post("/v1/orders", json=body)
        read = buyer.get(f"/v1/orders/{body['order_id']}")
    assert first.status_code == 201, first.text
    assert first.json()["state"] == "held"
    assert first.json()["total_minor"] == 9000
    assert again.status_code == 200, again.text
    assert read.json() == first.json() == again.json()
    assert len(shop.commands("PlaceOrder")) == 2
