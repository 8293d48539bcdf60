"""B1: PostgreSQL alone, as most shops do it: UPDATE ... WHERE sold < stock and an INSERT in one transaction, by pgbench
over the unix socket, on the very server that the shop runs on."""

import contextlib
import subprocess

import psycopg2
from psycopg2.extensions import parse_dsn

from bench.measuring import BenchError, Measured, percentile_ms
from bench.stage import Stage
from buystream.host.postgres_binaries import bin_dir

SCHEMA = """
    CREATE TABLE edition (edition_id text PRIMARY KEY, stock integer NOT NULL, sold integer NOT NULL DEFAULT 0);
    CREATE TABLE orders (
        order_id text PRIMARY KEY, edition_id text NOT NULL, buyer_id text NOT NULL,
        quantity integer NOT NULL, price_minor bigint NOT NULL, placed_at timestamptz NOT NULL DEFAULT now()
    );
    INSERT INTO edition VALUES ('ed0-0123456789', 1000000000);"""
TRANSACTION = r"""
BEGIN;
UPDATE edition SET sold = sold + 1 WHERE edition_id = 'ed0-0123456789' AND sold < stock;
INSERT INTO orders (order_id, edition_id, buyer_id, quantity, price_minor)
    VALUES (gen_random_uuid()::text, 'ed0-0123456789', 'by0-' || :client_id, 1, 3500);
COMMIT;
"""
STATEMENT = r"""
WITH taken AS (UPDATE edition SET sold = sold + 1 WHERE edition_id = 'ed0-0123456789' AND sold < stock RETURNING 1)
INSERT INTO orders (order_id, edition_id, buyer_id, quantity, price_minor)
    SELECT gen_random_uuid()::text, 'ed0-0123456789', 'by0-' || :client_id, 1, 3500 FROM taken;
"""
FSYNCED = "each order: fsync of the WAL before its answer"


class Pgbench:
    """One script, one number of clients."""

    durability = FSYNCED

    def __init__(self, stage: Stage, *, name: str, title: str, script: str, clients: int, best_of: str) -> None:
        self.name, self.title, self.best_of = name, title, best_of
        self._stage = stage
        self._script = script
        self._clients = clients

    def prepare(self) -> None:
        """A database of its own."""
        label = self.name.lower().replace(" ", "_")
        self._dsn = self._stage.database(f"bench_{label}")
        self._folder = self._stage.folder / label
        self._folder.mkdir()
        (self._folder / "script.sql").write_text(self._script)
        with contextlib.closing(psycopg2.connect(self._dsn)) as conn, conn, conn.cursor() as cur:
            cur.execute(SCHEMA)

    def round(self, seconds: float) -> Measured:
        """Run pgbench, count what it did, then empty the tables."""
        self._stage.checkpoint()
        tps = self._pgbench(max(2, round(seconds)))
        latencies_ms = [
            int(line.split()[2]) / 1000 for log in self._folder.glob("log.*") for line in log.read_text().splitlines()
        ]
        sold = self._count_and_empty()
        if sold != len(latencies_ms):
            raise BenchError(f"pgbench did {len(latencies_ms)} transactions, and {sold} orders are there")
        return Measured(
            per_s=tps,
            p50_ms=percentile_ms(latencies_ms, 50),
            p99_ms=percentile_ms(latencies_ms, 99),
            facts={"orders": sold},
        )

    def close(self) -> None:
        """The database goes with its server."""

    def _pgbench(self, seconds: int) -> float:
        for log in self._folder.glob("log.*"):
            log.unlink()
        server = parse_dsn(self._dsn)
        done = subprocess.run(
            [
                *(bin_dir() / "pgbench", "-n", "-M", "prepared", "-c", str(self._clients), "-j", "2"),
                *("-T", str(seconds), "-f", "script.sql", "--log", "--log-prefix", "log"),
                *("-h", server["host"], "-p", server["port"], "-U", server["user"], server["dbname"]),
            ],
            capture_output=True,
            text=True,
            cwd=self._folder,
            env={"PGPASSWORD": server["password"]},
            timeout=seconds + 60,
            check=False,
        )
        line = next((line for line in done.stdout.splitlines() if line.startswith("tps = ")), None)
        if done.returncode != 0 or line is None:
            raise BenchError(f"pgbench failed: {(done.stderr.strip() or done.stdout.strip())[-300:]}")
        return float(line.split()[2])

    def _count_and_empty(self) -> int:
        with contextlib.closing(psycopg2.connect(self._dsn)) as conn, conn, conn.cursor() as cur:
            cur.execute("SELECT sold, (SELECT count(*) FROM orders) FROM edition")
            sold, orders = cur.fetchone() or (0, 0)
            if sold != orders:
                raise BenchError(f"{sold} sold, {orders} orders")
            cur.execute("TRUNCATE orders; UPDATE edition SET sold = 0")
            return int(sold)


def contenders(stage: Stage) -> list[Pgbench]:
    """The transaction as everybody writes it, and in one statement, which holds the row's lock for less time."""
    return [
        *(
            Pgbench(
                stage,
                name=f"B1 c{clients}",
                title=f"PostgreSQL UPDATE + INSERT, no HTTP, {clients} clients",
                script=TRANSACTION,
                clients=clients,
                best_of="B1",
            )
            for clients in (8, 64)
        ),
        Pgbench(
            stage,
            name="B1 statement",
            title="the same in one statement, no HTTP, 8 clients",
            script=STATEMENT,
            clients=8,
            best_of="",
        ),
    ]
