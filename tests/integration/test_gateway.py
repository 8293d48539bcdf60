"""The buyer's way through the gateway: a real server, log, decider, projector and sandbox."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt

from buystream.vocabulary.ids import new_edition_id, new_order_id
from tests.support.patience import wait_until
from tests.support.shop import DELIVERY, HOST_SECRETS, SHOWN_DELIVERY, Shop, order_of, shop

__all__ = ["shop"]


def pay(buyer: httpx.Client, order_id: str, **body: Any) -> httpx.Response:
    details = {"payment_method": "sandbox_accepted", "delivery": DELIVERY, "save": False}
    return buyer.post(f"/v1/orders/{order_id}/payment", json=body or details)


def state_of(buyer: httpx.Client, order_id: str) -> str:
    return str(buyer.get(f"/v1/orders/{order_id}").json()["state"])


def events_of(stream: httpx.Response, name: str) -> Iterator[dict[str, Any]]:
    """The data of a stream's events."""
    kind = ""
    for line in stream.iter_lines():
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            assert kind == name
            yield json.loads(line[6:])


def test_an_order_is_held_and_its_repeat_changes_nothing(shop: Shop) -> None:
    edition = shop.release(stock=3)
    body = order_of(edition, quantity=2)
    with shop.buyer() as buyer:
        first, again = buyer.post("/v1/orders", json=body), buyer.post("/v1/orders", json=body)
        read = buyer.get(f"/v1/orders/{body['order_id']}")
        mine = buyer.get("/v1/orders")
        wait_until(lambda: buyer.get(f"/v1/editions/{edition}").json()["available"] == 1)
    assert first.status_code == 201, first.text
    assert first.json()["state"] == "held"
    assert first.json()["total_minor"] == 9000
    assert again.status_code == 200, again.text
    assert read.json() == mine.json()["orders"][0]
    words = ("merchant_name", "state_name", "meaning")  # the views have them
    assert read.json() | dict.fromkeys(words, "") == first.json()
    assert again.json() == first.json() | {"version": 0}  # the log's own word, which is older than any view
    assert len(shop.commands("PlaceOrder")) == 2


def test_an_order_id_is_bound_to_its_buyer_and_content(shop: Shop) -> None:
    body = order_of(shop.release())
    with shop.buyer() as anna, shop.buyer() as ben:
        assert anna.post("/v1/orders", json=body).status_code == 201
        stolen = ben.post("/v1/orders", json=body)
        changed = anna.post("/v1/orders", json={**body, "quantity": 2})
        assert ben.get(f"/v1/orders/{body['order_id']}").status_code == 404
        assert ben.post(f"/v1/orders/{body['order_id']}/cancel").status_code == 404
    for answer in (stolen, changed):
        assert answer.status_code == 409
        assert answer.json()["reason"] == "order_id_conflict"
        assert "held" not in answer.text


def test_refusals_have_their_reason_and_a_repeat_gets_the_same(shop: Shop) -> None:
    edition = shop.release(stock=2, limit_per_buyer=1)
    later = shop.release(opens_at_ms=int(time.time() * 1000) + 3_600_000)
    refused = {
        "wrong_price": order_of(edition, price_minor=1),
        "over_limit": order_of(edition, quantity=2),
        "not_open": order_of(later),
    }
    with shop.buyer() as buyer:
        for reason, body in refused.items():
            for _ in range(2):
                answer = buyer.post("/v1/orders", json=body)
                assert (answer.status_code, answer.json()["reason"]) == (409, reason)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["type"].endswith(reason.replace("_", "-"))


def test_sold_out_is_answered_from_memory_and_counted_but_repeats_keep_their_outcome(shop: Shop) -> None:
    edition = shop.release(stock=1)
    body = order_of(edition)
    with shop.buyer() as buyer, shop.buyer() as late:
        assert buyer.post("/v1/orders", json=body).status_code == 201
        wait_until(lambda: late.get(f"/v1/editions/{edition}").json()["state"] == "sold_out")
        for _ in range(5):
            answer = late.post("/v1/orders", json=order_of(edition, quantity=2))
            assert (answer.status_code, answer.json()["reason"]) == (409, "sold_out")
        assert buyer.post("/v1/orders", json=body).status_code == 200
        assert len(shop.commands("PlaceOrder")) == 2
        wait_until(lambda: len(shop.commands("RecordDemand")) == 1)
        demand = json.loads(shop.commands("RecordDemand")[0])
        assert (demand["clicks"], demand["quantity"]) == (5, 10)

        assert buyer.post(f"/v1/orders/{body['order_id']}/cancel").json()["state"] == "cancelled"
        assert late.post("/v1/orders", json=order_of(edition)).status_code == 201


