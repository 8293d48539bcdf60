"""Who may change what: no page of another origin by the cookie, no session after its end. Over real sockets."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from litestar.routes import HTTPRoute

from buystream.gateway.app import _framework
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.sessions import COOKIE
from buystream.log import COMMANDS
from buystream.vocabulary import codec
from tests.support.shop import (
    DELIVERY,
    HOST_SECRETS,
    Shop,
    gateway_at_work,
    order_of,
    register_merchant,
    shop,
    shop_at_work,
    wait_until,
)

__all__ = ["shop"]

SIBLING = "https://blog.shop.example"
UNSUBSCRIBE = "/mail/unsubscribe/{token:str}"
WITHOUT_A_BUYER = {
    *("/v1/session", "/v1/host/logout", "/v1/webhooks/stripe", "/v1/orders/{order_id:str}/authentication"),
    *("/v1/orders/find", UNSUBSCRIBE, "/v1/address-checks", "/v1/licences/check", "/v1/licences/deactivate"),
    *("/v1/desk/link", "/v1/desk/session", "/v1/desk/passkey", "/v1/desk/passkey/options", "/v1/impressions"),
}
"""Routes that change something for a signed token, a signed notification, or an id or key that nobody can guess; those
that mail a link to an address, or check an address; those that sign in, and the one that counts who saw a button."""
FILE = "/v1/merchant/editions/{edition_id:str}/files/{name:str}"
PICTURE = "/v1/merchant/pictures"
"""Their bodies are files, which only an Authorization header may bring."""


def routes(shop: Shop) -> list[tuple[str, str]]:
    """Method and path of everything that changes something, with its parameters filled in."""
    return [("POST", "/v1/orders")] + [
        (method, route.path)
        for route in _framework(Gateway(shop.parts)).routes
        if isinstance(route, HTTPRoute)
        for method in sorted(route.methods - {"GET", "HEAD", "OPTIONS"})
    ]


def filled(path: str) -> str:
    return "/".join(
        ("1" if part.endswith(":int}") else "x") if part.startswith("{") else part for part in path.split("/")
    )


def signed(sub: str = "7", **claims: Any) -> str:
    said = {"iss": "app.example", "sub": sub, "aud": "buystream", "exp": int(time.time()) + 60}
    return jwt.encode({**said, "jti": str(time.time_ns()), **claims}, HOST_SECRETS["app.example"])


@pytest.fixture
def browser(shop: Shop) -> Iterator[httpx.Client]:
    """A browser with the shop's cookie."""
    with httpx.Client(base_url=shop.url) as client:
        assert client.post("/v1/session", json={}).status_code == 200
        assert client.cookies.get(COOKIE)
        yield client


def test_nothing_can_be_changed_by_the_cookie_on_any_route(shop: Shop, browser: httpx.Client) -> None:
    every = routes(shop)
    assert len(every) > 20
    for method, path in every:
        if path in WITHOUT_A_BUYER:
            continue
        answer = browser.request(method, filled(path), json={})
        is_file = path == PICTURE or (method, path) == ("PUT", FILE)
        assert answer.status_code == (415 if is_file else 401), (method, path, answer.text)


def test_nothing_that_a_form_can_send_is_taken_on_any_route(shop: Shop, browser: httpx.Client) -> None:
    token = browser.post("/v1/session", json={}).json()["token"]
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None)
    for method, path in routes(shop):
        for kind in kinds:
            # Only JSON needs no name, and only beside a header that no form can send.
            headers = {"Authorization": f"Bearer {token}", "Content-Type": kind} if kind else {}
            if (not kind and path == "/v1/webhooks/stripe") or path in (UNSUBSCRIBE, FILE, PICTURE):
                continue  # its body is signed, or its address, or needs a merchant's key
            answer = browser.request(method, filled(path), content=b'{"host_token": "x"}', headers=headers)
            assert answer.status_code == 415, (method, path, kind, answer.text)
            assert answer.json()["type"].endswith("not-json")


@pytest.mark.parametrize("origin", [SIBLING, "null", "http://localhost", "https://127.0.0.1.example"])
def test_a_foreign_origin_with_a_cookie_is_refused_on_any_route(shop: Shop, browser: httpx.Client, origin: str) -> None:
    reading = [("GET", "/v1/orders"), ("GET", "/v1/me"), ("GET", "/orders"), ("GET", "/v1/editions")]
    for method, path in routes(shop) + reading:
        answer = browser.request(method, filled(path), headers={"Origin": origin})
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["type"].endswith("foreign-origin")


def test_the_shops_own_origin_reads_by_the_cookie_and_continues_its_session(shop: Shop, browser: httpx.Client) -> None:
    own = {"Origin": shop.url}
    buyer = browser.post("/v1/session", json={}, headers=own).json()["buyer_id"]
    assert browser.get("/v1/me", headers=own).json()["buyer_id"] == buyer
    assert browser.post("/v1/session", json={}, headers=own).json()["buyer_id"] == buyer


def test_another_origin_buys_by_its_bearer_token_but_sees_and_uses_nothing_that_was_saved(shop: Shop) -> None:
    body = order_of(shop.release())
    with shop.buyer() as buyer:
        buyer.headers["Origin"] = SIBLING
        assert "set-cookie" not in buyer.post("/v1/session", json={}).headers
        assert buyer.post("/v1/orders", json=body).status_code == 201
        pay = f"/v1/orders/{body['order_id']}/payment"
        gift = {"gift_id": body["order_id"], "edition_id": body["edition_id"], "amount_minor": 1, "interval_months": 1}
        for answer in (
            buyer.get("/v1/me"),
            buyer.post(pay, json={"one_tap": True}),
            buyer.post("/v1/gifts", json=gift),
            buyer.post("/v1/session/link"),
            buyer.post("/v1/session", json={"host_token": signed()}),
        ):
            assert answer.status_code == 403, answer.text
        details = {"payment_method": "sandbox_accepted", "delivery": DELIVERY, "save": True}
        assert buyer.post(pay, json=details).status_code == 202


