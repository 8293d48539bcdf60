"""A shop on the oldest PostgreSQL that it may be given: it sells, every view is written and rebuilt, and a backup from
either server comes back on either."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from buystream.wiring.views import VIEWS
from tests.support.other_postgres import OLDEST, other_postgres
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.shop import DELIVERY, order_of
from tests.support.shop_process import ShopProcess, buystream

SECRET = "a secret key of the tests, 32 characters"


@pytest.fixture(scope="module")
def oldest() -> Iterator[str]:
    """The DSN of its server."""
    with other_postgres() as dsn:
        yield dsn


@pytest.fixture
def on_the_oldest(oldest: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of an empty database there."""
    name = f"shop_{abs(hash(request.node.name))}"
    run_sql(oldest, f"CREATE DATABASE {name}")
    yield make_dsn(oldest, dbname=name)
    run_sql(oldest, f"DROP DATABASE {name} WITH (FORCE)")


def of(dsn: str) -> dict[str, str]:
    """The environment of a shop on that database."""
    return {"BUYSTREAM_DATABASE_URL": dsn, "BUYSTREAM_SECRET_KEY": SECRET}


def sell_one(shop: ShopProcess) -> tuple[str, str]:
    """A paid order with a name and an address; the merchant's key and the order's id."""
    merchant = shop.add_merchant()
    order = order_of(shop.release(merchant["api_key"], stock=3), price_minor=3500)
    with httpx.Client(base_url=shop.url) as buyer:
        buyer.headers["Authorization"] = f"Bearer {buyer.post('/v1/session', json={}).json()['token']}"
        assert buyer.post("/v1/orders", json=order).status_code == 201
        payment = {"payment_method": "sandbox_accepted", "delivery": DELIVERY, "save": True}
        assert buyer.post(f"/v1/orders/{order['order_id']}/payment", json=payment).status_code == 202
        with buyer.stream("GET", f"/v1/orders/{order['order_id']}/stream") as stream:
            assert any('"state":"confirmed"' in line for line in stream.iter_lines())
    return merchant["api_key"], order["order_id"]


def assert_is_back(shop: ShopProcess, api_key: str, order_id: str) -> None:
    """The order and its buyer can be read, and the log is proved."""
    shop.wait_until_known(api_key)  # the views come back from the log
    headers = {"Authorization": f"Bearer {api_key}"}
    [order] = wait_until(lambda: httpx.get(f"{shop.url}/v1/merchant/orders", headers=headers).json()["orders"])
    assert (order["order_id"], order["buyer"]["name"]) == (order_id, DELIVERY["name"])
    audit = buystream("audit", "--json", "--data-dir", str(shop.data_dir), **shop.environment)
    assert (audit.returncode, json.loads(audit.stdout)["violations"]) == (0, [])


def test_it_is_the_oldest(oldest: str) -> None:
    with closing(psycopg2.connect(oldest)) as conn:
        assert conn.server_version // 10_000 >= OLDEST


def test_a_shop_sells_on_it_and_every_view_is_rebuilt(on_the_oldest: str, tmp_path: Path) -> None:
    shop = ShopProcess(tmp_path / "data", **of(on_the_oldest))
    try:
        shop.start()
        api_key, order_id = sell_one(shop)
        for view in VIEWS:
            rebuilt = buystream("rebuild", view.name, "--data-dir", str(shop.data_dir), **of(on_the_oldest))
            assert rebuilt.returncode == 0, rebuilt.stderr
        assert_is_back(shop, api_key, order_id)
    finally:
        shop.close()


@pytest.mark.parametrize(("from_oldest", "to_oldest"), [(True, True), (False, True), (True, False)])
def test_a_backup_comes_back(
    from_oldest: bool, to_oldest: bool, on_the_oldest: str, oldest: str, tmp_path: Path
) -> None:
    file, secret = tmp_path / "shop.backup", {"BUYSTREAM_SECRET_KEY": SECRET}
    first = ShopProcess(tmp_path / "first", **(of(on_the_oldest) if from_oldest else secret))
    try:
        first.start()
        api_key, order_id = sell_one(first)
        saved = buystream("backup", str(file), "--data-dir", str(first.data_dir), **first.environment)
        assert saved.returncode == 0, saved.stderr
    finally:
        first.close()

    run_sql(oldest, "CREATE DATABASE restored")
    second = ShopProcess(tmp_path / "second", **(of(make_dsn(oldest, dbname="restored")) if to_oldest else secret))
    try:
        restored = buystream("restore", str(file), "--data-dir", str(second.data_dir), **second.environment)
        assert restored.returncode == 0, restored.stderr
        second.start()
        assert_is_back(second, api_key, order_id)
    finally:
        second.close()
        run_sql(oldest, "DROP DATABASE restored WITH (FORCE)")


def test_the_environment_of_these_tests_names_no_database() -> None:
    assert "BUYSTREAM_DATABASE_URL" not in os.environ
