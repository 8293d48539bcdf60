"""A shop as its users run it, `buystream up` or one process for each role, and what a measurement asks of it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import sleep

import msgspec
import psycopg2

from bench.asking import message_of
from bench.children import STOP_SECONDS, last_line
from bench.measuring import BenchError
from bench.stage import PARTITIONS, wait_until
from buystream.host.sockets import free_port
from buystream.log import COMMANDS, EVENTS, Log, Message
from buystream.projections.engine.runner import caught_up
from buystream.vocabulary.commands import ReleaseEdition
from buystream.vocabulary.ids import new_edition_id, new_merchant_id, new_order_id, partition_of
from buystream.vocabulary.values import Offer, Variant

BUYSTREAM = Path(sys.executable).with_name("buystream")
READY_SECONDS = 180
VIEWS_SECONDS = 300
QUIET_SECONDS = 0.2
PRICE_MINOR = 3500
HOLD_SECONDS = 7 * 24 * 3600
"""No hold runs out while it is measured."""

_ANSWERS = re.compile(r'^buystream_orders_answered_total\{status="(\d+)"\} ([0-9.e+]+)$', re.MULTILINE)


class Program:
    """`buystream <role>` as a process, ready on return. Nothing of our own environment's settings reaches it."""

    def __init__(self, role: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self._log = folder / f"{role}-{self.port}.log"
        self._metrics_port = free_port()
        ports = ["--port", str(self.port)] if role in ("up", "gateway") else []
        if not ports:
            self.port = self._metrics_port
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [BUYSTREAM, role, *ports],
                stdout=log,
                stderr=log,
                env=_without_settings() | environment | {"BUYSTREAM_METRICS_PORT": str(self._metrics_port)},
            )
        try:
            self.ready_after_seconds = wait_until(self._is_ready, seconds=READY_SECONDS, what=f"{role} to be ready")
        except BaseException:
            self.close()
            raise

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody answers."""
        return _ask(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"))

    def metrics(self) -> tuple[int, str]:
        """The same of its metrics."""
        return _ask(urllib.request.Request(f"http://127.0.0.1:{self._metrics_port}/metrics"))

    def memory_mb(self, what: str) -> float:
        """Of its Python processes: `VmRSS` now, `VmHWM` at most. PostgreSQL's is its own."""
        return sum(_memory_mb(pid, what) for pid in _with_descendants(self._process.pid))

    def cpu_seconds(self) -> float:
        """Of the Python process, since it began. PostgreSQL's is its own."""
        after_name = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Stop it as its user would."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise BenchError(f"it ended: {last_line(self._log)}")
        return self.get("/readyz")[0] == 200


class RunningShop:
    """A front, which answers buyers, and its log, to which editions are written. `dsn` is where its views are, `buyers`
    a file of session tokens."""

    def __init__(self, front: Program, log: Log, dsn: str, *, buyers: Path, has_views: bool = True) -> None:
        self.front = front
        self.buyers = buyers
        self.url = f"http://127.0.0.1:{front.port}"
        self._log = log
        self._dsn = dsn
        self._has_views = has_views

    def release(self, count: int, *, stock: int) -> list[str]:
        """So many editions over all partitions; their ids, once the shop sells each (one of the stock is gone then)."""
        offer = Offer(
            title="One night only",
            currency="USD",
            variants=(
                Variant(
                    price_min_minor=PRICE_MINOR, price_max_minor=PRICE_MINOR, stock=stock, limit_per_buyer=1_000_000
                ),
            ),
            hold_seconds=HOLD_SECONDS,
            needs_address=False,
        )
        made = [
            ReleaseEdition(
                edition_id=new_edition_id(number % PARTITIONS),
                merchant_id=new_merchant_id(0),
                offer=offer,
            )
            for number in range(count)
        ]
        by_partition: dict[int, list[Message]] = {}
        for command in made:
            by_partition.setdefault(partition_of(command.edition_id), []).append(
                message_of(command, command.edition_id)
            )
        for partition, messages in by_partition.items():
            self._log.append(COMMANDS, partition, messages)
        for edition_id in [command.edition_id for command in made[-PARTITIONS:]]:
            wait_until(lambda it=edition_id: self._sells(it), seconds=READY_SECONDS, what="an edition to be sold")  # type: ignore[misc]
        return [command.edition_id for command in made]

    def wait_for_views(self) -> float | None:
        """How many seconds the views were behind the log; None when nobody keeps them."""
        return wait_for_views(self._log, self._dsn) if self._has_views else None

    def answers(self) -> dict[str, float]:
        """Answers to POST /v1/orders by status, by the shop's own metrics, once no request is under way."""
        before: dict[str, float] = {}
        while (now := self._answers()) != before:
            before = now
            sleep(QUIET_SECONDS)
        return now

    def _token(self) -> str:
        with self.buyers.open() as tokens:
            return tokens.readline().strip()

    def _answers(self) -> dict[str, float]:
        status, metrics = self.front.metrics()
        if status != 200:
            raise BenchError("the shop shows no metrics")
        return {code: float(count) for code, count in _ANSWERS.findall(metrics)}

    def _sells(self, edition_id: str) -> bool:
        order = {
            "order_id": new_order_id(edition_id),
            "edition_id": edition_id,
            "quantity": 1,
            "price_minor": PRICE_MINOR,
        }
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token()}"}
        status, _ = _ask(urllib.request.Request(f"{self.url}/v1/orders", msgspec.json.encode(order), headers))
        return status in (201, 409)


def wait_for_views(log: Log, dsn: str) -> float:
    """How many seconds the views in `dsn` were behind the log; raises BenchError when they don't catch up."""
    ends = {partition: log.end(EVENTS, partition) for partition in range(PARTITIONS)}
    with contextlib.closing(psycopg2.connect(dsn)) as conn:
        conn.autocommit = True
        with conn.cursor() as cur:
            return wait_until(lambda: caught_up(cur, ends), seconds=VIEWS_SECONDS, what="the views")


def start_up(data_dir: Path, environment: Mapping[str, str], stack: contextlib.ExitStack) -> Program:
    """`buystream up` on a data folder, until the stack ends."""
    program = Program("up", data_dir.parent, _common(environment) | {"BUYSTREAM_DATA_DIR": str(data_dir)})
    stack.callback(program.close)
    return program


def start_roles(
    roles: Sequence[str], folder: Path, environment: Mapping[str, str], stack: contextlib.ExitStack
) -> dict[str, Program]:
    """A process for each role until the stack ends."""
    started = {}
    for role in roles:
        started[role] = Program(role, folder, _common(environment))
        stack.callback(started[role].close)
    return started


def make_topics(environment: Mapping[str, str]) -> None:
    """`buystream topics apply`; raises BenchError."""
    done = subprocess.run(
        [BUYSTREAM, "topics", "apply"],
        env=_without_settings() | _common(environment),
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"no topics: {done.stderr.strip()}")


def _with_descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _with_descendants(int(child)))]


def _memory_mb(pid: int, what: str) -> float:
    found = re.search(rf"^{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _common(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        "BUYSTREAM_PARTITIONS": str(PARTITIONS),
        "BUYSTREAM_SESSION_ORDERS_PER_MINUTE": "0",  # a load generator's few buyers are fast
        **environment,
    }


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BUYSTREAM_")}


def _ask(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""
