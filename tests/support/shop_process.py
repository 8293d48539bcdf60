"""A shop as its users run it: `buystream up` as a process, on a data folder of its own, to be stopped or killed."""

import contextlib
import json
import os
import signal
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx

from buystream.host.embedded import EmbeddedPostgres
from buystream.settings import Settings, read_settings
from tests.support import forked
from tests.support.forked import BUYSTREAM
from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port
from tests.support.prepared import prepare
from tests.support.server_logs import show_on_failure

READY_SECONDS = 120
STOP_SECONDS = 120
WRONG_KEYS_MAX = 15
"""Fewer than a gateway allows one address in ten minutes."""

PATIENT = {"BUYSTREAM_DECISION_SECONDS": "25", "BUYSTREAM_VIEWS_SECONDS": "20"}
"""A slow machine makes these shops' answers late, not others: less than the clients of the tests wait."""


ANY_PORTS = {"BUYSTREAM_PORT": "0", "BUYSTREAM_METRICS_PORT": "0"}
"""The usual ones may be somebody's who works on this machine."""


def buystream(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return forked.run(arguments, ANY_PORTS | os.environ | environment, patient(240))


def is_ready(url: str) -> bool:
    """Whether /readyz there says so. Asked fifty times a second while a shop starts, so without a client's own cost."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=patient(60))
    with closing(connection), contextlib.suppress(OSError, HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


class ShopProcess:
    """One data folder and one port; any number of starts."""

    def __init__(self, data_dir: Path, *command: str, **environment: str) -> None:
        """`command` starts the shop, `up` unless given."""
        self.data_dir = data_dir
        self._command = command or ("up",)
        self.port = reserved_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.with_name(f"{data_dir.name}.log")
        show_on_failure(f"{data_dir}, {' '.join(self._command)}", self.log)
        show_on_failure(f"PostgreSQL in {data_dir}", data_dir / "postgres" / "server.log")
        self.environment = environment
        self._environment = os.environ | PATIENT | environment
        self._process: forked.Process | None = None

    @property
    def settings(self) -> Settings:
        """As its processes read them."""
        return read_settings(self._environment, data_dir=self.data_dir)

    def start(self, *, ready: bool = True, from_nothing: bool = False) -> None:
        """Its PostgreSQL is there already, and the shop imported, unless it starts `from_nothing`."""
        if not from_nothing:
            self._prepare()
        with self.log.open("ab") as log:
            words = [*self._command, "--data-dir", str(self.data_dir), "--port", str(self.port)]
            if from_nothing:
                self._process = subprocess.Popen([BUYSTREAM, *words], stdout=log, stderr=log, env=self._environment)
            else:
                self._process = forked.start(words, self._environment, output=log, errors=log)
        if ready:
            self.wait_until_ready()

    def _prepare(self) -> None:
        if not self._environment.get("BUYSTREAM_DATABASE_URL"):
            prepare(self.data_dir)

    def wait_until_ready(self) -> None:
        """As soon as /readyz says so; fails with the shop's own last words."""
        assert self._process
        process = self._process

        def ready() -> bool:
            assert process.poll() is None, f"the shop ended:\n{self.last_words()}"
            return is_ready(self.url)

        wait_until(ready, READY_SECONDS, otherwise=lambda: f"the shop is not ready:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-30:])

    def kill(self) -> None:
        """kill -9, without a word."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Until it has ended; the exit status."""
        assert self._process
        return self._process.wait(patient(STOP_SECONDS))

    def close(self) -> None:
        """Whatever the test did, leave nothing behind: the last user stops PostgreSQL."""
        if self._process and self._process.poll() is None:
            self.kill()
        if self.processes():
            with EmbeddedPostgres(self.data_dir):
                pass

    def postmaster(self) -> int:
        """Raises FileNotFoundError when PostgreSQL doesn't run."""
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def processes(self) -> list[str]:
        """What still runs for this data folder, by command line or working directory."""
        found = []
        for process in Path("/proc").iterdir():
            if not process.name.isdecimal() or int(process.name) == os.getpid():
                continue
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                at_home = (process / "cwd").resolve().is_relative_to(self.data_dir.resolve())
            except OSError:
                continue
            if at_home or str(self.data_dir) in command:
                found.append(f"{process.name} {command}")
        return found

    def add_merchant(self) -> dict[str, str]:
        """`merchant_id` and `api_key`."""
        added = buystream(
            "merchant", "add", "--name", "The Paper Lanterns", "--currency", "USD", "--json",
            "--data-dir", str(self.data_dir), **self.environment,
        )  # fmt: skip
        assert added.returncode == 0, added.stderr
        merchant: dict[str, str] = json.loads(added.stdout)
        return merchant

    def wait_until_known(self, api_key: str) -> None:
        """A key opens the shop once its views have it, a moment after the log. Rarely asked: a gateway counts wrong
        keys."""
        headers = {"Authorization": f"Bearer {api_key}"}
        for _ in range(WRONG_KEYS_MAX):
            if httpx.get(f"{self.url}/v1/merchant", headers=headers).status_code != 401:
                return
            time.sleep(patient(0.25))

    def release(self, api_key: str, **terms: Any) -> str:
        """Put an edition on sale; its id."""
        self.wait_until_known(api_key)
        answer = httpx.post(
            f"{self.url}/v1/merchant/editions",
            headers={"Authorization": f"Bearer {api_key}"},
            json={
                "title": "One night only",
                "kind": "ticket",
                "currency": "USD",
                "price_min_minor": 3500,
                "price_max_minor": 3500,
                "limit_per_buyer": 4,
                "hold_seconds": 20,
                "needs_address": False,
                **terms,
            },
        )
        assert answer.status_code == 201, answer.text
        edition_id: str = answer.json()["edition_id"]
        return edition_id
