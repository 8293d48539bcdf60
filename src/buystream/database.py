"""Connections to PostgreSQL, and its errors in the product's words. Everything that talks to PostgreSQL does so from
here: a connection is closed when its state is unknown, so a kept one is opened afresh for the next transaction."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final
from weakref import WeakSet

import psycopg2
from psycopg2.errorcodes import (
    CLASS_DATA_EXCEPTION,
    CLASS_INTEGRITY_CONSTRAINT_VIOLATION,
    CLASS_PROGRAM_LIMIT_EXCEEDED,
)
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection, cursor, parse_dsn

from buystream.errors import BuystreamError

LIMITS: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
"""A server that vanishes without a word is noticed within 25 seconds, whether we wait for it or write to it. What the
DSN says about these goes first (https://www.postgresql.org/docs/18/libpq-connect.html)."""

FAILS_AGAIN: Final = frozenset(
    (CLASS_DATA_EXCEPTION, CLASS_INTEGRITY_CONSTRAINT_VIOLATION, CLASS_PROGRAM_LIMIT_EXCEEDED)
)
"""Classes of SQLSTATE that repeating doesn't help, whatever psycopg2 counts them among: data exceptions, violated
constraints, exceeded limits (https://www.postgresql.org/docs/18/errcodes-appendix.html)."""

_MAY_PASS: Final = (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.InternalError)


class DatabaseError(BuystreamError):
    """PostgreSQL didn't do it. `sqlstate` is its code, or "" when no server answered."""

    def __init__(self, line: str, sqlstate: str = "") -> None:
        super().__init__(line)
        self.sqlstate = sqlstate


class DatabaseUnavailable(DatabaseError):
    """PostgreSQL is away, shuts down, is read-only or took too long: the same may succeed later."""


class LoginRefused(DatabaseUnavailable):
    """The server is there and doesn't admit this user: the same succeeds once the password is right."""


class DatabaseRefused(DatabaseError):
    """The same fails again: rights or tables are missing, or a rule of the tables is broken."""


def connect(dsn: str, purpose: str) -> connection:
    """An open connection, named after its purpose in pg_stat_activity. Raises DatabaseUnavailable, DatabaseRefused for
    a DSN that can't be read."""
    try:
        opened: connection = psycopg2.connect(
            **{**LIMITS, **parse_dsn(dsn), "application_name": f"buystream {purpose}"}
        )
    except psycopg2.Error as error:
        raise _on_connecting(error) from error
    return opened


@contextmanager
def translated() -> Iterator[None]:
    """What psycopg2 raises within is raised as DatabaseError."""
    try:
        yield
    except psycopg2.Error as error:
        raise _error_of(error) from error


@contextmanager
def connected(dsn: str, purpose: str, *, autocommit: bool = False) -> Iterator[connection]:
    """A connection for as long as this lasts; raises DatabaseError."""
    with closing(connect(dsn, purpose)) as conn, translated():
        conn.autocommit = autocommit
        yield conn


@contextmanager
def transaction(conn: connection) -> Iterator[cursor]:
    """One transaction, rolled back by any exception; raises DatabaseError. The connection is closed when the outcome
    is open."""
    try:
        with conn, conn.cursor() as cur:
            yield cur
    except psycopg2.Error as error:
        raise _failure(conn, error) from error
    finally:
        if not conn.closed and conn.info.transaction_status != TRANSACTION_STATUS_IDLE:
            conn.close()


@contextmanager
def terse_transaction(conn: connection) -> Iterator[cursor]:
    """The same for statements that begin it ("BEGIN; UPDATE …") and commit it ("…; COMMIT") themselves: psycopg2 sends
    either as a round trip of its own."""
    try:
        conn.autocommit = True
        with conn.cursor() as cur:
            yield cur
    except psycopg2.Error as error:
        raise _failure(conn, error) from error
    finally:
        if not conn.closed:
            _leave(conn)


def _leave(conn: connection) -> None:
    """As it was before a terse transaction: nothing is open, and psycopg2 begins the next one."""
    try:
        if conn.info.transaction_status != TRANSACTION_STATUS_IDLE:
            with conn.cursor() as cur:
                cur.execute("ROLLBACK")
        conn.autocommit = False
    except psycopg2.Error:
        conn.close()


@contextmanager
def one_transaction(dsn: str, purpose: str) -> Iterator[cursor]:
    """A connection for one transaction; raises DatabaseError."""
    with closing(connect(dsn, purpose)) as conn, transaction(conn) as cur:
        yield cur


class KeptConnection:
    """A connection that is opened by the first transaction and again after a failure. Used by one thread at a time."""

    def __init__(self, dsn: str, purpose: str) -> None:
        self._dsn = dsn
        self._purpose = purpose
        self._connection: connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[cursor]:
        """One transaction; raises DatabaseError."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._dsn, self._purpose)
        with transaction(self._connection) as cur:
            yield cur

    def close(self) -> None:
        """Close it; the next transaction would open another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class ConnectionPerThread:
    """A kept connection for each thread that asks."""

    def __init__(self, dsn: str, purpose: str) -> None:
        self._dsn = dsn
        self._purpose = purpose
        self._local = threading.local()
        self._opened: WeakSet[connection] = WeakSet()  # a thread that ended takes its connection along
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[cursor]:
        """One transaction on this thread's connection; raises DatabaseError."""
        with transaction(self._mine()) as cur:
            yield cur

    @contextmanager
    def terse_transaction(self) -> Iterator[cursor]:
        """As the function of that name, on this thread's connection; raises DatabaseError."""
        with terse_transaction(self._mine()) as cur:
            yield cur

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for opened in self._opened:
                opened.close()
            self._opened.clear()

    def _mine(self) -> connection:
        mine: connection | None = getattr(self._local, "connection", None)
        if mine is None or mine.closed:
            mine = self._local.connection = connect(self._dsn, self._purpose)
            with self._lock:
                self._opened.add(mine)
        return mine


def _failure(conn: connection, error: psycopg2.Error) -> DatabaseError:
    """What a transaction's failure means; its connection is closed when the outcome is open."""
    meant = _error_of(error)
    if isinstance(meant, DatabaseUnavailable):
        conn.close()
    return meant


def _error_of(error: psycopg2.Error) -> DatabaseError:
    """What a statement's failure means."""
    sqlstate = error.pgcode or ""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, _MAY_PASS) and sqlstate[:2] not in FAILS_AGAIN:
        return DatabaseUnavailable(f"PostgreSQL is unavailable: {line}", sqlstate)
    return DatabaseRefused(f"PostgreSQL refused: {line}", sqlstate)


def _on_connecting(error: psycopg2.Error) -> DatabaseError:
    """libpq gives no SQLSTATE before there is a connection, only a line for each address that it tried."""
    lines = (line.strip() for line in str(error).splitlines())
    reported = "; ".join(line for line in lines if line and not line.startswith("Is the server running"))
    if not isinstance(error, _MAY_PASS):
        return DatabaseRefused(f"PostgreSQL can't be reached: {reported}")
    if "authentication failed" in reported or "no password supplied" in reported:
        return LoginRefused(f"PostgreSQL refused the login: {reported}")
    return DatabaseUnavailable(f"PostgreSQL can't be reached: {reported}")
