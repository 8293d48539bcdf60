"""PostgreSQL for tests: one embedded server a session, a database a test.

Fixtures, usable in every test: `postgres_server` (the running `EmbeddedPostgres`, session-scoped), `database_url`
(the DSN of an empty database, dropped afterwards), `shop_database_url` (of one that has the tables of a shop),
`module_database_url` and `module_shop_database_url` (the same for a whole module), `postgres_log` (a `PostgresLog` of
two partitions in an empty one)."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from buystream.database import one_transaction
from buystream.database_grants import parts_used
from buystream.host import embedded
from buystream.host.embedded import EmbeddedPostgres
from buystream.log.postgres import PostgresLog
from buystream.settings import Settings
from buystream.wiring.views import projector
from tests.support.patience import wait_until
from tests.support.prepared import prepare
from tests.support.server_logs import show_on_failure

PARTITIONS = 2

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A running embedded PostgreSQL in a folder of its own; stopped when the session ends."""
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        Path(folder).chmod(0o755)  # the server's account, when we are root, has to pass
        show_on_failure("PostgreSQL", Path(folder, "postgres", "server.log"))
        prepare(Path(folder))
        server = EmbeddedPostgres(Path(folder))
        with pytest.MonkeyPatch.context() as patched:
            patched.setitem(embedded.SETTINGS, "fsync", "off")  # its data needn't outlive this machine
            server.start()
        try:
            _check_passwords_quickly(server.dsn)
            yield server
        finally:
            server.stop()


def _check_passwords_quickly(dsn: str) -> None:
    """Every connection proves that it knows a password; the usual 4096 rounds of hashing are most of what it costs, and
    the tests make thousands. All passwords that are set from now on have one round."""
    run_sql(dsn, "ALTER SYSTEM SET scram_iterations = 1")
    run_sql(dsn, "SELECT pg_reload_conf()")
    wait_until(lambda: run_sql(dsn, "SHOW scram_iterations") == [("1",)])
    run_sql(dsn, "ALTER ROLE CURRENT_USER PASSWORD %s", (parse_dsn(dsn)["password"],))


@pytest.fixture(scope="session")
def shop_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database with the tables of a shop that nobody used yet. Each test that runs a shop gets a copy:
    making the tables takes longer than most of these tests."""
    name = "shop_template"
    run_sql(postgres_server.dsn, f"CREATE DATABASE {name}")
    dsn = make_dsn(postgres_server.dsn, dbname=name)
    with closing(PostgresLog(dsn, partitions=PARTITIONS)) as log:
        with one_transaction(dsn, "tables") as cur:
            for part in parts_used(Settings()):
                part.ensure(cur)
        projector(log, dsn).prepare()
    return name


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of an empty database; any client that is still connected afterwards is thrown out."""
    yield from _database(postgres_server)


@pytest.fixture(scope="module")
def module_database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The same for all tests of a module."""
    yield from _database(postgres_server)


@pytest.fixture
def shop_database_url(postgres_server: EmbeddedPostgres, shop_template: str) -> Iterator[str]:
    """The DSN of a database with the tables of a shop."""
    yield from _database(postgres_server, shop_template)


@pytest.fixture(scope="module")
def module_shop_database_url(postgres_server: EmbeddedPostgres, shop_template: str) -> Iterator[str]:
    """The same for all tests of a module."""
    yield from _database(postgres_server, shop_template)


def _database(postgres_server: EmbeddedPostgres, template: str = "template1") -> Iterator[str]:
    """A copy of the template. As files: written to the WAL page by page, the default, it costs four times as much."""
    name = f"test_{next(_numbers)}"
    run_sql(postgres_server.dsn, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield make_dsn(postgres_server.dsn, dbname=name)
    drop_database(postgres_server.dsn, name)


def drop_database(dsn: str, name: str) -> None:
    """With the users of its shop, which are the whole server's."""
    run_sql(dsn, f"DROP DATABASE {name} WITH (FORCE)")
    for (user,) in run_sql(
        dsn, "SELECT quote_ident(rolname) FROM pg_roles WHERE starts_with(rolname, %s)", (f"{name}_",)
    ):
        run_sql(dsn, f"DROP ROLE {user}")


@pytest.fixture
def postgres_log(database_url: str) -> Iterator[PostgresLog]:
    """An empty log of two partitions."""
    with closing(PostgresLog(database_url, partitions=PARTITIONS)) as log:
        yield log


def run_sql(dsn: str, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """One statement on a connection of its own, outside a transaction; its rows, if it has any."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cur:
            cur.execute(statement, parameters)
            return list(cur.fetchall()) if cur.description else []


def throw_out(dsn: str, name: str) -> None:
    """End all connections to the database."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cur:
        cur.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
