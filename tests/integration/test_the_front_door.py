"""What reaches the gateway before it is a request, over raw sockets: bounded in bytes, in time and in number, and
understood in one way or refused."""

import json
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import httpx
import pytest

from buystream.limits import Limits
from tests.support.patience import patient, wait_until
from tests.support.raw import Raw
from tests.support.shop import Shop, order_of, register_merchant, shop_at_work

SHORT = Limits(head_seconds=0.5, body_seconds=0.5, keep_alive_seconds=0.5, stalled_seconds=1.0)
SESSION = b"POST /v1/session HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def shop(module_shop_database_url: str) -> Iterator[Shop]:
    with shop_at_work(module_shop_database_url) as running:
        register_merchant(running)
        yield running


@pytest.fixture(scope="module")
def hurried(module_shop_database_url: str) -> Iterator[Shop]:
    """A shop that waits for nobody."""
    with shop_at_work(module_shop_database_url, deciding=False, limits=SHORT) as running:
        yield running


def answer(shop: Shop, request: bytes) -> tuple[int, str]:
    """Status and problem of the only answer, after which the connection has ended."""
    with Raw(shop.url) as raw:
        raw.send(request)
        status, _, body = raw.answer()
        assert raw.rest() == b""
    return status, json.loads(body)["type"].rpartition("/")[2] if body else ""


# Bytes


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: shop\r\nX: " + b"x" * 20_000, 431),
        (b"GET /healthz HTTP/1.1\r\nHost: shop\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: shop\r\n" + b"x: y\r\n" * 101 + b"\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: shop\r\nCookie: " + b"a=b;" * 2_100 + b"\r\n\r\n", 431),
        (b"GET /healthz?" + b"x" * 8_200 + b" HTTP/1.1\r\nHost: shop\r\n\r\n", 414),
        (b"\r\n" * 10_000, 431),
        (b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 20000\r\n\r\n" + b" " * 17_000, 413),
        (
            SESSION + b"Content-Length: 2000000\r\n\r\n" + b" " * 1_100_000,
            413,
        ),
    ],
    ids=["endless line", "long line", "many", "cookies", "target", "blank lines", "click", "body"],
)
def test_a_request_that_is_too_long_is_refused_and_the_connection_ends(
    shop: Shop, request_: bytes, status: int
) -> None:
    assert answer(shop, request_)[0] == status


@pytest.mark.parametrize("what", ["extension", "trailer"])
def test_what_chunks_bring_beside_their_content_is_bounded(shop: Shop, what: str) -> None:
    with Raw(shop.url) as raw:
        raw.send(SESSION + b"Transfer-Encoding: chunked\r\n\r\n")
        raw.send(b"2;x=" if what == "extension" else b"2\r\n{}\r\n0\r\nX: ")
        raw.send_all_that_is_taken(b"y" * 1_000_000)
        status, _, _ = raw.answer()
    assert status == 413


def test_a_megabyte_of_one_header_line_costs_no_time(shop: Shop) -> None:
    with Raw(shop.url) as raw, Raw(shop.url) as other:
        raw.send(b"GET / HTTP/1.1\r\nHost: shop\r\nX: ")
        raw.send_all_that_is_taken(b"y" * 100_000_000)
        began = time.monotonic()
        other.send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert other.answer()[0] == 200
        assert time.monotonic() - began < patient(2)


# Time


