"""Which merchant a request comes from: by the API key that came with it."""

import msgspec
from litestar.di import NamedDependency
from psycopg2.extensions import cursor

from buystream.api_keys import api_key_hash
from buystream.gateway.routes.checkout import Http, client_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import idempotency
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.projections import people
from buystream.projections.people import MerchantView
from buystream.vocabulary.actors import door_key, merchant_key


class KeyHolder(msgspec.Struct, frozen=True):
    """A merchant, and which of its API keys the request came with. `door_of` is the edition whose door is all that the
    key opens, until `expires_at_ms`; empty for a key that opens everything of the merchant's."""

    merchant: MerchantView
    key_id: str
    key_hash: str
    name: str = ""
    door_of: str = ""
    expires_at_ms: int = 0

    @property
    def actor(self) -> str:
        """Who asks, as the log records it: the merchant by one of its keys, or one of its scanners."""
        known_as = door_key if self.door_of else merchant_key
        return known_as(self.merchant.merchant_id, self.key_id)


async def key_holder(request: Http, gateway: NamedDependency[Gateway]) -> KeyHolder:
    """Whose API key came with the request; raises HttpProblem (401, or 429 after many wrong ones; 403 for a scanner's,
    which sees the door and nothing else)."""
    holder = await any_key_holder(request, gateway)
    if holder.door_of:
        raise HttpProblem("door-only")
    return holder


async def any_key_holder(request: Http, gateway: NamedDependency[Gateway]) -> KeyHolder:
    """The same, for the door's own routes: a scanner's key is one too."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise HttpProblem("wrong-key")
    key_hash = api_key_hash(key.strip())
    client = client_of(request)
    gateway.rates.try_key(client, key_hash)

    def read(cur: cursor) -> KeyHolder | None:
        found = people.key_by_hash(cur, key_hash)
        if found is None or gateway.catalogue.is_revoked(key_hash):
            return None
        if found.door_of and found.expires_at_ms <= now_ms():
            return None
        gateway.key_uses.note(cur, found.merchant.merchant_id, found.key_id)
        return KeyHolder(found.merchant, found.key_id, key_hash, found.name, found.door_of, found.expires_at_ms)

    try:
        holder = await gateway.reads.query(read)
    except HttpProblem:
        gateway.rates.key_was_not_tried(client, key_hash)
        raise
    if holder is None:
        raise HttpProblem("wrong-key")
    gateway.rates.key_was_right(client, key_hash)
    await idempotency.refuse_reused(request, gateway, holder.merchant.merchant_id)
    return holder


async def actor(holder: NamedDependency[KeyHolder]) -> str:
    """Who asks, as the log records it: the merchant, by the API key that came with the request."""
    return holder.actor


async def merchant(holder: NamedDependency[KeyHolder]) -> MerchantView:
    """The merchant whose API key came with the request."""
    return holder.merchant
