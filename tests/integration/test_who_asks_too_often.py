"""Limits by session and by network, over HTTP: failures, unpaid holds and streams."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import jwt

from buystream.limits import Limits
from buystream.vocabulary.ids import new_order_id, recurring_order_id
from tests.support.shop import (
    DELIVERY,
    HOST_SECRETS,
    Shop,
    order_of,
    register_merchant,
    shop,
    shop_at_work,
    wait_until,
)

__all__ = ["shop"]

FROM = {"X-Forwarded-For": "203.0.113.9"}
ELSEWHERE = {"X-Forwarded-For": "203.0.113.10"}


def slug(answer: httpx.Response) -> str:
    if answer.status_code == 429:
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"].startswith("application/problem+json")
    return str(answer.json()["type"].rpartition("/")[2])


def test_two_hundred_wrong_keys_from_one_network_are_stopped(shop: Shop) -> None:
    with httpx.Client(base_url=shop.url) as guesser, shop.merchant() as merchant:
        statuses = [
            guesser.get("/v1/merchant", headers={"Authorization": f"Bearer guess-{number}", **FROM}).status_code
            for number in range(200)
        ]
        assert statuses == [401] * 20 + [429] * 180
        assert merchant.get("/v1/merchant", headers=FROM).status_code == 200
        assert guesser.get("/v1/merchant", headers={"Authorization": "Bearer x", **ELSEWHERE}).status_code == 401


def test_thirty_declines_of_one_session_are_stopped(shop: Shop) -> None:
    edition = shop.release(stock=100, limit_per_buyer=100)
    paying = {"payment_method": "sandbox_declined", "delivery": DELIVERY}
    slugs = []
    with shop.buyer() as buyer:
        for _ in range(30):
            order = order_of(edition)
            buyer.post("/v1/orders", json=order).raise_for_status()
            answer = buyer.post(f"/v1/orders/{order['order_id']}/payment", json=paying)
            slugs.append("paying" if answer.status_code == 202 else slug(answer))
    assert slugs[:10] == ["paying"] * 10
    assert slugs.count("too-many-requests") >= 15


def test_declines_of_many_sessions_of_one_network_are_stopped(shop_database_url: str) -> None:
    limits = Limits(network_declines=3)
    with shop_at_work(shop_database_url, limits=limits) as shop:
        register_merchant(shop)
        edition = shop.release(stock=100)
        paying = {"payment_method": "sandbox_declined", "delivery": DELIVERY}

        def is_stopped(where: dict[str, str]) -> bool:
            order = order_of(edition)
            with shop.buyer() as buyer:
                buyer.post("/v1/orders", json=order).raise_for_status()
                path = f"/v1/orders/{order['order_id']}"
                answer = buyer.post(f"{path}/payment", json=paying, headers=where)
                if answer.status_code == 202:
                    wait_until(lambda: buyer.get(path).json()["payment"]["state"] == "declined")
                return answer.status_code == 429

        assert [is_stopped(FROM) for _ in range(5)] == [False, False, False, True, True]
        assert not is_stopped(ELSEWHERE)


def test_a_card_is_not_tried_by_gifts_either(shop_database_url: str) -> None:
    """A gift that starts is an order and its payment."""
    with shop_at_work(shop_database_url, limits=Limits(network_declines=3)) as shop:
        register_merchant(shop)
        edition = shop.release(kind="gift", stock=None, limit_per_buyer=100)

        def give(buyer: httpx.Client, card: str, where: dict[str, str]) -> tuple[httpx.Response, dict[str, Any]]:
            gift = {"gift_id": new_order_id(edition), "edition_id": edition, "amount_minor": 4500, "interval_months": 1}
            gift |= {"one_tap": False, "payment_method": card, "delivery": DELIVERY}
            return buyer.post("/v1/gifts", json=gift, headers=where), gift

        def is_stopped(where: dict[str, str]) -> bool:
            with shop.buyer() as buyer:
                answer, gift = give(buyer, "sandbox_declined", where)
                if answer.status_code == 201:
                    path = f"/v1/orders/{recurring_order_id(gift['gift_id'], 1)}"
                    wait_until(lambda: buyer.get(path).json()["payment"]["state"] == "declined")
                    assert buyer.post("/v1/gifts", json=gift, headers=where).status_code == 200, (
                        "a repeat begins nothing"
                    )
                return answer.status_code == 429

        assert [is_stopped(FROM) for _ in range(5)] == [False, False, False, True, True]


def test_twenty_five_fresh_sessions_hold_half_of_an_edition_and_the_rest_is_sold_to_others(shop: Shop) -> None:
    edition = shop.release(stock=100, limit_per_buyer=4)
    answers = []
    for _ in range(25):
        with shop.buyer() as buyer:
            answers.append(buyer.post("/v1/orders", json=order_of(edition, quantity=4), headers=FROM))
    assert [answer.status_code for answer in answers] == [201] * 12 + [429] * 13
    assert slug(answers[-1]) == "too-many-holds"
    with shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=order_of(edition, quantity=4), headers=ELSEWHERE).status_code == 201
        first = json.loads(answers[0].request.content)["order_id"]
        session = {"Authorization": answers[0].request.headers["authorization"]}
        paying = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
        httpx.post(f"{shop.url}/v1/orders/{first}/payment", json=paying, headers=session).raise_for_status()
    with shop.buyer() as late:
        wait_until(lambda: late.post("/v1/orders", json=order_of(edition, quantity=4), headers=FROM).status_code == 201)


def test_an_edition_may_demand_buyers_that_a_host_vouches_for(shop: Shop) -> None:
    edition = shop.release(vouched_only=True)
    claims = {"iss": "app.example", "sub": "7", "aud": "buystream", "exp": int(time.time()) + 120, "jti": "once"}
    host_token = jwt.encode(claims, HOST_SECRETS["app.example"])
    session = httpx.post(f"{shop.url}/v1/session", json={"host_token": host_token}).json()["token"]
    with shop.buyer() as stranger:
        refused = stranger.post("/v1/orders", json=order_of(edition))
        assert (refused.status_code, slug(refused)) == (409, "not-vouched")
        assert stranger.get(f"/v1/editions/{edition}").json()["vouched_only"] is True
    member = {"Authorization": f"Bearer {session}"}
    assert httpx.post(f"{shop.url}/v1/orders", json=order_of(edition), headers=member).status_code == 201


def test_four_hundred_streams_of_one_client_are_bounded(shop_database_url: str) -> None:
    with shop_at_work(shop_database_url, limits=Limits(network_streams=5, session_streams=3)) as shop:
        register_merchant(shop)
        path = f"{shop.url}/v1/editions/{shop.release()}/stream"

        kept: list[Iterator[str]] = []

        def statuses(headers: dict[str, str], count: int, stack: ExitStack) -> list[int]:
            found: list[int] = []
            for _ in range(count):
                stream = stack.enter_context(httpx.stream("GET", path, headers=headers))
                found.append(stream.status_code)
                if stream.status_code == 200:
                    lines = stream.iter_lines()
                    next(lines)
                    kept.append(lines)  # httpx closes the connection of an iterator that is thrown away
            return found

        with shop.buyer() as buyer:
            known = {"Authorization": buyer.headers["Authorization"]}
        with ExitStack() as stack:
            assert statuses({**known, **ELSEWHERE}, 5, stack) == [200] * 3 + [429] * 2
            assert statuses(FROM, 20, stack) == [200] * 5 + [429] * 15
        wait_until(lambda: httpx.stream("GET", path, headers=FROM).__enter__().status_code == 200)


def test_orders_of_one_session_are_limited(shop_database_url: str) -> None:
    with shop_at_work(shop_database_url, limits=Limits(session_orders_per_minute=5)) as shop, shop.buyer() as buyer:
        register_merchant(shop)
        edition = shop.release(stock=100, limit_per_buyer=100)
        answers = [buyer.post("/v1/orders", json=order_of(edition)) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 2
        assert slug(answers[-1]) == "too-many-requests"
