"""The second process of a program. Each program here is a process of its own: one with threads can't be forked."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.support.patience import wait_until

PROGRAM = """
import logging, os, signal, sys, threading
from buystream.errors import BuystreamError
from buystream.host.companion import Companion, CompanionFailed, Said, Stop

logging.basicConfig(stream=sys.stdout, format="%(message)s")

def work(argument, orders):
    if argument == "fails":
        orders.say(Said(failure="no such key"))
    elif argument == "dies":
        raise BuystreamError("PostgreSQL is away")
    else:
        orders.say(Said(port=os.getpid()))
    while (order := orders.next()) is not None:
        print(type(order).__name__, argument, flush=True)
        if not isinstance(order, Stop):
            return

companion = Companion(work)
try:
    companion.begin(sys.argv[1])
    try:
        companion.wait_until_it_works()
    except CompanionFailed as error:
        print("failed:", error, flush=True)
    print("works", companion.port, companion.problem, flush=True)
    for line in sys.stdin:
        if line == "look\\n":
            print("now", companion.port, companion.problem, companion.failure, flush=True)
    companion.stop()
    companion.finish()
finally:
    companion.close()
print("ended", flush=True)
"""


class Program:
    """`said` is what it printed, its companion included."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdin
        assert process.stdout
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout
        self.said: list[str] = []

    def wait_for(self, beginning: str) -> str:
        """The rest of the first line that begins so."""
        for line in self._out:
            self.said.append(line.strip())
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
        raise AssertionError(f"it never said {beginning}: {self.said}")

    def look(self) -> str:
        self._in.write("look\n")
        self._in.flush()
        return self.wait_for("now ")

    def end(self) -> int:
        self._in.close()
        self.wait_for("ended")
        return self.process.wait()


@contextmanager
def program(argument: str) -> Iterator[Program]:
    command = [sys.executable, "-c", PROGRAM, argument]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return stat_of(pid)[0] != "Z"  # a process that adopted it may be slow to reap it


def keeper_of(pid: int) -> int:
    return int(stat_of(pid)[1])


def stat_of(pid: int) -> list[str]:
    """From the state on (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def test_it_works_with_what_it_was_given_and_ends_when_it_is_ordered_to() -> None:
    with program("a shop") as one:
        pid, problem = one.wait_for("works ").split()
        assert (is_there(int(pid)), int(pid) != one.process.pid, problem) == (True, True, "None")
        assert one.end() == 0
        assert [line for line in one.said if line.endswith("a shop")] == ["Stop a shop", "Finish a shop"]
        assert not is_there(int(pid))


def test_one_that_is_killed_is_started_again_with_the_same() -> None:
    with program("a shop") as one:
        killed = int(one.wait_for("works ").split()[0])
        os.kill(killed, signal.SIGKILL)
        one.wait_for("the second process died by signal 9; it is started again")
        wait_until(lambda: one.look().split()[0] not in ("0", str(killed)), 60)
        assert one.look().endswith("None None")
        assert one.end() == 0


def test_it_is_gone_as_soon_as_the_program_is_however_that_ended() -> None:
    with program("a shop") as one:
        pid = int(one.wait_for("works ").split()[0])
        keeper = keeper_of(pid)
        one.process.kill()
        wait_until(lambda: not is_there(pid) and not is_there(keeper), 60)


def test_a_program_whose_keeper_is_killed_knows_that_it_is_alone() -> None:
    with program("a shop") as one:
        pid = int(one.wait_for("works ").split()[0])
        os.kill(keeper_of(pid), signal.SIGKILL)
        wait_until(lambda: not is_there(pid), 60)
        wait_until(lambda: "the keeper of the second process died" in one.look(), 60)
        assert one.end() == 0


def test_signals_of_the_terminal_are_the_programs_business() -> None:
    with program("a shop") as one:
        pid = int(one.wait_for("works ").split()[0])
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
            os.kill(keeper_of(pid), number)
        assert one.look() == f"{pid} None None"
        assert one.end() == 0


def test_why_it_can_never_work_is_said_at_once() -> None:
    with program("fails") as one:
        assert one.wait_for("failed: ") == "no such key"
        assert one.end() == 0


def test_one_that_fails_for_a_while_is_tried_again_and_ends_nonetheless() -> None:
    with program("dies") as one:
        for _ in range(2):
            one.wait_for("the second process ended with status 1; it is started again")
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait() != 0


@pytest.mark.parametrize("argument", ["a shop", "dies"])
def test_nothing_is_left_of_a_program_that_was_interrupted(argument: str) -> None:
    with program(argument) as one:
        if argument == "dies":
            one.wait_for("the second process ended with status 1; it is started again")
        else:
            one.wait_for("works ")
        one.process.send_signal(signal.SIGINT)
        one.process.wait()
        one.process.stdout.read()  # type: ignore[union-attr]  ends when nobody holds the other end
