"""A data folder of a test's own, on which the command line works with or without a running shop.

Fixtures: `folder`; `shop`, which was not started yet; `kept`, for commands that shouldn't each start its PostgreSQL."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import psycopg2
import pytest
from psycopg2.extensions import cursor

from buystream.host.embedded import EmbeddedPostgres
from buystream.settings import Settings
from buystream.vocabulary.ids import new_order_id
from buystream.wiring.opening import open_database
from tests.support.prepared import prepare
from tests.support.shop_process import ShopProcess


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as made:
        yield Path(made)


@pytest.fixture
def shop(folder: Path) -> Iterator[ShopProcess]:
    made = ShopProcess(folder / "data")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def kept(shop: ShopProcess) -> Iterator[EmbeddedPostgres]:
    """The shop's PostgreSQL, which runs until the test ends."""
    prepare(shop.data_dir)
    with EmbeddedPostgres(shop.data_dir) as postgres:
        yield postgres


@contextmanager
def sql(shop: ShopProcess) -> Iterator[cursor]:
    """One transaction in the shop's embedded database, beside the shop or without one."""
    with ExitStack() as stack:
        database = stack.enter_context(open_database(Settings(data_dir=shop.data_dir)))
        conn = stack.enter_context(closing(psycopg2.connect(database.dsn)))
        with conn, conn.cursor() as cur:
            yield cur


def buy(shop: ShopProcess, edition_id: str, buyer: httpx.Client | None = None) -> str:
    """A held order of the buyer, or a fresh one, who left an address; its id."""
    if buyer is None:
        with httpx.Client(base_url=shop.url) as fresh:
            token = fresh.post("/v1/session", json={}).json()["token"]
            fresh.headers["Authorization"] = f"Bearer {token}"
            return buy(shop, edition_id, fresh)
    order_id = new_order_id(edition_id)
    order = {"order_id": order_id, "edition_id": edition_id, "quantity": 1, "price_minor": 3500}
    assert buyer.post("/v1/orders", json=order).status_code == 201
    delivery = {"name": "Ada Lindqvist", "email": "ada@example.com"}
    payment = {"payment_method": "sandbox_authentication", "delivery": delivery, "save": False}
    assert buyer.post(f"/v1/orders/{order_id}/payment", json=payment).status_code == 202
    return order_id