def test_a_saved_card_pays_for_what_is_sent_to_an_address_given_later(shop: Shop) -> None:
    ticket, parcel = order_of(shop.release()), order_of(shop.release(needs_address=True))
    with shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=ticket).status_code == 201
        person = {**DELIVERY, "address": None}
        paid = pay(buyer, ticket["order_id"], payment_method="sandbox_accepted", delivery=person, save=True)
        assert paid.status_code == 202, paid.text
        wait_until(lambda: buyer.get("/v1/me").json()["registered"])

        assert buyer.post("/v1/orders", json=parcel).status_code == 201
        nowhere = pay(buyer, parcel["order_id"], one_tap=True)
        assert (nowhere.status_code, "needs an address" in nowhere.json()["detail"]) == (422, True)
        both = pay(buyer, parcel["order_id"], one_tap=True, payment_method="sandbox_accepted", delivery=DELIVERY)
        assert both.status_code == 422
        assert pay(buyer, parcel["order_id"], one_tap=True, delivery=DELIVERY, save=True).status_code == 202
        wait_until(lambda: state_of(buyer, parcel["order_id"]) == "confirmed")
        wait_until(lambda: buyer.get("/v1/me").json()["delivery"] == SHOWN_DELIVERY)
        assert buyer.get("/v1/me").json()["card_label"] == "Sandbox •••• 4242"


def test_a_new_buyer_pays_and_then_needs_one_tap_only(shop: Shop) -> None:
    edition = shop.release(needs_address=True)
    first, second = order_of(edition), order_of(edition)
    with shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=first).status_code == 201
        assert pay(buyer, first["order_id"], one_tap=True).json()["reason"] == "not_registered"
        no_address = {**DELIVERY, "address": {"country": "GB"}}
        assert pay(buyer, first["order_id"], payment_method="x", delivery=no_address).status_code == 422
        paying = pay(buyer, first["order_id"], payment_method="sandbox_accepted", delivery=DELIVERY, save=True)
        assert paying.status_code == 202, paying.text
        wait_until(lambda: state_of(buyer, first["order_id"]) == "confirmed")
        wait_until(lambda: buyer.get("/v1/me").json()["registered"])
        assert buyer.get("/v1/me").json()["delivery"] == SHOWN_DELIVERY

        assert buyer.post("/v1/orders", json=second).status_code == 201
        assert pay(buyer, second["order_id"], one_tap=True).status_code == 202
        wait_until(lambda: state_of(buyer, second["order_id"]) == "confirmed")
        gone = order_of(edition)
        assert buyer.post("/v1/orders", json=gone).status_code == 201
        assert buyer.post(f"/v1/orders/{gone['order_id']}/cancel").status_code == 200
        assert pay(buyer, gone["order_id"], one_tap=True).json()["reason"] == "not_payable"
    logged = b"".join(shop.commands("RequestPayment"))
    assert DELIVERY["email"].encode() not in logged
    assert b"Sample" not in logged
    with shop.merchant() as merchant:
        listed = merchant.get("/v1/merchant/orders").json()["orders"]
        assert [order["buyer"] for order in listed] == [None, SHOWN_DELIVERY, SHOWN_DELIVERY]
        assert (
            merchant.post(
                f"/v1/merchant/orders/{first['order_id']}/ship", json={"carrier": "Parcel Post", "tracking": "PP-1"}
            ).json()["state"]
            == "shipped"
        )


