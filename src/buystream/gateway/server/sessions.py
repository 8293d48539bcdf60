"""The buyer behind a request: signed session tokens (Bearer, or a cookie for reading pages), host applications that
vouch for their users, links that move a session to another browser, and sessions that were ended early."""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import count

import jwt
import msgspec
from psycopg2.extensions import cursor

from buystream.gateway.server.heads import cookie_of
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.signed_claims import as_bytes, as_text, claims_in, signed
from buystream.sealing import purpose_key
from buystream.vocabulary import actors
from buystream.vocabulary.ids import hosted_buyer_id, new_buyer_id

COOKIE = "buystream_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""On https: no other host of the domain can set or shadow it."""

FRAME_COOKIE = "__Host-buystream_frame"
"""Of the shop's frame on another site's page: in that site's partition only, whose storage some browsers close. By it
the frame continues its session, and nothing else; browsers keep it on https, and on this machine."""

SESSION_SECONDS = 180 * 24 * 3600
HOSTED_SESSION_SECONDS = 12 * 3600
"""Of a session that a host application's token made: its host vouches again at the next visit."""

LINK_SECONDS = 300
MAILED_LINK_SECONDS = 3600
"""Mail may take a while to arrive."""

HOST_TOKEN_SECONDS_MAX = 300
AUDIENCE = "buystream"
TOKENS_KEPT = 65_536
"""Checked tokens that are remembered: checking a signature costs as much as reading the order."""

_LIFETIMES_MS = {"s1": SESSION_SECONDS * 1000, "h1": HOSTED_SESSION_SECONDS * 1000}
"""By what a token begins with: a browser's own session, and one that a host vouched for."""

_LINK_LIVES_MS = {"l": LINK_SECONDS * 1000, "m": MAILED_LINK_SECONDS * 1000}
"""By what a link's code begins with: one that a browser shows, and one in a mail."""


LINKS = "link"
"""Beside the hosts' tokens, which are spent in the same table; no host has this name, for it is no host name."""

_NOW_MS = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_SPEND = f"""
    INSERT INTO gateway.spent_host_token (host, jti_hash, expires_at) VALUES (%s, %s, to_timestamp(%s))
    ON CONFLICT DO NOTHING RETURNING {_NOW_MS}"""
_FORGET_EXPIRED = "DELETE FROM gateway.spent_host_token WHERE expires_at < now() - interval '1 minute'"
_END = """
    INSERT INTO gateway.ended_session (buyer_id, ended_at)
    VALUES (%s, greatest(clock_timestamp(), to_timestamp(%s / 1000.0)))
    ON CONFLICT (buyer_id) DO UPDATE SET ended_at = greatest(ended_session.ended_at, excluded.ended_at)
    RETURNING ceil(extract(epoch FROM ended_at) * 1000)::bigint"""
_FORGET_ENDED = f"DELETE FROM gateway.ended_session WHERE ended_at < now() - interval '{SESSION_SECONDS} seconds'"
_ENDED_SINCE = """
    SELECT buyer_id, ceil(extract(epoch FROM ended_at) * 1000)::bigint FROM gateway.ended_session
    WHERE ended_at > to_timestamp(%s)"""


class Session(msgspec.Struct, frozen=True):
    """What a token says. `host` is the application that vouched for the buyer; empty for a browser's own session."""

    buyer_id: str
    begun_ms: int
    expires_ms: int
    host: str = ""

    @property
    def hosted(self) -> bool:
        """Whether a host application vouched for the buyer."""
        return bool(self.host)

    @property
    def actor(self) -> str:
        """Who asks by it."""
        return actors.app(self.host, self.buyer_id) if self.host else actors.buyer(self.buyer_id)


class HostUser(msgspec.Struct, frozen=True, kw_only=True):
    """What a valid host token says; it counts only once `spend` has accepted its `jti`."""

    host: str
    subject: str
    jti: str
    expires_at_seconds: int


class Forged(Exception):
    """Not one of our tokens. An exception, because those are not cached: a flood of forged tokens displaces no valid
    one."""


