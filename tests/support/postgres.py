"""PostgreSQL for tests: one embedded server a session, an empty database a test.

Fixtures, usable in every test: `postgres_server` (the running `EmbeddedPostgres`, session-scoped), `database_url`
(the DSN of a fresh database, dropped afterwards), `postgres_log` (a `PostgresLog` of two partitions in it)."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from buystream.embedded import EmbeddedPostgres
from buystream.log.postgres import PostgresLog

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A running embedded PostgreSQL in a folder of its own; stopped when the session ends."""
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        Path(folder).chmod(0o755)  # the server's account, when we are root, has to pass
        with EmbeddedPostgres(Path(folder)) as server:
            yield server


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of an empty database; whoever is still connected afterwards is thrown out."""
    name = f"test_{next(_numbers)}"
    run_sql(postgres_server.dsn, f"CREATE DATABASE {name}")
    yield make_dsn(postgres_server.dsn, dbname=name)
    run_sql(postgres_server.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_log(database_url: str) -> Iterator[PostgresLog]:
    """An empty log of two partitions."""
    with closing(PostgresLog(database_url, partitions=2)) as log:
        yield log


def run_sql(dsn: str, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """One statement on a connection of its own, outside a transaction; its rows, if it has any."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cur:
            cur.execute(statement, parameters)
            return list(cur.fetchall()) if cur.description else []
