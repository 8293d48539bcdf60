"""What the API said at some moments of a sale, it says again when it is asked about them, to those who may ask."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from buystream.log import EVENTS
from tests.support.patience import wait_until
from tests.support.shop import DELIVERY, Shop, order_of, shop

__all__ = ["shop"]


def iso(at_ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).isoformat()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def settled(shop: Shop, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """A live answer of a moment at which everything on the log was shown and nothing was added; None if there was no
    such moment."""
    ends = [shop.log.end(EVENTS, partition) for partition in range(2)]
    if any(shop.parts.projected(partition) < end for partition, end in enumerate(ends)):
        return None
    begun_ms = now_ms()
    answer = ask()
    is_quiet = ends == [shop.log.end(EVENTS, partition) for partition in range(2)]
    return answer if is_quiet and answer["as_of_ms"] > begun_ms else None


def test_the_figures_of_a_sale_are_found_again_at_every_moment(shop: Shop) -> None:
    edition_id = shop.release(stock=4, refund={"by": "buyer"})
    kept: list[dict[str, Any]] = []
    paid: list[tuple[httpx.Client, str]] = []
    with shop.merchant() as merchant:

        def live() -> dict[str, Any]:
            board = merchant.get(f"/v1/editions/{edition_id}").json()
            listed = httpx.get(f"{shop.url}/v1/editions").json()["editions"]
            orders = merchant.get("/v1/merchant/orders").json()["orders"]
            seen: dict[str, Any] = merchant.get("/v1/merchant/dashboard").json()
            return {"as_of_ms": seen["as_of_ms"], "dashboard": seen, "board": board, "listed": listed, "orders": orders}

        def keep() -> None:
            time_of = wait_until(lambda: settled(shop, live))
            kept.append(time_of)
            wait_until(lambda: now_ms() > time_of["as_of_ms"])  # what comes next is later

        keep()
        for _ in range(3):
            buyer = shop.buyer()
            order = order_of(edition_id)
            assert buyer.post("/v1/orders", json=order).status_code == 201
            keep()
            path = f"/v1/orders/{order['order_id']}"
            buyer.post(f"{path}/payment", json={"payment_method": "sandbox_accepted", "delivery": DELIVERY})
            wait_until(lambda buyer=buyer, path=path: buyer.get(path).json()["state"] == "confirmed")  # type: ignore[misc]
            keep()
            paid.append((buyer, order["order_id"]))
        buyer, order_id = paid[0]
        assert buyer.post(f"/v1/orders/{order_id}/return", json={}).status_code == 202
        wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == "refunded")
        merchant.post(f"/v1/merchant/editions/{edition_id}/pause")
        keep()
        merchant.post(f"/v1/merchant/editions/{edition_id}/resume")

        revenues = [one["dashboard"]["totals"]["revenue_minor"]["USD"] for one in kept]
        assert revenues == [0, 0, 4500, 4500, 9000, 9000, 13500, 9000]
        for then in kept:
            asked = {"as_of": iso(then["as_of_ms"])}
            assert merchant.get("/v1/merchant/dashboard", params=asked).json() == then["dashboard"]
            board = merchant.get(f"/v1/editions/{edition_id}", params=asked).json()
            assert board == {**then["board"], "as_of_ms": then["as_of_ms"]}
            listed = httpx.get(f"{shop.url}/v1/editions", params=asked).json()
            assert listed == {"editions": then["listed"], "as_of_ms": then["as_of_ms"]}
            past = merchant.get("/v1/merchant/orders", params=asked).json()
            assert (past["orders"], past["as_of_ms"]) == (then["orders"], then["as_of_ms"])

        by_number = {order["order_id"]: order for order in kept[2]["orders"]}
        asked = {"as_of": iso(kept[2]["as_of_ms"])}
        mine = buyer.get(f"/v1/orders/{order_id}", params=asked).json()
        assert (mine["state"], mine["returnable"]["amount_minor"], mine["as_of_ms"]) == (
            *("confirmed", 4500, kept[2]["as_of_ms"]),
        )
        assert by_number[order_id]["state"] == "confirmed"

        # Rights are those of the present, and what an erased buyer took along is gone from the past, too.
        other, _ = paid[1]
        assert problem(other.get(f"/v1/orders/{order_id}", params=asked)) == (404, "unknown-order")
        assert problem(httpx.get(f"{shop.url}/v1/merchant/dashboard", params=asked)) == (401, "wrong-key")
        assert DELIVERY["name"] in json.dumps(merchant.get("/v1/merchant/orders", params=asked).json())
        buyer.delete("/v1/me")
        gone = wait_until(
            lambda: DELIVERY["name"] not in (text := merchant.get("/v1/merchant/orders", params=asked).text) and text
        )
        assert json.loads(gone)["orders"][0]["is_erased"]
        assert problem(buyer.get(f"/v1/orders/{order_id}", params=asked)) == (401, "no-session")

        changes = merchant.get(
            "/v1/merchant/dashboard/changes",
            params={"from": iso(kept[0]["as_of_ms"]), "to": iso(kept[2]["as_of_ms"])},
        ).json()
        totals = {one["field"]: (one["before"], one["after"]) for one in changes["totals"]}
        assert totals["revenue_minor.USD"] == (0, 4500)
        assert (changes["happened"]["OrderPlaced"], changes["happened"]["OrderConfirmed"]) == (1, 1)
        (sale,) = merchant.get("/v1/merchant/dashboard/sales").json()["sales"]
        assert sale["from_ms"] <= kept[1]["as_of_ms"]
        assert sale["to_ms"] > sale["from_ms"]


def test_a_moment_that_is_none_has_an_answer_of_its_own(shop: Shop) -> None:
    edition_id = shop.release()
    board = f"/v1/editions/{edition_id}"
    early = httpx.get(f"{shop.url}/v1/editions", params={"as_of": "2020-01-01T00:00:00Z"}).json()
    assert (early["editions"], early["as_of_ms"]) == ([], 1_577_836_800_000)
    for moment, said in ((iso(now_ms() + 3_600_000), "in-the-future"), ("Friday", "bad-moment")):
        assert problem(httpx.get(f"{shop.url}/v1/editions", params={"as_of": moment})) == (422, said)
    with shop.merchant() as merchant:
        dashboard, orders = "/v1/merchant/dashboard", "/v1/merchant/orders"
        for path in (board, dashboard, orders):
            early = merchant.get(path, params={"as_of": "2020-01-01T00:00:00Z"})
            assert problem(early) == (404, "before-the-first-event")
            assert early.json()["first_at_ms"] <= now_ms()
            late = merchant.get(path, params={"as_of": iso(now_ms() + 3_600_000)})
            assert problem(late) == (422, "in-the-future")
            assert problem(merchant.get(path, params={"as_of": "Friday"})) == (422, "bad-moment")
        assert problem(merchant.get(board, params={"as_of": "2026-01-01T00:00"})) == (422, "bad-moment")
        in_zone = merchant.get(dashboard, params={"as_of": "2020-01-01T00:00"})
        assert problem(in_zone) == (404, "before-the-first-event")
        now = iso(now_ms() - 1)
        backwards = merchant.get("/v1/merchant/dashboard/changes", params={"from": now, "to": now})
        assert problem(backwards) == (422, "bad-period")
    with shop.buyer() as buyer:
        before = iso(now_ms() - 1)
        order = order_of(edition_id)
        assert buyer.post("/v1/orders", json=order).status_code == 201
        placed = buyer.get(f"/v1/orders/{order['order_id']}").json()["placed_at_ms"]
        early = buyer.get(f"/v1/orders/{order['order_id']}", params={"as_of": before})
        assert (problem(early), early.json()["first_at_ms"]) == ((404, "before-the-first-event"), placed)
