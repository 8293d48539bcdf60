"""Who a request comes from: signed session tokens (cookie or Bearer), and host applications that vouch for their
users."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie

import jwt
import msgspec
from psycopg2.extensions import cursor

from buystream.gateway.problems import HttpProblem
from buystream.ids import hosted_buyer_id, new_buyer_id
from buystream.keys import purpose_key

COOKIE = "buystream_session"
SESSION_SECONDS = 180 * 24 * 3600
HOST_TOKEN_SECONDS_MAX = 300
AUDIENCE = "buystream"
TOKENS_KEPT = 16_384
"""Checked tokens that are remembered: checking a signature costs as much as reading the order."""

_VERSION = "s1"
_SCHEMA = """
    SELECT pg_advisory_xact_lock(hashtext('buystream gateway schema'));
    CREATE SCHEMA IF NOT EXISTS gateway;
    CREATE TABLE IF NOT EXISTS gateway.spent_host_token (
        host text NOT NULL,
        jti_hash bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (host, jti_hash)
    );"""
_SPEND = """
    INSERT INTO gateway.spent_host_token (host, jti_hash, expires_at) VALUES (%s, %s, to_timestamp(%s))
    ON CONFLICT DO NOTHING"""
_FORGET_EXPIRED = "DELETE FROM gateway.spent_host_token WHERE expires_at < now() - interval '1 minute'"


class HostUser(msgspec.Struct, frozen=True, kw_only=True):
    """What a valid host token says; it counts only once `spend` has accepted its `jti`."""

    host: str
    subject: str
    jti: str
    expires_at_seconds: int


class Forged(Exception):
    """Not one of our tokens. An exception, because those are not kept: a flood of them drives nobody out."""


class Sessions:
    """Signs and reads session tokens; needs no storage. `host_secrets` maps a host application's name to its secret."""

    def __init__(self, secret: bytes, *, partitions: int, host_secrets: Mapping[str, str], secure_cookie: bool) -> None:
        self._key = purpose_key(secret, "session")
        self._host_key = purpose_key(secret, "hosted buyer")
        self._partitions = partitions
        self._host_secrets = dict(host_secrets)
        self._secure = "; Secure" if secure_cookie else ""
        self._claims_of = lru_cache(TOKENS_KEPT)(self._checked)

    def new_buyer(self) -> str:
        """A buyer's id for a browser that never came before."""
        return new_buyer_id(self._partitions)

    def token(self, buyer_id: str) -> str:
        """A session token for the buyer: `s1.<buyer>.<expiry, s>.<keyed BLAKE2b>`."""
        claims = f"{_VERSION}.{buyer_id}.{int(time.time()) + SESSION_SECONDS}"
        return f"{claims}.{self._signature(claims)}"

    def buyer_of(self, token: str) -> str | None:
        """The buyer that the token was made for; None when it is forged or has expired."""
        try:
            buyer_id, expires_at_seconds = self._claims_of(token)
        except Forged:
            return None
        return buyer_id if expires_at_seconds > time.time() else None

    def buyer_of_request(self, authorization: bytes | str, cookies: bytes | str) -> str | None:
        """The buyer by the request's headers: the Bearer token if there is one, otherwise the cookie."""
        if isinstance(authorization, bytes):
            authorization = authorization.decode("latin-1")
        if authorization[:7].lower() == "bearer ":
            return self.buyer_of(authorization[7:].strip())
        token = _cookie(cookies.decode("latin-1") if isinstance(cookies, bytes) else cookies)
        return self.buyer_of(token) if token else None

    def set_cookie(self, token: str) -> str:
        """The Set-Cookie header that keeps the session; an empty token ends it."""
        age = SESSION_SECONDS if token else 0
        return f"{COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{self._secure}"

    def host_user(self, host_token: str) -> HostUser:
        """Check a host application's JWT (HS256); raises HttpProblem (401)."""
        try:
            host = jwt.decode(host_token, options={"verify_signature": False}).get("iss")
            secret = self._host_secrets.get(host) if isinstance(host, str) else None
            if not isinstance(host, str) or secret is None:
                raise HttpProblem("bad-host-token", "No host application of that name (iss) is known here.")
            claims = jwt.decode(
                host_token,
                secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                issuer=host,
                options={"require": ["exp", "iss", "aud", "sub", "jti"]},
            )
        except jwt.PyJWTError as error:
            raise HttpProblem("bad-host-token", f"The host's token is not valid: {error}.") from None
        if claims["exp"] > time.time() + HOST_TOKEN_SECONDS_MAX:
            raise HttpProblem("bad-host-token", "The host's token must expire within 5 minutes.")
        subject, jti = claims["sub"], claims["jti"]
        if not (isinstance(subject, str) and subject and isinstance(jti, str) and jti):
            raise HttpProblem("bad-host-token", "The host's token needs a sub and a jti, both text.")
        return HostUser(host=host, subject=subject, jti=jti, expires_at_seconds=int(claims["exp"]))

    def buyer_of_host(self, user: HostUser) -> str:
        """The same buyer at every visit."""
        return hosted_buyer_id(user.host, user.subject, secret=self._host_key, partitions=self._partitions)

    def _checked(self, token: str) -> tuple[str, int]:
        """Buyer and expiry; raises Forged."""
        claims, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(claims).encode()):
            raise Forged
        _, buyer_id, expires_at_seconds = claims.split(".")
        return buyer_id, int(expires_at_seconds)

    def _signature(self, claims: str) -> str:
        # Not hmac.digest: it gives the interpreter lock away, and among busy threads gets it back 160 µs later.
        digest = hashlib.blake2b(claims.encode(), key=self._key, digest_size=32).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def prepare(cur: cursor) -> None:
    """Create the table of spent host tokens."""
    cur.execute(_SCHEMA)


def spend(cur: cursor, user: HostUser) -> None:
    """Use up the host token, for ever; raises HttpProblem (401) when it was used before."""
    jti_hash = hashlib.blake2b(user.jti.encode(), digest_size=16).digest()
    cur.execute(_SPEND, (user.host, jti_hash, user.expires_at_seconds))
    if cur.rowcount != 1:
        raise HttpProblem("token-replayed")
    cur.execute(_FORGET_EXPIRED)


def _cookie(header: str) -> str:
    if COOKIE not in header:
        return ""
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
