"""A command imports what it uses: each process of a shop would pay for the rest at every start."""

import os
import subprocess
import sys

import pytest

from tests.support.patience import patient

HEAVY = frozenset(
    {
        *("aiokafka", "confluent_kafka", "faust", "kafka"),
        *("httpx", "requests", "stripe"),
        *("jinja2", "jwt", "litestar", "plotly", "uvicorn"),
        *("fpdf", "icalendar", "openpyxl", "pypdfium2"),
        *("PIL", "markdown_it", "nh3"),
        "eventsourcing",
    }
)
"""Each takes longer to import than all of the shop's rules."""

ADD_A_MERCHANT = ["merchant", "add", "--name", "The Paper Lanterns", "--currency", "USD"]
GATEWAY = {"jinja2", "jwt", "litestar", "uvicorn"}


def imported_by(code: str, **environment: str) -> frozenset[str]:
    """Which of HEAVY are imported when a process has run `code`."""
    told = (
        f"import atexit, sys\natexit.register(lambda: print('\\nimported', *({set(HEAVY)!r} & sys.modules.keys())))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{told}\n{code}"],
        capture_output=True,
        text=True,
        timeout=patient(120),
        env=os.environ | environment,
        check=False,
    )
    last = done.stdout.splitlines()[-1].split()
    assert (done.returncode, last[0]) == (0, "imported"), done.stderr
    return frozenset(last[1:])


def test_the_help_of_all_commands_imports_none_of_their_libraries() -> None:
    assert imported_by("from buystream.cli import cli; cli(['--help'])") == set()


@pytest.mark.parametrize(
    "command",
    [
        ["merchant", "list"],
        ["audit"],
        ["backup", "{file}"],
        ["keys", "list"],
        ["adopt-rules"],
    ],
    ids=" ".join,
)
def test_a_command_on_a_log_in_postgresql_imports_no_gateway_no_kafka_and_no_stripe(
    command: list[str], database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("backup") / "file"
    ran = [word.format(file=file) for word in command]
    imported = imported_by(
        f"from buystream.cli import cli; cli({ADD_A_MERCHANT!r}, standalone_mode=False); cli({ran!r})",
        BUYSTREAM_DATABASE_URL=database_url,
        BUYSTREAM_SECRET_KEY="a secret of the tests, 32 bytes!",
    )
    assert imported == set()


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("buystream.wiring.parts", set()),
        ("buystream.wiring.shop", GATEWAY),
        ("buystream.database_grants", set()),
        ("buystream.database_users", set()),
        ("buystream.roles", set()),
        ("buystream.cluster", {"confluent_kafka", "kafka"}),
        ("buystream.wiring.stripe", {"httpx", "requests", "stripe"}),
    ],
)
def test_a_process_imports_the_libraries_of_the_parts_that_it_runs(module: str, needed: set[str]) -> None:
    assert imported_by(f"import {module}") == needed


def test_a_gateway_on_a_log_in_postgresql_imports_no_kafka() -> None:
    imported = imported_by("from buystream.gateway.routes import every_route; list(every_route())")
    assert not imported & {"aiokafka", "confluent_kafka", "faust", "kafka"}
