"""`buystream` as a process that doesn't import the shop first, which takes longer than most commands do: it is forked
off one that did that once. It has a pid, words, an environment, an output and an end of its own, as a started one."""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

BUYSTREAM = Path(sys.executable).with_name("buystream")
ROOT = Path(__file__).parents[2]
PADDING = "-" * 4096
READ_LATER = ("BUYSTREAM_", "PYTEST_CURRENT_TEST")
"""Variables that nothing reads while it is imported."""


class ForkServer:
    """Runs for as long as this process, from when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._environment: dict[str, str] = {}

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether a process with these variables can be forked: those that may count while Python starts or something
        is imported are the server's own."""
        with self._lock:
            if self._line is None:
                self._start()
        differing = dict(environment).items() ^ self._environment.items()
        return all(name.startswith(READ_LATER) for name, _ in differing)

    def _start(self) -> None:
        self._environment = dict(os.environ)
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno()), PADDING],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(self, words: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]) -> None:
        """One process; see fork_server.py."""
        assert self._line
        message = {"words": words, "environment": dict(environment), "folder": str(Path.cwd())}
        socket.send_fds(self._line, [msgspec.json.encode(message)], descriptors)


SERVER = ForkServer()


class Forked:
    """A running process, with what the tests use of subprocess.Popen. `output` and `errors` are descriptors."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], output: int, errors: int) -> None:
        self.args = words
        self.returncode: int | None = None
        said, says = os.pipe()
        self._said = os.fdopen(said, "rb", buffering=0)  # so that what wasn't read still makes it readable
        try:
            SERVER.start(words, environment, [output, errors, says])
        finally:
            os.close(says)
        self.pid = self._read()

    def _read(self) -> int:
        line = self._said.readline()
        assert line, "the fork server has ended"
        return int(line)

    def poll(self) -> int | None:
        """The status, once it has ended."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """The status, when it has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        return status

    def _status(self, timeout_seconds: float | None) -> int | None:
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._said, select.POLLIN)
            if ended.poll(None if timeout_seconds is None else timeout_seconds * 1000):
                self.returncode = self._read()
                self._said.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


Process = Forked | subprocess.Popen[bytes]


def start(words: Sequence[str], environment: Mapping[str, str], *, output: IO[bytes], errors: IO[bytes]) -> Process:
    """`buystream` with these words after its name."""
    if SERVER.fits(environment):
        return Forked(["buystream", *words], environment, output.fileno(), errors.fileno())
    return subprocess.Popen([BUYSTREAM, *words], stdout=output, stderr=errors, env=environment)


def run(
    words: Sequence[str], environment: Mapping[str, str], timeout_seconds: float
) -> "subprocess.CompletedProcess[str]":
    """The same to its end. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start(words, environment, output=output, errors=errors)
        try:
            status = process.wait(timeout_seconds)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, status, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
