"""An order of several lines over HTTP: placed at once, paid once, shown line by line, refunded and returned by line."""

from typing import Any

import httpx
import pytest

from tests.integration.test_variants import VARIANTS, house, shown
from tests.support.patience import wait_until
from tests.support.shop import DELIVERY, Shop, order_of, shop

__all__ = ["shop"]

KEY = {"Idempotency-Key": "refund-1"}


def seats(edition_id: str, *lines: tuple[str, int]) -> dict[str, Any]:
    """The body of an order for seats of several categories."""
    prices = {one["variant_id"]: one["price_minor"] for one in VARIANTS}
    order = order_of(edition_id)
    asked = [{"variant_id": name, "quantity": quantity, "price_minor": prices.get(name, 1)} for name, quantity in lines]
    return {"order_id": order["order_id"], "edition_id": edition_id, "lines": asked}


def paid(buyer: httpx.Client, order: dict[str, Any]) -> str:
    """Place it and pay; returns its path."""
    path = f"/v1/orders/{order['order_id']}"
    assert buyer.post("/v1/orders", json=order).status_code == 201
    buyer.post(f"{path}/payment", json={"payment_method": "sandbox_accepted", "delivery": DELIVERY})
    wait_until(lambda: buyer.get(path).json()["state"] == "confirmed")
    return path


def kept(body: dict[str, Any]) -> list[tuple[str, int, int]]:
    """The lines of an order: title, units, and units that came back."""
    return [(line["title"], line["quantity"], line["returned"]) for line in body["lines"]]


def test_an_order_of_several_lines_is_one_hold_and_is_repeated_as_it_was(shop: Shop) -> None:
    edition = house(shop)
    order = seats(edition, ("stalls", 1), ("balcony", 2))
    with shop.buyer() as buyer:
        answer = buyer.post("/v1/orders", json=order)
        assert answer.status_code == 201, answer.text
        placed = answer.json()
        assert (placed["title"], placed["variant_id"], placed["quantity"], placed["price_minor"]) == (
            *("Night Sky, live", "", 3),
            None,
        )
        assert placed["total_minor"] == 10_500
        assert kept(placed) == [("Stalls", 1, 0), ("Balcony", 2, 0)]
        assert buyer.post("/v1/orders", json=order).json()["lines"] == placed["lines"]
        other = order | {"lines": order["lines"][:1]}
        assert buyer.post("/v1/orders", json=other).json()["reason"] == "order_id_conflict"
        read = buyer.get(f"/v1/orders/{order['order_id']}").json()
        assert (read["title"], read["lines"], read["total_minor"]) == (
            *(placed["title"], placed["lines"]),
            10_500,
        )
        wait_until(lambda: shown(buyer, edition)["balcony"]["held"] == 2)
        assert shown(buyer, edition)["stalls"]["held"] == 1
        mine = buyer.get(f"/v1/editions/{edition}/mine").json()
        assert [(one["variant_id"], one["taken"]) for one in mine["variants"]] == [("stalls", 1), ("balcony", 2)]


@pytest.mark.parametrize(
    ("lines", "status", "reason"),
    [
        ([("stalls", 1), ("gallery", 1)], 404, "unknown_variant"),
        ([("stalls", 1), ("stalls", 1)], 409, "variant_twice"),
        ([("stalls", 3), ("balcony", 1)], 409, "over_limit"),
    ],
)
def test_lines_that_are_not_served_refuse_the_order(
    shop: Shop, lines: list[tuple[str, int]], status: int, reason: str
) -> None:
    with shop.buyer() as buyer:
        answer = buyer.post("/v1/orders", json=seats(house(shop), *lines))
    assert answer.status_code == status
    assert answer.json()["type"].endswith(reason.replace("_", "-"))


def test_what_is_missing_of_a_line_is_said(shop: Shop) -> None:
    edition = house(shop)
    with shop.buyer() as first, shop.buyer() as second:
        assert first.post("/v1/orders", json=seats(edition, ("stalls", 1), ("balcony", 3))).status_code == 201
        answer = second.post("/v1/orders", json=seats(edition, ("stalls", 1), ("balcony", 3)))
        assert answer.status_code == 409
        problem = answer.json()
    assert (problem["available"], problem["variant_id"]) == (2, "balcony")
    assert "2 left of Balcony" in problem["detail"]


@pytest.mark.parametrize("lines", [[], [{"variant_id": "stalls"}], [{"quantity": 1, "price_minor": 1}] * 21, None])
def test_lines_that_make_no_sense_are_refused(shop: Shop, lines: Any) -> None:
    with shop.buyer() as buyer:
        answer = buyer.post("/v1/orders", json=seats(house(shop)) | {"lines": lines})
    assert answer.status_code == 422
    assert "lines" in answer.json()["detail"]


def test_units_of_a_line_are_refunded_and_the_rest_is_returned(shop: Shop) -> None:
    edition = shop.release(variants=VARIANTS, price_minor=None, stock=None, refund={"by": "buyer"})
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order = seats(edition, ("stalls", 1), ("balcony", 2))
        path = paid(buyer, order)
        refunds = f"/v1/merchant/orders/{order['order_id']}/refund"
        part = {"lines": [{"variant_id": "balcony", "quantity": 1}], "restock": True}
        assert merchant.post(refunds, json=part).json()["type"].endswith("key-needed")
        assert merchant.post(refunds, json={"quantity": 1, "amount_minor": 9}, headers=KEY).json()["reason"] == (
            "lines_needed"
        )
        answer = merchant.post(refunds, json=part, headers=KEY)
        assert answer.status_code == 202, answer.text
        wait_until(lambda: buyer.get(path).json()["returned"] == 1)
        after = buyer.get(path).json()
        assert (after["refunded_minor"], kept(after)) == (3000, [("Stalls", 1, 0), ("Balcony", 2, 1)])
        wait_until(lambda: shown(buyer, edition)["balcony"]["available"] == 4)
        [made] = merchant.get(f"{refunds}s").json()["refunds"]
        assert (made["quantity"], made["lines"]) == (1, [{"variant_id": "balcony", "quantity": 1}])
        back = {"refund_id": "return-01", "lines": [{"variant_id": "stalls", "quantity": 1}]}
        assert buyer.post(f"{path}/return", json=back).status_code == 202
        wait_until(lambda: buyer.get(path).json()["returned"] == 2)
        assert buyer.get(path).json()["state"] == "confirmed"
        assert buyer.post(f"{path}/return", json={"refund_id": "return-02"}).status_code == 202
        wait_until(lambda: buyer.get(path).json()["state"] == "refunded")
        assert buyer.get(path).json()["refunded_minor"] == 10_500


def test_a_receipt_has_a_row_for_each_line(shop: Shop) -> None:
    with shop.buyer() as buyer:
        path = paid(buyer, seats(house(shop), ("stalls", 1), ("balcony", 2)))
        receipt = buyer.get(f"{path}/receipt").json()
        assert [(line["title"], line["total_minor"]) for line in receipt["lines"]] == [
            ("Stalls", 4500),
            ("Balcony", 6000),
        ]
        page = buyer.get(path.removeprefix("/v1") + "/receipt").text
    assert "1 × Night Sky, live: Stalls" in page
    assert "2 × Night Sky, live: Balcony" in page
