"""An edition in several variants over HTTP: released, ordered, refused, stocked and shown, each variant by itself."""

import json
from typing import Any

import httpx
import pytest

from tests.support.patience import wait_until
from tests.support.shop import DELIVERY, Shop, order_of, shop

__all__ = ["shop"]

VARIANTS: list[dict[str, Any]] = [
    {"variant_id": "stalls", "title": "Stalls", "price_minor": 4500, "stock": 2, "limit_per_buyer": 2},
    {"variant_id": "balcony", "title": "Balcony", "price_minor": 3000, "stock": 5},
]


def house(shop: Shop) -> str:
    """Seats of two categories."""
    return shop.release(variants=VARIANTS, price_minor=None, stock=None)


def seat(edition_id: str, variant_id: str, **fields: Any) -> dict[str, Any]:
    """The body of an order for a seat of that category."""
    price_minor = {"stalls": 4500, "balcony": 3000}.get(variant_id, 4500)
    return order_of(edition_id, **{"variant_id": variant_id, "price_minor": price_minor} | fields)


def shown(buyer: httpx.Client, edition_id: str) -> dict[str, Any]:
    """The board's variants, by id."""
    board = buyer.get(f"/v1/editions/{edition_id}").json()
    return {variant["variant_id"]: variant for variant in board["variants"]}


def test_each_variant_is_sold_and_shown_by_itself(shop: Shop) -> None:
    edition = house(shop)
    with shop.buyer() as buyer:
        answer = buyer.post("/v1/orders", json=seat(edition, "stalls", quantity=2))
        assert answer.status_code == 201, answer.text
        placed = answer.json()
        assert (placed["variant_id"], placed["title"], placed["total_minor"]) == (
            "stalls",
            "Night Sky, live: Stalls",
            9000,
        )
        wait_until(lambda: shown(buyer, edition)["stalls"]["is_sold_out"])
        stalls, balcony = shown(buyer, edition).values()
        assert (stalls["available"], stalls["held"], balcony["available"], balcony["held"]) == (0, 2, 5, 0)
        board = buyer.get(f"/v1/editions/{edition}").json()
        assert (board["state"], board["stock"], board["available"], board["price_minor"]) == ("open", 7, 5, None)
        assert (board["price_min_minor"], board["price_max_minor"]) == (3000, 4500)
        mine = buyer.get(f"/v1/editions/{edition}/mine").json()
        assert [(one["variant_id"], one["taken"], one["left"]) for one in mine["variants"]] == [
            ("stalls", 2, 0),
            ("balcony", 0, 4),
        ]
        read = buyer.get(f"/v1/orders/{placed['order_id']}").json()
        assert (read["variant_id"], read["title"]) == ("stalls", "Night Sky, live: Stalls")


def test_a_sold_out_variant_is_refused_from_memory_while_another_is_sold(shop: Shop) -> None:
    edition = house(shop)
    with shop.buyer() as first, shop.buyer() as second:
        assert first.post("/v1/orders", json=seat(edition, "stalls", quantity=2)).status_code == 201
        asked = -1

        def asks_nobody() -> bool:
            nonlocal asked
            before, asked = asked, len(shop.commands("PlaceOrder"))
            answer = second.post("/v1/orders", json=seat(edition, "stalls"))
            assert (answer.status_code, answer.json()["reason"]) == (409, "sold_out")
            return before == asked

        wait_until(asks_nobody)
        assert second.post("/v1/orders", json=seat(edition, "balcony")).status_code == 201


@pytest.mark.parametrize("variant_id", ["", "gallery"])
def test_an_unknown_variant_is_not_found(shop: Shop, variant_id: str) -> None:
    with shop.buyer() as buyer:
        answer = buyer.post("/v1/orders", json=seat(house(shop), variant_id))
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (404, "unknown-variant")


def test_the_price_is_the_variants_own(shop: Shop) -> None:
    with shop.buyer() as buyer:
        answer = buyer.post("/v1/orders", json=seat(house(shop), "balcony", price_minor=4500))
    assert (answer.status_code, answer.json()["reason"]) == (409, "wrong_price")


def test_stock_is_added_to_one_variant(shop: Shop) -> None:
    edition = house(shop)
    path = f"/v1/merchant/editions/{edition}/stock"
    with shop.merchant() as merchant:
        board = merchant.post(path, json={"add": 3, "variant_id": "stalls"}).json()
        assert [(one["variant_id"], one["available"]) for one in board["variants"]] == [("stalls", 5), ("balcony", 5)]
        assert merchant.post(path, json={"add": 3}).status_code == 404


def test_a_paid_seat_is_refunded_to_its_variant(shop: Shop) -> None:
    edition = house(shop)
    order = seat(edition, "balcony")
    path = f"/v1/orders/{order['order_id']}"
    with shop.buyer() as buyer, shop.merchant() as merchant:
        buyer.post("/v1/orders", json=order)
        buyer.post(f"{path}/payment", json={"payment_method": "sandbox_accepted", "delivery": DELIVERY})
        wait_until(lambda: buyer.get(path).json()["state"] == "confirmed")
        assert shown(buyer, edition)["balcony"]["sold"] == 1
        merchant.post(f"/v1/merchant/orders/{order['order_id']}/refund", json={"restock": True})
        wait_until(lambda: buyer.get(path).json()["state"] == "refunded")
        wait_until(lambda: shown(buyer, edition)["balcony"]["available"] == 5)
        assert shown(buyer, edition)["stalls"]["available"] == 2


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"variants": VARIANTS, "price_minor": 4500}, "with the variants only"),
        ({"variants": VARIANTS, "price_minor": None, "stock": 3}, "with the variants only"),
        ({"variants": VARIANTS[:1] * 2, "price_minor": None, "stock": None}, "a variant_id of its own"),
        ({"variants": [{**VARIANTS[0], "price_minor": None}], "price_minor": None, "stock": None}, "Send price_minor"),
        ({"variants": [{**VARIANTS[0], "size": "m"}], "price_minor": None, "stock": None}, "size"),
    ],
)
def test_variants_that_make_no_sense_are_refused_in_words(shop: Shop, terms: dict[str, Any], said: str) -> None:
    with shop.merchant() as merchant:
        answer = merchant.post("/v1/merchant/editions", json={"title": "Night Sky", "stock": None} | terms)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_variant_named_twice_is_refused(shop: Shop) -> None:
    order = json.dumps(seat(house(shop), "stalls"))
    doubled = order.replace('"variant_id"', '"variant_id": "balcony", "variant_id"')
    with shop.buyer() as buyer:
        answer = buyer.post("/v1/orders", content=doubled, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "twice" in answer.json()["detail"]
