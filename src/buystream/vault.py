"""The vault: one AES-256-GCM key per buyer, outside the log. Deleting a key erases the person everywhere at once: in
the log, in the views and in every copy of them."""

import base64
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic

import msgspec
from psycopg2.extensions import cursor

from buystream.database import DatabaseError, KeptConnection
from buystream.errors import BuystreamError
from buystream.sealing import KEY_BYTES, NotSealedHere, SealingKey, purpose_key
from buystream.tables import Tables

logger = logging.getLogger(__name__)

CACHED_KEYS_MAX = 1024
CACHED_KEY_SECONDS = 60.0
"""How long another process may still read with a key after its erasure."""

TABLES = Tables(
    "vault",
    """
    CREATE SCHEMA IF NOT EXISTS vault;
    CREATE TABLE IF NOT EXISTS vault.buyer_key (
        buyer_id text PRIMARY KEY,
        wrapped bytea NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE IF NOT EXISTS vault.erased_buyer (
        buyer_id text PRIMARY KEY,
        erased_at timestamptz NOT NULL DEFAULT now()
    );""",
)
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('buystream buyer key ' || %s, 0))"
_KEY = "SELECT wrapped FROM vault.buyer_key WHERE buyer_id = %s"
_KEYS = "SELECT buyer_id, wrapped FROM vault.buyer_key WHERE buyer_id = ANY(%s)"
_NEW_KEY = "INSERT INTO vault.buyer_key (buyer_id, wrapped) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_IS_ERASED = "SELECT 1 FROM vault.erased_buyer WHERE buyer_id = %s"
_LIST_AS_ERASED = "INSERT INTO vault.erased_buyer (buyer_id) VALUES (%s) ON CONFLICT DO NOTHING"
_ERASE = "DELETE FROM vault.buyer_key WHERE buyer_id = %s"
_ERASED = "SELECT buyer_id FROM vault.erased_buyer ORDER BY erased_at, buyer_id"

_decode_mapping = msgspec.json.Decoder(dict[str, str]).decode


class VaultUnavailable(BuystreamError):
    """The buyers' keys can't be reached now."""


class KeyIsDamaged(VaultUnavailable):
    """A buyer's key can't be opened with the shop's root secret. Reading treats it as an erased one."""


class BuyerIsErased(BuystreamError):
    """Nothing may be encrypted for this buyer any more."""


def sealed_text(key: SealingKey, buyer_id: str, plain: Mapping[str, str]) -> str:
    """What the log keeps of a buyer: a ciphertext under the buyer's key, in URL-safe base64."""
    return base64.urlsafe_b64encode(key.seal(msgspec.json.encode(dict(plain)), about=buyer_id)).decode()


