"""Codes over HTTP: created, looked up, used with an order or for a held one, and downloaded."""

import csv
import io
from typing import Any

import httpx
import pytest

from tests.support.patience import wait_until
from tests.support.shop import DELIVERY, Shop, lasting_shop, order_of

__all__ = ["lasting_shop"]

CODE = {"label": "Early friends", "code": "Early-Friends", "share_bps": 2000}


def created(shop: Shop, edition: str, **changes: Any) -> dict[str, Any]:
    """A code as its merchant sees it."""
    with shop.merchant() as merchant:
        answer = merchant.post(f"/v1/merchant/editions/{edition}/codes", json=CODE | changes)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def codes_of(shop: Shop, edition: str) -> list[dict[str, Any]]:
    """All codes of the edition as its merchant sees them."""
    with shop.merchant() as merchant:
        return list(merchant.get(f"/v1/merchant/editions/{edition}/codes").json()["codes"])


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and reason."""
    return answer.status_code, answer.json()["reason"]


def test_an_order_with_a_code_costs_less_and_its_receipt_says_so(lasting_shop: Shop) -> None:
    shop = lasting_shop
    edition = shop.release()
    code = created(shop, edition, uses_max=1)
    assert (code["code"], code["count"], code["held"]) == ("EARLY-FRIENDS", None, 0)
    with shop.buyer() as buyer, shop.buyer() as other:
        wait_until(lambda: buyer.get(f"/v1/editions/{edition}").json()["takes_codes"])
        given = buyer.post(f"/v1/editions/{edition}/code", json={"code": "early friends"}).json()
        assert (given["label"], given["share_bps"], given["opens"]) == ("Early friends", 2000, [])
        order = order_of(edition, code="early-friends", discount_minor=900)
        placed = buyer.post("/v1/orders", json=order)
        assert placed.status_code == 201, placed.text
        discount = {"code_id": code["code_id"], "label": "Early friends", "amount_minor": 900, "by_line_minor": [900]}
        assert (placed.json()["total_minor"], placed.json()["discount"]) == (3600, discount)
        again = other.post("/v1/orders", json=order_of(edition, code="EARLYFRIENDS"))
        assert refusal(again) == (409, "code_used_up")
        looked_up = other.post(f"/v1/editions/{edition}/code", json={"code": "early-friends"})
        assert refusal(looked_up) == (409, "code_used_up")
        path = f"/v1/orders/{order['order_id']}"
        assert refusal(buyer.post(f"{path}/code", json={"code": "none"})) == (409, "unknown_code")
        buyer.post(f"{path}/payment", json={"payment_method": "sandbox_accepted", "delivery": DELIVERY})
        paid = wait_until(lambda: (body := buyer.get(path).json())["state"] == "confirmed" and body)
        assert (paid["paid_minor"], paid["total_minor"], paid["lines"][0]["discount_minor"]) == (3600, 3600, 900)
        receipt = buyer.get(f"{path}/receipt").json()
        assert (receipt["gross_minor"], receipt["discount"]["amount_minor"]) == (3600, 900)
        page = buyer.get(f"/orders/{order['order_id']}/receipt").text
        assert "Early friends" in page
        assert "-9.00" in page
    (code,) = codes_of(shop, edition)
    assert (code["held"], code["paid"], code["discount_minor"]) == (0, 1, 900)


def test_a_held_order_gets_a_code_and_a_disabled_one_gives_nothing(lasting_shop: Shop) -> None:
    shop = lasting_shop
    edition = shop.release()
    code = created(shop, edition)
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order = order_of(edition)
        buyer.post("/v1/orders", json=order)
        path = f"/v1/orders/{order['order_id']}/code"
        assert buyer.post(path, json={"code": "early friends"}).json()["total_minor"] == 3600
        named = f"/v1/merchant/editions/{edition}/codes/{code['code_id']}"
        assert merchant.put(named, json={"disabled": True}).json()["disabled"]
        assert merchant.put(f"{named}x", json={"disabled": True}).status_code == 404
        other = order_of(edition)
        buyer.post("/v1/orders", json=other)
        asked = buyer.post(f"/v1/orders/{other['order_id']}/code", json={"code": "early friends"})
        assert refusal(asked) == (409, "code_expired")


def test_single_use_codes_are_downloaded_and_used_once(lasting_shop: Shop) -> None:
    shop = lasting_shop
    edition = shop.release()
    series = created(shop, edition, code=None, count=3, prefix="friend")
    path = f"/v1/merchant/editions/{edition}/codes/{series['code_id']}/codes.csv"
    with shop.merchant() as merchant, shop.buyer() as buyer, shop.buyer() as other:
        rows = list(csv.reader(io.StringIO(merchant.get(path).content.decode("utf-8-sig"))))
        assert [row[1] for row in rows] == ["State", "unused", "unused", "unused"]
        codes = [row[0] for row in rows[1:]]
        assert all(code.startswith("FRIEND-") for code in codes)
        placed = buyer.post("/v1/orders", json=order_of(edition, code=codes[1].lower()))
        assert placed.json()["total_minor"] == 3600
        refused = other.post("/v1/orders", json=order_of(edition, code=codes[1]))
        assert refusal(refused) == (409, "code_used_up")
        assert other.post("/v1/orders", json=order_of(edition, code=codes[2])).status_code == 201
        buyer.post(f"/v1/orders/{placed.json()['order_id']}/cancel")
        assert other.post("/v1/orders", json=order_of(edition, code=codes[1])).status_code == 201
        kept = wait_until(lambda: (text := merchant.get(path).text).count("held") == 2 and text)
        assert kept.count("unused") == 1


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"count": 3}, 422),
        ({"code": None}, 422),
        ({"code": "x"}, 422),
        ({"share_bps": 10_001}, 422),
        ({"share_bps": 0}, 409),
        ({"variants": ["none"]}, 409),
        ({"label": " "}, 422),
    ],
)
def test_a_code_that_makes_no_sense_is_refused(lasting_shop: Shop, wish: dict[str, Any], status: int) -> None:
    edition = lasting_shop.release()
    with lasting_shop.merchant() as merchant:
        answer = merchant.post(f"/v1/merchant/editions/{edition}/codes", json=CODE | wish)
    assert answer.status_code == status, answer.text


def test_a_price_for_a_while_is_shown_and_decided(lasting_shop: Shop) -> None:
    shop = lasting_shop
    edition = shop.release()
    with shop.merchant() as merchant, shop.buyer() as buyer:
        path = f"/v1/merchant/editions/{edition}/price-tiers"
        tiers = [{"price_minor": 2000, "units": 2}, {"price_minor": 3000, "until_ms": 4_000_000_000_000}]
        board = merchant.put(path, json={"tiers": tiers}).json()
        assert (board["price_minor"], board["variants"][0]["left_at_price"]) == (2000, 2)
        assert board["variants"][0]["full_price_minor"] == 4500
        assert refusal(buyer.post("/v1/orders", json=order_of(edition))) == (409, "wrong_price")
        many = buyer.post("/v1/orders", json=order_of(edition, price_minor=2000, quantity=3))
        assert (*refusal(many), many.json()["available"]) == (409, "few_at_this_price", 2)
        assert buyer.post("/v1/orders", json=order_of(edition, price_minor=2000, quantity=2)).status_code == 201
        read = f"/v1/editions/{edition}"
        shown = wait_until(lambda: (board := buyer.get(read).json())["price_minor"] == 3000 and board)
        assert (shown["price_min_minor"], shown["variants"][0]["price_until_ms"]) == (3000, 4_000_000_000_000)
        assert merchant.put(path, json={"tiers": [{"price_minor": 2000}]}).json()["reason"] == "bad_tiers"
        assert merchant.put(path, json={"tiers": []}).json()["price_minor"] == 4500
        assert buyer.post("/v1/orders", json=order_of(edition)).status_code == 201


def test_who_guesses_codes_has_to_wait(lasting_shop: Shop) -> None:
    """The last test of this shop: all of its buyers are in one network."""
    edition = lasting_shop.release()
    with lasting_shop.buyer() as buyer:
        path = f"/v1/editions/{edition}/code"
        answers = [buyer.post(path, json={"code": f"guess {number}"}).status_code for number in range(100)]
        assert (answers[0], answers[-1]) == (409, 429)
        limited = buyer.post("/v1/orders", json=order_of(edition, code="guess"))
        assert limited.status_code == 429
        assert int(limited.headers["Retry-After"]) > 0
        assert buyer.post("/v1/orders", json=order_of(edition)).status_code == 201
