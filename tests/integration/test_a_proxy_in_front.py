"""The files of deploy/ that put TLS and HTTP/2 in front of a shop, run by the real nginx and the real Caddy."""

import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from buystream.vocabulary.ids import new_order_id
from tests.support.patience import wait_until
from tests.support.proxies import NAME, PROXIES, Proxy, proxy
from tests.support.shop import Shop, lasting_shop

__all__ = ["lasting_shop"]

PRICE_MINOR = 4500


@pytest.fixture(scope="module", params=PROXIES)
def in_front(
    request: pytest.FixtureRequest, lasting_shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy that forwards to the shop."""
    folder = tmp_path_factory.mktemp(request.param)
    with proxy(request.param, folder, upstream=httpx.URL(lasting_shop.url).port or 80) as started:
        wait_until(lambda: answers(started), 60)
        yield started


def answers(started: Proxy) -> bool:
    """Whether the shop can be reached through it."""
    try:
        with browser(started) as client:
            return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def browser(started: Proxy, *, http2: bool = True, **headers: str) -> httpx.Client:
    """What speaks HTTP/2 to the shop by its name, wherever that leads, and trusts its certificate."""
    trust = ssl.create_default_context(cafile=str(started.certificate))
    return httpx.Client(
        base_url=f"https://{NAME}:{started.https}",
        headers={"Host": NAME, **headers},
        transport=ToLoopback(verify=trust, http2=http2),
    )


class ToLoopback(httpx.HTTPTransport):
    """Connects to this machine, and asks for the certificate of the name in the URL."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": NAME}
        request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(request)


def test_pages_come_over_http_2_and_stay_on_https(in_front: Proxy) -> None:
    with browser(in_front) as client:
        page = client.get("/")
    assert (page.status_code, page.http_version) == (200, "HTTP/2")
    assert page.headers["strict-transport-security"] == "max-age=31536000"


def test_plain_http_is_sent_to_https(in_front: Proxy) -> None:
    answer = httpx.get(f"http://127.0.0.1:{in_front.http}/desk", headers={"Host": NAME})
    assert answer.status_code == 308
    assert answer.headers["location"].startswith(f"https://{NAME}")
    assert answer.headers["location"].endswith("/desk")


def test_each_change_of_an_event_stream_passes_at_once_though_the_browser_takes_gzip(
    in_front: Proxy, lasting_shop: Shop
) -> None:
    edition_id = lasting_shop.release(stock=5)
    with (
        browser(in_front, **{"Accept-Encoding": "gzip"}) as client,
        client.stream("GET", f"/v1/editions/{edition_id}/stream") as stream,
        closing(boards(stream)) as seen,
        lasting_shop.buyer() as buyer,
    ):
        assert "content-encoding" not in stream.headers
        assert next(seen) == 5
        order = {"order_id": new_order_id(edition_id), "edition_id": edition_id, "quantity": 1}
        assert buyer.post("/v1/orders", json={**order, "price_minor": PRICE_MINOR}).status_code == 201
        assert next(seen) == 4


def boards(stream: httpx.Response) -> Iterator[int]:
    """What is available, at each change."""
    for line in stream.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))["available"]


def test_an_order_is_placed_and_read_through_it(in_front: Proxy, lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(stock=1)
    with browser(in_front) as client:
        token = client.post("/v1/session", json={}).json()["token"]
        order = {"order_id": new_order_id(edition_id), "edition_id": edition_id, "quantity": 1}
        headers = {"Authorization": f"Bearer {token}"}
        placed = client.post("/v1/orders", json={**order, "price_minor": PRICE_MINOR}, headers=headers)
        assert (placed.status_code, placed.http_version) == (201, "HTTP/2")
        assert client.get(f"/v1/orders/{order['order_id']}", headers=headers).json()["state"] == "held"


def test_what_is_too_large_ends_at_the_proxy(in_front: Proxy) -> None:
    with browser(in_front, http2=False) as client:
        assert client.post("/v1/orders", content=b"x" * 200_000).status_code == 413
    with browser(in_front, http2=False) as client:
        assert client.get("/", headers={"X-Large": "x" * 100_000}).status_code in (400, 431)


def test_the_files_that_people_copy_name_no_machine_of_ours() -> None:
    for file in ("nginx.conf", "Caddyfile"):
        assert NAME in (Path(__file__).parents[2] / "deploy" / file).read_text()
