"""Which merchant a request comes from, and who of it: by the API key that came with it, or by the token of a member's
session. Whether that role may use the route is one table's to say (`vocabulary.permissions`)."""

from typing import Any, Final

import msgspec
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from psycopg2.extensions import cursor

from buystream.api_keys import api_key_hash
from buystream.gateway.routes.checkout import Http
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import desk_sessions, idempotency
from buystream.gateway.server.desk_sessions import TOKEN_START
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import ASKS, Asks
from buystream.projections import people
from buystream.projections.people import MerchantView
from buystream.vocabulary.actors import merchant_key, merchant_member

Connection = ASGIConnection[Any, Any, Any, Any]

DOOR: Final = "/v1/door"
"""Below it is all that a scanner's key opens."""

_HOLDER: Final = "holder"
NAMES: Final = frozenset({"holder", "scanner", "merchant", "actor"})
"""What a handler of a merchant's route is given: see `buystream.gateway.app`."""


class KeyHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant, and who of it sent the request: one of its API keys, or a member by a session. It ends at
    `expires_at_ms`, unless that is 0. `door_of` is the edition whose door is all that a scanner's key opens."""

    merchant: MerchantView
    role: str
    key_hash: str
    """By which the gateway knows at once that the access has ended: of a member, the actor."""
    key_id: str = ""
    name: str = ""
    door_of: str = ""
    expires_at_ms: int = 0
    member_id: str = ""
    session_id: str = ""

    @property
    def actor(self) -> str:
        """Who asks, as the log records it."""
        merchant_id = self.merchant.merchant_id
        if self.member_id:
            return merchant_member(merchant_id, self.member_id, self.role)
        return merchant_key(merchant_id, self.key_id, self.role)


def has_ended(gateway: Gateway, holder: KeyHolder) -> bool:
    """Whether the access has ended since the request began: what streams ask."""
    return (
        gateway.catalogue.is_revoked(holder.key_hash)
        or gateway.sessions.has_ended(holder.session_id)
        or 0 < holder.expires_at_ms <= now_ms()
    )


async def guard(connection: Connection, route: BaseRouteHandler) -> None:
    """Guards every route of a merchant's, before anything else of the request is looked at: raises HttpProblem (401, or
    429 after many wrong keys; 403 for a role that the route isn't open to)."""
    if not route.parsed_fn_signature.parameters.keys() & NAMES:
        return
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise HttpProblem("wrong-key")
    find = _member if key.strip().startswith(TOKEN_START) else _key
    holder = await find(connection, connection.app.state.gateway, key.strip())
    asked: Asks = route.opt.get(ASKS, Asks())
    named = f"{connection.scope['method']} {connection.scope['path_template']}"  # type: ignore[typeddict-item]
    if holder.door_of and not connection.url.path.startswith(DOOR):
        raise HttpProblem("door-only")
    if holder.role not in asked.roles(named):
        raise HttpProblem("role-may-not")
    connection.scope["state"][_HOLDER] = holder


async def key_holder(request: Http, gateway: NamedDependency[Gateway]) -> KeyHolder:
    """Who sent the request, whom the guard has let in."""
    holder: KeyHolder = request.scope["state"][_HOLDER]
    await idempotency.refuse_reused(request, gateway, holder.merchant.merchant_id)
    return holder


async def _key(connection: Connection, gateway: Gateway, key: str) -> KeyHolder:
    key_hash = api_key_hash(key)
    client = connection.client.host if connection.client else ""
    gateway.rates.try_key(client, key_hash)

    def read(cur: cursor) -> KeyHolder | None:
        found = people.key_by_hash(cur, key_hash)
        if found is None or gateway.catalogue.is_revoked(key_hash):
            return None
        if 0 < found.expires_at_ms <= now_ms():
            return None
        gateway.key_uses.note(cur, found.merchant.merchant_id, found.key_id)
        return KeyHolder(
            merchant=found.merchant,
            role=found.role,
            key_hash=key_hash,
            key_id=found.key_id,
            name=found.name,
            door_of=found.door_of,
            expires_at_ms=found.expires_at_ms,
        )

    try:
        holder = await gateway.reads.query(read)
    except HttpProblem:
        gateway.rates.key_was_not_tried(client, key_hash)
        raise
    if holder is None:
        raise HttpProblem("wrong-key")
    gateway.rates.key_was_right(client, key_hash)
    return holder


async def _member(_: Connection, gateway: Gateway, token: str) -> KeyHolder:
    read = gateway.desk_tokens.read(token)
    if read is None:
        raise HttpProblem("no-desk-session")
    session_id, expires_at_ms = read

    def find(cur: cursor) -> KeyHolder | None:
        session = desk_sessions.by_id(cur, session_id)
        merchant = people.merchant(cur, session.merchant_id) if session else None
        if session is None or merchant is None:
            return None
        actor = merchant_member(merchant.merchant_id, session.member_id, session.role)
        return KeyHolder(
            merchant=merchant,
            role=session.role,
            key_hash=actor,
            expires_at_ms=expires_at_ms,
            member_id=session.member_id,
            session_id=session_id,
        )

    holder = await gateway.reads.query(find)
    if holder is None or has_ended(gateway, holder):
        raise HttpProblem("no-desk-session")
    return holder


async def scanner(holder: NamedDependency[KeyHolder]) -> KeyHolder:
    """The same, at the door."""
    return holder


async def actor(holder: NamedDependency[KeyHolder]) -> str:
    """Who asks, as the log records it."""
    return holder.actor


async def merchant(holder: NamedDependency[KeyHolder]) -> MerchantView:
    """The merchant whose key or member sent the request."""
    return holder.merchant
