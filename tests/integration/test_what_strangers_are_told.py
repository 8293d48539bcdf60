"""What the public port reveals about the inside of a shop: nothing. The log and the metrics port have it."""

import logging
from pathlib import Path

import httpx
import pytest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from psycopg2.extensions import parse_dsn

from buystream.host.embedded import EmbeddedPostgres
from tests.support.ports import reserved_port
from tests.support.postgres import run_sql, throw_out
from tests.support.shop import DELIVERY, Shop, order_of, register_merchant, shop, shop_at_work, wait_until

__all__ = ["shop"]


def test_why_a_gateway_is_not_ready_is_said_inside_only(
    postgres_server: EmbeddedPostgres, shop_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = parse_dsn(shop_database_url)["dbname"]
    inside = reserved_port()
    with (
        caplog.at_level(logging.WARNING),
        shop_at_work(shop_database_url, metrics_at=("127.0.0.1", inside)) as shop,
        shop.buyer() as buyer,
    ):
        register_merchant(shop)
        body = order_of(shop.release())
        run_sql(postgres_server.dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        throw_out(postgres_server.dsn, name)
        wait_until(lambda: buyer.get("/readyz").status_code == 503)
        told = [buyer.get("/readyz"), buyer.post("/v1/orders", json=body), buyer.get("/v1/orders"), buyer.get("/")]
        said = httpx.get(f"http://127.0.0.1:{inside}/readyz").text
        run_sql(postgres_server.dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert {answer.status_code for answer in told} == {503}
    for answer in told:
        for secret in (name, "psycopg2", "connection", "FATAL", str(Path(postgres_server.dsn).parent), "socket"):
            assert secret not in answer.text
    assert said not in ("", "not ready\n", "ready\n")
    assert "no answers until the log is back" in caplog.text


def test_metrics_are_at_a_port_of_their_own(shop_database_url: str) -> None:
    inside = reserved_port()
    with shop_at_work(shop_database_url, deciding=False, metrics_at=("127.0.0.1", inside)) as shop:
        assert httpx.get(f"{shop.url}/metrics").status_code == 404
        metrics = httpx.get(f"http://127.0.0.1:{inside}/metrics")
        assert "buystream_orders_answered_total" in metrics.text
        assert "python_info" in metrics.text
        assert metrics.headers["content-type"] == CONTENT_TYPE_LATEST
        assert "python" not in metrics.headers.get("server", "").lower()


def test_no_personal_answer_stays_in_a_cache(shop: Shop) -> None:
    body = order_of(shop.release())
    with shop.buyer() as buyer, shop.merchant() as merchant:
        answers = [buyer.post("/v1/orders", json=body)]
        own = f"/v1/orders/{body['order_id']}"
        answers += [buyer.get(path) for path in ("/v1/me", "/v1/orders", own, "/v1/gifts", f"{own}/receipt")]
        answers += [merchant.get(f"/v1/merchant{path}") for path in ("", "/orders", "/dashboard", "/details", "/terms")]
        answers += [merchant.get("/v1/merchant/statement", headers={"Accept": kind}) for kind in ("*/*", "text/csv")]
    for answer in answers:
        assert "no-store" in answer.headers["cache-control"], answer.url
        assert "server" not in answer.headers


def test_a_merchant_never_sees_the_page_where_a_buyer_answers_the_bank(shop: Shop) -> None:
    body = order_of(shop.release())
    paying = {"payment_method": "sandbox_authentication", "delivery": DELIVERY}
    with shop.buyer() as buyer, shop.merchant() as merchant:
        buyer.post("/v1/orders", json=body).raise_for_status()
        buyer.post(f"/v1/orders/{body['order_id']}/payment", json=paying).raise_for_status()
        own = f"/v1/orders/{body['order_id']}"
        wait_until(lambda: buyer.get(own).json()["payment"]["authentication_url"])
        url = buyer.get(own).json()["payment"]["authentication_url"]
        for answer in (merchant.get("/v1/merchant/orders"), merchant.get(f"/v1/merchant/orders/{body['order_id']}")):
            assert url not in answer.text


def test_an_error_echoes_no_input(shop: Shop) -> None:
    marker = "zzsecretzz"
    with shop.buyer() as buyer:
        answers = [
            buyer.get(f"/v1/orders/{marker}"),
            buyer.get(f"/{marker}"),
            buyer.post("/v1/orders", json=order_of("ed0-0000000000", order_id=marker)),
            buyer.post("/v1/session", json={"host_token": marker}),
            buyer.get("/v1/merchant", headers={"Authorization": f"Bearer {marker}"}),
        ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert marker not in answer.text
