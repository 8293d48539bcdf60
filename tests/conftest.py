"""Fixtures that every test may ask for by name, the limit of each test, what is the same for every test, and what a
failing one shows."""

import gc
import logging
import os
import platform
from collections.abc import Iterator
from functools import cache

import httpx._transports.default
import pytest
import pytest_timeout
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from tests.support.in_memory import keep_files_in_memory
from tests.support.kafka import kafka_broker, kafka_log, kafka_prefix
from tests.support.patience import measured_at_start, patient
from tests.support.postgres import (
    database_url,
    module_database_url,
    module_shop_database_url,
    postgres_log,
    postgres_server,
    shop_database_url,
    shop_template,
)
from tests.support.server_logs import last_lines
from tests.support.stripe.servers import localstripe_url, stripe_mock_url, wall

__all__ = [
    "database_url",
    "kafka_broker",
    "kafka_log",
    "kafka_prefix",
    "localstripe_url",
    "module_database_url",
    "module_shop_database_url",
    "postgres_log",
    "postgres_server",
    "shop_database_url",
    "shop_template",
    "stripe_mock_url",
    "wall",
]


HTTP_SECONDS = 60
LOGGERS = [logging.getLogger(name) for name in (None, "uvicorn", "asyncio", "kafka")]


def pytest_configure() -> None:
    """Measure and choose a place for files before workers start: they inherit both."""
    measured_at_start()
    keep_files_in_memory()
    _configure_httpx()
    # Hundreds of processes are started: each would compile all of the shop's modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _configure_httpx() -> None:
    """It waits five seconds by default; here longer, in every call. And each new client reads the certificates of all
    authorities, which takes as long as fifty requests; here all clients share them."""
    for part in ("connect", "read", "write", "pool"):
        setattr(DEFAULT_TIMEOUT_CONFIG, part, patient(HTTP_SECONDS))
    transport = httpx._transports.default
    transport.create_ssl_context = cache(transport.create_ssl_context)


def pytest_report_header() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"on {python}; slowness: {measured_at_start():.1f} (every limit is that many times longer)"


def pytest_timeout_set_timer(item: pytest.Item, settings: pytest_timeout.Settings) -> bool:
    """A test that hangs is ended; on a slow machine later."""
    patiently = settings._replace(timeout=patient(settings.timeout))
    return bool(pytest_timeout.pytest_timeout_set_timer(item, patiently))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """The servers' last words, beside the failure."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {name}", lines) for name, lines in last_lines(since=call.start)]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing is thrown away while tests are collected, and the collector would look at all of it again and again.
    Afterwards it looks at what the tests make."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """A command line that runs in the tests' own process sets levels of loggers; they end with its test. A fixture for
    every test would take longer than many of them."""
    levels = [logger.level for logger in LOGGERS]
    done = yield
    for logger, level in zip(LOGGERS, levels, strict=True):
        logger.setLevel(level)
    return done


@pytest.fixture(scope="session")
def shop_environment() -> dict[str, str]:
    """What the shops of these tests are configured with beyond their defaults."""
    return {}
