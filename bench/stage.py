"""What contenders share: one folder, one PostgreSQL with the settings of an embedded shop, one shop."""

import contextlib
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep

import psycopg2
from psycopg2.extensions import make_dsn

from bench.load import write_lines
from bench.measuring import BenchError
from bench.sweeper import swept_folder
from buystream.gateway.server.sessions import Sessions
from buystream.host import embedded
from buystream.host.embedded import EmbeddedPostgres

PARTITIONS = 4
BUYERS = 20_000
CONNECTIONS_MAX = "200"


class Stage(contextlib.ExitStack):
    """Everything is made when first requested, and stopped at the end in reverse."""

    def __init__(self, *, quick: bool) -> None:
        super().__init__()
        self.quick = quick

    @cached_property
    def folder(self) -> Path:
        """For everything that is written; at the end it is gone, with whatever still works in it."""
        return self.enter_context(swept_folder("buystream-bench-"))

    @cached_property
    def postgres(self) -> EmbeddedPostgres:
        """The one server that everything on PostgreSQL is measured on: the shop's own."""
        # 64 clients of pgbench beside everybody who waits for a turn; nothing else differs from a shop's own.
        embedded.SETTINGS["max_connections"] = CONNECTIONS_MAX
        return self.enter_context(EmbeddedPostgres(self.folder / "shop"))

    @cached_property
    def secret(self) -> bytes:
        """BUYSTREAM_SECRET_KEY of every shop here."""
        return secrets.token_urlsafe(32).encode()

    @cached_property
    def buyers(self) -> Path:
        """A file of session tokens, one for each buyer, for a server that does not look at them."""
        return self.tokens("any", self.secret)

    def tokens(self, name: str, root: bytes) -> Path:
        """A file of session tokens, one for each buyer of the shop with this root secret."""
        sessions = Sessions(root, partitions=PARTITIONS, host_secrets={}, secure_cookie=False)
        count = BUYERS // 10 if self.quick else BUYERS
        return write_lines(self.folder / f"{name}.tokens", [sessions.token(sessions.new_buyer()) for _ in range(count)])

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
