"""A data folder whose PostgreSQL is made but was never used, copied for each test that runs whole shops: making one
takes longer than the rest of a shop's start."""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from buystream.host.embedded import EmbeddedPostgres

COPIED = ("postgres", "postgres.password")


@cache
def _prepared() -> Path:
    """One in each process of the suite; removed when that ends."""
    folder = Path(tempfile.mkdtemp(prefix="buystream-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with EmbeddedPostgres(folder / "data"):
        pass
    (folder / "data" / "postgres" / "server.log").unlink()
    return folder / "data"


def prepare(data_dir: Path) -> None:
    """Give the folder a PostgreSQL, unless it has one."""
    if not (data_dir / COPIED[0]).exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Its files belong to an account of the server's own when we are root: only cp -a keeps that.
        subprocess.run(["cp", "-a", *(_prepared() / name for name in COPIED), data_dir], check=True)
