"""Fixtures: `localstripe_url` and `stripe_mock_url`, one process each a session; `wall`, an empty one a test."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from buystream.wiring import free_port
from tests.support.stripe.wall import Wall

HERE = Path(__file__).parent
START_SECONDS = 20
STRIPE_MOCK = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "buystream" / "stripe-mock-0.203.0"
"""Built by `tools/bootstrap.sh stripe-mock`."""


@contextmanager
def server_at_work(*command: str, ready_url: str) -> Iterator[int]:
    """A server process; its process id. Ends with the context, or with this process."""
    leashed = [sys.executable, str(HERE / "leash.py"), *command]
    process = subprocess.Popen(leashed, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert process.stdin
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(ready_url):
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} doesn't answer"
            time.sleep(0.05)
        yield process.pid
    finally:
        process.stdin.close()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code < 500
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def localstripe_url() -> Iterator[str]:
    """A running localstripe."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    script = str(HERE / "localstripe_server.py")
    with server_at_work(sys.executable, script, str(port), ready_url=f"{url}/v1/balance"):
        yield url


@pytest.fixture(scope="session")
def stripe_mock_url() -> Iterator[str]:
    """A running stripe-mock."""
    assert STRIPE_MOCK.exists(), f"{STRIPE_MOCK} is missing: run tools/bootstrap.sh stripe-mock"
    url = f"http://127.0.0.1:{(port := free_port())}"
    with server_at_work(str(STRIPE_MOCK), "-http-port", str(port), ready_url=url):  # and no HTTPS on a fixed port
        yield url


@pytest.fixture
def wall(localstripe_url: str) -> Iterator[Wall]:
    """An empty provider, which behaves."""
    with Wall(localstripe_url) as running:
        yield running
