"""Backup and restore: one file with everything that can't be rebuilt, as it was at one moment. A tar of a manifest, a
dump of PostgreSQL in pg_dump's custom format, and the secret if it is ours to keep."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import msgspec
import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, cursor, make_dsn, parse_dsn

from buystream import __version__
from buystream.codec import rfc3339
from buystream.errors import BuystreamError
from buystream.keys import purpose_key
from buystream.log import COMMANDS, EVENTS
from buystream.postgres_binaries import EmbeddedPostgresError, bin_dir
from buystream.settings import Settings, keep_secret, secret_of
from buystream.wiring import open_database

KEPT: Final = ("log", "vault", "sandbox", "consumer", "gateway")
"""The schemas that are saved. All others are views and snapshots, which the log gives back."""

FORMAT: Final = 1
DUMP_SECONDS: Final = 3600


class BackupFailed(BuystreamError):
    """The backup can't be made, read or brought back; the message says why."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the file. The fingerprint tells which secret wraps the buyers' keys, and nothing about it."""

    format: int
    buystream: str
    postgres: str
    made_at: str
    commands: int
    events: int
    buyer_keys: int
    secret_fingerprint: str
    has_secret: bool


def save(settings: Settings, dsn: str, file: Path) -> Manifest:
    """Save one moment of the shop into `file`, which appears whole or not at all, readable by its owner only."""
    with tempfile.TemporaryDirectory(prefix=".buystream-backup-", dir=file.absolute().parent) as folder:
        dump, unfinished = Path(folder, "database.dump"), Path(folder, "backup.tar")
        with closing(psycopg2.connect(dsn)) as conn:
            conn.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            with conn.cursor() as cur:
                moment = _one(cur, "SELECT pg_export_snapshot()")
                manifest = _manifest(settings, cur)
                schemas = [f"--schema={schema}" for schema in KEPT]
                options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={moment}", f"--file={dump}"]
                _run("pg_dump", dsn, [*options, *schemas])
        with tarfile.open(unfinished, "x") as tar:
            _add(tar, "manifest.json", msgspec.json.format(msgspec.json.encode(manifest)))
            if manifest.has_secret:
                _add(tar, "secret.key", secret_of(settings))
            tar.add(dump, "database.dump", filter=_anonymous)
        unfinished.chmod(0o600)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(file)
    return manifest


def restore(settings: Settings, file: Path) -> Manifest:
    """Bring the shop in `file` back into an empty data folder or database; raises BackupFailed when there is a shop."""
    with tempfile.TemporaryDirectory(prefix="buystream-restore-") as folder:
        manifest = _unpack(file, Path(folder))
        with open_database(settings) as database:
            with closing(psycopg2.connect(database.dsn)) as conn, conn.cursor() as cur:
                if _count(cur, "log.record"):
                    where = settings.data_dir if settings.is_embedded else "that database"
                    raise BackupFailed(f"there is a shop in {where} already: restore into an empty one")
            if manifest.has_secret and not settings.secret_key:
                keep_secret(settings, Path(folder, "secret.key").read_bytes(), replace=True)
            if _fingerprint(secret_of(settings)) != manifest.secret_fingerprint:
                raise BackupFailed("the buyers' keys need the BUYSTREAM_SECRET_KEY that they were made with; set it")
            options = ["--clean", "--if-exists", "--no-owner", "--exit-on-error", "--single-transaction"]
            _run("pg_restore", database.dsn, [*options, str(Path(folder, "database.dump"))])
            with closing(psycopg2.connect(database.dsn)) as conn, conn.cursor() as cur:
                back = _count(cur, "log.record", f"topic = '{EVENTS}'")
                if back != manifest.events:
                    raise BackupFailed(f"{back} events came back, the manifest promises {manifest.events}")
    return manifest


def _manifest(settings: Settings, cur: cursor) -> Manifest:
    return Manifest(
        format=FORMAT,
        buystream=__version__,
        postgres=_one(cur, "SHOW server_version"),
        made_at=rfc3339(time.time_ns() // 1_000_000),
        commands=_count(cur, "log.record", f"topic = '{COMMANDS}'"),
        events=_count(cur, "log.record", f"topic = '{EVENTS}'"),
        buyer_keys=_count(cur, "vault.buyer_key"),
        secret_fingerprint=_fingerprint(secret_of(settings)),
        has_secret=not settings.secret_key,
    )


def _unpack(file: Path, folder: Path) -> Manifest:
    try:
        with tarfile.open(file) as tar:
            tar.extractall(folder, filter="data")
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    except (tarfile.TarError, FileNotFoundError, msgspec.DecodeError) as error:
        raise BackupFailed(f"{file} is not a backup of a shop, or it is damaged: {error}") from error
    if manifest.format != FORMAT:
        raise BackupFailed(
            f"{file} has format {manifest.format}, this program reads {FORMAT}: use buystream {__version__}"
        )
    return manifest


def _fingerprint(secret: bytes) -> str:
    return hashlib.blake2b(purpose_key(secret, "backup fingerprint"), digest_size=16).hexdigest()


def _one(cur: cursor, statement: str) -> str:
    cur.execute(statement)
    return str((cur.fetchone() or ("",))[0])


def _count(cur: cursor, table: str, condition: str = "true") -> int:
    """0 also when there is no such table."""
    cur.execute("SELECT to_regclass(%s)", (table,))
    if cur.fetchone() == (None,):
        return 0
    cur.execute(f"SELECT count(*) FROM {table} WHERE {condition}")
    return int((cur.fetchone() or (0,))[0])


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
    tar.addfile(member, io.BytesIO(content))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _run(program: str, dsn: str, arguments: list[str]) -> None:
    """A program of PostgreSQL's; the password travels in its environment, where other users can't see it."""
    parts = parse_dsn(dsn)
    password = parts.pop("password", "")
    try:
        done = subprocess.run(
            [_path_of(program), f"--dbname={make_dsn(**parts)}", *arguments],
            env={"PATH": os.defpath, "PGPASSWORD": password, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=DUMP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BackupFailed(f"{program} took over {DUMP_SECONDS} s") from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise BackupFailed(f"{program} failed: {said[0] if said else 'it printed nothing'}")


def _path_of(program: str) -> str:
    """The one that came with the embedded server, or else the system's."""
    with suppress(EmbeddedPostgresError):
        return str(bin_dir() / program)
    found = shutil.which(program, path=os.defpath)
    if found is None:
        raise BackupFailed(f"{program} is not installed")
    return found
