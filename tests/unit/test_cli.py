"""The command line: every command explains itself, and every expected error is one clear line with status 1."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import click
import psycopg2
import pytest
from click.testing import CliRunner
from rich.table import Table

from buystream.cli import Commands, cli, options
from buystream.errors import BuystreamError
from tests.support.patience import patient


def commands_of(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands_of(command, (*path, name))


EVERY = dict(commands_of(cli))

JSON_ARRAYS = {
    *{("clock", "show"), ("database", "apply"), ("log", "copy"), ("merchant", "list"), ("merchant", "keys", "list")},
    *{("topics", "plan"), ("topics", "apply"), ("topics", "check"), ("schemas", "register"), ("schemas", "check")},
}
JSON_LINES = {("as-of",), ("history",), ("replay",)}


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_explains_itself_and_its_options(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(EVERY[path], ["--help"])
    assert shown.exit_code == 0
    assert EVERY[path].help
    options = [one for one in EVERY[path].params if isinstance(one, click.Option)]
    assert all(one.help for one in options), [one.name for one in options if not one.help]


def test_help_says_whether_json_is_an_object_an_array_or_lines() -> None:
    said = {
        path: option.help
        for path, command in EVERY.items()
        for option in command.params
        if isinstance(option, click.Option) and "--json" in option.opts
    }
    assert said == {
        path: "Print one JSON array."
        if path in JSON_ARRAYS
        else "Print one JSON object per line."
        if path in JSON_LINES
        else "Print one JSON object."
        for path in said
    }
    assert said.keys() >= JSON_ARRAYS | JSON_LINES


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BuystreamError("the shop\nis away"), "buystream: the shop is away"),
        (psycopg2.OperationalError("no\nserver"), "buystream: PostgreSQL: no server"),
        (FileNotFoundError(2, "No such file", "x.dump"), "buystream: No such file: x.dump"),
    ],
)
def test_an_expected_error_is_one_line_on_stderr(error: Exception, said: str) -> None:
    @click.group(cls=Commands)
    def group() -> None:
        pass

    @group.command()
    def fails() -> None:
        raise error

    result = CliRunner().invoke(group, ["fails"])
    assert (result.exit_code, result.stderr.splitlines(), result.stdout) == (1, [said], "")


IN_A_CALLBACK = """
import os, signal, time, weakref
from buystream.cli import end_on_signals

class Held:
    pass

signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal: what starts the tests may ignore it
end_on_signals()
held = Held()
watched = weakref.ref(held, lambda _: os.kill(os.getpid(), signal.%s))
del held  # whatever the callback raises ends there
try:
    time.sleep(%d)
finally:
    print("stopped")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_comes_inside_a_callback_of_pythons_ends_the_program_too(name: str) -> None:
    program = [sys.executable, "-c", IN_A_CALLBACK % (name, patient(300))]
    done = subprocess.run(program, capture_output=True, text=True, timeout=patient(60), check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "stopped\n", "")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[/close] [red]x[/red]", "[/close] [red]x[/red]"),
        (":smile: [link=x]y", ":smile: [link=x]y"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\u202etxt\ud800", r"\u202etxt\ud800"),
        ("Müller 東京 🎟", "Müller 東京 🎟"),
    ],
)
def test_a_table_shows_any_name_as_it_is_and_acts_on_nothing_in_it(
    name: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table("name", box=None)
    options.add_row(table, name)
    options.print_table(table)
    assert capsys.readouterr().out.splitlines()[1].strip() == shown


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "\x1b[2J", "x" * 201])
@pytest.mark.parametrize("path", [("merchant", "add"), ("merchant", "keys", "add")], ids=" ".join)
def test_a_name_that_the_api_would_refuse_is_refused_here(path: tuple[str, ...], name: str) -> None:
    arguments = ["--name", name, *(["--currency", "USD"] if path == ("merchant", "add") else ["me0-n1ghtsky00"])]
    result = CliRunner().invoke(cli, [*path, *arguments])
    assert result.exit_code == 1
    assert "characters" in result.stderr
