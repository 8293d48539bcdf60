"""The vault: one AES-256-GCM key per buyer, outside the log. Deleting a key erases the person everywhere at once: in
the log, in the views and in every copy of them."""

import base64
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

import msgspec
import psycopg2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg2.extensions import connection, cursor

from buystream.errors import BuystreamError
from buystream.keys import purpose_key

CACHED_KEYS_MAX = 1024
CACHED_KEY_SECONDS = 60.0
"""How long another process may still read with a key after its erasure."""

_NONCE_BYTES = 12
_SCHEMA = """
    SELECT pg_advisory_xact_lock(hashtext('buystream vault schema'));
    CREATE SCHEMA IF NOT EXISTS vault;
    CREATE TABLE IF NOT EXISTS vault.buyer_key (
        buyer_id text PRIMARY KEY,
        wrapped bytea NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now()
    );"""
_KEY = "SELECT wrapped FROM vault.buyer_key WHERE buyer_id = %s"
_NEW_KEY = "INSERT INTO vault.buyer_key (buyer_id, wrapped) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_ERASE = "DELETE FROM vault.buyer_key WHERE buyer_id = %s"

_decode_mapping = msgspec.json.Decoder(dict[str, str]).decode


class VaultUnavailable(BuystreamError):
    """The buyers' keys can't be reached now."""


class Vault:
    """Safe for many threads, over one connection. Methods raise VaultUnavailable when PostgreSQL is away."""

    def __init__(self, dsn: str, secret: bytes) -> None:
        """Creates the table. A vault opened with another secret can't unwrap the keys that are there."""
        self._dsn = dsn
        self._wrapping = AESGCM(purpose_key(secret, "vault"))
        self._connection: connection | None = None
        self._connection_lock = threading.Lock()
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, tuple[float, AESGCM]] = OrderedDict()
        self._run(_SCHEMA)

    def encrypt(self, buyer_id: str, plain: Mapping[str, str]) -> str:
        """Ciphertext in URL-safe base64; makes the buyer's key at first use. Never uses a cached key, so that nothing
        is written under a key that was erased elsewhere."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = self._key_for_writing(buyer_id).encrypt(nonce, msgspec.json.encode(dict(plain)), buyer_id.encode())
        return base64.urlsafe_b64encode(nonce + body).decode()

    def decrypt(self, buyer_id: str, text: str) -> dict[str, str] | None:
        """What was encrypted for this buyer; None when the key is erased or the text isn't this buyer's."""
        key = self._key_for_reading(buyer_id)
        if key is None:
            return None
        try:
            sealed = base64.urlsafe_b64decode(text)
            return _decode_mapping(key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], buyer_id.encode()))
        except (InvalidTag, ValueError, msgspec.DecodeError):
            return None

    def erase(self, buyer_id: str) -> None:
        """Delete the buyer's key, if there is one."""
        self._run(_ERASE, (buyer_id,))
        with self._lock:
            self._cache.pop(buyer_id, None)

    def close(self) -> None:
        """Close the connection."""
        with self._connection_lock:
            self._forget_connection()

    def _key_for_writing(self, buyer_id: str) -> AESGCM:
        wrapped = self._wrapped(buyer_id)
        if wrapped is None:
            self._run(_NEW_KEY, (buyer_id, self._wrap(buyer_id, AESGCM.generate_key(256))))
            wrapped = self._wrapped(buyer_id)
        if wrapped is None:
            raise VaultUnavailable("the buyer's key was erased while it was being made; send the request again")
        return self._unwrap(buyer_id, wrapped)

    def _key_for_reading(self, buyer_id: str) -> AESGCM | None:
        with self._lock:
            until, key = self._cache.get(buyer_id, (0.0, None))
        if key is not None and until > monotonic():
            return key
        wrapped = self._wrapped(buyer_id)
        if wrapped is None:
            return None
        key = self._unwrap(buyer_id, wrapped)
        with self._lock:
            self._cache[buyer_id] = (monotonic() + CACHED_KEY_SECONDS, key)
            self._cache.move_to_end(buyer_id)
            if len(self._cache) > CACHED_KEYS_MAX:
                self._cache.popitem(last=False)
        return key

    def _wrap(self, buyer_id: str, key: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, key, buyer_id.encode())

    def _unwrap(self, buyer_id: str, wrapped: bytes) -> AESGCM:
        try:
            return AESGCM(self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], buyer_id.encode()))
        except InvalidTag:
            raise VaultUnavailable(
                "the buyers' keys were wrapped with another secret; start with the secret they were made with"
            ) from None

    def _wrapped(self, buyer_id: str) -> bytes | None:
        with self._cursor() as cur:
            cur.execute(_KEY, (buyer_id,))
            row = cur.fetchone()
        return bytes(row[0]) if row else None

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> None:
        with self._cursor() as cur:
            cur.execute(statement, values)

    @contextmanager
    def _cursor(self) -> Iterator[cursor]:
        """One transaction on the one connection; opened anew after a failure."""
        with self._connection_lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg2.connect(
                        self._dsn, connect_timeout=5, application_name="buystream vault"
                    )
                with self._connection as opened, opened.cursor() as cur:
                    yield cur
            except psycopg2.Error as error:
                self._forget_connection()
                raise VaultUnavailable(f"the buyers' keys can't be reached: {str(error).strip()}") from error

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
