"""Each role connects as a PostgreSQL user of its own, to a database that its owner prepared: the shop sells, and no
user may do what its role doesn't do."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from buystream.database_grants import GRANTS
from buystream.database_users import apply
from buystream.settings import Settings
from buystream.wiring.views import VIEWS
from tests.support.database_users import PASSWORDS, SECRET, Connections, ShopOfUsers, as_role, documented, passwords
from tests.support.other_postgres import other_postgres
from tests.support.patience import wait_until
from tests.support.postgres import drop_database, run_sql
from tests.support.shop import DELIVERY, order_of
from tests.support.shop_process import ShopProcess, buystream

ON_POSTGRES = ("projector", "decider", "payments", "notary", "notifications", "webhooks", "gateway")
"""The roles of a shop whose log is in PostgreSQL."""


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[ShopOfUsers]:
    made = ShopOfUsers(tmp_path / "data", database_url, BUYSTREAM_PARTITIONS="2")
    try:
        yield made
    finally:
        made.close()


def test_the_database_is_prepared_once(shop: ShopOfUsers, database_url: str) -> None:
    said = shop.prepare().splitlines()
    database = run_sql(database_url, "SELECT current_database()")[0][0]
    for expected in (
        "table vault.buyer_key",
        "partitions 0 to 1 of the log",
        "the root secret, opened by BUYSTREAM_SECRET_KEY",
        f'CREATE ROLE "{database}_gateway" NOLOGIN',
        f"the password of {database}_gateway",
        f'GRANT SELECT ON "vault"."buyer_key" TO "{database}_gateway"',
        f'GRANT UPDATE ("next_position") ON "log"."partition" TO "{database}_payments"',
        f'ALTER SCHEMA "views" OWNER TO "{database}_projector"',
        "triggers that let only deciders write events",
    ):
        assert expected in said
    assert not any(password in line for password in PASSWORDS.values() for line in said)
    assert shop.prepare() == "The database is as it should be: nothing to do.\n"


def test_what_differs_is_corrected(shop: ShopOfUsers, database_url: str) -> None:
    shop.prepare()
    database = run_sql(database_url, "SELECT current_database()")[0][0]
    run_sql(database_url, f"GRANT DELETE ON log.record TO {database}_gateway")
    run_sql(database_url, f"REVOKE INSERT ON log.record FROM {database}_payments")
    run_sql(database_url, f"ALTER ROLE {database}_decider PASSWORD 'another'")
    status, said, errors = shop.command(
        "database", "apply", "--roles", "--json", BUYSTREAM_DATABASE_PASSWORDS=passwords(), BUYSTREAM_PARTITIONS="3"
    )
    assert status == 0, errors
    assert json.loads(said) == [
        "partitions 2 to 2 of the log",
        f"the password of {database}_decider",
        f'GRANT INSERT ON "log"."record" TO "{database}_payments"',
        f'REVOKE DELETE ON "log"."record" FROM "{database}_gateway"',
    ]


def test_a_password_is_for_a_role(shop: ShopOfUsers) -> None:
    refused = shop.command("database", "apply", "--roles", BUYSTREAM_DATABASE_PASSWORDS="cashier=1234")
    assert refused[0] == 1
    assert "BUYSTREAM_DATABASE_PASSWORDS names cashier; the roles are gateway, decider" in refused[2]


@pytest.mark.parametrize("role", ON_POSTGRES)
def test_a_role_without_its_tables_or_rights_says_what_to_run(role: str, shop: ShopOfUsers, database_url: str) -> None:
    database = run_sql(database_url, "SELECT current_database()")[0][0]
    user = f"{database}_{role}"
    run_sql(database_url, f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORDS[role]}'")

    def refused() -> str:
        done = buystream(
            role, "--data-dir", str(shop.data_dir), "--port" if role == "gateway" else "--metrics-port", "0",
            BUYSTREAM_LOG_LEVEL="ERROR", **shop.environment_of(role),
        )  # fmt: skip
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        return done.stderr

    assert f"and {user} may not create it: run 'buystream database apply' as the database's owner" in refused()
    assert shop.command("database", "apply")[0] == 0
    assert f"{user} lacks " in refused()
    assert "run 'buystream database apply --roles' as the database's owner" in refused()
    shop.prepare()
    shop.run(role) if role == "projector" else shop.run("projector", role)


def buy(shop: ShopOfUsers, edition_id: str, method: str = "sandbox_accepted") -> tuple[httpx.Client, str]:
    """A buyer with a session, and their order, which is being paid."""
    buyer = httpx.Client(base_url=shop.url)
    buyer.headers["Authorization"] = f"Bearer {buyer.post('/v1/session', json={}).json()['token']}"
    order = order_of(edition_id, price_minor=3500)
    assert buyer.post("/v1/orders", json=order).status_code == 201
    payment = {"payment_method": method, "delivery": DELIVERY, "save": True}
    paid = buyer.post(f"/v1/orders/{order['order_id']}/payment", json=payment)
    assert paid.status_code == 202, paid.text
    return buyer, order["order_id"]


def wait_for(buyer: httpx.Client, order_id: str, state: str) -> None:
    wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == state)


def sell_everything_once(shop: ShopOfUsers) -> dict[str, str]:
    """A crowd; then names and addresses, the bank's page, a refund, sessions that end or move on, and an erasure."""
    merchant = shop.add_merchant()
    of_merchant = httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {merchant['api_key']}"})
    edition_id = shop.release(merchant["api_key"], stock=30)
    shop.sell(edition_id)

    buyer, order_id = buy(shop, edition_id)
    wait_for(buyer, order_id, "confirmed")
    names = {order["order_id"]: order["buyer"] for order in of_merchant.get("/v1/merchant/orders").json()["orders"]}
    assert names[order_id]["name"] == DELIVERY["name"]
    assert buyer.get("/v1/me").json()["delivery"]["name"] == DELIVERY["name"]
    wait_until(lambda: of_merchant.get("/v1/merchant/keys").json()["keys"][0]["last_used_at_ms"])

    asked, asked_id = buy(shop, edition_id, "sandbox_authentication")
    wait_until(lambda: asked.get(f"/v1/orders/{asked_id}").json()["payment"]["state"] == "authentication_required")
    approved = asked.post(f"/v1/orders/{asked_id}/authentication", json={"outcome": "approved"})
    assert approved.status_code == 202, approved.text
    wait_for(asked, asked_id, "confirmed")

    refund = of_merchant.post(
        f"/v1/merchant/orders/{order_id}/refund", json={"amount_minor": 3500}, headers={"Idempotency-Key": "whole"}
    )
    assert refund.status_code == 202, refund.text
    wait_for(buyer, order_id, "refunded")

    link = asked.post("/v1/session/link", json={}).json()["url"].partition("#")[2]
    assert httpx.post(f"{shop.url}/v1/session", json={"link_code": link}).status_code == 200
    assert asked.delete("/v1/session").status_code == 204
    assert asked.get("/v1/orders").status_code == 401
    assert buyer.delete("/v1/me").status_code == 204
    assert run_sql(shop.owner_dsn, "SELECT count(*) FROM vault.erased_buyer") == [(1,)]
    erased = "SELECT position > 0 FROM consumer.checkpoint WHERE consumer = 'flows'"
    wait_until(lambda: (True,) in run_sql(shop.owner_dsn, erased))
    return merchant