def test_on_https_the_cookie_is_of_this_host_alone(shop_database_url: str) -> None:
    with shop_at_work(shop_database_url, public_url="https://shop.example") as shop:
        register_merchant(shop)
        session = httpx.post(f"{shop.url}/v1/session", json={})
        name, _, rest = session.headers["set-cookie"].partition("=")
        assert name == f"__Host-{COOKIE}"
        assert "Path=/" in rest
        assert "Secure" in rest
        assert "Domain" not in rest
        token = session.json()["token"]
        for cookie, status in ((f"__Host-{COOKIE}={token}", 200), (f"{COOKIE}={token}", 401)):
            assert httpx.get(f"{shop.url}/v1/me", headers={"Cookie": cookie}).status_code == status


def test_a_log_out_ends_the_session_everywhere(shop: Shop) -> None:
    with shop.buyer() as buyer:
        again = buyer.post("/v1/session", json={}).json()["token"]
        assert buyer.delete("/v1/session").status_code == 204
        for bearer in (buyer.headers["Authorization"], f"Bearer {again}"):
            headers = {"Authorization": bearer}
            assert buyer.get("/v1/orders", headers=headers).json()["type"].endswith("no-session")
            # Never a silent start as another buyer.
            assert buyer.post("/v1/session", json={}, headers=headers).status_code == 401
            assert buyer.post("/v1/orders", json=order_of(shop.release()), headers=headers).status_code == 401


def test_a_hosts_log_out_ends_its_users_sessions_and_nobody_elses(shop: Shop) -> None:
    def come(sub: str) -> dict[str, str]:
        answer = httpx.post(f"{shop.url}/v1/session", json={"host_token": signed(sub)})
        assert "set-cookie" not in answer.headers
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    anna, ben = come("anna"), come("ben")
    assert httpx.get(f"{shop.url}/v1/me", headers=anna).status_code == 200
    token = {"host_token": signed("anna")}
    assert httpx.post(f"{shop.url}/v1/host/logout", json=token).status_code == 204
    assert httpx.post(f"{shop.url}/v1/host/logout", json=token).json()["type"].endswith("token-replayed")
    assert httpx.get(f"{shop.url}/v1/me", headers=anna).status_code == 401
    assert httpx.get(f"{shop.url}/v1/me", headers=ben).status_code == 200
    assert httpx.get(f"{shop.url}/v1/me", headers=come("anna")).status_code == 200


def test_what_a_hosts_user_asks_is_on_the_log_as_asked_by_the_host_for_its_user(shop: Shop) -> None:
    came = httpx.post(f"{shop.url}/v1/session", json={"host_token": signed("anna")}).json()
    order = order_of(shop.release(vouched_only=True))
    with httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {came['token']}"}) as anna:
        assert anna.post("/v1/orders", json=order).status_code == 201
        link = anna.post("/v1/session/link", json={}).json()
        code = link["url"].rpartition("#")[2].rpartition("=")[2]
        continued = httpx.post(f"{shop.url}/v1/session", json={"link_code": code}).json()
        assert continued["buyer_id"] == came["buyer_id"]
        anna.headers["Authorization"] = f"Bearer {continued['token']}"
        assert anna.post(f"/v1/orders/{order['order_id']}/cancel").status_code == 200
    asked = [
        codec.read_command(record.value)
        for partition in range(shop.log.partitions)
        for record in shop.log.read(COMMANDS, partition, 0, 10_000)
    ]
    actors = {type(one.data).__name__: one.actor for one in asked}
    assert {actors["PlaceOrder"], actors["CancelOrder"]} == {f"app:app.example/buyer:{came['buyer_id']}"}


def test_another_gateway_knows_of_a_log_out_too_and_so_does_one_that_starts_later(shop: Shop) -> None:
    with shop.buyer() as buyer, gateway_at_work(shop.parts) as other:
        headers = dict(buyer.headers)
        assert httpx.get(f"{other}/v1/me", headers=headers).status_code == 200
        buyer.delete("/v1/session")
        wait_until(lambda: httpx.get(f"{other}/v1/me", headers=headers).status_code == 401)
        with gateway_at_work(shop.parts) as later:
            assert httpx.get(f"{later}/v1/me", headers=headers).status_code == 401


def test_a_link_takes_the_session_to_another_browser_once(shop: Shop) -> None:
    with shop.buyer() as buyer:
        link = buyer.post("/v1/session/link")
        assert link.status_code == 201
        url, code = link.json()["url"].split("#")
        assert url == "http://127.0.0.1/continue"
        first, second = (httpx.post(f"{shop.url}/v1/session", json={"link_code": code}) for _ in range(2))
        assert first.json()["buyer_id"] == buyer.get("/v1/me").json()["buyer_id"]
        assert second.json()["type"].endswith("bad-link")
        # A link is no token, and a token is no link.
        assert buyer.get("/v1/orders", headers={"Authorization": f"Bearer {code}"}).status_code == 401
        token = buyer.headers["Authorization"].removeprefix("Bearer ")
        for made_up in (token, code + "x", "l", "", f"ls.{code}"):
            answer = httpx.post(f"{shop.url}/v1/session", json={"link_code": made_up})
            assert answer.json()["type"].endswith("bad-link"), made_up
