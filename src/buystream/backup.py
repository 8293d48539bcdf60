"""Backup and restore: one file with everything that can't be rebuilt, as it was at one moment. A tar of a manifest, a
dump of PostgreSQL in pg_dump's custom format, and the secret if it is ours to keep; encrypted with age
(https://age-encryption.org/v1) for those who are named."""

import io
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import pyrage
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, cursor

from buystream import __version__
from buystream.consumers.notifications.queueing import CONSUMER
from buystream.database import connected, one_transaction
from buystream.delivery.sequence import Foreign, head_of
from buystream.erasures import erase_again, read_erased
from buystream.errors import BuystreamError
from buystream.host import postgres_dump
from buystream.host.secret_file import keep_secret, secret_of
from buystream.log import COMMANDS, EVENTS, Log, read_all
from buystream.secret_versions import fingerprint_of, versions
from buystream.settings import Settings
from buystream.vocabulary.codec import rfc3339, type_name
from buystream.vocabulary.events import BuyerErased
from buystream.wiring.opening import Database, open_database, open_log, open_vault

KEPT: Final = ("log", "vault", "sandbox", "consumer", "gateway", "tlog", "mail", "webhooks")
"""The schemas that are saved. All others are views and snapshots, which are rebuilt from the log."""

FORMAT: Final = 2
AGE_BEGINS: Final = b"age-encryption.org/v1"
_BUYER_ERASED: Final = type_name(BuyerErased)

_WITHHOLD_MAILS: Final = f"""
    UPDATE mail.outbox SET state = 'left_out', error = 'restored from a backup', sender = NULL, changed_at = now()
    WHERE state IN ('waiting', 'taken', 'sending');
    DELETE FROM consumer.checkpoint WHERE consumer = '{CONSUMER}'"""
"""What waited then may have been sent since: nobody gets it twice, and notifications begin anew at the end of the
log."""


class BackupFailed(BuystreamError):
    """The backup can't be made, read or brought back; the message says why."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the file. The fingerprints name the versions of the secret key that open it, and reveal nothing about
    them."""

    format: int
    buystream: str
    postgres: str
    made_at: str
    commands: int
    events: int
    buyer_keys: int
    secret_fingerprints: tuple[str, ...]
    has_secret: bool
    files: int = 0
    """Versions of editions' files. Their bytes are elsewhere."""


