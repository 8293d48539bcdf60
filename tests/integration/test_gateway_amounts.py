"""Amounts over HTTP: what can't be charged is refused with what can, what is free needs no card, and nobody pays with
another buyer's."""

from typing import Any

import httpx
import pytest

from tests.support.shop import DELIVERY, Shop, order_of, shop, wait_until

__all__ = ["shop"]

FREE = {"price_minor": 0}


def paying(buyer: httpx.Client, order_id: str, **body: Any) -> httpx.Response:
    return buyer.post(f"/v1/orders/{order_id}/payment", json=body)


def ordered(buyer: httpx.Client, edition: str, **fields: Any) -> str:
    """A new order; its id."""
    body = order_of(edition, **fields)
    answer = buyer.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    return str(body["order_id"])


def comes_to(buyer: httpx.Client, order_id: str, state: str) -> None:
    wait_until(lambda: bool(buyer.get(f"/v1/orders/{order_id}").json()["state"] == state))


@pytest.mark.parametrize(
    ("terms", "reason", "words"),
    [
        ({"price_minor": 30}, "amount_too_small", "The smallest amount that can be charged is 0.50 USD."),
        ({"currency": "KWD", "price_minor": 1_005}, "amount_off_step", "Amounts in KWD are multiples of 0.010 KWD."),
        (
            {"price_minor": 50_000_000, "limit_per_buyer": 2},
            "amount_too_large",
            "The largest amount that can be charged is 999999.99 USD.",
        ),
        (
            {"currency": "KWD", "price_min_minor": 1_000, "price_max_minor": 9_000, "suggested_minor": [2_505]},
            "amount_off_step",
            "Amounts in KWD are multiples of 0.010 KWD.",
        ),
    ],
)
def test_a_price_that_cannot_be_charged_is_refused_with_what_can(
    shop: Shop, terms: dict[str, Any], reason: str, words: str
) -> None:
    with shop.merchant() as merchant:
        answer = merchant.post("/v1/merchant/editions", json={"title": "Night Sky", **terms})
    assert (answer.status_code, answer.json()["reason"]) == (422, reason)
    assert words in answer.json()["detail"]
    assert shop.commands("ReleaseEdition") == []


def test_a_buyers_amount_that_cannot_be_charged_is_refused_with_the_step(shop: Shop) -> None:
    bounds = {"price_min_minor": 0, "price_max_minor": 9_000}
    with shop.merchant() as merchant, shop.buyer() as buyer:
        body = {"title": "A hedge", "kind": "gift", "currency": "KWD", "needs_address": False, **bounds}
        edition = merchant.post("/v1/merchant/editions", json=body).json()["edition_id"]
        answer = buyer.post("/v1/orders", json=order_of(edition, price_minor=1_005))
        assert (answer.status_code, answer.json()["reason"]) == (409, "amount_off_step")
        assert answer.json()["type"].endswith("/amount-off-step")
        assert (answer.json()["step_minor"], answer.json()["least_minor"]) == (10, 160)
        assert answer.json()["detail"] == "Amounts in KWD are multiples of 0.010 KWD."


def test_a_refund_is_requested_in_whole_steps(shop: Shop) -> None:
    edition = shop.release(currency="KWD", price_minor=4_500)
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order = ordered(buyer, edition)
        assert paying(buyer, order, payment_method="sandbox_accepted", delivery=DELIVERY).status_code == 202
        comes_to(buyer, order, "confirmed")
        path, key = f"/v1/merchant/orders/{order}/refund", {"Idempotency-Key": "part-1"}
        answer = merchant.post(path, json={"amount_minor": 505, "quantity": 0}, headers=key)
        assert (answer.status_code, answer.json()["reason"], answer.json()["step_minor"]) == (
            409,
            "amount_off_step",
            10,
        )