class Vault:
    """Safe for many threads, over one connection. Methods raise VaultUnavailable when PostgreSQL is away."""

    def __init__(self, dsn: str, secret: bytes, *, on_erased: Callable[[str], object] = lambda buyer_id: None) -> None:
        """Creates the tables if they are missing. `secret` is the shop's root (`buystream.secret_versions`); another
        opens none of the keys that are there. `on_erased` is called with the buyer's id after each erasure, repeated
        ones too."""
        self._on_erased = on_erased
        self._wrapping = SealingKey(purpose_key(secret, "vault"))
        self._connection = KeptConnection(dsn, "vault")
        self._connection_lock = threading.Lock()
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, tuple[float, SealingKey]] = OrderedDict()
        with self._cursor() as cur:
            TABLES.ensure(cur)

    def encrypt(self, buyer_id: str, plain: Mapping[str, str]) -> str:
        """Ciphertext in URL-safe base64; makes the buyer's key at first use. Never uses a cached key, so that nothing
        is written under a key that was erased elsewhere. Raises BuyerIsErased: an erased buyer gets no new key."""
        return sealed_text(self._key_for_writing(buyer_id), buyer_id, plain)

    def seal(self, buyer_id: str, plain: Mapping[str, str]) -> str:
        """The same for what nothing else has to wait for: "" for an erased buyer, and while the keys can't be
        reached."""
        try:
            return self.encrypt(buyer_id, plain)
        except (BuyerIsErased, VaultUnavailable) as error:
            logger.warning("%s of %s is left out: %s", ", ".join(plain), buyer_id, error)
            return ""

    def decrypt(self, buyer_id: str, text: str) -> dict[str, str] | None:
        """What was encrypted for this buyer; None when the key is erased or the text isn't this buyer's."""
        key = self._key_for_reading(buyer_id)
        if key is None:
            return None
        try:
            return _decode_mapping(key.open(base64.urlsafe_b64decode(text), about=buyer_id))
        except (NotSealedHere, ValueError, msgspec.DecodeError):
            return None

    def read_keys(self, buyers: Iterable[str]) -> None:
        """Read these buyers' keys in one query, so that `decrypt` needs none for a while."""
        with self._lock:
            missing = sorted({one for one in buyers if self._cache.get(one, (0.0, None))[0] <= monotonic()})
        if not missing:
            return
        with self._cursor() as cur:
            cur.execute(_KEYS, (missing,))
            wrapped = {buyer_id: bytes(key) for buyer_id, key in cur}
        for buyer_id, key in wrapped.items():
            with suppress(KeyIsDamaged):  # said when it is used
                self._keep(buyer_id, self._unwrap(buyer_id, key))

    def decrypt_many(self, sealed: Sequence[tuple[str, str]]) -> list[dict[str, str] | None]:
        """The same as `decrypt` for many texts, each with its buyer's id, in one query."""
        with self._cursor() as cur:
            cur.execute(_KEYS, (sorted({buyer_id for buyer_id, _ in sealed}),))
            wrapped = {buyer_id: bytes(key) for buyer_id, key in cur}
        return [self._opened(who, wrapped[who], text) if who in wrapped else None for who, text in sealed]

    def _opened(self, buyer_id: str, wrapped: bytes, text: str) -> dict[str, str] | None:
        try:
            key = self._unwrap(buyer_id, wrapped)
            return _decode_mapping(key.open(base64.urlsafe_b64decode(text), about=buyer_id))
        except (KeyIsDamaged, NotSealedHere, ValueError, msgspec.DecodeError):
            return None

    def erase(self, buyer_id: str) -> None:
        """Delete the buyer's key, if there is one, and never make another. Repeating it is harmless."""
        with self._cursor() as cur:
            cur.execute(_ONE_AT_A_TIME, (buyer_id,))
            cur.execute(_LIST_AS_ERASED, (buyer_id,))
            cur.execute(_ERASE, (buyer_id,))
        with self._lock:
            self._cache.pop(buyer_id, None)
        self._on_erased(buyer_id)

    def erased(self) -> list[str]:
        """The ids of all erased buyers, in the order of their erasure."""
        with self._cursor() as cur:
            cur.execute(_ERASED)
            return [str(buyer_id) for (buyer_id,) in cur]

    def close(self) -> None:
        """Close the connection."""
        with self._connection_lock:
            self._connection.close()

    def _key_for_writing(self, buyer_id: str) -> SealingKey:
        wrapped = self._wrapped(buyer_id) or self._made(buyer_id)
        return self._unwrap(buyer_id, wrapped)

    def _made(self, buyer_id: str) -> bytes:
        """A new key, or the one that was made meanwhile; an erasure comes before this or after it."""
        with self._cursor() as cur:
            cur.execute(_ONE_AT_A_TIME, (buyer_id,))
            cur.execute(_IS_ERASED, (buyer_id,))
            if cur.fetchone() is not None:
                raise BuyerIsErased(f"{buyer_id} is erased")
            wrapped = self._wrapping.seal(secrets.token_bytes(KEY_BYTES), about=buyer_id)
            cur.execute(_NEW_KEY, (buyer_id, wrapped))
            cur.execute(_KEY, (buyer_id,))
            (kept,) = cur.fetchone() or (b"",)
        return bytes(kept)

    def _key_for_reading(self, buyer_id: str) -> SealingKey | None:
        with self._lock:
            until, key = self._cache.get(buyer_id, (0.0, None))
        if key is not None and until > monotonic():
            return key
        wrapped = self._wrapped(buyer_id)
        if wrapped is None:
            return None
        try:
            key = self._unwrap(buyer_id, wrapped)
        except KeyIsDamaged as error:
            logger.error("%s; what is encrypted for this buyer is shown as null", error)
            return None
        self._keep(buyer_id, key)
        return key

    def _keep(self, buyer_id: str, key: SealingKey) -> None:
        with self._lock:
            self._cache[buyer_id] = (monotonic() + CACHED_KEY_SECONDS, key)
            self._cache.move_to_end(buyer_id)
            if len(self._cache) > CACHED_KEYS_MAX:
                self._cache.popitem(last=False)

    def _unwrap(self, buyer_id: str, wrapped: bytes) -> SealingKey:
        try:
            return SealingKey(self._wrapping.open(wrapped, about=buyer_id))
        except NotSealedHere:
            raise KeyIsDamaged(f"the key of {buyer_id} can't be opened: it belongs to another shop's secret") from None

    def _wrapped(self, buyer_id: str) -> bytes | None:
        with self._cursor() as cur:
            cur.execute(_KEY, (buyer_id,))
            row = cur.fetchone()
        return bytes(row[0]) if row else None

    @contextmanager
    def _cursor(self) -> Iterator[cursor]:
        """One transaction on the one connection; reopened after a failure."""
        with self._connection_lock:
            try:
                with self._connection.transaction() as cur:
                    yield cur
            except DatabaseError as error:
                raise VaultUnavailable(f"the buyers' keys can't be reached: {error}") from error