def assert_books_are_right(shop: ShopOfUsers) -> None:
    """No role complained about a right, and the log is proved."""
    for role in shop.roles:
        assert "denied" not in role.said, role.said
    status, said, errors = shop.command("audit", "--json")
    assert (status, json.loads(said)["violations"]) == (0, []), errors


def test_a_shop_sells_with_a_user_per_role(shop: ShopOfUsers, database_url: str) -> None:
    shop.prepare()
    with Connections(database_url) as connections:
        shop.run(*ON_POSTGRES)
        merchant = sell_everything_once(shop)
    for role in ON_POSTGRES:
        assert 0 < connections.most[role] <= documented(role, on_kafka=False, partitions=2), connections.most

    # The owner rebuilds a view, and the projector and the gateways go on with it.
    for view in VIEWS:
        assert shop.command("rebuild", view.name)[0] == 0
    status, said, errors = shop.command("merchant", "list")
    assert (status, merchant["merchant_id"] in said) == (0, True), errors
    shop.sell(shop.release(merchant["api_key"], stock=10))
    assert shop.prepare() == "The database is as it should be: nothing to do.\n"
    owners = "SELECT DISTINCT viewowner FROM pg_views WHERE schemaname = 'views'"
    assert run_sql(database_url, owners) == run_sql(database_url, "SELECT current_database() || '_projector'")
    for role in shop.roles:
        assert role.stop() == 0
    assert_books_are_right(shop)