class Sessions:
    """Signs and reads session tokens; needs no storage. `host_secrets` maps a host application's name to its secret."""

    def __init__(
        self,
        secret: bytes,
        *,
        partitions: int,
        host_secrets: Mapping[str, str],
        secure_cookie: bool,
        is_erased: Callable[[str], bool] = lambda buyer_id: False,
    ) -> None:
        self._key = purpose_key(secret, "session")
        self._host_key = purpose_key(secret, "hosted buyer")
        self._partitions = partitions
        self._host_secrets = dict(host_secrets)
        self._is_erased = is_erased
        self._secure = "; Secure" if secure_cookie else ""
        self._cookie_name = SECURE_COOKIE if secure_cookie else COOKIE
        self._read = lru_cache(TOKENS_KEPT)(self._checked)
        self._ended_ms: dict[str, int] = {}

    def new_buyer(self) -> str:
        """A buyer's id for a browser without a session."""
        return new_buyer_id(self._partitions)

    def token(self, buyer_id: str, *, host: str = "", begun_ms: int | None = None) -> str:
        """A session token for the buyer: `<s1 or h1>.<buyer>.<expiry, ms>.<keyed BLAKE2b>`, with the host's name in
        Base64 behind the expiry of an h1."""
        version = "h1" if host else "s1"
        begun_ms = _now_ms() if begun_ms is None else begun_ms
        claims = f"{version}.{buyer_id}.{begun_ms + _LIFETIMES_MS[version]}"
        if host:
            claims = f"{claims}.{as_text(host.encode())}"
        return signed(claims, self._key)

    def session(self, token: str) -> Session | None:
        """What the token says; None when it is forged, has expired, was ended, or its buyer is erased: an erasure ends
        the sessions of all devices."""
        try:
            session = self._read(token)
        except Forged:
            return None
        if session.expires_ms <= _now_ms() or session.begun_ms <= self._ended_ms.get(session.buyer_id, 0):
            return None
        return None if self._is_erased(session.buyer_id) else session

    def buyer_of(self, token: str) -> str | None:
        """The buyer that the token was made for; None when it is forged, has expired or was ended."""
        session = self.session(token)
        return session.buyer_id if session else None

    def bearer(self, authorization: bytes | str) -> Session | None:
        """The session of the Authorization header: the only kind that may change anything."""
        if isinstance(authorization, bytes):
            authorization = authorization.decode("latin-1")
        if authorization[:7] != "Bearer " and authorization[:7].lower() != "bearer ":
            return None
        return self.session(authorization[7:].strip())

    def buyer_of_request(self, authorization: bytes | str, cookies: bytes | str) -> str | None:
        """The buyer who reads: from the Bearer token if there is one, otherwise from the cookie."""
        if authorization:
            session = self.bearer(authorization)
            return session.buyer_id if session else None
        token = _cookie(cookies, self._cookie_name)
        return self.buyer_of(token) if token else None

    def buyer_of_frame(self, cookies: str) -> str | None:
        """The buyer whose session a frame on another site's page continues."""
        token = _cookie(cookies, FRAME_COOKIE)
        return self.buyer_of(token) if token else None

    def has_cookie(self, cookies: bytes | str) -> bool:
        """Whether a session's cookie was sent, valid or not."""
        return any(_cookie(cookies, name) for name in (self._cookie_name, FRAME_COOKIE))

    def has_ended(self, whose: str) -> bool:
        """Whether sessions of this buyer, or this session at the desk, were ended."""
        return whose in self._ended_ms

    def note_ended(self, ended: Mapping[str, int]) -> None:
        """Sessions of these buyers that began before these times (ms) no longer count."""
        for buyer_id, ended_ms in ended.items():
            self._ended_ms[buyer_id] = max(ended_ms, self._ended_ms.get(buyer_id, 0))

    def link_code(self, session: Session) -> tuple[str, int]:
        """A code that moves the session to another browser, once; and its expiry (ms)."""
        return self._link_code("l", session.buyer_id, session.host)

    def mailed_code(self, buyer_id: str) -> str:
        """The same for a link in a mail to the buyer's address: a session of the shop's own."""
        return self._link_code("m", buyer_id, "")[0]

    def _link_code(self, kind: str, buyer_id: str, host: str) -> tuple[str, int]:
        expires_ms = _now_ms() + _LINK_LIVES_MS[kind]
        claims = f"{kind}.{buyer_id}.{expires_ms}.{secrets.token_urlsafe(12)}.{as_text(host.encode())}"
        return signed(claims, self._key), expires_ms

    def link(self, code: str) -> tuple[Session, HostUser]:
        """The session behind a link's code, and what `spend` uses up of it; raises HttpProblem (401). A link ends with
        the session that made it."""
        claims = claims_in(code, self._key)
        if claims is None or claims[:1] not in _LINK_LIVES_MS:
            raise HttpProblem("bad-link")
        kind, buyer_id, expires_ms, jti, host = claims.split(".")
        made_ms = int(expires_ms) - _LINK_LIVES_MS[kind]
        if int(expires_ms) <= _now_ms() or made_ms <= self._ended_ms.get(buyer_id, 0) or self._is_erased(buyer_id):
            raise HttpProblem("bad-link")
        spent = HostUser(host=LINKS, subject=buyer_id, jti=jti, expires_at_seconds=int(expires_ms) // 1000 + 1)
        return Session(buyer_id, 0, 0, as_bytes(host).decode()), spent

    def set_cookie(self, token: str) -> str:
        """The Set-Cookie header that keeps the session; an empty token ends it."""
        age = SESSION_SECONDS if token else 0
        return f"{self._cookie_name}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{self._secure}"

    def set_frame_cookie(self, token: str) -> str:
        """The Set-Cookie header that keeps the session of a frame on another site's page."""
        age = SESSION_SECONDS if token else 0
        return f"{FRAME_COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=None; Secure; Partitioned"

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
        except (ValueError, TypeError, OverflowError, RecursionError):  # PyJWT lets through what odd claims raise
            raise HttpProblem("bad-host-token", "The host's token is malformed.") from None
        subject, jti, expires_at_seconds = claims["sub"], claims["jti"], claims["exp"]
        if isinstance(expires_at_seconds, bool) or not isinstance(expires_at_seconds, int | float):
            raise HttpProblem("bad-host-token", "The host's token needs a number as its exp.")
        if expires_at_seconds > time.time() + HOST_TOKEN_SECONDS_MAX:
            raise HttpProblem("bad-host-token", "The host's token must expire within 5 minutes.")
        if not (_is_text(subject) and _is_text(jti)):
            raise HttpProblem("bad-host-token", "The host's token needs a sub and a jti, both text.")
        return HostUser(host=host, subject=subject, jti=jti, expires_at_seconds=int(expires_at_seconds))

    def buyer_of_host(self, user: HostUser, *, partitions: int) -> str:
        """The same buyer at every visit; after an erasure a new one, with no tie to the erased one."""
        for generation in count():
            host = f"\n{generation}\n{user.host}" if generation else user.host  # no host's name begins so
            buyer_id = hosted_buyer_id(host, user.subject, secret=self._host_key, partitions=partitions)
            if not self._is_erased(buyer_id):
                return buyer_id
        raise AssertionError("count() ends")

    def _checked(self, token: str) -> Session:
        """Raises Forged."""
        claims = claims_in(token, self._key)
        if claims is None:
            raise Forged
        version, _, rest = claims.partition(".")
        if version not in _LIFETIMES_MS:
            raise Forged  # signed here, but for something else: a link
        buyer_id, expires_ms, *host = rest.split(".")
        begun_ms = int(expires_ms) - _LIFETIMES_MS[version]
        return Session(buyer_id, begun_ms, int(expires_ms), as_bytes(*host).decode() if host else "")


def _cookie(header: bytes | str, name: str) -> str:
    if isinstance(header, str):
        header = header.encode("latin-1")
    return cookie_of(header, name.encode()).decode("latin-1")


def spend(cur: cursor, user: HostUser) -> int:
    """Use up the token, for good; returns the database's time (ms), from which its session counts. Raises HttpProblem
    (401) when it was used before."""
    jti_hash = hashlib.blake2b(user.jti.encode(), digest_size=16).digest()
    cur.execute(_SPEND, (user.host, jti_hash, user.expires_at_seconds))
    row = cur.fetchone()
    if row is None:
        raise HttpProblem("bad-link" if user.host == LINKS else "token-replayed")
    cur.execute(_FORGET_EXPIRED)
    return int(row[0])


def end(cur: cursor, buyer_id: str, *, begun_ms: int = 0) -> int:
    """End all sessions of the buyer, including one that began at `begun_ms`, whatever the clocks say; returns when
    (ms)."""
    cur.execute(_END, (buyer_id, begun_ms))
    (ended_ms,) = cur.fetchone() or (0,)
    cur.execute(_FORGET_ENDED)
    return int(ended_ms)


def ended_since(cur: cursor, since_seconds: float) -> dict[str, int]:
    """When (ms) sessions were ended after that time, by buyer."""
    cur.execute(_ENDED_SINCE, (since_seconds,))
    return dict(cur.fetchall())


def _is_text(value: object) -> bool:
    """Not empty, and without halves of surrogate pairs, which no UTF-8 has."""
    return isinstance(value, str) and bool(value) and not any("\ud800" <= char <= "\udfff" for char in value)


def _now_ms() -> int:
    return int(time.time() * 1000)
