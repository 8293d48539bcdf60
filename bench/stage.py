"""What contenders share: one folder, one PostgreSQL with the settings of an embedded shop, one shop."""

import contextlib
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import psycopg2
from psycopg2.extensions import make_dsn

from bench.load import write_lines
from bench.measuring import BenchError
from buystream import embedded
from buystream.embedded import EmbeddedPostgres
from buystream.gateway.sessions import Sessions

PARTITIONS = 4
BUYERS = 20_000
CONNECTIONS_MAX = "200"


class Stage(contextlib.ExitStack):
    """Everything is made when first asked for, and stopped at the end in reverse."""

    def __init__(self, *, quick: bool) -> None:
        super().__init__()
        self.quick = quick

    @cached_property
    def folder(self) -> Path:
        """For everything that is written; gone at the end."""
        return Path(self.enter_context(TemporaryDirectory(prefix="buystream-bench-")))

    @cached_property
    def postgres(self) -> EmbeddedPostgres:
        """The one server that everything on PostgreSQL is measured on: the shop's own."""
        # 64 clients of pgbench beside everybody who waits for a turn; nothing else differs from a shop's own.
        embedded.SETTINGS["max_connections"] = CONNECTIONS_MAX
        return self.enter_context(EmbeddedPostgres(self.folder / "shop"))

    @cached_property
    def secret(self) -> bytes:
        """What sessions are signed with."""
        return secrets.token_urlsafe(32).encode()

    @cached_property
    def buyers(self) -> Path:
        """A file of session tokens, one for each buyer."""
        count = BUYERS // 10 if self.quick else BUYERS
        return write_lines(self.folder / "tokens", [self.token for _ in range(count)])

    @property
    def token(self) -> str:
        """A new buyer's session."""
        sessions = Sessions(self.secret, partitions=PARTITIONS, host_secrets={}, secure_cookie=False)
        return sessions.token(sessions.new_buyer())

    def database(self, name: str) -> str:
        """A fresh database on the shop's server; its DSN."""
        with contextlib.closing(psycopg2.connect(self.postgres.dsn)) as conn:
            conn.autocommit = True
            with conn.cursor() as cur:
                cur.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                cur.execute(f"CREATE DATABASE {name}")
        return make_dsn(self.postgres.dsn, dbname=name)

    def checkpoint(self) -> None:
        """Before each round on PostgreSQL, so that none pays for what another one wrote."""
        with contextlib.closing(psycopg2.connect(self.postgres.dsn)) as conn:
            conn.autocommit = True
            with conn.cursor() as cur:
                cur.execute("CHECKPOINT")


def wait_until(true: Callable[[], bool], *, seconds: float, what: str) -> float:
    """How many seconds it took; raises BenchError when it never comes."""
    began = monotonic()
    while not true():
        if monotonic() - began > seconds:
            raise BenchError(f"waited {seconds:.0f} s for {what}")
        sleep(0.02)
    return monotonic() - began