def test_a_shop_of_one_user_changes_to_a_user_per_role(shop: ShopOfUsers, tmp_path: Path) -> None:
    before = ShopProcess(shop.data_dir, **shop.environment)
    try:
        before.start()
        merchant = before.add_merchant()
        edition_id = before.release(merchant["api_key"], stock=20)
        shop.prepare()  # beside the running shop
        assert httpx.get(f"{before.url}/readyz").status_code == 200
        assert before.stop() == 0
    finally:
        before.close()
    shop.run(*ON_POSTGRES)
    shop.sell(edition_id)
    assert_books_are_right(shop)


def test_a_backup_comes_back_and_gets_its_users_again(shop: ShopOfUsers, database_url: str, tmp_path: Path) -> None:
    shop.prepare()
    roles = shop.run(*ON_POSTGRES)
    merchant = shop.add_merchant()
    edition_id = shop.release(merchant["api_key"], stock=30)
    shop.sell(edition_id)
    assert shop.command("backup", str(tmp_path / "shop.backup"))[0] == 0
    for role in roles:
        role.stop()

    name = run_sql(database_url, "SELECT current_database() || 'x'")[0][0]
    run_sql(database_url, f"CREATE DATABASE {name}")
    second = ShopOfUsers(tmp_path / "second", make_dsn(database_url, dbname=name), BUYSTREAM_PARTITIONS="2")
    try:
        second.prepare()  # as docker-compose.yml does before anybody can restore
        status, _, errors = second.command("restore", str(tmp_path / "shop.backup"))
        assert status == 0, errors
        assert f'GRANT INSERT ON "log"."record" TO "{name}_gateway"' in second.prepare()
        second.run(*ON_POSTGRES)
        second.sell(edition_id)
        assert_books_are_right(second)
    finally:
        second.close()
        drop_database(database_url, str(name))