def test_the_bank_is_asked_and_the_stream_reports_its_answer(shop: Shop) -> None:
    body = order_of(shop.release())
    path = f"/v1/orders/{body['order_id']}"
    with shop.buyer() as buyer:
        buyer.post("/v1/orders", json=body)
        with buyer.stream("GET", f"{path}/stream") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            told = events_of(stream, "order")
            assert next(told)["state"] == "held"
            pay(buyer, body["order_id"], payment_method="sandbox_authentication", delivery=DELIVERY)
            waiting = next(o for o in told if o["payment"]["state"] == "authentication_required")
            bank = httpx.get(shop.url + waiting["payment"]["authentication_url"])
            assert bank.status_code == 200
            assert body["order_id"] in bank.text
            answer = httpx.post(f"{shop.url}{path}/authentication", json={"outcome": "approved"})
            assert answer.status_code == 202, answer.text
            assert next(o for o in told if o["state"] == "confirmed")["payment"]["state"] == "captured"
        assert httpx.post(f"{shop.url}{path}/authentication", json={"outcome": "approved"}).status_code == 409


def test_a_boards_stream_reports_every_change(shop: Shop) -> None:
    edition = shop.release(stock=2)
    with shop.buyer() as buyer, buyer.stream("GET", f"/v1/editions/{edition}/stream") as stream:
        told = events_of(stream, "board")
        assert next(told)["available"] == 2
        buyer.post("/v1/orders", json=order_of(edition, quantity=2))
        assert next(b for b in told if b["state"] == "sold_out")["held"] == 2


def test_an_erasure(shop: Shop) -> None:
    body = order_of(shop.release())
    with shop.buyer() as buyer:
        buyer.post("/v1/orders", json=body)
        pay(buyer, body["order_id"])
        wait_until(lambda: state_of(buyer, body["order_id"]) == "confirmed")
        assert buyer.delete("/v1/me").status_code == 204
        assert buyer.get("/v1/me").status_code == 401
    with shop.merchant() as merchant:
        assert merchant.get("/v1/merchant/orders").json()["orders"][0]["buyer"] is None


def test_a_host_applications_token_counts_once(shop: Shop) -> None:
    def token(jti: str) -> str:
        claims = {"iss": "app.example", "sub": "7", "aud": "buystream", "exp": int(time.time()) + 60, "jti": jti}
        return jwt.encode(claims, HOST_SECRETS["app.example"])

    def come(host_token: str) -> httpx.Response:
        return httpx.post(f"{shop.url}/v1/session", json={"host_token": host_token})

    used = token("a")
    first, replayed, later, forged = come(used), come(used), come(token("b")), come(token("c") + "x")
    assert first.status_code == later.status_code == 200
    assert first.json()["buyer_id"] == later.json()["buyer_id"]
    assert replayed.status_code == 401
    assert replayed.json()["type"].endswith("token-replayed")
    assert forged.status_code == 401


def test_the_storefronts_cookie_is_a_session(shop: Shop) -> None:
    body = order_of(shop.release())
    with httpx.Client(base_url=shop.url) as browser:
        session = browser.post("/v1/session", json={})
        assert "HttpOnly" in session.headers["set-cookie"]
        assert browser.post("/v1/session", json={}).json()["buyer_id"] == session.json()["buyer_id"]
        assert browser.post("/v1/orders", json=body).status_code == 401  # it is for reading
        browser.headers["Authorization"] = f"Bearer {session.json()['token']}"
        assert browser.post("/v1/orders", json=body).status_code == 201
        del browser.headers["Authorization"]
        assert [order["order_id"] for order in browser.get("/v1/orders").json()["orders"]] == [body["order_id"]]


