"""A shop as its users run it, `buystream up` as a process, and what a measurement asks of it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from time import sleep

import psycopg2

from bench.children import STOP_SECONDS, last_line
from bench.measuring import BenchError
from bench.stage import PARTITIONS, wait_until
from buystream.codec import command_headers, encode
from buystream.commands import Command, ReleaseEdition
from buystream.ids import new_command_id, new_edition_id, new_merchant_id, partition_of
from buystream.log import COMMANDS, EVENTS, Message
from buystream.log.postgres import PostgresLog
from buystream.projections.runner import caught_up
from buystream.settings import SECRET_FILE
from buystream.wiring import free_port

READY_SECONDS = 60
VIEWS_SECONDS = 300
QUIET_SECONDS = 0.2
HOLD_SECONDS = 7 * 24 * 3600
"""No hold runs out while it is measured."""

_ANSWERS = re.compile(r'^buystream_orders_answered_total\{status="(\d+)"\} ([0-9.e+]+)$', re.MULTILINE)


class ShopProcess:
    """`buystream up` on a data folder whose PostgreSQL runs already, and its log, to which editions are written."""

    def __init__(self, secret: bytes, data_dir: Path, dsn: str) -> None:
        self._dsn = dsn
        self._data_dir = data_dir
        self._log_file = data_dir.with_name(f"{data_dir.name}.log")
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        key = data_dir / SECRET_FILE
        if not key.exists():
            data_dir.mkdir(mode=0o700, exist_ok=True)
            key.write_bytes(secret)
            key.chmod(0o600)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BUYSTREAM_")}
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("buystream"), "up", "--data-dir", str(data_dir), "--port", str(port)],
                stdout=log,
                stderr=log,
                env=clean | {"BUYSTREAM_PARTITIONS": str(PARTITIONS)},
            )
        self.ready_after_seconds = wait_until(self._is_ready, seconds=READY_SECONDS, what="the shop")
        self.log = PostgresLog(dsn, partitions=PARTITIONS)

    def release(self, count: int, *, stock: int, limit_per_buyer: int = 1_000_000) -> list[str]:
        """So many editions over all partitions; their ids, once the shop sells each."""
        made = [
            ReleaseEdition(
                edition_id=new_edition_id(number % PARTITIONS),
                merchant_id=new_merchant_id(0),
                title="One night only",
                currency="USD",
                price_min_minor=3500,
                price_max_minor=3500,
                stock=stock,
                limit_per_buyer=limit_per_buyer,
                hold_seconds=HOLD_SECONDS,
                needs_address=False,
            )
            for number in range(count)
        ]
        by_partition: dict[int, list[Message]] = {}
        for command in made:
            by_partition.setdefault(partition_of(command.edition_id), []).append(_message(command, command.edition_id))
        for partition, messages in by_partition.items():
            self.log.append(COMMANDS, partition, messages)
        for command in made[-PARTITIONS:]:
            wait_until(lambda it=command: self._shows(it.edition_id), seconds=READY_SECONDS, what="an edition")
        return [command.edition_id for command in made]

    def wait_for_views(self) -> float:
        """How many seconds the views were behind the log."""
        ends = {partition: self.log.end(EVENTS, partition) for partition in range(PARTITIONS)}
        with contextlib.closing(psycopg2.connect(self._dsn)) as conn:
            conn.autocommit = True
            with conn.cursor() as cur:
                return wait_until(lambda: caught_up(cur, ends), seconds=VIEWS_SECONDS, what="the views")

    def answers(self) -> dict[str, float]:
        """Answers to POST /v1/orders by status, by the shop's own metrics, once no request is under way."""
        before: dict[str, float] = {}
        while (now := self._answers()) != before:
            before = now
            sleep(QUIET_SECONDS)
        return now

    def memory_mb(self, what: str) -> float:
        """Of the Python process: `VmRSS` now, `VmHWM` at most. PostgreSQL's is its own."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0

    def close(self) -> None:
        """Stop it as its user would."""
        self.log.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise BenchError(f"the shop ended: {last_line(self._log_file)}")
        return self._get("/readyz")[0] == 200

    def _answers(self) -> dict[str, float]:
        status, metrics = self._get("/metrics")
        if status != 200:
            raise BenchError("the shop shows no metrics")
        return {code: float(count) for code, count in _ANSWERS.findall(metrics)}

    def _shows(self, edition_id: str) -> bool:
        return self._get(f"/v1/editions/{edition_id}")[0] == 200

    def _get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""


def _message(command: Command, key: str) -> Message:
    return Message(encode(command), key, command_headers(command, command_id=new_command_id()))
