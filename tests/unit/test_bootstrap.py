"""The set-up script says what it does while it works."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]

PIP = """#!/usr/bin/env bash
case "$*" in
    *"pip install"*) printf 'Collecting litestar==2\\nCollecting uvloop==1\\n'; sleep 0.1; {end} ;;
esac
"""


def bootstrapped(folder: Path, end: str) -> subprocess.CompletedProcess[str]:
    """A run in a copy of the project whose pip downloads nothing."""
    (folder / "tools").mkdir()
    shutil.copy(ROOT / "tools/bootstrap.sh", folder / "tools")
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP.format(end=end))
    python.chmod(0o755)
    return subprocess.run(["bash", folder / "tools/bootstrap.sh", "run"], capture_output=True, text=True, check=False)


def test_each_package_is_named_while_pip_takes_it_up(tmp_path: Path) -> None:
    done = bootstrapped(tmp_path, "exit 0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["  litestar==2", "  uvloop==1"]
    assert done.stderr == ""  # also while pip hasn't begun to write
    assert (tmp_path / ".venv/.buystream-run").exists()


def test_what_pip_said_is_shown_when_it_fails(tmp_path: Path) -> None:
    done = bootstrapped(tmp_path, "echo 'ERROR: no such version'; exit 1")
    assert done.returncode == 1
    assert "ERROR: no such version" in done.stderr
    assert not (tmp_path / ".venv/.buystream-run").exists()
