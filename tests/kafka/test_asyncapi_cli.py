"""The AsyncAPI document is what AsyncAPI's own command line calls valid."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.patience import patient

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "buystream"
QUIET = {"CI": "true", "NO_COLOR": "1"}


def validated(document: Path) -> subprocess.CompletedProcess[str]:
    """What it says about the document."""
    (command,) = CACHE.glob("asyncapi-cli-*/node_modules/.bin/asyncapi")
    return subprocess.run(
        [command, "validate", document],
        cwd=document.parent,
        env=os.environ | QUIET | {"HOME": str(document.parent)},  # where it keeps what it counts
        capture_output=True,
        text=True,
        timeout=patient(300),
        check=False,
    )


def test_the_document_of_all_topics_is_valid_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schemas", tmp_path, dirs_exist_ok=True)
    document = tmp_path / "asyncapi.json"
    found = validated(document)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 errors, 0 warnings" in found.stdout
    document.write_text(document.read_text().replace('"action": "send"', '"action": "shout"', 1))
    assert validated(document).returncode != 0
