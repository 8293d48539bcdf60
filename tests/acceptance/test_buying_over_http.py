"""What curl would send: the plain way to a paid order, and every kind of bad input. Nothing of the latter reaches the
log unless the log is where it is decided, and PostgreSQL going away for a while is a 503 and no more."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec

from buystream.log import COMMANDS, DEADLETTER, read_all
from buystream.vocabulary.codec import read_command
from buystream.vocabulary.ids import new_buyer_id, new_edition_id, new_order_id
from buystream.wiring.opening import open_database, open_log
from tests.support.browser import HOST, HOST_SECRET, DemoShop

TYPES = "https://buystream.dev/problems/"
DELIVERY = {"name": "Anna Example", "email": "anna@example.org"}


def buyer(shop: DemoShop) -> httpx.Client:
    """A new buyer."""
    token = httpx.post(f"{shop.url}/v1/session", json={}).json()["token"]
    return httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {token}"})


def order_of(edition: str, **fields: Any) -> dict[str, Any]:
    """The body of a valid order with a fresh id."""
    body = {"order_id": new_order_id(edition), "edition_id": edition, "quantity": 1, "price_minor": 3500}
    return {**body, **fields}


def says(answer: httpx.Response, status: int, slug: str) -> None:
    """The answer is this problem, and says what to do."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (TYPES + slug, status)
    assert problem["title"]
    assert len(problem["detail"]) > 10


def on_the_log(shop: DemoShop) -> Counter[str]:
    """How many commands of each name are on the log; every one of them can be read, and none is a dead letter."""
    settings = shop.settings
    seen: Counter[str] = Counter()
    with open_database(settings) as database, open_log(database, settings) as log:
        for partition in range(log.partitions):
            seen.update(type(read_command(record.value).data).__name__ for record in read_all(log, COMMANDS, partition))
            assert not list(read_all(log, DEADLETTER, partition))
    for by_the_clock in ("Tick", "RecordDemand"):
        seen.pop(by_the_clock, None)
    return seen


def test_an_order_from_the_tap_to_the_parcel(demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=3)
    body = order_of(edition, quantity=2)
    with buyer(demo_shop) as anna, demo_shop.merchant("band") as band:
        held = anna.post("/v1/orders", json=body)
        assert (held.status_code, held.json()["state"], held.json()["total_minor"]) == (201, "held", 7000)
        assert anna.post("/v1/orders", json=body).status_code == 200
        details = {"payment_method": "sandbox_accepted", "delivery": DELIVERY, "save": False}
        assert anna.post(f"/v1/orders/{body['order_id']}/payment", json=details).status_code == 202
        assert last_of_stream(anna, body["order_id"])["state"] == "confirmed"
        parcel = {"carrier": "Pigeon Post", "tracking": "PP-1"}
        shipped = band.post(f"/v1/merchant/orders/{body['order_id']}/ship", json=parcel)
        assert (shipped.status_code, shipped.json()["state"]) == (200, "shipped")
        assert "PP-1" in anna.get(f"/v1/orders/{body['order_id']}").json()["tracking"]
    demo_shop.shows(edition, available=1)


def last_of_stream(client: httpx.Client, order_id: str) -> dict[str, Any]:
    """Follow the order until it is paid."""
    with client.stream("GET", f"/v1/orders/{order_id}/stream") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                order: dict[str, Any] = msgspec.json.decode(line[6:])
                if order["state"] == "confirmed":
                    return order
    raise AssertionError("the stream ended before the order was paid")


MALFORMED: dict[str, bytes] = {
    "no JSON": b"order_id=1&quantity=2",
    "half of it": b'{"order_id": "',
    "nothing": b"",
    "not UTF-8": b'{"order_id": "\xff\xfe"}',
}
INVALID: dict[str, dict[str, Any]] = {
    "an unknown field": {"coupon": "FREE"},
    "a quantity below zero": {"quantity": -1},
    "no quantity": {"quantity": 0},
    "a huge quantity": {"quantity": 10**12},
    "half a ticket": {"quantity": 0.5},
    "a quantity as text": {"quantity": "1"},
    "a price below zero": {"price_minor": -3500},
    "a price beyond all money": {"price_minor": 2**63},
    "another edition's id": {"edition_id": new_edition_id(1)},
    "no id at all": {"order_id": ""},
    "too short an id": {"order_id": "ed0-0000000000-abc"},
    "an id with a path in it": {"order_id": "ed0-0000000000-../../../../etc/passwd"},
    "an id with a NUL": {"order_id": "ed0-0000000000-\x00aaaaaaaaaaaaaaaaaaaa"},
    "an id as a list": {"order_id": ["a", "b"]},
}


