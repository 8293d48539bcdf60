"""Webhooks and the feed from a shop at work: real log, database, gateway and receivers; only the clock is ours."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from buystream.consumers.webhooks.calling import WebhookCaller
from buystream.consumers.webhooks.role import Webhooks, wall_clock_ms
from buystream.database import one_transaction
from buystream.host.workers import Workers
from buystream.vocabulary.ids import new_order_id
from tests.support.patience import wait_until
from tests.support.ports import reserved_port
from tests.support.receivers import Received, Receiver, receiving
from tests.support.shop import DELIVERY, SECRET, Shop, order_of, register_merchant, shop_at_work

PRIVATE = (DELIVERY["email"], DELIVERY["address"]["street"][0], "payment_method", "device")


class Clock:
    """The wall clock, and what was added to it."""

    ahead_ms = 0

    def __call__(self) -> int:
        """Now."""
        return wall_clock_ms() + self.ahead_ms


clock = Clock()


@contextmanager
def sending(shop: Shop) -> Iterator[None]:
    """The role at work."""
    workers = Workers()
    role = Webhooks(shop.log, dsn=shop.dsn, root=SECRET, caller=WebhookCaller(to_loopback=True), clock_ms=clock)
    workers.start("webhooks", role.run)
    try:
        yield
        assert workers.problem is None
    finally:
        workers.stop()


@pytest.fixture(scope="module")
def inside() -> int:
    """The port of the gateway's metrics."""
    return reserved_port()


@pytest.fixture(scope="module")
def shop(module_shop_database_url: str, inside: int) -> Iterator[Shop]:
    metrics_at = ("127.0.0.1", inside)
    with shop_at_work(module_shop_database_url, webhooks_to_loopback=True, metrics_at=metrics_at) as running:
        register_merchant(running)
        with sending(running):
            yield running


