"""msgspec reads a type's fields when it is first used, and a second thread that decodes the same type meanwhile crashes
the process (0.22). So decoders of what several threads read are made where modules are loaded."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import buystream
from tests.support.scenario import given
from tests.support.steps import authorised, captured, pay, place, release

PACKAGE = Path(buystream.__file__).parent

OF_ONE_THREAD = frozenset({"backup.py", "cli", "demo", "rush", "schemas", "analysis", "replay"})
"""Programs and rooms that decode in one thread of a process."""

OF_PLAIN_TYPES = frozenset({"dict", "dict[str, object]", "dict[str, Any]"})
"""What has no fields to read."""

AT_ONCE = """
import sys, threading
from buystream.aggregates.partition import Partition
sys.setswitchinterval(1e-6)
snapshot = sys.stdin.buffer.read()
together = threading.Barrier(6)
def restore():
    together.wait()
    Partition.restore(snapshot)
threads = [threading.Thread(target=restore) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("restored")
"""


def test_the_owners_of_a_process_restore_their_snapshots_at_once() -> None:
    snapshot = given(release(), place(), pay(), authorised(), captured()).partition.snapshot()
    done = subprocess.run([sys.executable, "-c", AT_ONCE], input=snapshot, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"restored\n"), done.stderr


def _read_late(path: Path) -> list[int]:
    """The lines that decode a type with fields by naming it at the call."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("msgspec.json.decode", "msgspec.msgpack.decode")
        for word in node.keywords
        if word.arg == "type" and ast.unparse(word.value) not in OF_PLAIN_TYPES
    ]


@pytest.mark.parametrize(
    "room", sorted(one.name for one in PACKAGE.iterdir() if one.name not in OF_ONE_THREAD and one.name[0] != "_")
)
def test_no_type_is_read_by_the_threads_that_need_it(room: str) -> None:
    found = PACKAGE / room
    paths = found.rglob("*.py") if found.is_dir() else [found]
    late = {
        str(path.relative_to(PACKAGE)): lines for path in paths if path.suffix == ".py" and (lines := _read_late(path))
    }
    assert late == {}