def test_bad_input_is_a_clear_answer_and_never_on_the_log(demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=3)
    before = on_the_log(demo_shop)
    with buyer(demo_shop) as anna:
        for content in MALFORMED.values():
            says(anna.post("/v1/orders", content=content), 400, "malformed-json")
        for fields in INVALID.values():
            says(anna.post("/v1/orders", json=order_of(edition, **fields)), 422, "invalid")
        for body in ([], "order", 7, [[order_of(edition)]]):
            says(anna.post("/v1/orders", json=body), 422, "invalid")
        says(anna.post("/v1/orders", json=order_of(new_edition_id(1))), 404, "unknown-edition")
        says(anna.post("/v1/orders", content=b" " * 20_000), 413, "too-large")
        says(anna.post("/v1/orders", content=b"[" * 16_000), 422, "invalid")
        says(anna.post("/v1/orders", content=iter([b" " * 9_000] * 3)), 413, "too-large")
    assert on_the_log(demo_shop) == before


def test_what_never_fits_the_sale_is_refused_and_not_kept(demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=3, limit_per_buyer=1)
    before = on_the_log(demo_shop)
    with buyer(demo_shop) as anna:
        for reason, fields in {"wrong_price": {"price_minor": 1}, "over_limit": {"quantity": 2}}.items():
            answer = anna.post("/v1/orders", json=order_of(edition, **fields))
            says(answer, 409, reason.replace("_", "-"))
            assert answer.json()["reason"] == reason
    assert on_the_log(demo_shop) == before
    demo_shop.shows(edition, available=3)


def test_nobody_gets_in_with_something_forged(demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=3)
    with buyer(demo_shop) as anna, buyer(demo_shop) as eve:
        mine = order_of(edition)
        assert anna.post("/v1/orders", json=mine).status_code == 201
        before = on_the_log(demo_shop)
        token = eve.headers["Authorization"].removeprefix("Bearer ")
        version, _, expiry, signature = token.split(".")
        forged = [
            "x",
            "...",
            token[:-1] + ("A" if token[-1] != "A" else "B"),
            f"{version}.{new_buyer_id(4)}.{expiry}.{signature}",
            f"{version}.{token.split('.')[1]}.99999999999.{signature}",
            token + "é",
        ]
        with httpx.Client(base_url=demo_shop.url) as nobody:
            for text in forged:
                bearer = {"Authorization": f"Bearer {text}".encode()}
                says(nobody.post("/v1/orders", json=order_of(edition), headers=bearer), 401, "no-session")
                says(nobody.get("/v1/me", headers=bearer), 401, "no-session")
                cookie = {"Cookie": f"buystream_session={text}".encode()}
                says(nobody.get("/v1/orders", headers=cookie), 401, "no-session")
            for key in ("", "Bearer", "Bearer x", "Basic Zm9vOmJhcg==", f"Bearer {token}"):
                says(nobody.get("/v1/merchant/dashboard", headers={"Authorization": key}), 401, "wrong-key")
        for path in ("", "/stream"):
            says(eve.get(f"/v1/orders/{mine['order_id']}{path}"), 404, "unknown-order")
        with demo_shop.merchant("label") as stranger:
            says(stranger.post(f"/v1/merchant/editions/{edition}/pause"), 404, "unknown-edition")
            says(stranger.post(f"/v1/merchant/orders/{mine['order_id']}/refund", json={}), 404, "unknown-order")
        assert on_the_log(demo_shop) == before
        # Another buyer's order: the log decides, and says no more than that it isn't theirs.
        says(eve.post(f"/v1/orders/{mine['order_id']}/cancel"), 404, "unknown-order")
        details = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
        says(eve.post(f"/v1/orders/{mine['order_id']}/payment", json=details), 404, "unknown-order")
        stolen = eve.post("/v1/orders", json=mine)
        says(stolen, 409, "order-id-conflict")
        assert "held" not in stolen.text
        assert anna.get(f"/v1/orders/{mine['order_id']}").json()["state"] == "held"