@pytest.fixture
def desk(shop: Shop) -> Iterator[httpx.Client]:
    with shop.merchant() as client:
        yield client
        for endpoint in client.get("/v1/merchant/webhooks").json()["endpoints"]:
            assert client.delete(f"/v1/merchant/webhooks/{endpoint['endpoint_id']}").status_code == 204


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def add(desk: httpx.Client, receiver: Receiver) -> dict[str, Any]:
    answer = desk.post("/v1/merchant/webhooks", json={"url": receiver.url, "purpose": "the warehouse"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def bought(shop: Shop, edition: str, payment_method: str = "sandbox_accepted") -> str:
    """An order that is confirmed."""
    order = order_of(edition)
    with shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=order).status_code == 201
        details = {"payment_method": payment_method, "delivery": DELIVERY, "save": False}
        assert buyer.post(f"/v1/orders/{order['order_id']}/payment", json=details).status_code < 300
        wait_until(lambda: buyer.get(f"/v1/orders/{order['order_id']}").json()["state"] == "confirmed")
    return str(order["order_id"])


def kinds_of(bodies: list[dict[str, Any]], order_id: str) -> list[str]:
    """What happened to the order, as it was received."""
    return [body["type"].split(".")[1] for body in bodies if body["subject"].startswith(order_id)]


def _events_after(desk: httpx.Client, cursor: str) -> list[dict[str, Any]]:
    """The next events, waited for."""
    while True:
        page = desk.get("/v1/feed", params={"after": cursor, "wait": 20}).json()
        if page["events"]:
            return list(page["events"])
        cursor = page["cursor"]


def deliveries(desk: httpx.Client, made: dict[str, Any]) -> list[dict[str, Any]]:
    return list(desk.get(f"/v1/merchant/webhooks/{made['endpoint_id']}/deliveries").json()["deliveries"])


def test_events_arrive_signed_in_order_and_without_gaps(shop: Shop, desk: httpx.Client, receiver: Receiver) -> None:
    before = shop.release()
    made = add(desk, receiver)
    edition = shop.release()
    order = bought(shop, edition)
    wait_until(lambda: "OrderConfirmed" in kinds_of(receiver.accepted, order))
    assert kinds_of(receiver.accepted, order)[:2] == ["OrderPlaced", "PaymentRequested"]
    for one in receiver.received:
        assert Webhook(made["secret"]).verify(one.raw, one.headers) == one.body
        assert one.headers["webhook-id"].endswith(f"_{one.body['id']}")
        assert not any(private in one.raw.decode() for private in PRIVATE)
        assert before not in one.raw.decode()  # that came before the endpoint
    numbers = sorted(body["number"] for body in receiver.accepted)
    assert numbers == list(range(1, len(numbers) + 1))
    feed = desk.get("/v1/feed").json()
    fed = {body["id"]: body for body in feed["events"]}
    for body in receiver.accepted:
        assert {**fed[body["id"]], "number": body["number"]} == body


def test_what_fails_is_tried_again_under_the_same_id_and_holds_up_only_its_order(
    shop: Shop, desk: httpx.Client, receiver: Receiver
) -> None:
    edition = shop.release()
    made = add(desk, receiver)
    stuck: list[str] = []

    def refuse_the_first_order(one: Received) -> int:
        order = one.body["subject"].partition(".")[0]
        if not stuck and one.body["type"] == "buystream.OrderPlaced.v1":
            stuck.append(order)
        return 500 if order in stuck and clock.ahead_ms == 0 else 204

    receiver.status_of = refuse_the_first_order
    first = bought(shop, edition)
    wait_until(lambda: stuck == [first])
    second = bought(shop, edition)
    wait_until(lambda: "OrderConfirmed" in kinds_of([one.body for one in receiver.received], second))
    assert set(kinds_of([one.body for one in receiver.received], first)) == {"OrderPlaced"}
    try:
        clock.ahead_ms = 10_000_000
        wait_until(lambda: "OrderConfirmed" in kinds_of(receiver.accepted, first))
    finally:
        receiver.status_of = lambda _: 204
        clock.ahead_ms = 0
    tries = [one for one in receiver.received if one.body["subject"] == first and "OrderPlaced" in one.body["type"]]
    assert len(tries) > 1
    assert len({one.headers["webhook-id"] for one in tries}) == 1
    assert len({one.headers["webhook-timestamp"] for one in tries}) > 1
    shown = {one["webhook_id"]: one for one in deliveries(desk, made)}
    wait_until(lambda: all(one["state"] == "delivered" for one in deliveries(desk, made)))
    assert shown[tries[0].headers["webhook-id"]]["tries"] == len(tries)


def test_gone_disables_an_endpoint_until_it_is_enabled(shop: Shop, desk: httpx.Client, receiver: Receiver) -> None:
    made = add(desk, receiver)
    receiver.status_of = lambda _: 410
    assert desk.post(f"/v1/merchant/webhooks/{made['endpoint_id']}/test").status_code == 202

    def why() -> str:
        return str(desk.get("/v1/merchant/webhooks").json()["endpoints"][0]["disabled_why"])

    wait_until(lambda: why() == "gone")
    with one_transaction(shop.dsn, "test") as cur:
        cur.execute("SELECT kind, facts FROM mail.outbox WHERE about = %s", (made["endpoint_id"],))
        assert [(kind, receiver.url in facts) for kind, facts in cur] == [("webhook_disabled", True)]
    receiver.status_of = lambda _: 204
    assert desk.post(f"/v1/merchant/webhooks/{made['endpoint_id']}/enable").json()["endpoints"][0]["waiting"] == 1
    wait_until(lambda: [one["state"] for one in deliveries(desk, made)] == ["delivered"])
    assert why() == ""


def test_an_endpoint_that_never_answers_delays_no_other(shop: Shop, desk: httpx.Client, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes connections, and nobody reads them
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert desk.post("/v1/merchant/webhooks", json={"url": address}).status_code == 201
        add(desk, receiver)
        edition = shop.release()
        orders = [bought(shop, edition) for _ in range(3)]
        wait_until(lambda: all("OrderConfirmed" in kinds_of(receiver.accepted, order) for order in orders))
        waiting = {one["url"]: one["waiting"] for one in desk.get("/v1/merchant/webhooks").json()["endpoints"]}
        assert waiting[address] > 8


def test_a_webhook_is_tested_shown_and_sent_again_and_keys_are_replaced(
    shop: Shop, desk: httpx.Client, receiver: Receiver
) -> None:
    made = add(desk, receiver)
    path = f"/v1/merchant/webhooks/{made['endpoint_id']}"
    webhook_id = desk.post(f"{path}/test").json()["webhook_id"]
    wait_until(lambda: len(receiver.received) == 1)
    new = desk.post(f"{path}/keys").json()
    wait_until(lambda: deliveries(desk, made)[0]["state"] == "delivered")
    assert desk.post(f"{path}/deliveries/{webhook_id}/replay").status_code == 202
    wait_until(lambda: len(receiver.received) == 2)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == webhook_id
    assert first.body == second.body
    for secret in (made["secret"], new["secret"]):  # the old one verifies for a day
        Webhook(secret).verify(second.raw, second.headers)
    assert made["secret"] != new["secret"]
    assert made["secret"] not in desk.get("/v1/merchant/webhooks").text
    assert desk.post(f"{path}/deliveries/msg_unknown/replay").status_code == 404


@pytest.mark.parametrize("url", ["https://10.0.0.1/", "http://example.com:1/", "https://[fd00::1]/x", "gopher://a/"])
def test_an_address_in_the_shops_network_is_refused(desk: httpx.Client, url: str) -> None:
    answer = desk.post("/v1/merchant/webhooks", json={"url": url})
    if not url.startswith("http:"):  # http is for tests, as this shop's setting says; it goes nowhere but to loopback
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"].endswith("/bad-webhook-address")


def test_a_restart_sends_nothing_twice(shop: Shop, desk: httpx.Client, receiver: Receiver) -> None:
    add(desk, receiver)
    shop.release()
    wait_until(lambda: len(receiver.received) >= 2)
    with sending(shop):  # another process of the role: it stands by, or takes over
        edition = shop.release()
        wait_until(lambda: any(body["subject"] == edition for body in receiver.accepted))
    ids = [one.headers["webhook-id"] for one in receiver.received]
    assert len(ids) == len(set(ids))


def test_the_feed_is_read_in_pages_to_its_end_and_waits_there(shop: Shop, desk: httpx.Client, inside: int) -> None:
    edition = shop.release()
    page = desk.get("/v1/feed").json()
    while page["more"]:
        page = desk.get("/v1/feed", params={"after": page["cursor"]}).json()
    assert desk.get("/v1/feed", params={"after": page["cursor"]}).json()["events"] == []
    order = order_of(edition, order_id=new_order_id(edition))
    with ThreadPoolExecutor(1) as thread, shop.buyer() as buyer:
        waiting = thread.submit(lambda: list(_events_after(desk, page["cursor"])))
        wait_until(lambda: "buystream_watchers 1.0" in httpx.get(f"http://127.0.0.1:{inside}/metrics").text)
        assert buyer.post("/v1/orders", json=order).status_code == 201
        seen = waiting.result()
    assert [(one["type"], one["subject"]) for one in seen] == [("buystream.OrderPlaced.v1", order["order_id"])]


def test_a_cursor_that_is_none_is_refused(desk: httpx.Client) -> None:
    for cursor in ("x", "f1", "f1.-1", "f1.1.1.1.1.1", "f1." + "9" * 30):
        answer = desk.get("/v1/feed", params={"after": cursor})
        assert answer.status_code == 422, cursor
        assert answer.json()["type"].endswith("/bad-cursor")


def test_the_feed_from_now_on_has_nothing_of_before(shop: Shop, desk: httpx.Client) -> None:
    page = desk.get("/v1/feed", params={"after": "now"}).json()
    assert page["events"] == []
    edition = shop.release()
    wait_until(lambda: desk.get("/v1/feed", params={"after": page["cursor"]}).json()["events"])
    events = desk.get("/v1/feed", params={"after": page["cursor"]}).json()["events"]
    assert {one["partitionkey"] for one in events} == {edition}
