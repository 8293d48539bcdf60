"""Ends what a killed measurement leaves behind. A process of its own watches a pipe that only the measurement holds:
when it breaks, whatever works in the measurement's folder is ended, and the folder is deleted. PostgreSQL, which starts
a session of its own, is found this way too."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

GRACE_SECONDS = 10.0
LOOK_SECONDS = 0.05


@contextmanager
def swept_folder(prefix: str) -> Iterator[Path]:
    """A folder that outlives this process by moments, however this process ends, and so does whatever works in it."""
    with TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name).resolve()
        sweeper = subprocess.Popen(
            [sys.executable, "-m", "bench.sweeper", folder],
            stdin=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            start_new_session=True,  # or a signal to our group would end it with us
        )
        try:
            yield folder
        finally:
            sweeper.communicate(b"done")


def sweep(folder: Path) -> None:
    """End whatever works in the folder, then delete it."""
    deadline = monotonic() + GRACE_SECONDS
    while found := list(_working_in(folder)):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if monotonic() < deadline else signal.SIGKILL)
        sleep(LOOK_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def _working_in(folder: Path) -> Iterator[int]:
    """Processes that have their directory or an open file there. Not those at a terminal of their own: somebody looks
    at a log."""
    ours = _terminal(os.getpid())
    for process in Path("/proc").glob("[1-9]*"):
        pid = int(process.name)
        with suppress(OSError):  # it ended meanwhile, or is another user's
            if pid != os.getpid() and _is_in(folder, process) and _terminal(pid) in (0, ours):
                yield pid


def _is_in(folder: Path, process: Path) -> bool:
    return any(link.readlink().is_relative_to(folder) for link in (process / "cwd", *(process / "fd").iterdir()))


def _terminal(pid: int) -> int:
    """The number of its terminal, 0 without one (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
    after_the_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_the_name[4])


def main() -> None:
    """Wait for the measurement to say that it is done, or to be gone."""
    if sys.stdin.read() != "done":
        sweep(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