def save(settings: Settings, dsn: str, file: Path) -> Manifest:
    """Save one moment of the shop into `file`, which appears whole or not at all, readable by its owner only; encrypted
    for the settings' recipients if there are any. Raises BackupFailed and DumpFailed."""
    recipients = [_recipient(text) for text in settings.backup_recipients]
    if not file.absolute().parent.is_dir():
        raise BackupFailed(f"there is no folder {file.absolute().parent}")
    with tempfile.TemporaryDirectory(prefix=".buystream-backup-", dir=file.absolute().parent) as folder:
        dump, unfinished = Path(folder, "database.dump"), Path(folder, "backup.tar")
        with connected(dsn, "backup") as conn:
            conn.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            with conn.cursor() as cur:
                moment = _one(cur, "SELECT pg_export_snapshot()")
                manifest = _manifest(settings, dsn, cur)
                postgres_dump.dump(dsn, dump, schemas=KEPT, snapshot=moment)
        with tarfile.open(unfinished, "x") as tar:
            _add(tar, "manifest.json", msgspec.json.format(msgspec.json.encode(manifest)))
            if manifest.has_secret:
                _add(tar, "secret.key", secret_of(settings))
            tar.add(dump, "database.dump", filter=_anonymous)
        if recipients:
            plain, unfinished = unfinished, Path(folder, "backup.age")
            pyrage.encrypt_file(str(plain), str(unfinished), recipients)
        unfinished.chmod(0o600)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(file)
    return manifest


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, and which buyers were erased since the backup: they are erased again."""

    manifest: Manifest
    erased_again: tuple[str, ...]


def restore(settings: Settings, file: Path, *, erased: Path | None = None, identity: Path | None = None) -> Restored:
    """Bring the shop in `file` back into an empty data folder or database; `identity` is the age identity file that
    opens an encrypted one. Raises DumpFailed, and BackupFailed among others when there is a shop.
    Buyers who are listed in `erased`, in the settings' own list, or on a log that outlived the database are erased
    again before anyone can read about them."""
    with tempfile.TemporaryDirectory(prefix="buystream-restore-") as folder:
        manifest = _unpack(_opened(file, identity, Path(folder)), Path(folder))
        with open_database(settings) as database:
            with one_transaction(database.dsn, "restore") as cur:
                if _count(cur, "log.record"):
                    where = settings.data_dir if settings.is_embedded else "that database"
                    raise BackupFailed(f"there is a shop in {where} already: restore into an empty one")
            if manifest.has_secret and not settings.secret_key:
                keep_secret(settings, Path(folder, "secret.key").read_bytes(), replace=True)
            if fingerprint_of(secret_of(settings)) not in manifest.secret_fingerprints:
                raise BackupFailed("the buyers' keys need the BUYSTREAM_SECRET_KEY that they were made with; set it")
            postgres_dump.restore(database.dsn, Path(folder, "database.dump"))
            with one_transaction(database.dsn, "restore") as cur:
                back = _count(cur, "log.record", f"topic = '{EVENTS}'")
                if back != manifest.events:
                    raise BackupFailed(f"{back} events came back, the manifest promises {manifest.events}")
                if _count(cur, "consumer.checkpoint", f"consumer = '{CONSUMER}'"):
                    cur.execute(_WITHHOLD_MAILS)
            again = _erase_again(settings, database, erased)
    return Restored(manifest=manifest, erased_again=tuple(again))


def _erase_again(settings: Settings, database: Database, erased: Path | None) -> Sequence[str]:
    files = [file for file in (erased, settings.erased_file) if file is not None]
    listed = [buyer_id for file in files for buyer_id in read_erased(file)]
    with closing(open_vault(settings, database.dsn)) as vault, open_log(database, settings) as log:
        return erase_again([*listed, *_erased_on(log)], vault, log)


def _erased_on(log: Log) -> Iterator[str]:
    """The buyers whose erasure is on the log."""
    for partition in range(log.partitions):
        for record in read_all(log, EVENTS, partition):
            try:
                head = head_of(record)
            except Foreign:
                continue
            if head.type == _BUYER_ERASED:
                yield head.subject


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise BackupFailed(f"BUYSTREAM_BACKUP_RECIPIENTS: {text} is no recipient of age: {error}") from None


def _opened(file: Path, identity: Path | None, folder: Path) -> Path:
    """The backup's tar, decrypted if it has to be."""
    with file.open("rb") as read:
        if read.read(len(AGE_BEGINS)) != AGE_BEGINS:
            return file
    if identity is None:
        raise BackupFailed(f"{file} is encrypted: name the age identity file that opens it with --identity")
    plain = folder / "backup.tar"
    try:
        lines = [line.strip() for line in identity.read_text().splitlines()]
        known = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
        pyrage.decrypt_file(str(file), str(plain), known)
    except (pyrage.IdentityError, pyrage.DecryptError, UnicodeDecodeError) as error:
        raise BackupFailed(f"{identity} doesn't open {file}: {error}") from None
    return plain


def _manifest(settings: Settings, dsn: str, cur: cursor) -> Manifest:
    return Manifest(
        format=FORMAT,
        buystream=__version__,
        postgres=_one(cur, "SHOW server_version"),
        made_at=rfc3339(time.time_ns() // 1_000_000),
        commands=_count(cur, "log.record", f"topic = '{COMMANDS}'"),
        events=_count(cur, "log.record", f"topic = '{EVENTS}'"),
        buyer_keys=_count(cur, "vault.buyer_key"),
        secret_fingerprints=tuple(version.fingerprint for version in versions(dsn)),
        has_secret=not settings.secret_key,
        files=_count(cur, "views.files", "state <> 'removed'"),
    )


def _unpack(file: Path, folder: Path) -> Manifest:
    try:
        with tarfile.open(file, "r:") as tar:
            tar.extractall(folder, filter="data")
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    except (tarfile.TarError, FileNotFoundError, msgspec.DecodeError) as error:
        raise BackupFailed(f"{file} is not a backup of a shop, or it is damaged: {error}") from error
    if manifest.format != FORMAT:
        raise BackupFailed(
            f"{file} has format {manifest.format}, this program reads {FORMAT}: use buystream {__version__}"
        )
    return manifest


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
