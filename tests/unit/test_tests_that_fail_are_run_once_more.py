"""`make test` runs a few tests that failed once more, alone; it hides nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.alone import FAILED_MAX

ROOT = Path(__file__).parents[2]
TESTS = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({failing}))
def test_that_fails_the_first_time(number):
    before = Path(f"before-{{number}}")
    if not before.exists():
        before.touch()
        raise AssertionError("beside others")

def test_that_{fails}():
    assert {passes}
"""
A_STORY = """
from pathlib import Path

told = []

def test_the_first_part():
    told.append("once")

def test_the_second_part():
    before = Path("before")
    was_there = before.exists()
    before.touch()
    assert told and was_there
"""


def run(folder: Path, *program: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # which take longer than the tests
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("failing", "passes", "status"), [(1, True, 0), (FAILED_MAX, True, 0), (FAILED_MAX + 1, True, 1), (1, False, 1)]
)
def test_a_few_failures_are_run_once_more_and_named(tmp_path: Path, failing: int, passes: bool, status: int) -> None:
    text = TESTS.format(failing=failing, fails="passes" if passes else "fails", passes=passes)
    (tmp_path / "test_some.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]")
    first, _ = run(tmp_path, "-m", "pytest", "-q")
    assert first == 1
    second, said = run(tmp_path, "-m", "tests.support.alone", str(first))
    assert second == status
    assert ("test_that_fails_the_first_time[0]" in said) == (failing + (not passes) <= FAILED_MAX)


def test_a_run_that_did_not_come_to_its_end_has_failed(tmp_path: Path) -> None:
    cache = tmp_path / ".pytest_cache" / "v" / "cache"
    cache.mkdir(parents=True)
    (cache / "lastfailed").write_text(json.dumps({"test_some.py::test_of_yesterday": True}))
    assert run(tmp_path, "-m", "tests.support.alone", "3") == (3, "")


def test_a_test_that_goes_on_from_another_of_its_module_is_run_with_it(tmp_path: Path) -> None:
    (tmp_path / "test_story.py").write_text(A_STORY)
    (tmp_path / "pytest.ini").write_text("[pytest]")
    first, _ = run(tmp_path, "-m", "pytest", "-q")
    assert (first, run(tmp_path, "-m", "tests.support.alone", str(first))[0]) == (1, 0)