def test_what_is_free_needs_no_payment_method(shop: Shop) -> None:
    edition = shop.release(**FREE, refund={"by": "buyer"})
    with shop.buyer() as buyer, shop.merchant() as merchant:
        first, second = ordered(buyer, edition, price_minor=0), ordered(buyer, edition, price_minor=0)
        for order in (first, second):
            assert paying(buyer, order).status_code == 202
            comes_to(buyer, order, "confirmed")
        body = buyer.get(f"/v1/orders/{first}").json()
        assert (body["total_minor"], body["paid_minor"], body["receipt_url"]) == (0, 0, None)
        assert buyer.get(f"/orders/{first}/receipt").status_code == 404
        assert body["returnable"]["amount_minor"] == 0
        assert buyer.post(f"/v1/orders/{first}/return", json={"refund_id": "return-1"}).status_code == 202
        comes_to(buyer, first, "refunded")
        assert merchant.post(f"/v1/merchant/orders/{second}/refund", json={"restock": True}).status_code == 202
        comes_to(buyer, second, "refunded")


def test_what_is_free_and_sent_by_post_needs_an_address(shop: Shop) -> None:
    edition = shop.release(**FREE, needs_address=True)
    with shop.buyer() as buyer:
        order = ordered(buyer, edition, price_minor=0)
        assert paying(buyer, order).status_code == 422
        assert paying(buyer, order, delivery={**DELIVERY, "address": None}).status_code == 422
        assert paying(buyer, order, delivery=DELIVERY).status_code == 202
        comes_to(buyer, order, "confirmed")


@pytest.mark.parametrize("least_minor", [0, 4_500])
def test_what_costs_something_needs_a_payment_method(shop: Shop, least_minor: int) -> None:
    edition = shop.release(kind="gift", price_minor=None, price_min_minor=least_minor, price_max_minor=9_000)
    with shop.buyer() as buyer:
        order = ordered(buyer, edition)
        answer = paying(buyer, order)
        assert (answer.status_code, answer.json()["reason"]) == (422, "needs_payment_method")
        assert buyer.get(f"/v1/orders/{order}").json()["state"] == "held"
    assert len(shop.commands("RequestPayment")) == (least_minor == 0)


def test_a_gift_of_nothing_is_not_repeated(shop: Shop) -> None:
    edition = shop.release(**FREE)
    gift = shop.release(kind="gift", price_minor=None, price_min_minor=0, price_max_minor=9_000)
    with shop.buyer() as buyer:
        order = ordered(buyer, shop.release())
        assert paying(buyer, order, payment_method="sandbox_accepted", delivery=DELIVERY, save=True).status_code == 202
        wait_until(lambda: buyer.get("/v1/me").json()["registered"])
        free = ordered(buyer, edition, price_minor=0)
        assert paying(buyer, free, one_tap=True).status_code == 202
        comes_to(buyer, free, "confirmed")
        for amount_minor in (0, 30):
            start = {"gift_id": order_of(gift)["order_id"], "edition_id": gift, "interval_months": 1}
            answer = buyer.post("/v1/gifts", json=start | {"amount_minor": amount_minor})
            assert (answer.status_code, answer.json()["reason"]) == (409, "amount_too_small")


def test_nobody_pays_with_somebody_elses_saved_card(shop: Shop) -> None:
    edition = shop.release()
    with shop.buyer() as anna, shop.buyer() as ben:
        order = ordered(anna, edition)
        assert paying(anna, order, payment_method="sandbox_accepted", delivery=DELIVERY, save=True).status_code == 202
        wait_until(lambda: anna.get("/v1/me").json()["registered"])
        saved = f"{anna.get('/v1/me').json()['buyer_id']}/sandbox_accepted"
        order = ordered(ben, edition)
        for borrowed in (saved, "cus_1/pm_1", "pm_1", "seti_1", "saved", "", "sandbox_accepted\n", "SANDBOX_ACCEPTED"):
            answer = paying(ben, order, payment_method=borrowed, delivery=DELIVERY)
            assert answer.status_code == 422, borrowed
        assert paying(ben, order, one_tap=True).json()["reason"] == "not_registered"
    assert len(shop.commands("RequestPayment")) == 1
