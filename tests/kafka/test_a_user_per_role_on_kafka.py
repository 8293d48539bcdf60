"""All six roles on Kafka, each with a PostgreSQL user of its own; and how many connections they take, as the operations
page says."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from buystream.host.broker import Broker
from tests.support.database_users import Connections, ShopOfUsers, documented
from tests.support.other_postgres import other_postgres
from tests.support.patience import wait_until
from tests.support.pooler import pooler
from tests.support.postgres import run_sql
from tests.support.shop_process import buystream

PARTITIONS = 2
ROLES = ("projector", "decider", "payments", "gateway", "feeds", "live")


def on_kafka(broker: Broker, prefix: str) -> dict[str, str]:
    """The environment of a shop there."""
    return {
        "BUYSTREAM_KAFKA_BOOTSTRAP": broker.bootstrap,
        "BUYSTREAM_KAFKA_PREFIX": prefix,
        "BUYSTREAM_PARTITIONS": str(PARTITIONS),
    }


@pytest.fixture
def shop(kafka_broker: Broker, kafka_prefix: str, database_url: str, tmp_path: Path) -> Iterator[ShopOfUsers]:
    made = ShopOfUsers(tmp_path / "data", database_url, **on_kafka(kafka_broker, kafka_prefix))
    try:
        assert buystream("topics", "apply", **made.environment).returncode == 0
        yield made
    finally:
        made.close()


def test_all_roles_sell_with_a_user_each(shop: ShopOfUsers) -> None:
    assert 'GRANT SELECT ON "live"."windows"' in shop.prepare()
    assert run_sql(shop.owner_dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'log'") == [(0,)]
    with Connections(shop.owner_dsn) as connections:
        shop.run(*ROLES)
        merchant = shop.add_merchant()
        edition_id = shop.release(merchant["api_key"], stock=40)
        shop.sell(edition_id)
    for role in ROLES:
        assert connections.most[role] <= documented(role, on_kafka=True, partitions=PARTITIONS), connections.most
    live = httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {merchant['api_key']}"})
    wait_until(lambda: run_sql(shop.owner_dsn, "SELECT count(*) FROM live.windows") > [(0,)])
    assert live.get("/v1/merchant/orders").status_code == 200
    for role in shop.roles:
        assert role.stop() == 0
        assert "denied" not in role.said, role.said
    assert shop.command("audit")[0] == 0
    assert shop.prepare() == "The database is as it should be: nothing to do.\n"


class Pooled(ShopOfUsers):
    """Some roles go through a pool of transactions; there is one user."""

    def __init__(self, data_dir: Path, dsn: str, pooled: str, **environment: str) -> None:
        super().__init__(data_dir, dsn, **environment)
        self.pooled = pooled

    def environment_of(self, role: str) -> Mapping[str, str]:
        goes_direct = role in ("projector", "payments")
        dsn = self.owner_dsn if goes_direct else self.pooled
        return {**super().environment_of(role), "BUYSTREAM_DATABASE_URL": dsn}


def test_roles_that_keep_nothing_in_a_session_go_through_a_pool_of_transactions(
    kafka_broker: Broker, kafka_prefix: str, tmp_path: Path
) -> None:
    settings = on_kafka(kafka_broker, kafka_prefix)
    with other_postgres() as dsn, pooler(dsn, mode="transaction", pool_size=3) as pooled:
        shop = Pooled(tmp_path / "data", dsn, pooled, **settings)
        try:
            assert buystream("topics", "apply", **shop.environment).returncode == 0
            shop.run(*ROLES)
            merchant = shop.add_merchant()
            shop.sell(shop.release(merchant["api_key"], stock=20))
            assert shop.command("audit")[0] == 0
        finally:
            shop.close()
