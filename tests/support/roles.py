"""A shop of separate processes: every role on one data folder, and on one broker or none.

Fixtures, of tests/kafka: `on_kafka` (the environment of such a shop, and its prefix; no topics yet), `shop` (the topics
are there, nothing runs)."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from buystream.host.broker import Broker
from tests.support import forked
from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port
from tests.support.server_logs import show_on_failure
from tests.support.shop_process import PATIENT, READY_SECONDS, STOP_SECONDS, ShopProcess, buystream, is_ready

PARTITIONS = 2


class RoleProcess:
    """One role, one process; its health is at `url`. Started at once; to be stopped or killed."""

    def __init__(self, role: str, data_dir: Path, *, port: int | None = None, **environment: str) -> None:
        self.role = role
        self._port = port or reserved_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = data_dir.with_name(f"{role}-{self._port}.log")
        show_on_failure(f"{role} at {self._port}", self._log)
        self._metrics_port = reserved_port() if role == "gateway" else self._port
        ports = ["--port", str(self._port)] if role == "gateway" else []
        with self._log.open("ab") as log:
            words = [role, "--data-dir", str(data_dir), *ports, "--metrics-port", str(self._metrics_port)]
            self._process = forked.start(words, os.environ | environment, output=log, errors=log)

    @property
    def metrics_at(self) -> str:
        """Host and port of its /metrics."""
        return f"127.0.0.1:{self._metrics_port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        """All that it logged."""
        return self._log.read_text()

    def wait_until_ready(self) -> None:
        """As soon as /readyz says so; fails with its last words."""

        def ready() -> bool:
            self._assert_running()
            return is_ready(self.url)

        wait_until(ready, READY_SECONDS, otherwise=lambda: f"{self.role} is not ready:\n{self.last_words()}")

    def wait_until_it_said(self, text: str, *, after: int = 0) -> None:
        """As soon as this stands in its log, beyond the first `after` characters."""

        def said() -> bool:
            self._assert_running()
            return text in self.said[after:]

        wait_until(said, READY_SECONDS, otherwise=lambda: f"{self.role} never said {text!r}:\n{self.said[after:]}")

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.said.splitlines()[-30:])

    def _assert_running(self) -> None:
        assert self._process.poll() is None, f"{self.role} ended:\n{self.last_words()}"

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        page = httpx.get(f"http://{self.metrics_at}/metrics").text
        lines = [line for line in page.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        assert lines, f"{self.role} has no {name}"
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(patient(STOP_SECONDS))

    def wait(self) -> int:
        """Until it ends automatically; the exit status."""
        return self._process.wait(patient(STOP_SECONDS))

    def kill(self) -> None:
        """kill -9, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class SeparateShop(ShopProcess):
    """A shop whose first gateway is at `url`."""

    answering: Mapping[str, str] = PATIENT

    def __init__(self, data_dir: Path, **environment: str) -> None:
        super().__init__(data_dir, **environment)
        self._chosen = self.answering | environment
        self.roles: list[RoleProcess] = []

    def run(self, *roles: str) -> list[RoleProcess]:
        """Start these and wait until they are ready."""
        self._prepare()
        started = []
        for role in roles:
            is_first = role == "gateway" and not any(one.role == role for one in self.roles)
            process = RoleProcess(
                role, self.data_dir, port=self.port if is_first else None, **self.environment_of(role)
            )
            self.roles.append(process)
            started.append(process)
        for process in started:
            process.wait_until_ready()
        return started

    def environment_of(self, role: str) -> Mapping[str, str]:
        """The environment of its processes."""
        return self._chosen

    def sell(self, edition_id: str) -> None:
        """Ten buyers come; those who pay get theirs, and everyone gets an answer."""
        done = buystream(
            *("rush", "--url", self.url, "--edition", edition_id, "--buyers", "10", "--concurrency", "8"),
            *("--no-ceiling", "--json"),
        )
        assert done.returncode == 0, done.stderr
        outcome = json.loads(done.stdout)
        assert "unanswered" not in outcome["outcomes"], outcome
        assert outcome["endings"]["confirmed"] >= 5, outcome

    def close(self) -> None:
        """Whatever the test did, leave nothing behind."""
        for role in self.roles:
            role.kill()
        super().close()


@pytest.fixture
def on_kafka(kafka_broker: Broker, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of a shop on Kafka; its prefix. There are no topics yet."""
    monkeypatch.setenv("BUYSTREAM_KAFKA_BOOTSTRAP", kafka_broker.bootstrap)
    monkeypatch.setenv("BUYSTREAM_KAFKA_PREFIX", kafka_prefix)
    monkeypatch.setenv("BUYSTREAM_PARTITIONS", str(PARTITIONS))
    return kafka_prefix


@pytest.fixture
def shop(on_kafka: str) -> Iterator[SeparateShop]:
    """Nothing runs yet, the topics are there."""
    applied = buystream("topics", "apply")
    assert applied.returncode == 0, applied.stderr
    with separate_shop() as shop:
        yield shop


@contextmanager
def separate_shop() -> Iterator[SeparateShop]:
    """In a folder of its own; nothing runs yet, and nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        shop = SeparateShop(Path(folder, "data"))
        try:
            yield shop
        finally:
            shop.close()
