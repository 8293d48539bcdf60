"""A measurement that is killed takes its servers and its folder along."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.patience import wait_until

BENCH = """
import subprocess, time
from bench.children import spawned
from bench.stage import Stage

with Stage(quick=True) as stage:
    with (stage.folder / "rival.log").open("wb") as log:
        rival = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=log)
    stage.postgres
    postmaster = (stage.folder / "shop" / "postgres" / "postmaster.pid").read_text().split()[0]
    ours = spawned(stage.folder, time.sleep, 600)
    print(stage.folder, rival.pid, postmaster, ours.pid, flush=True)
    time.sleep(600)
"""


@contextmanager
def running() -> Iterator[tuple["subprocess.Popen[str]", Path, list[int]]]:
    """A measurement with a rival's server, a PostgreSQL and a process of ours: its process, its folder, and the ids of
    those three."""
    with subprocess.Popen([sys.executable, "-c", BENCH], stdout=subprocess.PIPE, text=True) as bench:
        try:
            assert bench.stdout
            folder, *pids = bench.stdout.readline().split()
            yield bench, Path(folder), [int(pid) for pid in pids]
        finally:
            bench.kill()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_killed_measurement_started_ends_with_it() -> None:
    with running() as (bench, folder, pids):
        assert len(pids) == 3
        assert all(_is_alive(pid) for pid in pids)
        bench.send_signal(signal.SIGKILL)
        bench.wait()
        wait_until(lambda: not any(_is_alive(pid) for pid in pids) and not folder.exists())
