"""Whatever ends `make demo` or `make kafka` ends what it runs, which gets it once: Ctrl-C at a terminal, and a
signal to make alone."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.patience import patient, wait_until

ROOT = Path(__file__).parents[2]
TARGETS = ("demo", "kafka")
RUNS_UNTIL_TOLD = """#!{python}
import signal, time
from pathlib import Path
heard = []
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, lambda number, frame: heard.append(signal.Signals(number).name))
Path("up").touch()
while not heard:
    time.sleep(0.05)
time.sleep(1.2)  # as long as it takes to hear a signal twice
Path("heard").write_text(" ".join(heard))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Our Makefile, with an environment that is set up already, whose shop and broker only run until a signal."""
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", "tools/under_make.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    bootstrap = tmp_path / "tools" / "bootstrap.sh"
    bootstrap.write_text("#!/bin/sh\n")
    bootstrap.chmod(0o755)
    stub = RUNS_UNTIL_TOLD.format(python=sys.executable)
    for name in (".venv/bin/buystream", "buystream/host/broker.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(stub)
        (tmp_path / name).chmod(0o755)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / ".buystream-run").touch()
    return tmp_path


def at_a_terminal(end: int | None) -> None:
    """In the child: SIGINT counts, even if the starter of the tests ignores it, and comes from this terminal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if end is not None:
        fcntl.ioctl(end, termios.TIOCSCTTY, 0)


@contextmanager
def making(project: Path, target: str, end: int | None = None, **how: object) -> Iterator["subprocess.Popen[bytes]"]:
    """make, once what it runs is up; dead in the end."""
    make = subprocess.Popen(  # type: ignore[call-overload]
        ["make", target], cwd=project, start_new_session=True, preexec_fn=lambda: at_a_terminal(end), **how
    )
    try:
        wait_until(lambda: (project / "up").exists() or make.poll() is not None)
        assert make.returncode is None, f"make ended with {make.returncode} before anything ran"
        yield make
    finally:
        make.kill()
        make.wait()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_make_alone_ends_what_it_runs(project: Path, target: str, number: signal.Signals) -> None:
    with making(project, target) as make:
        make.send_signal(number)
        make.wait(patient(30))
        wait_until((project / "heard").exists)
    assert (project / "heard").read_text() == number.name


@pytest.mark.parametrize("target", TARGETS)
def test_ctrl_c_at_a_terminal_arrives_once(project: Path, target: str) -> None:
    terminal, end = pty.openpty()
    with making(project, target, end, stdin=end, stdout=end, stderr=end) as make:
        os.write(terminal, b"\x03")
        make.wait(patient(30))
    assert (project / "heard").read_text() == "SIGINT"


def test_what_make_runs_ends_when_make_is_gone(project: Path) -> None:
    with making(project, "demo") as make:
        make.kill()
        wait_until((project / "heard").exists)
    assert (project / "heard").read_text() == "SIGINT"


def test_the_exit_status_is_the_commands_own() -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "tools" / "under_make.py", "sh", "-c", "exit 3"], check=False, timeout=patient(30)
    )
    assert ran.returncode == 3