@pytest.mark.parametrize(
    "half",
    [
        b"GET /healthz HT",
        b"GET /healthz HTTP/1.1\r\nHost: shop\r\n",
        b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n{",
        SESSION + b"Content-Length: 100\r\n\r\n{",
        SESSION + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_half_a_request_gets_408(hurried: Shop, half: bytes) -> None:
    assert answer(hurried, half) == (408, "too-slow")


def test_eighty_silent_connections_are_closed(hurried: Shop) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(Raw(hurried.url)) for _ in range(80)]
        assert {raw.rest() for raw in silent} == {b""}


def test_an_idle_connection_is_closed(hurried: Shop) -> None:
    with Raw(hurried.url) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert raw.answer()[0] == 200
        assert raw.rest() == b""


def test_a_client_that_never_reads_its_answers_is_cut_off(hurried: Shop) -> None:
    with Raw(hurried.url, receive_buffer=4_096) as raw:
        raw.send_until_reset(b"GET /static/plotly.min.js HTTP/1.1\r\nHost: shop\r\n\r\n")


# Number


def test_connections_are_bounded_for_each_network_and_in_all(module_shop_database_url: str) -> None:
    limits = Limits(trusted_proxies=(), connections_per_network=3)
    with shop_at_work(module_shop_database_url, deciding=False, limits=limits) as shop, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(Raw(shop.url)).wait_until_open()
        with Raw(shop.url) as fourth:
            status, headers, _ = fourth.answer()
            assert (status, headers["retry-after"]) == (429, "5")
    with shop_at_work(module_shop_database_url, deciding=False, limits=Limits(connections_max=3)) as shop:
        with ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(Raw(shop.url)).wait_until_open()
            with Raw(shop.url) as fourth:
                assert fourth.answer()[0] == 503
        wait_until(lambda: httpx.get(f"{shop.url}/healthz").status_code == 200)


def test_pipelined_requests_are_answered_in_order_and_bounded(shop: Shop) -> None:
    with Raw(shop.url) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n" * 100)
        statuses = []
        while reply := raw.answer_or_end():
            statuses.append(reply[0])
    assert statuses == [200] * 17 + [429]


# One reading


AMBIGUOUS = {
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: shop\r\nHost: shop\r\n\r\n",
    "an empty host": b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
    "a host with a path": b"GET /healthz HTTP/1.1\r\nHost: shop/x\r\n\r\n",
    "two authorizations": b"GET /v1/me HTTP/1.1\r\nHost: shop\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
    "two on the hot path": b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
    "two types": SESSION + b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
    "two lengths": SESSION + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": SESSION + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length and chunks": (SESSION + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
    "another coding": SESSION + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in 1.0": b"POST /v1/session HTTP/1.0\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"GET /healthz HTTP/1.1\r\nHost: shop\r\nX: a\r\n b\r\n\r\n",
    "a NUL": b"GET /healthz HTTP/1.1\r\nHost: shop\r\nX: a\0b\r\n\r\n",
    "a CR": b"GET /healthz HTTP/1.1\r\nHost: shop\r\nX: a\rb\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: shop\n\n",
    "a space before the colon": b"GET /healthz HTTP/1.1\r\nHost: shop\r\nAuthorization : a\r\n\r\n",
    "another host in the target": b"GET http://other/healthz HTTP/1.1\r\nHost: shop\r\n\r\n",
    "a user in the target": b"GET http://me@shop/healthz HTTP/1.1\r\nHost: shop\r\n\r\n",
    "a tunnel": b"CONNECT shop:443 HTTP/1.1\r\nHost: shop\r\n\r\n",
    "a fragment": b"GET /healthz#x HTTP/1.1\r\nHost: shop\r\n\r\n",
    "a bad escape": b"GET /e/%zz HTTP/1.1\r\nHost: shop\r\n\r\n",
    "half an escape": b"GET /v1/merchant/orders?after=%2 HTTP/1.1\r\nHost: shop\r\n\r\n",
    "an escaped NUL": b"GET /v1/editions/%00 HTTP/1.1\r\nHost: shop\r\n\r\n",
    "an escaped slash": b"GET /v1%2fconfig HTTP/1.1\r\nHost: shop\r\n\r\n",
    "no UTF-8": b"GET /v1/editions/%ff HTTP/1.1\r\nHost: shop\r\n\r\n",
    "a parameter twice": b"GET /v1/merchant/orders?limit=1&limit=2 HTTP/1.1\r\nHost: shop\r\n\r\n",
    "the session twice": (
        b"GET /v1/me HTTP/1.1\r\nHost: shop\r\nCookie: buystream_session=a; buystream_session=b\r\n\r\n"
    ),
    "two cookie headers": b"GET /v1/me HTTP/1.1\r\nHost: shop\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n",
    "a body of another protocol": (SESSION + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}"),
}


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_could_be_read_in_two_ways_gets_400_and_nothing_after_it_is_done(shop: Shop, request_: bytes) -> None:
    assert answer(shop, request_ + b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n") == (400, "ambiguous")


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_it_gets_400_on_a_connection_that_was_used_before_too(shop: Shop, request_: bytes) -> None:
    with Raw(shop.url) as raw:
        raw.wait_until_open()
        raw.send(request_)
        assert raw.answer()[0] == 400
        assert raw.rest() == b""


def test_an_authorization_in_a_trailer_logs_nobody_in(shop: Shop) -> None:
    edition = shop.release()
    order = json.dumps(order_of(edition)).encode()
    with shop.buyer() as buyer, Raw(shop.url) as raw:
        session = buyer.headers["Authorization"].encode()
        for path in (b"/v1/orders", b"/v1/orders/" + edition.encode() + b"-00000000000000000000/payment"):
            raw.send(
                b"POST %b HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
                b"%x\r\n%b\r\n0\r\nAuthorization: %b\r\n\r\n" % (path, len(order), order, session)
            )
            assert raw.answer()[0] == 401


def test_a_request_behind_a_refused_one_is_not_executed(shop: Shop) -> None:
    edition = shop.release()
    order = json.dumps(order_of(edition)).encode()
    before = len(shop.commands("PlaceOrder"))
    with shop.buyer() as buyer, Raw(shop.url) as raw:
        placing = b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nAuthorization: %b\r\nContent-Length: %d\r\n\r\n%b" % (
            buyer.headers["Authorization"].encode(),
            len(order),
            order,
        )
        raw.send(b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 16385\r\n\r\n" + b" " * 16_385 + placing)
        assert raw.answer()[0] == 413
        assert raw.rest() == b""
        with Raw(shop.url) as last:
            last.send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n" + placing)
            assert last.answer()[0] == 200
            assert last.rest() == b""
        assert buyer.get(f"/v1/orders/{json.loads(order)['order_id']}").status_code == 404
    assert len(shop.commands("PlaceOrder")) == before


def test_a_member_that_is_there_twice_is_refused_on_both_paths(shop: Shop) -> None:
    order = json.dumps(order_of(shop.release()))
    double = [
        ("/v1/orders", order.replace('"quantity": 1', '"quantity": 1, "quantity": 2')),
        ("/v1/orders", order.replace('"quantity": 1', '"quantity": 1, "quantit\\u0079": 2')),
        ("/v1/session", '{"host_token": null, "host_token": null}'),
    ]
    with shop.buyer() as buyer:
        for path, body in double:
            answer = buyer.post(path, content=body, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "ambiguous"), body
        escaped = order.replace("order_id", "order\\u005fid")
        answer = buyer.post("/v1/orders", content=escaped, headers={"Content-Type": "application/json"})
        assert answer.status_code == 201


def test_nothing_is_done_behind_a_click_that_is_ambiguous(shop: Shop) -> None:
    edition = shop.release()
    order, double = json.dumps(order_of(edition)).encode(), b'{"quantity": 1, "quantity": 2, '
    double += json.dumps(order_of(edition, quantity=1)).encode()[1:]
    with shop.buyer() as buyer, Raw(shop.url) as raw:
        for body in (double, order):
            raw.send(
                b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nAuthorization: %b\r\nContent-Length: %d\r\n\r\n%b"
                % (buyer.headers["Authorization"].encode(), len(body), body)
            )
        assert raw.answer()[0] == 400
        assert raw.rest() == b""
        assert buyer.get(f"/v1/orders/{json.loads(order)['order_id']}").status_code == 404


def test_an_absolute_target_of_this_host_is_served(shop: Shop) -> None:
    with Raw(shop.url) as raw:
        raw.send(b"GET http://SHOP:80/healthz?x=1 HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert raw.answer()[0] == 200


def test_a_request_for_another_protocol_is_answered_in_this_one(shop: Shop) -> None:
    with Raw(shop.url) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
        status, headers, _ = raw.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert raw.rest() == b""


def test_an_expectation_is_met_or_refused(shop: Shop) -> None:
    with Raw(shop.url) as raw:
        raw.send(SESSION + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert raw.answer()[0] == 100
        raw.send(b"{}")
        assert raw.answer()[0] == 200
    assert answer(shop, b"GET /healthz HTTP/1.1\r\nHost: shop\r\nExpect: wonders\r\n\r\n")[0] == 417


def test_http_1_0_gets_no_chunks_and_needs_no_host(shop: Shop) -> None:
    edition = shop.release()
    with Raw(shop.url) as raw:
        raw.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert raw.answer()[0] == 200
    with Raw(shop.url) as raw:
        raw.send(b"GET /v1/editions/%b/stream HTTP/1.0\r\n\r\n" % edition.encode())
        assert raw.receive(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert raw.receive(b"\n\n").startswith(b"event: board\ndata: {")


@pytest.mark.parametrize("path", ["/", "/orders", "/healthz", "/schema/", "/v1/config", "/v1/editions", "/button.js"])
def test_head_works_wherever_get_does(shop: Shop, path: str) -> None:
    with Raw(shop.url) as raw:
        raw.send(f"HEAD {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        status, headers, _ = raw.answer(has_body=False)
        raw.send(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        assert (status, headers["content-type"]) == (200, raw.answer()[1]["content-type"])


def test_head_of_an_event_stream_ends(shop: Shop) -> None:
    edition = shop.release()
    with Raw(shop.url) as raw:
        for _ in range(2):
            raw.send(f"HEAD /v1/editions/{edition}/stream HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
            assert raw.answer(has_body=False)[1]["content-type"].startswith("text/event-stream")


# Leaving


def test_a_client_that_leaves_is_no_error(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    edition = shop.release()
    leaving = [
        SESSION + b"Content-Length: 100\r\n\r\n{",
        b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n{",
        b"GET /v1/editions/%b/stream HTTP/1.1\r\nHost: shop\r\n\r\n" % edition.encode(),
        b"GET /static/plotly.min.js HTTP/1.1\r\nHost: shop\r\n\r\n" * 5,
    ]
    with caplog.at_level(logging.WARNING):
        for request_ in leaving:
            for reset in (True, False):
                with closing(socket.create_connection(Raw.address(shop.url))) as gone:
                    gone.sendall(request_)
                    if reset:
                        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        with Raw(shop.url) as last:
            for _ in range(20):
                last.send(b"GET /v1/editions HTTP/1.1\r\nHost: shop\r\n\r\n")
                assert last.answer()[0] == 200
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [r.getMessage() for r in warned if r.name.startswith(("uvicorn", "buystream.gate"))] == []
