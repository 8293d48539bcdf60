"""The acceptance suite runs on both logs. BUYSTREAM_TEST_LOG says on which: `postgres`, `kafka` or `both`. Unless it is
set, what takes a minute or a browser runs on PostgreSQL only, and everything else on both."""

import os
from secrets import token_hex

import pytest

from tests.support.browser import chromium, demo_shop, desktop, phone, pytest_runtest_teardown, screenshot

__all__ = ["chromium", "demo_shop", "desktop", "phone", "pytest_runtest_teardown", "screenshot"]

BOTH = ("postgres", "kafka")
LONG = ("test_kill_the_shop_mid_rush",)
"""Modules that run for minutes."""

PREFIX = "BUYSTREAM_KAFKA_PREFIX"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test once per log."""
    chosen = os.environ.get("BUYSTREAM_TEST_LOG", "")
    is_long = "demo_shop" in metafunc.fixturenames or metafunc.module.__name__.rpartition(".")[2] in LONG
    logs = BOTH if chosen == "both" or (not chosen and not is_long) else (chosen or BOTH[0],)
    metafunc.parametrize("shop_environment", logs, indirect=True, scope="session")


@pytest.fixture(scope="session")
def shop_environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """Says to a shop's processes which log it is on."""
    if request.param == "postgres":
        return {}
    return {"BUYSTREAM_KAFKA_BOOTSTRAP": request.getfixturevalue("kafka_broker").bootstrap, PREFIX: f"{token_hex(4)}."}


@pytest.fixture(autouse=True)
def the_environment(
    shop_environment: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a test starts is on that log, under names of its own; only the demo shop is shared by many tests."""
    for name, value in shop_environment.items():
        is_shared = name != PREFIX or "demo_shop" in request.fixturenames
        monkeypatch.setenv(name, value if is_shared else f"{token_hex(4)}.")
