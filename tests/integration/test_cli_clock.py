"""An operator finds a partition that is stopped by a time that can't be right, and says what is to become of it."""

import json

import pytest

from buystream.log import COMMANDS, Message
from buystream.log.postgres import PostgresLog
from buystream.vocabulary import codec
from buystream.vocabulary.commands import Command
from tests.support.actors import actor_of
from tests.support.postgres import run_sql
from tests.support.shop_process import buystream
from tests.support.steps import place, release

YEAR_MS = 366 * 86_400_000


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """The command line works on the test's database."""
    monkeypatch.setenv("BUYSTREAM_DATABASE_URL", database_url)
    monkeypatch.setenv("BUYSTREAM_SECRET_KEY", "a secret of the tests, 32 letters")
    monkeypatch.setenv("BUYSTREAM_PARTITIONS", "2")


def append(log: PostgresLog, dsn: str, command: Command, *, ahead_ms: int = 0) -> int:
    """Stamped as if the log's clock were ahead; the position."""
    message = Message(codec.encode_command(command, actor=actor_of(command), command_id="1"))
    position = log.append(COMMANDS, 0, [message])
    run_sql(dsn, f"UPDATE log.record SET at_ms = at_ms + {ahead_ms} WHERE position = {position} AND partition = 0")
    return position


@pytest.mark.parametrize(("verdict", "note"), [("pass-over", "time passed over"), ("accept", None)])
def test_an_operators_verdict_lets_a_stopped_partition_continue(
    postgres_log: PostgresLog, database_url: str, verdict: str, note: str | None
) -> None:
    assert (buystream("clock", "show").stdout, buystream("clock", "show").returncode) == (
        "No partition is stopped.\n",
        0,
    )
    append(postgres_log, database_url, release())
    stopped = append(postgres_log, database_url, place(1), ahead_ms=YEAR_MS)
    append(postgres_log, database_url, place(2))
    shown = buystream("clock", "show", "--json")
    (found,) = json.loads(shown.stdout)
    assert (shown.returncode, found["partition"], found["position"]) == (1, 0, stopped)
    assert f"partition 0 is stopped at command {stopped}: stamped 20" in buystream("clock", "show").stdout

    wrong = buystream("clock", verdict, "0", str(stopped + 1))
    assert (wrong.returncode, wrong.stderr) == (
        1,
        f"buystream: partition 0 is stopped at command {stopped}, not at {stopped + 1}\n",
    )
    said = buystream("clock", verdict, "0", str(stopped))
    assert (said.returncode, said.stderr) == (0, "")
    assert buystream("clock", "show").returncode == 0
    assert buystream("clock", verdict, "0", str(stopped)).stderr == "buystream: partition 0 isn't stopped\n"

    report = json.loads(buystream("audit", "--json").stdout)
    assert (report["ok"], report["pending"], report["violations"]) == (True, 0, [])
    assert [one["what"] for one in report["notes"]] == ([note] if note else [])
    assert (f"{note}: command {stopped} of partition 0" in buystream("audit").stdout) == bool(note)


def test_a_partition_that_there_is_not_is_one_line(postgres_log: PostgresLog) -> None:
    said = buystream("clock", "accept", "7", "0")
    assert (said.returncode, said.stderr) == (1, "buystream: there is no partition 7: they are 0 to 1\n")