def test_a_hosts_token_counts_once(demo_shop: DemoShop) -> None:
    now = int(time.time())
    claims = {"iss": HOST, "sub": "user 7", "aud": "buystream", "exp": now + 60, "jti": f"visit {now}"}

    def session(**changed: Any) -> httpx.Response:
        token = jwt.encode({**claims, **changed}, HOST_SECRET, algorithm="HS256")
        return httpx.post(f"{demo_shop.url}/v1/session", json={"host_token": token})

    first = session()
    assert first.status_code == 200
    says(session(), 401, "token-replayed")
    again = session(jti=f"next visit {now}")
    assert again.json()["buyer_id"] == first.json()["buyer_id"]
    bad: list[dict[str, Any]] = [
        {"exp": now - 10}, {"exp": now + 3600}, {"aud": "another shop"}, {"iss": "stranger.example"},
        {"sub": ""}, {"jti": None}, {"sub": 7},
    ]  # fmt: skip
    for changed in bad:
        says(session(**changed), 401, "bad-host-token")
    unsigned = jwt.encode({**claims, "jti": "another"}, "", algorithm="none")
    says(httpx.post(f"{demo_shop.url}/v1/session", json={"host_token": unsigned}), 401, "bad-host-token")


def test_the_wrong_address_method_or_content_type(demo_shop: DemoShop) -> None:
    edition = demo_shop.on_sale(stock=3)
    before = on_the_log(demo_shop)
    with buyer(demo_shop) as anna:
        for path in ("/v1/nothing", "/v2/orders", "/static/../settings.py", "/static/nothing.js", "/wp-login.php"):
            says(anna.get(path), 404, "not-found")
        says(anna.put("/v1/orders", json={}), 405, "method-not-allowed")
        says(anna.delete(f"/v1/editions/{edition}"), 405, "method-not-allowed")
        says(anna.get(f"/v1/editions/{new_edition_id(2)}"), 404, "unknown-edition")
        says(anna.get("/v1/editions/a%00b"), 400, "ambiguous")
        says(anna.get(f"/v1/orders/{new_order_id(edition)}"), 404, "unknown-order")
        says(anna.post("/v1/orders/nonsense/cancel"), 404, "unknown-order")
        form = {"payment_method": "sandbox_accepted"}
        says(anna.post(f"/v1/orders/{new_order_id(edition)}/payment", data=form), 415, "not-json")
        says(anna.post(f"/v1/orders/{new_order_id(edition)}/payment", content=b"{"), 400, "malformed-json")
        says(anna.post(f"/v1/orders/{new_order_id(edition)}/payment", json={"pay": True}), 422, "invalid")
        says(anna.post(f"/v1/orders/{new_order_id(edition)}/payment", content=b"[" * 16_000), 400, "malformed-json")
        says(anna.post(f"/v1/orders/{new_order_id(edition)}/payment", content=b" " * 20_000), 413, "too-large")
    with demo_shop.merchant("band") as band:
        for terms in (
            {}, {"title": "a\0b", "price_minor": 1}, {"title": "x", "price_minor": -1},
            {"title": "x", "price_minor": 1, "stock": 0},
            {"title": "x", "price_minor": 1, "currency": "XXX"}, {"title": "x" * 300, "price_minor": 1},
            {"title": "x", "price_minor": 1, "price_min_minor": 5, "price_max_minor": 1},
            {"title": "x", "price_minor": 1, "opens_at_ms": 2, "closes_at_ms": 1},
        ):  # fmt: skip
            says(band.post("/v1/merchant/editions", json=terms), 422, "invalid")
        says(band.post(f"/v1/merchant/editions/{edition}/stock", json={"add": 1, "withdraw": 1}), 422, "invalid")
        says(band.get("/v1/merchant/orders?limit=0"), 422, "invalid")
        says(band.get("/v1/merchant/orders?limit=many"), 422, "invalid")
        says(band.get("/v1/merchant/orders?after=a%00b"), 400, "ambiguous")
        for after in ("nonsense", new_order_id(edition)):
            assert band.get(f"/v1/merchant/orders?after={after}").status_code in (200, 404)
    assert on_the_log(demo_shop) == before


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process and its children, stopped for a while."""
    family = [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    for each in family:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in family:
            os.kill(each, signal.SIGCONT)


def test_without_postgresql_it_is_503_and_then_it_continues(demo_shop: DemoShop) -> None:
    """With the log on Kafka, deciding doesn't need PostgreSQL: then buying simply continues."""
    edition = demo_shop.on_sale(stock=3)
    body = order_of(edition)
    with buyer(demo_shop) as anna:
        with frozen(demo_shop.postmaster()):
            away = anna.post("/v1/orders", json=body)
            if demo_shop.settings.is_on_kafka:
                assert away.status_code == 201
            else:
                says(away, 503, "no-decision")
                assert int(away.headers["Retry-After"]) >= 1
            assert anna.get("/healthz").status_code == 200
        answers = [anna.post("/v1/orders", json=body) for _ in range(2)]
        # It may have been decided meanwhile: then both are repeats of the unanswered order.
        assert [answer.status_code for answer in answers] in ([201, 200], [200, 200])
        assert answers[0].json()["state"] == "held"
    demo_shop.shows(edition, available=2)
