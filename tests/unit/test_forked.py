"""A `buystream` that is forked for a test is a process like one that is started."""

import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.patience import patient, wait_until


@pytest.mark.parametrize(
    "words", [["--version"], ["sell-everything"], ["audit", "--data-dir", "nowhere"]], ids=" ".join
)
def test_it_says_the_same_and_ends_with_the_same_status(words: list[str]) -> None:
    environment = {**os.environ, "BUYSTREAM_LOG_LEVEL": "ERROR"}
    done = forked.run(words, environment, patient(60))
    started = subprocess.run(
        [forked.BUYSTREAM, *words], env=environment, capture_output=True, text=True, timeout=patient(60), check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (started.returncode, started.stdout, started.stderr)


def test_its_environment_and_its_folder_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = forked.run(["audit"], {**os.environ, "BUYSTREAM_DATA_DIR": "here"}, patient(60))
    assert (done.returncode, f"there is no shop in {tmp_path / 'here'}" in done.stderr) == (1, True), done.stderr
    assert "BUYSTREAM_DATA_DIR" not in os.environ


def test_it_is_seen_and_killed_as_what_it_is() -> None:
    with tempfile.TemporaryFile() as said, socket.create_server(("127.0.0.1", 0)) as silent:
        words = ["rush", "--url", f"http://127.0.0.1:{silent.getsockname()[1]}"]
        process = forked.start(words, os.environ, output=said, errors=said)
        shown = Path(f"/proc/{process.pid}/cmdline")
        wait_until(lambda: shown.read_bytes().rstrip(b"\0").split(b"\0")[1:] == [b"buystream", *map(str.encode, words)])
        assert process.poll() is None
        process.kill()
        assert process.wait(patient(60)) == -signal.SIGKILL


def test_a_variable_that_counts_while_python_starts_lets_it_start_anew() -> None:
    with tempfile.TemporaryFile() as said:
        process = forked.start(["--version"], {**os.environ, "PYTHONWARNINGS": "error"}, output=said, errors=said)
        assert isinstance(process, subprocess.Popen)
        process.wait(patient(60))
