"""Sessions of members at the desk. A cookie keeps one in the browser; no page reads it, and no other site sends it. It
gives tokens, which live for minutes in the page that asked, and only a token may do anything."""

import hashlib
import secrets
import time
from typing import Final

import msgspec
from psycopg2.extensions import cursor

from buystream.gateway.server.heads import cookie_of
from buystream.gateway.server.signed_claims import claims_in, signed
from buystream.sealing import purpose_key
from buystream.tables import Tables

COOKIE: Final = "buystream_desk"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""On https: no other host of the domain can set or shadow it."""

SESSION_SECONDS: Final = 30 * 24 * 3600
IDLE_SECONDS: Final = 7 * 24 * 3600
"""A session that got no token during this time has ended."""

TOKEN_SECONDS: Final = 600
TOKEN_START: Final = "bst_"
"""A token shows that it is one, and no API key."""

TABLES: Final = Tables(
    "gateway",
    """
    CREATE SCHEMA IF NOT EXISTS gateway;
    CREATE TABLE IF NOT EXISTS gateway.member_address (
        address bytea,
        merchant_id text COLLATE "C",
        member_id text COLLATE "C",
        PRIMARY KEY (address, merchant_id, member_id)
    );
    CREATE TABLE IF NOT EXISTS gateway.desk_session (
        session_id text COLLATE "C" PRIMARY KEY,
        secret_hash bytea NOT NULL UNIQUE,
        merchant_id text COLLATE "C" NOT NULL,
        member_id text COLLATE "C" NOT NULL,
        role text COLLATE "C" NOT NULL,
        way text NOT NULL,
        browser text NOT NULL,
        begun_at timestamptz NOT NULL DEFAULT now(),
        seen_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX IF NOT EXISTS desk_session_of_member ON gateway.desk_session (merchant_id, member_id);""",
)
"""Addresses are keyed hashes. A session is in force while its member has joined and has the role that it began with."""

_IN_FORCE = f"""
    begun_at > now() - interval '{SESSION_SECONDS} seconds' AND seen_at > now() - interval '{IDLE_SECONDS} seconds'
    AND m.state = 'joined' AND m.role = s.role"""
_OF = "gateway.desk_session AS s JOIN views.members AS m USING (merchant_id, member_id)"
_BEGIN = """
    INSERT INTO gateway.desk_session (session_id, secret_hash, merchant_id, member_id, role, way, browser)
    VALUES (%s, %s, %s, %s, %s, %s, %s)"""
_FORGET = f"DELETE FROM gateway.desk_session WHERE begun_at < now() - interval '{SESSION_SECONDS} seconds'"
_BY_SECRET = f"""
    UPDATE gateway.desk_session SET seen_at = now() WHERE session_id = (
        SELECT session_id FROM {_OF} WHERE secret_hash = %s AND {_IN_FORCE})
    RETURNING session_id, merchant_id, member_id, role"""
_BY_ID = f"SELECT session_id, merchant_id, member_id, s.role FROM {_OF} WHERE session_id = %s AND {_IN_FORCE}"
_AT_MS = "floor(extract(epoch FROM {}) * 1000)::bigint"
_LIST = f"""
    SELECT session_id, member_id, way, browser, {_AT_MS.format("begun_at")}, {_AT_MS.format("seen_at")}
    FROM {_OF} WHERE merchant_id = %s AND (%s = '' OR member_id = %s) AND {_IN_FORCE}
    ORDER BY seen_at DESC, session_id"""
_END = """
    DELETE FROM gateway.desk_session WHERE session_id = %s AND merchant_id = %s AND (%s = '' OR member_id = %s)
    RETURNING 1"""


class DeskSession(msgspec.Struct, frozen=True):
    """A session that is in force."""

    session_id: str
    merchant_id: str
    member_id: str
    role: str


class ListedSession(msgspec.Struct, frozen=True):
    """A session, for people. `way` is how it began: invitation, link or passkey."""

    session_id: str
    member_id: str
    way: str
    browser: str
    begun_at_ms: int
    seen_at_ms: int


class DeskTokens:
    """Signs and reads the tokens, and the cookie."""

    def __init__(self, secret: bytes, *, secure_cookie: bool) -> None:
        self._key = purpose_key(secret, "desk token")
        self._secure = "; Secure" if secure_cookie else ""
        self._cookie_name = SECURE_COOKIE if secure_cookie else COOKIE

    def token(self, session_id: str) -> tuple[str, int]:
        """A token of the session, and when it ends (ms)."""
        expires_ms = int((time.time() + TOKEN_SECONDS) * 1000)
        claims = f"{TOKEN_START}{session_id}.{expires_ms}"
        return signed(claims, self._key), expires_ms

    def read(self, token: str) -> tuple[str, int] | None:
        """The session's id and when the token ends (ms); None when it is forged or has ended."""
        claims = claims_in(token, self._key)
        if claims is None:
            return None
        session_id, _, expires_ms = claims.removeprefix(TOKEN_START).partition(".")
        return (session_id, int(expires_ms)) if int(expires_ms) > time.time() * 1000 else None

    def set_cookie(self, secret: str) -> str:
        """The Set-Cookie header that keeps the session; an empty secret ends it."""
        age = SESSION_SECONDS if secret else 0
        return f"{self._cookie_name}={secret}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{self._secure}"

    def secret_in(self, cookies: str) -> str:
        """What the session's cookie says; empty without one."""
        return cookie_of(cookies.encode("latin-1"), self._cookie_name.encode()).decode("latin-1")


def _hash_of(secret: str) -> bytes:
    """256 random bits need no salt."""
    return hashlib.blake2b(secret.encode(), digest_size=32).digest()


def begin(cur: cursor, *, merchant_id: str, member_id: str, role: str, way: str, browser: str) -> tuple[str, str]:
    """A new session: its id, and the secret of its cookie."""
    session_id, secret = f"ds-{secrets.token_hex(10)}", secrets.token_urlsafe(32)
    cur.execute(_BEGIN, (session_id, _hash_of(secret), merchant_id, member_id, role, way, browser))
    cur.execute(_FORGET)
    return session_id, secret


def by_secret(cur: cursor, secret: str) -> DeskSession | None:
    """The session of that cookie, which is used now."""
    cur.execute(_BY_SECRET, (_hash_of(secret),))
    row = cur.fetchone()
    return DeskSession(*row) if row else None


def by_id(cur: cursor, session_id: str) -> DeskSession | None:
    """The session of that id."""
    cur.execute(_BY_ID, (session_id,))
    row = cur.fetchone()
    return DeskSession(*row) if row else None


def sessions_of(cur: cursor, merchant_id: str, member_id: str = "") -> list[ListedSession]:
    """The sessions of one member, or of all of the merchant's; the one that was used last first."""
    cur.execute(_LIST, (merchant_id, member_id, member_id))
    return [ListedSession(*row) for row in cur]


def end(cur: cursor, session_id: str, *, merchant_id: str, member_id: str = "") -> bool:
    """End the session, if it is that member's, or the merchant's; whether there was one."""
    cur.execute(_END, (session_id, merchant_id, member_id, member_id))
    return cur.fetchone() is not None


def know_address(cur: cursor, address: bytes, *, merchant_id: str, member_id: str) -> None:
    """The member signs in by mail to this address, a keyed hash."""
    cur.execute(
        "INSERT INTO gateway.member_address (address, merchant_id, member_id) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (address, merchant_id, member_id),
    )