@pytest.fixture(scope="module")
def prepared(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The owner's DSN of a prepared database with every schema that there is, and with an event."""
    dsn = module_database_url
    settings = Settings(database_url=dsn, secret_key=SECRET, database_passwords=dict(PASSWORDS), partitions=1)
    apply(settings, dsn, with_users=False)
    run_sql(dsn, "CREATE SCHEMA live")
    run_sql(dsn, "CREATE TABLE live.windows ()")
    run_sql(dsn, "CREATE SCHEMA orders_1")
    run_sql(dsn, "CREATE TABLE orders_1.orders ()")
    run_sql(dsn, "CREATE VIEW views.orders AS SELECT * FROM orders_1.orders")
    run_sql(dsn, "INSERT INTO views.build (projection, number, version, live) VALUES ('orders', 1, 1, true)")
    assert apply(settings, dsn, with_users=True)
    assert apply(settings, dsn, with_users=True) == []
    return dsn


EVENT = """INSERT INTO log.record (topic, partition, position, at_ms, key, value)
           VALUES ('buystream.events', 0, 0, 0, '', '')"""
MOVE = "UPDATE log.partition SET next_position = 9 WHERE topic = 'buystream.events'"
EPOCH = "UPDATE log.partition SET epoch = epoch + 1"
HISTORY = ("UPDATE log.record SET value = ''", "DELETE FROM log.record", "TRUNCATE log.record")
DDL = ("CREATE SCHEMA mine", "CREATE TABLE log.mine ()", "CREATE TABLE vault.mine ()", "CREATE TABLE views.mine ()")
SECRETS = (
    "SELECT sealed_root FROM vault.secret_version",
    "SELECT wrapped FROM vault.buyer_key",
    "SELECT key FROM passing.fingerprint_key",
    "UPDATE vault.secret_version SET fingerprint = ''",
    "DELETE FROM vault.secret_version",
    "DELETE FROM vault.erased_buyer",
)
VIEW_WRITES = ("DELETE FROM views.orders", "UPDATE views.position SET next_position = 0", "DELETE FROM views.build")

DENIED = {
    "gateway": (
        *(EVENT, MOVE, EPOCH, *HISTORY, *DDL, *VIEW_WRITES, *SECRETS[3:]),
        *("SELECT FROM orders_1.orders", "SELECT FROM snapshots.chunk", "DELETE FROM consumer.checkpoint"),
        *("INSERT INTO sandbox.payment DEFAULT VALUES", "UPDATE sandbox.payment SET amount_minor = 1"),
        *("DROP SCHEMA views CASCADE", "ALTER TABLE log.record DISABLE TRIGGER ALL"),
    ),
    "decider": (
        *(*HISTORY, *DDL, *VIEW_WRITES, *SECRETS),
        *("SELECT FROM views.orders", "SELECT FROM gateway.ended_session", "SELECT FROM sandbox.payment"),
    ),
    "projector": (
        *(EVENT, MOVE, EPOCH, *HISTORY, *DDL[1:3], *SECRETS),
        *("SELECT FROM gateway.ended_session", "SELECT FROM consumer.checkpoint", "SELECT FROM sandbox.payment"),
    ),
    "payments": (
        *(EVENT, MOVE, EPOCH, *HISTORY, *DDL, *VIEW_WRITES, *SECRETS[2:]),
        *("SELECT FROM views.orders", "SELECT FROM gateway.ended_session", "UPDATE vault.buyer_key SET wrapped = ''"),
    ),
    "notary": (
        *(EVENT, MOVE, EPOCH, *HISTORY, *DDL, *VIEW_WRITES, *SECRETS[3:]),
        *("SELECT FROM vault.buyer_key", "SELECT FROM views.orders", "SELECT FROM consumer.checkpoint"),
        *("DELETE FROM tlog.tile", "DELETE FROM tlog.bundle", "UPDATE tlog.tree SET origin = ''", "TRUNCATE tlog.run"),
    ),
    "notifications": (
        *(EVENT, MOVE, EPOCH, *HISTORY, *DDL, *VIEW_WRITES, *SECRETS[3:]),
        *("DELETE FROM consumer.checkpoint", "DELETE FROM vault.buyer_key", "DELETE FROM mail.suppressed"),
    ),
    "webhooks": (
        *(EVENT, EVENT.replace("events", "commands"), MOVE, EPOCH, *HISTORY, *DDL, *VIEW_WRITES, *SECRETS[1:]),
        *("SELECT FROM views.orders", "UPDATE webhooks.endpoint SET url = ''", "DELETE FROM webhooks.signing_key"),
    ),
    "search": (
        *(EVENT, EVENT.replace("events", "commands"), MOVE, EPOCH, *HISTORY, *DDL, *VIEW_WRITES, *SECRETS[3:]),
        *("DELETE FROM vault.buyer_key", "DELETE FROM consumer.checkpoint", "SELECT FROM mail.outbox"),
    ),
    "feeds": (EVENT, *HISTORY, *DDL, *VIEW_WRITES, *SECRETS, "SELECT FROM log.record", "SELECT FROM views.orders"),
    "live": (EVENT, *HISTORY, *DDL, *VIEW_WRITES, *SECRETS, "SELECT FROM log.record", "SELECT FROM views.orders"),
}


def run_as(dsn: str, role: str, statement: str) -> None:
    """And undo it."""
    with closing(psycopg2.connect(as_role(dsn, role))) as conn, conn.cursor() as cur:
        cur.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"), [(role, statement) for role, denied in DENIED.items() for statement in denied]
)
def test_a_user_is_denied_what_its_role_does_not_do(role: str, statement: str, prepared: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match=r"permission denied|must be owner"):
        run_as(prepared, role, statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("decider", EVENT),
        ("decider", MOVE),
        ("decider", EPOCH),
        ("decider", "SELECT version, fingerprint FROM vault.secret_version"),
        ("gateway", EVENT.replace("events", "commands")),
        ("gateway", MOVE.replace("events", "commands")),
        ("gateway", "SELECT FROM views.orders"),
        ("gateway", "SELECT sealed_root FROM vault.secret_version"),
        ("projector", "CREATE SCHEMA mine"),
        ("projector", EVENT.replace("events", "deadletter")),
        ("notary", "SELECT FROM log.record"),
        ("notary", "SELECT sealed_root FROM vault.secret_version"),
        ("webhooks", "SELECT sealed FROM webhooks.signing_key"),
        ("gateway", "SELECT salts FROM tlog.bundle"),
        ("payments", "DELETE FROM vault.buyer_key WHERE buyer_id = 'by0-x'"),
    ],
)
def test_a_user_may_do_what_its_role_does(role: str, statement: str, prepared: str) -> None:
    run_as(prepared, role, statement)


