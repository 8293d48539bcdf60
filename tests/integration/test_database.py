"""Connections to PostgreSQL: each of its failures has one meaning, and none leaves a connection in an unknown state."""

from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Thread

import pytest
from psycopg2.errorcodes import (
    INSUFFICIENT_PRIVILEGE,
    QUERY_CANCELED,
    READ_ONLY_SQL_TRANSACTION,
    UNDEFINED_TABLE,
    UNIQUE_VIOLATION,
)
from psycopg2.extensions import connection, make_dsn, parse_dsn

from buystream.database import (
    ConnectionPerThread,
    DatabaseRefused,
    DatabaseUnavailable,
    KeptConnection,
    LoginRefused,
    connect,
    connected,
    one_transaction,
    transaction,
)
from buystream.host.embedded import EmbeddedPostgres
from tests.support.postgres import run_sql, throw_out

NOBODY = "host=127.0.0.1 port=1 dbname=nobody user=me password=sesame"


@pytest.fixture
def conn(database_url: str) -> Iterator[connection]:
    with closing(connect(database_url, "test")) as opened:
        yield opened


def test_a_server_that_is_away_is_unavailable_and_no_password_is_shown() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"^PostgreSQL can't be reached: .*refused") as away:
        connect(NOBODY, "test")
    assert "sesame" not in str(away.value)
    assert "\n" not in str(away.value)


def test_a_wrong_password_may_be_right_later(database_url: str) -> None:
    with pytest.raises(LoginRefused, match=r"PostgreSQL refused the login: .*authentication failed"):
        connect(make_dsn(database_url, password="wrong"), "test")
    assert issubclass(LoginRefused, DatabaseUnavailable)


def test_a_dsn_that_is_no_dsn_never_gets_better() -> None:
    with pytest.raises(DatabaseRefused, match=r"can't be reached: .*missing"):
        connect("no dsn", "test")


def test_a_connection_is_named_and_notices_a_server_that_vanished(database_url: str, conn: connection) -> None:
    ((name,),) = run_sql(database_url, "SELECT application_name FROM pg_stat_activity WHERE pid = %s", (_pid(conn),))
    assert name == "buystream test"
    assert conn.get_dsn_parameters()["tcp_user_timeout"] == "25000"
    with connected(make_dsn(database_url, tcp_user_timeout=1000), "test") as chosen:
        assert chosen.get_dsn_parameters()["tcp_user_timeout"] == "1000"


def test_a_statement_that_takes_too_long_may_succeed_later(conn: connection) -> None:
    with pytest.raises(DatabaseUnavailable, match="statement timeout") as late, transaction(conn) as cur:
        cur.execute("SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(60)")
    assert late.value.sqlstate == QUERY_CANCELED
    assert conn.closed


def test_a_server_that_only_reads_may_write_later(database_url: str) -> None:
    """After a fail-over the connection leads to a standby: only a new one leads to the new primary."""
    with closing(connect(make_dsn(database_url, options="-c default_transaction_read_only=on"), "test")) as standby:
        with pytest.raises(DatabaseUnavailable, match="read-only") as refused, transaction(standby) as cur:
            cur.execute("CREATE TABLE made (id integer)")
        assert refused.value.sqlstate == READ_ONLY_SQL_TRANSACTION
        assert standby.closed


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("SELECT * FROM nothing", UNDEFINED_TABLE),
        ("CREATE TABLE one (id integer PRIMARY KEY); INSERT INTO one VALUES (1), (1)", UNIQUE_VIOLATION),
        ("CREATE ROLE nobody; SET LOCAL ROLE nobody; CREATE SCHEMA mine", INSUFFICIENT_PRIVILEGE),
    ],
)
def test_what_fails_again_is_refused_and_the_connection_goes_on(
    statement: str, sqlstate: str, conn: connection
) -> None:
    with pytest.raises(DatabaseRefused, match=r"^PostgreSQL refused: [^\n]+$") as refused, transaction(conn) as cur:
        cur.execute(statement)
    assert refused.value.sqlstate == sqlstate
    with transaction(conn) as cur:
        cur.execute("SELECT 1")


def test_any_exception_rolls_back(database_url: str, conn: connection) -> None:
    with suppress(KeyboardInterrupt), transaction(conn) as cur:
        cur.execute("CREATE TABLE made (id integer)")
        raise KeyboardInterrupt
    assert run_sql(database_url, "SELECT to_regclass('made')") == [(None,)]
    with one_transaction(database_url, "test") as cur:
        cur.execute("CREATE TABLE made (id integer)")
    assert run_sql(database_url, "SELECT to_regclass('made')::text") == [("made",)]


def test_a_kept_connection_is_opened_again_after_it_broke(postgres_server: EmbeddedPostgres, database_url: str) -> None:
    with closing(KeptConnection(database_url, "test")) as kept:
        first = _pid_of(kept)
        assert _pid_of(kept) == first
        throw_out(postgres_server.dsn, parse_dsn(database_url)["dbname"])
        with pytest.raises(DatabaseUnavailable), kept.transaction() as cur:
            cur.execute("SELECT 1")
        assert _pid_of(kept) != first


def test_each_thread_has_a_connection_and_all_are_closed_together(database_url: str) -> None:
    pids: set[int] = set()
    connections = ConnectionPerThread(database_url, "test")
    pids.add(_pid_of(connections))
    other = Thread(target=lambda: pids.add(_pid_of(connections)))
    other.start()
    other.join()
    assert len(pids) == 2
    connections.close()
    assert _pid_of(connections) not in pids
    connections.close()


def _pid(conn: connection) -> int:
    return int(conn.info.backend_pid)


def _pid_of(connections: KeptConnection | ConnectionPerThread) -> int:
    with connections.transaction() as cur:
        return _pid(cur.connection)
