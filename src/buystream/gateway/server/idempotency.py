"""An Idempotency-Key names one request: reusing it with another body is the sender's mistake, and answered as one (the
IETF's draft-ietf-httpapi-idempotency-key-header, 2.7). The effects are idempotent by the ids
that are derived from the key; what it was first used for is remembered, once that has succeeded."""

import hashlib
import logging
import secrets
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.types import Message, Scope
from psycopg2.extensions import cursor

from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import STREAMED_BODY
from buystream.gateway.server.problems import HttpProblem
from buystream.vocabulary.ids import ALPHABET

IDEMPOTENCY_KEY: Final = "idempotency-key"
IDEMPOTENCY_KEY_CHARS_MAX: Final = 200
KEPT_DAYS: Final = 30

_CLAIM: Final = "idempotency_claim"
_FIND = "SELECT body_hash FROM gateway.idempotency_key WHERE name = %s"
_REMEMBER = "INSERT INTO gateway.idempotency_key (name, body_hash) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_FORGET_OLD = f"DELETE FROM gateway.idempotency_key WHERE used_at < now() - interval '{KEPT_DAYS} days'"

Claim = tuple[bytes, bytes]
"""Of a key's use: its name and the hash of its body."""

_log = logging.getLogger(__name__)


def idempotent_name(request: Request[None, None, State], gateway: Gateway, who: str) -> str:
    """20 characters that name what this request of the merchant or buyer makes: the same for a repeat with its
    Idempotency-Key, else random."""
    key = request.headers.get(IDEMPOTENCY_KEY, "")
    if len(key) > IDEMPOTENCY_KEY_CHARS_MAX:
        raise HttpProblem("invalid", f"Idempotency-Key has more than {IDEMPOTENCY_KEY_CHARS_MAX} characters.")
    if not key:
        return "".join(secrets.choice(ALPHABET) for _ in range(20))
    said = f"{who}\n{request.url.path}\n{key}".encode()
    number = int.from_bytes(hashlib.blake2b(said, key=gateway.naming_key, digest_size=16).digest(), "big")
    return "".join(ALPHABET[(number >> (5 * i)) & 31] for i in range(20))


async def refuse_reused(request: Request[Any, Any, State], gateway: Gateway, who: str) -> None:
    """Called once the sender is known; raises HttpProblem (422) when the key was used with another body."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if not key or request.method == "GET" or STREAMED_BODY in request.route_handler.opt:
        return
    asked = f"{request.method} {request.url.path}"
    claim = await claim_of(gateway, who=who, asked=asked, key=key, body=await request.body())
    if claim is not None:
        request.scope["state"][_CLAIM] = claim


async def claim_of(gateway: Gateway, *, who: str, asked: str, key: str, body: bytes) -> Claim | None:
    """What is to be remembered once the request has succeeded, `asked` being its method and path; None for a repeat.
    Raises HttpProblem (422) when the key was used with another body."""
    said = f"{who}\n{asked}\n{key}".encode()
    name = hashlib.blake2b(said, key=gateway.naming_key, digest_size=16).digest()
    body_hash = hashlib.blake2b(_canonical(body), digest_size=16).digest()
    first = await gateway.reads.query(lambda cur: _first(cur, name))
    if first is not None and first != body_hash:
        raise HttpProblem("idempotency-key-reused")
    return (name, body_hash) if first is None else None


async def remember(message: Message, scope: Scope) -> None:
    """Before an answer is sent: the key stands for this body, if the request succeeded."""
    if message["type"] != "http.response.start" or message["status"] >= 400:
        return
    claim: Claim | None = scope.get("state", {}).pop(_CLAIM, None)
    if claim is not None:
        await keep(scope["litestar_app"].state.gateway, claim)


async def keep(gateway: Gateway, claim: Claim) -> None:
    """The key stands for this body from here on."""
    try:
        await gateway.reads.query(lambda cur: _remember(cur, claim))
    except HttpProblem:
        _log.warning("an Idempotency-Key was not remembered: its effect is idempotent all the same")


def _first(cur: cursor, name: bytes) -> bytes | None:
    cur.execute(_FIND, (name,))
    row = cur.fetchone()
    return bytes(row[0]) if row else None


def _remember(cur: cursor, claim: Claim) -> None:
    cur.execute(_REMEMBER, claim)
    cur.execute(_FORGET_OLD)


def _canonical(body: bytes) -> bytes:
    """The same for the same JSON, however it is formatted."""
    try:
        return msgspec.json.encode(msgspec.json.decode(body), order="deterministic") if body else b""
    except msgspec.DecodeError:
        return body