def test_views_to_come_are_for_the_gateway_to_read(prepared: str) -> None:
    with closing(psycopg2.connect(as_role(prepared, "projector"))) as conn, conn, conn.cursor() as cur:
        cur.execute("CREATE VIEW views.new AS SELECT * FROM views.orders")
    run_as(prepared, "gateway", "SELECT FROM views.new")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied for view new"):
        run_as(prepared, "gateway", "DELETE FROM views.new")


@pytest.fixture(params=["the newest", "the oldest"])
def owned_by_no_superuser(request: pytest.FixtureRequest, postgres_server: object) -> Iterator[str]:
    """The DSN of a database whose owner has CREATEROLE and nothing else, as at providers of databases."""
    if request.param == "the oldest":
        with other_postgres() as dsn:
            yield from a_database_of_an_owner(dsn)
    else:
        yield from a_database_of_an_owner(postgres_server.dsn)  # type: ignore[attr-defined]


def a_database_of_an_owner(dsn: str) -> Iterator[str]:
    run_sql(dsn, "CREATE ROLE somebody LOGIN CREATEROLE PASSWORD 'somebody'")
    run_sql(dsn, "CREATE DATABASE rented OWNER somebody")
    try:
        yield make_dsn(dsn, dbname="rented", user="somebody", password="somebody")
    finally:
        drop_database(dsn, "rented")
        run_sql(dsn, "DROP ROLE somebody")


def test_the_owner_needs_createrole_only(owned_by_no_superuser: str, tmp_path: Path) -> None:
    shop = ShopOfUsers(tmp_path / "data", owned_by_no_superuser, BUYSTREAM_PARTITIONS="1")
    try:
        shop.prepare()
        assert shop.prepare() == "The database is as it should be: nothing to do.\n"
        shop.run(*ON_POSTGRES)
        merchant = shop.add_merchant()
        edition_id = shop.release(merchant["api_key"], stock=20)
        shop.sell(edition_id)
        rebuilt = shop.command("rebuild", VIEWS[0].name)
        assert rebuilt[0] == 0, rebuilt[2]
        shop.sell(edition_id)
        assert_books_are_right(shop)
    finally:
        shop.close()


def test_every_role_is_denied_something() -> None:
    assert set(DENIED) == set(GRANTS)
