"""Fixtures: `localstripe_url` and `stripe_mock_url`, one process each a session; `wall`, an empty one a test."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port
from tests.support.server_logs import show_on_failure
from tests.support.stripe.wall import Wall

HERE = Path(__file__).parent
START_SECONDS = 60
STRIPE_MOCK = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "buystream" / "stripe-mock-0.203.0"
"""Built by `tools/bootstrap.sh stripe-mock`."""


@contextmanager
def server_at_work(*command: str, ready_url: str) -> Iterator[int]:
    """A server process; its process id. Ends with the context, or with this process."""
    leashed = [sys.executable, str(HERE / "leash.py"), *command]
    with tempfile.NamedTemporaryFile(prefix="buystream-test-", suffix=".log") as log:
        show_on_failure(command[0], Path(log.name))
        process = subprocess.Popen(leashed, stdin=subprocess.PIPE, stdout=log, stderr=log)
        assert process.stdin

        def answers() -> bool:
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            return _answers(ready_url)

        try:
            wait_until(answers, START_SECONDS, otherwise=lambda: f"{command[0]} doesn't answer")
            yield process.pid
        finally:
            process.stdin.close()
            process.wait(patient(30))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code < 500
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def localstripe_url() -> Iterator[str]:
    """A running localstripe."""
    url = f"http://127.0.0.1:{(port := reserved_port())}"
    script = str(HERE / "localstripe_server.py")
    with server_at_work(sys.executable, script, str(port), ready_url=f"{url}/v1/balance"):
        yield url


@pytest.fixture(scope="session")
def stripe_mock_url() -> Iterator[str]:
    """A running stripe-mock."""
    assert STRIPE_MOCK.exists(), f"{STRIPE_MOCK} is missing: run tools/bootstrap.sh stripe-mock"
    url = f"http://127.0.0.1:{(port := reserved_port())}"
    with server_at_work(str(STRIPE_MOCK), "-http-port", str(port), ready_url=url):  # and no HTTPS on a fixed port
        yield url


@pytest.fixture
def wall(localstripe_url: str) -> Iterator[Wall]:
    """An empty provider, which behaves."""
    with Wall(localstripe_url) as running:
        yield running
