"""Where the tests keep files: in memory if there is room, and nothing of a run stays there."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support import in_memory
from tests.support.in_memory import PREFIX, has_room

KEEP = """
import multiprocessing, sys, tempfile
from multiprocessing.util import get_temp_dir
from pathlib import Path
from tests.support import in_memory
in_memory.has_room = lambda memory: True
in_memory.keep_files_in_memory(Path(sys.argv[1]))
assert Path(get_temp_dir()).parent == Path(tempfile.gettempdir())
print(tempfile.gettempdir(), flush=True)
input()
"""


def run_in(memory: Path) -> "subprocess.Popen[str]":
    program = [sys.executable, "-c", KEEP, str(memory)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(program, text=True, env={"PYTHONPATH": "."}, **pipes)  # type: ignore[call-overload,no-any-return]


def test_a_run_leaves_nothing_in_memory_and_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    killed, runs = run_in(tmp_path), run_in(tmp_path)
    assert killed.stdout
    assert runs.stdout
    left, kept = Path(killed.stdout.readline().strip()), Path(runs.stdout.readline().strip())
    assert left.parent == kept.parent == tmp_path
    killed.kill()
    killed.communicate()
    assert left.exists()
    another = run_in(tmp_path)
    assert another.stdout
    assert another.stdout.readline()
    assert kept.exists()
    assert not left.exists()
    for run in (runs, another):
        assert run.communicate("\n")[1] == ""
        assert run.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_chosen_place_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = tempfile.tempdir
    in_memory.keep_files_in_memory(tmp_path)
    assert tempfile.tempdir == before
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def test_there_is_no_room_where_there_is_no_such_memory_or_too_little(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not has_room(tmp_path / "nowhere")
    monkeypatch.setattr(in_memory, "ROOM_BYTES", 2**60)
    assert not has_room(tmp_path)