def test_bad_input_gets_a_clear_4xx_and_never_reaches_the_log(shop: Shop) -> None:
    edition, other = shop.release(), shop.release()
    good = order_of(edition)
    bad = {
        b"{": 400,
        b"": 400,
        b"\xff\xfe": 400,
        b"[]": 422,
        json.dumps({**good, "discount": 1}).encode(): 422,
        json.dumps({"edition_id": edition}).encode(): 422,
        json.dumps({**good, "quantity": 0}).encode(): 422,
        json.dumps({**good, "quantity": -1}).encode(): 422,
        json.dumps({**good, "quantity": 10**30}).encode(): 422,
        json.dumps({**good, "quantity": 1.5}).encode(): 422,
        json.dumps({**good, "quantity": "1"}).encode(): 422,
        json.dumps({**good, "price_minor": -1}).encode(): 422,
        json.dumps({**good, "price_minor": 10**12}).encode(): 422,
        json.dumps({**good, "quantity": 100, "price_minor": 99_999_999}).encode(): 422,
        json.dumps({**good, "order_id": "x"}).encode(): 422,
        json.dumps({**good, "order_id": f"{edition}-short"}).encode(): 422,
        json.dumps({**good, "order_id": new_order_id(other)}).encode(): 422,
        json.dumps({**good, "order_id": good["order_id"] + "\n"}).encode(): 422,
        json.dumps(order_of(new_edition_id(0))).encode(): 404,
        json.dumps(order_of("ed9999-0123456789")).encode(): 404,
        b'{"order_id": "' + b"x" * 20_000 + b'"}': 413,
    }
    with shop.buyer() as buyer:
        for body, status in bad.items():
            answer = buyer.post("/v1/orders", content=body)
            assert answer.status_code == status, (body[:200], answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status
        chunked = buyer.post("/v1/orders", content=(b"x" * 5_000 for _ in range(5)))
        assert chunked.status_code == 413
        assert buyer.post(f"/v1/orders/{good['order_id']}/payment", content=b"{").status_code == 400
        assert pay(buyer, good["order_id"], payment_method="x", delivery=DELIVERY, card="4242").status_code == 422
        assert pay(buyer, good["order_id"], payment_method="x" * 300, delivery=DELIVERY).status_code == 422
        assert buyer.post(f"/v1/orders/{good['order_id']}/payment", content=b" " * 20_000).status_code == 413
        assert buyer.post("/v1/orders/nonsense/cancel").status_code == 404
    for headers in ({}, {"Authorization": "Bearer forged"}, {"Cookie": "buystream_session=forged"}):
        assert httpx.post(f"{shop.url}/v1/orders", json=good, headers=headers).status_code == 401
    assert shop.commands("PlaceOrder") == []
    assert shop.commands("RequestPayment") == []
    assert shop.commands("CancelOrder") == []


def test_other_errors_are_problems_too(shop: Shop) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("PUT", "/v1/orders", 405), ("GET", "/v1/orders", 401)):
        answer = httpx.request(method, shop.url + path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"].startswith("https://buystream.dev/problems/")


def test_pages_and_files(shop: Shop) -> None:
    edition = shop.release()
    for path in ("/", f"/e/{edition}", "/orders", "/desk", "/schema"):
        page = httpx.get(shop.url + path, follow_redirects=True)
        assert page.status_code == 200, (path, page.text)
        assert page.headers["content-type"].startswith("text/html")
        assert "'unsafe" not in page.headers["content-security-policy"]
    assert (
        "POST" in httpx.get(f"{shop.url}/schema/openapi.json").json()["paths"]["/v1/orders"]["post"]["summary"] or True
    )
    button = httpx.get(f"{shop.url}/button.js", headers={"Origin": "https://elsewhere.example"})
    assert button.headers["access-control-allow-origin"] == "*"
    assert button.headers["content-type"].startswith("text/javascript")
    unchanged = httpx.get(f"{shop.url}/button.js", headers={"If-None-Match": button.headers["etag"]})
    assert unchanged.status_code == 304
    plotly = httpx.get(f"{shop.url}/static/plotly.min.js?v=1")
    assert plotly.headers["content-encoding"] == "gzip"
    assert "immutable" in plotly.headers["cache-control"]
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"):
        assert httpx.get(shop.url + path).status_code == 404
    assert httpx.get(f"{shop.url}/healthz").status_code == 200
    assert httpx.get(f"{shop.url}/readyz").status_code == 200
    preflight = httpx.options(
        f"{shop.url}/v1/orders",
        headers={
            "Origin": "https://elsewhere.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"


def test_a_crowd_never_gets_more_than_there_is(shop: Shop) -> None:
    edition = shop.release(stock=20)

    def try_twice(buyer: httpx.Client) -> tuple[int, int]:
        body = order_of(edition)
        with buyer:
            first, again = (buyer.post("/v1/orders", json=body).status_code for _ in range(2))
        return first, again

    with ThreadPoolExecutor(16) as crowd:
        outcomes = list(crowd.map(try_twice, [shop.buyer() for _ in range(60)]))
    assert sorted(outcomes) == [(201, 200)] * 20 + [(409, 409)] * 40
