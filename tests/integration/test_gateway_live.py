"""One stream for everything that a page watches."""

import json
from collections.abc import Iterator

import httpx
import pytest

from buystream.vocabulary.commands import CancelOrder
from tests.support.shop import Shop, order_of, shop, tell

__all__ = ["shop"]

Told = tuple[str, dict[str, object]]


def told(stream: httpx.Response) -> Iterator[Told]:
    """Each event's name and data."""
    name = ""
    for line in stream.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def test_one_stream_reports_every_board_and_order_that_was_requested(shop: Shop) -> None:
    editions = [shop.release(stock=2) for _ in range(4)]
    with shop.buyer() as buyer:
        orders = [order_of(edition) for edition in editions]
        for order in orders:
            assert buyer.post("/v1/orders", json=order).status_code == 201
        ids = [order["order_id"] for order in orders]
        query = {"edition": ",".join(editions), "order": ",".join(ids)}
        now = buyer.get("/v1/live", params=query).json()
        assert [board["edition_id"] for board in now["boards"]] == editions
        assert [order["order_id"] for order in now["orders"]] == ids
        with buyer.stream("GET", "/v1/live/stream", params=query) as stream:
            assert stream.headers["cache-control"] == "no-store, no-transform"
            events = told(stream)
            first = [next(events) for _ in range(8)]
            assert [name for name, _ in first] == ["board"] * 4 + ["order"] * 4
            buyer.post(f"/v1/orders/{ids[2]}/cancel")
            seen: set[tuple[str, object]] = set()
            while len(seen) < 2:
                name, data = next(events)
                if name == "board" and data["edition_id"] == editions[2] and data["available"] == 2:
                    seen.add(("board", 2))
                if name == "order" and data["order_id"] == ids[2] and data["state"] == "cancelled":
                    seen.add(("order", 2))


def test_missing_subjects_are_reported_beside_the_others(shop: Shop) -> None:
    edition, mine = shop.release(), order_of(shop.release())
    with shop.buyer() as somebody, shop.buyer() as buyer:
        somebody.post("/v1/orders", json=mine)
        query = {"edition": f"{edition},ed0-0000000000", "order": f"{mine['order_id']},nonsense"}
        missing = ["ed0-0000000000", mine["order_id"], "nonsense"]
        assert buyer.get("/v1/live", params=query).json()["missing"] == missing
        with buyer.stream("GET", "/v1/live/stream", params=query) as stream:
            events = told(stream)
            assert [next(events)[1]["id"] for _ in range(3)] == missing
            assert next(events)[1]["edition_id"] == edition


def test_boards_are_public_and_orders_only_their_buyers(shop: Shop) -> None:
    edition, order = shop.release(), order_of(shop.release())["order_id"]
    for path in ("/v1/live", "/v1/live/stream"):
        assert httpx.get(f"{shop.url}{path}", params={"order": order}).status_code == 401
        assert httpx.get(f"{shop.url}{path}", params={"edition": ",".join(["x"] * 51)}).status_code == 422
    assert httpx.get(f"{shop.url}/v1/live", params={"edition": edition}).json()["missing"] == []


def mine_of(taken: int, left: int) -> dict[str, object]:
    """Of a plain edition, which has one variant."""
    counts = {"taken": taken, "left": left}
    return {**counts, "variants": [{"variant_id": "", **counts}]}


def test_a_buyer_sees_how_many_more_the_limit_allows(shop: Shop) -> None:
    edition = shop.release(limit_per_buyer=4)
    mine = f"/v1/editions/{edition}/mine"
    with shop.buyer() as buyer:
        assert buyer.get(mine).json() == mine_of(taken=0, left=4)
        order = order_of(edition, quantity=3)
        buyer.post("/v1/orders", json=order)
        assert buyer.get(mine).json() == mine_of(taken=3, left=1)
        buyer.post(f"/v1/orders/{order['order_id']}/cancel")
        assert buyer.get(mine).json() == mine_of(taken=0, left=4)


@pytest.mark.parametrize("boards", [True, False])
def test_a_stream_shows_no_order_once_its_session_has_ended(shop: Shop, boards: bool) -> None:
    edition = shop.release(stock=2)
    order = order_of(edition)
    order_id = order["order_id"]
    path = f"/v1/live/stream?edition={edition}&order={order_id}" if boards else f"/v1/orders/{order_id}/stream"
    with shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=order).status_code == 201
        buyer_id = buyer.get("/v1/me").json()["buyer_id"]
        with buyer.stream("GET", path) as stream:
            events = told(stream)
            assert [next(events)[0] for _ in range(1 + boards)] == ["board"] * boards + ["order"]
            assert buyer.delete("/v1/session").status_code == 204
            tell(shop.log, CancelOrder(order_id=order_id, buyer_id=buyer_id), order_id)
            if boards:
                news = next(events)
                while news[1].get("available") != 2:
                    assert news[0] == "board"
                    news = next(events)
            else:
                assert list(events) == []
