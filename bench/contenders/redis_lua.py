"""B3: Redis. A Lua script checks the stock, decrements it and adds the order to a stream, by redis-benchmark with 50
clients; with the append-only file synced every second, and on every write."""

import csv
import io
import shutil
import subprocess
from time import perf_counter

from bench.measuring import BenchError, Measured
from bench.stage import Stage, wait_until
from buystream.host.sockets import free_port

SCRIPT = """
local left = tonumber(redis.call('GET', KEYS[1]))
if left < 1 then return 0 end
redis.call('DECR', KEYS[1])
redis.call('XADD', KEYS[2], '*', 'order_id', ARGV[1], 'buyer_id', ARGV[2], 'quantity', '1', 'price_minor', '3500')
return 1
"""
STOCK = 1_000_000_000
CLIENTS = 50
WAIT_SECONDS = 30
FIRST_TRY = 5_000
DURABILITY = {
    "everysec": "AOF fsync once a second: up to a second of answered orders is lost at a power cut",
    "always": "AOF fsync before the answer, one for all commands of an event loop's turn",
}


class RedisLua:
    """One server, one way of asking."""

    best_of = ""

    def __init__(self, stage: Stage, *, fsync: str, pipeline: int, name: str) -> None:
        self.name = name
        piped = f"{pipeline} commands in a pipeline" if pipeline > 1 else "no pipeline"
        self.title = f"Redis Lua check-decrement-XADD, no HTTP, AOF {fsync}, {CLIENTS} clients, {piped}"
        self.durability = DURABILITY[fsync]
        self._stage = stage
        self._fsync = fsync
        self._pipeline = pipeline
        self._per_s = 0.0

    def prepare(self) -> None:
        """Start a server of its own."""
        for command in ("redis-server", "redis-benchmark", "redis-cli"):
            if shutil.which(command) is None:
                raise BenchError(f"{command} is missing: apt-get install redis-server redis-tools")
        folder = self._stage.folder / self.name.replace(" ", "-")
        folder.mkdir()
        self._port = str(free_port())
        with (folder / "redis.log").open("wb") as log:
            self._server = subprocess.Popen(
                [
                    *("redis-server", "--port", self._port, "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
                    *("--appendonly", "yes", "--appendfsync", self._fsync),
                    # The file is rewritten on request between rounds, so that it never falls into one.
                    *("--auto-aof-rewrite-percentage", "0"),
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, seconds=WAIT_SECONDS, what="redis-server")
        self._sha = self._ask("SCRIPT", "LOAD", SCRIPT)
        self._per_s = self._benchmark(FIRST_TRY).per_s

    def round(self, seconds: float) -> Measured:
        """As many orders as the last round's rate makes in that time."""
        measured = self._benchmark(max(FIRST_TRY, int(self._per_s * seconds)))
        self._per_s = measured.per_s
        return measured

    def close(self) -> None:
        """Stop the server."""
        self._server.terminate()
        self._server.wait(WAIT_SECONDS)

    def _benchmark(self, orders: int) -> Measured:
        self._ask("FLUSHALL")
        self._ask("BGREWRITEAOF")
        wait_until(self._is_calm, seconds=WAIT_SECONDS, what="Redis to rewrite its file")
        self._ask("SET", "stock", str(STOCK))
        began = perf_counter()
        done = subprocess.run(
            [
                *(
                    "redis-benchmark",
                    "-p",
                    self._port,
                    "-c",
                    str(CLIENTS),
                    "-n",
                    str(orders),
                    "-P",
                    str(self._pipeline),
                ),
                *("-r", "1000000000", "--csv", "EVALSHA", self._sha, "2", "stock", "orders"),
                *("ed0-0123456789-__rand_int__", "by0-__rand_int__"),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        seconds = perf_counter() - began
        placed = int(self._ask("XLEN", "orders"))
        left = int(self._ask("GET", "stock"))
        if done.returncode != 0 or placed < orders or STOCK - left != placed:
            reason = done.stderr.strip()[-200:]
            raise BenchError(f"of {orders} orders {placed} are there, {STOCK - left} taken: {reason}")
        row = list(csv.DictReader(io.StringIO(done.stdout)))[-1]
        return Measured(
            per_s=float(row["rps"]),
            p50_ms=float(row["p50_latency_ms"]),
            p99_ms=float(row["p99_latency_ms"]),
            facts={"orders": placed, "seconds": round(seconds, 2)},
        )

    def _ask(self, *command: str) -> str:
        done = subprocess.run(
            ["redis-cli", "-e", "-p", self._port, *command], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise BenchError(f"redis-cli {command[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def _answers(self) -> bool:
        try:
            return self._ask("PING") == "PONG"
        except BenchError:
            return False

    def _is_calm(self) -> bool:
        told = self._ask("INFO", "persistence")
        return "aof_rewrite_in_progress:0" in told and "aof_rewrite_scheduled:0" in told


def contenders(stage: Stage) -> list[RedisLua]:
    """B3 is the one without a pipeline and with the file synced every second."""
    return [
        RedisLua(stage, fsync="everysec", pipeline=1, name="B3"),
        RedisLua(stage, fsync="everysec", pipeline=16, name="B3 pipeline"),
        RedisLua(stage, fsync="always", pipeline=1, name="B3 always"),
        RedisLua(stage, fsync="always", pipeline=16, name="B3 always pipeline"),
    ]
