"""The shop's root secret, from which every key of the shop comes (`purpose_key`), and the versions of
BUYSTREAM_SECRET_KEY that open it. The root is random and never changes. The database keeps a copy of it per version,
encrypted with that version, so that a leaked secret key is replaced without touching sessions or buyers' keys, and a
process with a wrong one is refused (docs/decisions/0024)."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from psycopg2.extensions import cursor

from buystream.database import one_transaction
from buystream.errors import BuystreamError
from buystream.sealing import NotSealedHere, SealingKey, purpose_key
from buystream.tables import Tables

ROOT_BYTES = 32

TABLES = Tables(
    "vault",
    """
    CREATE SCHEMA IF NOT EXISTS vault;
    CREATE TABLE IF NOT EXISTS vault.secret_version (
        version integer PRIMARY KEY,
        fingerprint text NOT NULL UNIQUE,
        sealed_root bytea NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now()
    );""",
)
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('buystream secret versions'))"
_ALL = "SELECT version, fingerprint, made_at::date::text FROM vault.secret_version ORDER BY version"
_SEALED = "SELECT version, sealed_root FROM vault.secret_version WHERE fingerprint = %s"
_ADD = """
    INSERT INTO vault.secret_version (version, fingerprint, sealed_root)
    SELECT coalesce(max(version), 0) + 1, %s, %s FROM vault.secret_version RETURNING version"""
_REMOVE = "DELETE FROM vault.secret_version WHERE version = %s"


class WrongSecret(BuystreamError):
    """The secret key is none of the shop's: nothing may start with it."""


class UnknownVersion(BuystreamError):
    """The shop has no such version of its secret key."""


class SecretVersion(msgspec.Struct, frozen=True):
    """One version of the secret key; its fingerprint reveals nothing about it."""

    number: int
    fingerprint: str
    made_on: str


def fingerprint_of(secret: bytes) -> str:
    """A check value: 32 hex digits."""
    return hashlib.blake2b(purpose_key(secret, "fingerprint"), digest_size=16).hexdigest()


def open_root(dsn: str, secret: bytes) -> bytes:
    """The root, which the first start of a shop makes. Raises WrongSecret, and DatabaseUnavailable."""
    with _cursor(dsn) as cur:
        known = _versions(cur)
        return _opened(cur, secret, known) if known else _made(cur, secret)


def refuse_wrong_secret(dsn: str, secret: bytes) -> None:
    """Raises WrongSecret unless this secret opens the shop; the first secret of a shop makes the root. Reads
    fingerprints only, for a process that has no business with the root."""
    with _cursor(dsn) as cur:
        known = _versions(cur)
        if not known:
            _made(cur, secret)
        elif fingerprint_of(secret) not in {version.fingerprint for version in known}:
            raise _wrong(known)


def versions(dsn: str) -> list[SecretVersion]:
    """All versions that open the shop, the oldest first."""
    with _cursor(dsn) as cur:
        return _versions(cur)


def add_version(dsn: str, secret: bytes, new: bytes) -> int:
    """Let a new secret open the shop too; its version. Repeating it changes nothing. Raises WrongSecret."""
    with _cursor(dsn) as cur:
        known = _versions(cur)
        root = _opened(cur, secret, known)
        for version in known:
            if version.fingerprint == fingerprint_of(new):
                return version.number
        return _add(cur, new, root)


def remove_version(dsn: str, secret: bytes, number: int) -> None:
    """The version no longer opens the shop. Raises UnknownVersion, and WrongSecret unless `secret` is another version:
    so the last one stays, and nobody removes their own."""
    with _cursor(dsn) as cur:
        known = _versions(cur)
        _opened(cur, secret, known)
        removed = next((version for version in known if version.number == number), None)
        if removed is None:
            raise UnknownVersion(f"there is no version {number}; there are {_listed(known)}")
        if removed.fingerprint == fingerprint_of(secret):
            raise WrongSecret(
                f"version {number} is the BUYSTREAM_SECRET_KEY of this command: run it with the one that replaces it"
            )
        cur.execute(_REMOVE, (number,))


def _opened(cur: cursor, secret: bytes, known: list[SecretVersion]) -> bytes:
    fingerprint = fingerprint_of(secret)
    cur.execute(_SEALED, (fingerprint,))
    row = cur.fetchone()
    if row is None:
        raise _wrong(known)
    version, sealed = row[0], bytes(row[1])
    try:
        return _sealing_key(secret).open(sealed, about=fingerprint)
    except NotSealedHere:
        raise WrongSecret(
            f"version {version} of the secret key is damaged in the database (vault.secret_version): restore a backup"
        ) from None


def _made(cur: cursor, secret: bytes) -> bytes:
    root = secrets.token_bytes(ROOT_BYTES)
    _add(cur, secret, root)
    return root


def _wrong(known: list[SecretVersion]) -> WrongSecret:
    return WrongSecret(f"BUYSTREAM_SECRET_KEY is not this shop's: it is opened by {_listed(known)}")


def _add(cur: cursor, secret: bytes, root: bytes) -> int:
    fingerprint = fingerprint_of(secret)
    cur.execute(_ADD, (fingerprint, _sealing_key(secret).seal(root, about=fingerprint)))
    (version,) = cur.fetchone() or (0,)
    return int(version)


def _sealing_key(secret: bytes) -> SealingKey:
    return SealingKey(purpose_key(secret, "root"))


def _versions(cur: cursor) -> list[SecretVersion]:
    cur.execute(_ALL)
    return [SecretVersion(*row) for row in cur]


def _listed(known: list[SecretVersion]) -> str:
    return " and ".join(f"version {one.number} of {one.made_on}" for one in known) or "no version"


@contextmanager
def _cursor(dsn: str) -> Iterator[cursor]:
    with one_transaction(dsn, "secret") as cur:
        cur.execute(_ONE_AT_A_TIME)
        TABLES.ensure(cur)
        yield cur
