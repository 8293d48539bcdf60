"""A shop of separate processes: every role on one data folder and one broker."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx

from buystream.wiring import free_port
from tests.support.shop_process import BUYSTREAM, READY_SECONDS, STOP_SECONDS, ShopProcess


class RoleProcess:
    """One role, one process; its health is at `url`. Started at once; to be stopped or killed."""

    def __init__(self, role: str, data_dir: Path, *, port: int | None = None, **environment: str) -> None:
        self.role = role
        self._port = port or free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = data_dir.with_name(f"{role}-{self._port}.log")
        option = "--port" if role == "gateway" else "--metrics-port"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [BUYSTREAM, role, "--data-dir", str(data_dir), option, str(self._port)],
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        """All that it logged."""
        return self._log.read_text()

    def wait_until_ready(self) -> None:
        """As soon as /readyz says so; fails with its last words."""
        deadline = time.monotonic() + READY_SECONDS * 2
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            said = "\n".join(self.said.splitlines()[-30:])
            assert self._process.poll() is None, f"{self.role} ended:\n{said}"
            assert time.monotonic() < deadline, f"{self.role} is not ready:\n{said}"
            time.sleep(0.05)

    def wait_until_it_said(self, text: str, *, after: int = 0) -> None:
        """As soon as this stands in its log, beyond the first `after` characters."""
        deadline = time.monotonic() + READY_SECONDS
        while text not in self.said[after:]:
            assert time.monotonic() < deadline, f"{self.role} never said {text!r}:\n{self.said[after:]}"
            assert self._process.poll() is None, f"{self.role} ended:\n{self.said}"
            time.sleep(0.05)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        page = httpx.get(f"{self.url}/metrics", timeout=5).text
        lines = [line for line in page.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        assert lines, f"{self.role} has no {name}"
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """kill -9, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class SeparateShop(ShopProcess):
    """A shop whose first gateway is at `url`."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        super().__init__(data_dir, **environment)
        self._chosen = environment
        self.roles: list[RoleProcess] = []

    def run(self, *roles: str) -> list[RoleProcess]:
        """Start these and wait until they are ready."""
        started = []
        for role in roles:
            is_first = role == "gateway" and not any(one.role == role for one in self.roles)
            process = RoleProcess(role, self.data_dir, port=self.port if is_first else None, **self._chosen)
            self.roles.append(process)
            started.append(process)
        for process in started:
            process.wait_until_ready()
        return started

    def close(self) -> None:
        """Whatever the test did, leave nothing behind."""
        for role in self.roles:
            role.kill()
        super().close()
