"""An Idempotency-Key used again with another body gets 422, on every route; with the same body, the first outcome."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.shop import DELIVERY, Shop, order_of, shop, wait_until

__all__ = ["shop"]

KEY = {"Idempotency-Key": "one"}
Json = dict[str, Any]


def edition_order(shop: Shop, buyer: httpx.Client, *, paid: bool = False) -> tuple[str, str]:
    """An edition, and the buyer's order of it."""
    edition = shop.release()
    order = order_of(edition)
    buyer.post("/v1/orders", json=order).raise_for_status()
    path = f"/v1/orders/{order['order_id']}"
    wait_until(lambda: buyer.get(path).status_code == 200)
    if paid:
        paying = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
        buyer.post(f"{path}/payment", json=paying).raise_for_status()
        wait_until(lambda: buyer.get(path).json()["state"] == "confirmed")
    return edition, order["order_id"]


def paths(shop: Shop, buyer: httpx.Client) -> dict[str, tuple[str, str, Json, Json]]:
    """By name: method, path and two bodies, both of which would be accepted."""
    edition, held = edition_order(shop, buyer)
    _, paid = edition_order(shop, buyer, paid=True)
    terms = {"title": "A", "price_minor": 100, "stock": 1}
    details = {"legal_name": "A", "address": "B"}
    paying = {"payment_method": "sandbox_slow", "delivery": DELIVERY}
    return {
        "release": ("POST", "/v1/merchant/editions", terms, {**terms, "price_minor": 200}),
        "stock": ("POST", f"/v1/merchant/editions/{edition}/stock", {"add": 1}, {"add": 2}),
        "refund": ("POST", f"/v1/merchant/orders/{paid}/refund", {"amount_minor": 100}, {"amount_minor": 200}),
        "ship": ("POST", f"/v1/merchant/orders/{paid}/ship", {"carrier": "A"}, {"carrier": "B"}),
        "details": ("PUT", "/v1/merchant/details", details, {**details, "address": "C"}),
        "pay": ("POST", f"/v1/orders/{held}/payment", paying, {**paying, "save": True}),
        "order": ("POST", "/v1/orders", order_of(edition), order_of(edition)),
        "pause": ("POST", f"/v1/merchant/editions/{edition}/pause", {}, {"why": "rain"}),
        "zone": ("PUT", "/v1/merchant/time-zone", {"time_zone": "Asia/Tokyo"}, {"time_zone": "Asia/Seoul"}),
        "key": ("POST", "/v1/merchant/keys", {"name": "scanner"}, {"name": "till"}),
        "end": ("POST", f"/v1/merchant/editions/{edition}/cancel", {"reason": "A"}, {"reason": "B"}),
    }


@pytest.mark.parametrize(
    "name", ["release", "stock", "refund", "ship", "details", "pay", "order", "pause", "zone", "key", "end"]
)
def test_a_key_with_another_body_gets_422_and_changes_nothing(shop: Shop, name: str) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        method, path, body, other = paths(shop, buyer)[name]
        send: Callable[..., httpx.Response] = (merchant if path.startswith("/v1/merchant") else buyer).request
        first = send(method, path, json=body, headers=KEY)
        assert first.is_success, first.text
        reused = send(method, path, json=other, headers=KEY)
        assert reused.status_code == 422, reused.text
        assert reused.json()["type"].endswith("/idempotency-key-reused")
        again = send(
            method, path, content=first.request.content + b" \n", headers={**KEY, "Content-Type": "application/json"}
        )
        assert again.status_code != 422, again.text


def test_a_key_is_free_until_its_request_has_worked(shop: Shop) -> None:
    with shop.merchant() as merchant:
        terms = {"title": "A", "price_minor": 100, "stock": 1}
        assert merchant.post("/v1/merchant/editions", json={"title": "A"}, headers=KEY).status_code == 422
        assert merchant.post("/v1/merchant/editions", json=terms, headers=KEY).status_code == 201


def test_another_merchant_or_route_may_use_the_same_key(shop: Shop) -> None:
    edition = shop.release()
    with shop.merchant() as merchant:
        assert merchant.post(f"/v1/merchant/editions/{edition}/stock", json={"add": 1}, headers=KEY).is_success
        assert merchant.post(f"/v1/merchant/editions/{edition}/cancel", json={}, headers=KEY).is_success
