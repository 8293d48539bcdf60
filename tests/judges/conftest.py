"""The programs that judge, built by `tools/bootstrap.sh judge`."""

import os
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "buystream"


def built(folder: str, name: str) -> Path:
    """The program made of the sources in that folder."""
    content = (HERE / folder / "main.go").read_bytes() + (HERE / folder / "go.sum").read_bytes()
    program = CACHE / f"{name}-{sha256(content).hexdigest()[:16]}"
    assert program.exists(), f"{program} is missing: run tools/bootstrap.sh judge"
    return program


@pytest.fixture(scope="session")
def judge() -> Path:
    """Go's sumdb and Tessera's fsck, behind a command line."""
    return built("go", "judge")


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    """The address of a store of S3's protocol that isn't ours; its bucket is called files."""
    with subprocess.Popen([built("s3", "s3-store")], stdout=subprocess.PIPE, text=True) as store:
        assert store.stdout is not None
        try:
            yield store.stdout.readline().strip()
        finally:
            store.kill()
