"""Dump and restore with the programs of PostgreSQL 18, on any server from 15 on."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from psycopg2.extensions import make_dsn, parse_dsn

from buystream.database import one_transaction
from buystream.errors import BuystreamError
from buystream.host.postgres_binaries import EmbeddedPostgresError, bin_dir

SECONDS_MAX: Final = 3600

_SETS = re.compile(rb"SET (\w+) = ")
_DATA = b"COPY "


class DumpFailed(BuystreamError):
    """A program of PostgreSQL's failed or is missing; the message has its first line."""


def dump(dsn: str, file: Path, *, schemas: Sequence[str], snapshot: str) -> None:
    """These schemas in pg_dump's custom format, as that exported snapshot sees them; raises DumpFailed."""
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={file}"]
    _run("pg_dump", dsn, [*options, *(f"--schema={schema}" for schema in schemas)])


def restore(dsn: str, file: Path) -> None:
    """Everything in the dump or nothing, in place of what is there; raises DumpFailed."""
    with tempfile.TemporaryDirectory(prefix="buystream-restore-") as folder:
        script, fitting = Path(folder, "all.sql"), Path(folder, "fitting.sql")
        options = ["--clean", "--if-exists", "--no-owner", "--exit-on-error", f"--file={script}"]
        _run("pg_restore", "", [*options, str(file)])
        with script.open("rb") as read, fitting.open("wb") as written:
            _leave_unknown_settings_out(read, written, _settings_of(dsn))
        script.unlink()
        alone = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={fitting}"]
        _run("psql", dsn, alone)


def _leave_unknown_settings_out(read: IO[bytes], written: IO[bytes], known: frozenset[str]) -> None:
    """pg_restore sets whatever its own version has: PostgreSQL 16 and older have no `transaction_timeout`."""
    for line in read:
        setting = _SETS.match(line)
        if setting is None or setting[1].decode() in known:
            written.write(line)
        if line.startswith(_DATA):
            break
    shutil.copyfileobj(read, written)


def _settings_of(dsn: str) -> frozenset[str]:
    with one_transaction(dsn, "restore") as cur:
        cur.execute("SELECT name FROM pg_settings")
        return frozenset(name for (name,) in cur)


def _run(program: str, dsn: str, arguments: Sequence[str]) -> None:
    """The password travels in the program's environment, where other users can't see it."""
    parts = parse_dsn(dsn) if dsn else {}
    password = parts.pop("password", "")
    database = [f"--dbname={make_dsn(**parts)}"] if parts else []
    try:
        done = subprocess.run(
            [_path_of(program), *database, *arguments],
            env={"PATH": os.defpath, "PGPASSWORD": password, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DumpFailed(f"{program} took over {SECONDS_MAX} s") from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise DumpFailed(f"{program} failed: {said[0] if said else 'it printed nothing'}")


def _path_of(program: str) -> str:
    """The one that came with the embedded server, or else the system's."""
    with suppress(EmbeddedPostgresError):
        return str(bin_dir() / program)
    found = shutil.which(program, path=os.defpath)
    if found is None:
        raise DumpFailed(f"{program} is not installed")
    return found
