"""The program that judges, built by `tools/bootstrap.sh judge`."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

SOURCES = Path(__file__).with_name("go")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "buystream"


@pytest.fixture(scope="session")
def judge() -> Path:
    """Go's sumdb and Tessera's fsck, behind a command line."""
    content = (SOURCES / "main.go").read_bytes() + (SOURCES / "go.sum").read_bytes()
    program = CACHE / f"judge-{sha256(content).hexdigest()[:16]}"
    assert program.exists(), f"{program} is missing: run tools/bootstrap.sh judge"
    return program
