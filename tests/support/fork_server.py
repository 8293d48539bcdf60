"""The process that `forked.py` forks `buystream` off: it has imported all of the shop, has one thread and nothing open,
and does nothing else. `python -m tests.support.fork_server SOCKET PADDING`, PADDING being room for the words of a fork.

A message on the socket is one process to start: its words, environment and folder, with three descriptors: its output,
its errors, and where its pid is said when it runs and its status when it has ended, a line each."""

import ctypes
import gc
import os
import pkgutil
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from select import select
from typing import Final

import msgspec

from buystream import cli
from buystream.gateway.routes import every_route

MESSAGE_BYTES_MAX: Final = 1 << 17
DESCRIPTORS: Final = 3

USED_LATER: Final = (
    "cluster", "consumers.feeds", "consumers.webhooks.calling", "consumers.webhooks.role", "demo.first_orders",
    "demo.headless", "demo.samples", "gateway.serve", "projections.engine.history", "roles", "schemas.folder",
    "wiring.mailing", "wiring.shop",
)  # fmt: skip
"""What commands import when they are at work."""


class Start(msgspec.Struct, frozen=True):
    """A process to start. The first word is the name of the program."""

    words: list[str]
    environment: dict[str, str]
    folder: str


def import_the_shop() -> None:
    """All commands, and what most of them use."""
    names = [f"buystream.{name}" for name in USED_LATER]
    for name in [*(module.name for module in pkgutil.iter_modules(cli.__path__, "buystream.cli.")), *names]:
        import_module(name)
    list(every_route())  # which a gateway imports when it starts
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, f"{len(threads)} threads: what has more than one can't be forked safely"
    gc.collect()
    gc.freeze()  # what the collector never looks at again stays shared


class Server:
    """Starts what is requested and reports how that ended."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._lines_by_pid: dict[int, int] = {}
        self._woken, self._wakes = socket.socketpair()
        self._wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno())

    def run(self) -> None:
        """Returns in each process that is forked, and, with an exit, when nobody can ask for more."""
        while True:
            ready, _, _ = select([self._line, self._woken], [], [])
            if self._woken in ready:
                self._woken.recv(4096)
                self._say_who_ended()
            if self._line in ready:
                message, descriptors, _, _ = socket.recv_fds(self._line, MESSAGE_BYTES_MAX, DESCRIPTORS)
                if not message:
                    os._exit(0)
                if self._forked(msgspec.json.decode(message, type=Start), *descriptors):
                    return

    def _forked(self, start: Start, output: int, errors: int, says: int) -> bool:
        """Whether this is the new process."""
        if pid := os.fork():
            os.close(output)
            os.close(errors)
            self._lines_by_pid[pid] = says
            os.write(says, b"%d\n" % pid)
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor, standard in ((output, 1), (errors, 2)):
            os.dup2(descriptor, standard)
        for descriptor in (output, errors, says, *self._lines_by_pid.values()):
            os.close(descriptor)
        for end in (self._line, self._woken, self._wakes):
            end.close()
        os.environ.clear()
        os.environ.update(start.environment)
        os.chdir(start.folder)
        sys.argv[:] = start.words
        show_as(sys.executable, *start.words)
        return True

    def _say_who_ended(self) -> None:
        while self._lines_by_pid:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            says = self._lines_by_pid.pop(pid)
            os.write(says, b"%d\n" % os.waitstatus_to_exitcode(status))
            os.close(says)


def show_as(*words: str) -> None:
    """What /proc and ps say that this process runs."""
    begin, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    said = "\0".join(words).encode()[: end - begin - 1]
    ctypes.memmove(begin, said.ljust(end - begin, b"\0"), end - begin)


if __name__ == "__main__":
    import_the_shop()
    Server(socket.socket(fileno=int(sys.argv[1]))).run()
    cli.main()
