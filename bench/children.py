"""Processes that a measurement starts. They get a line of JSON on standard input and end when it does, so none outlives
us."""

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from bench.measuring import BenchError

STOP_SECONDS = 60


class Child:
    """`python -m <module>`: told its configuration, ready once it prints its first line."""

    def __init__(self, module: str, configuration: dict[str, Any], *, log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.tell(configuration)

    def tell(self, line: dict[str, Any]) -> None:
        """Write one line to it."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """Its next line; raises BenchError when it ended instead."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"a process ended: {last_line(self._log)}")
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def spawned(folder: Path, target: Callable[..., object], *arguments: Any) -> SpawnProcess:
    """A process that runs this function of ours. It works in the folder, where the sweeper finds it."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    with chdir(folder):
        process.start()
    return process


def last_line(log: Path) -> str:
    """What a process said last."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"see {log}"
