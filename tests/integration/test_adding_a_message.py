"""docs/adding-a-message.md is true: with the edits of its eight places, and no others, a new command and its event are
decided, audited, in the view, over HTTP, on the desk, in the schemas and in the docs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.written_steps import ROOT, copy_to, edits

PATIENT_SECONDS = 600
PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
GENERATORS = ("buystream.schemas --write", "buystream.messages_page")
WHAT_EVERY_MESSAGE_KEEPS = (
    *(
        "test_examples.py",
        "test_schemas.py",
        "test_message_catalogue.py",
        "test_messages_page.py",
        "vocabulary/test_refusals.py",
    ),
    *("vocabulary/test_permissions.py", "gateway/test_route_refusals.py", "consumers/test_feeds.py"),
    *("projections/test_what_can_be_done.py", "aggregates/test_rules.py"),
)

OF_RANDOM_HISTORIES = "test_the_declared_states_are_those_in_which_orders_and_payments_are_refused"
NOTHING_NEW = ("--deselect", f"tests/unit/vocabulary/test_refusals.py::{OF_RANDOM_HISTORIES}")
"""What random histories show takes long, and the pair is refused because of no state."""


def about_the_pair() -> str:
    """Of a test that is run for each message or each module, the runs for the pair and for the modules of the edits:
    the others are as they were. All other tests."""
    modules = sorted({f"[{Path(edit.file).stem}]" for edit in edits() if edit.file.endswith(".py")})
    return " or ".join(("not [", "note", *modules))


def run(root: Path, *words: str) -> None:
    """Python in the copy; what it says when it fails."""
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root / 'clients/python/src'}:{root}"}
    done = subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, capture_output=True, text=True, timeout=PATIENT_SECONDS
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-8_000:]}\n{done.stderr[-4_000:]}"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the page's edits, and what is generated from them."""
    root = tmp_path_factory.mktemp("copy")
    copy_to(root)
    for edit in edits():
        edit.make(root)
    for generator in GENERATORS:
        run(root, "-m", *generator.split())
    return root


def test_the_edits_are_in_the_house_style(copy: Path) -> None:
    files = sorted({edit.file for edit in edits() if edit.file.endswith(".py")})
    run(copy, "-m", "ruff", "check", *files)
    run(copy, "-m", "ruff", "format", "--check", *files)


def test_the_new_pair_keeps_what_every_message_keeps(copy: Path) -> None:
    tests = [f"tests/unit/{test}" for test in WHAT_EVERY_MESSAGE_KEEPS]
    run(copy, *PYTEST, *NOTHING_NEW, "-k", about_the_pair(), *tests)


def test_the_new_pair_works_from_the_desk_to_the_audit(copy: Path) -> None:
    assert not (ROOT / "schemas/commands/NoteOrder.v1.json").exists()
    run(copy, *PYTEST, "tests/support/noted_order.py")
