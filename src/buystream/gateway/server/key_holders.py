"""Which merchant a request comes from: by the API key that came with it."""

import msgspec
from litestar.di import NamedDependency
from psycopg2.extensions import cursor

from buystream.api_keys import api_key_hash
from buystream.gateway.routes.checkout import Http, client_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import idempotency
from buystream.gateway.server.problems import HttpProblem
from buystream.projections import people
from buystream.projections.people import MerchantView
from buystream.vocabulary.actors import merchant_key


class KeyHolder(msgspec.Struct, frozen=True):
    """A merchant, and which of its API keys the request came with."""

    merchant: MerchantView
    key_id: str
    key_hash: str


async def key_holder(request: Http, gateway: NamedDependency[Gateway]) -> KeyHolder:
    """Whose API key came with the request; raises HttpProblem (401, or 429 after many wrong ones)."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise HttpProblem("wrong-key")
    key_hash = api_key_hash(key.strip())
    client = client_of(request)
    gateway.rates.try_key(client, key_hash)

    def read(cur: cursor) -> KeyHolder | None:
        found = people.merchant_by_key_hash(cur, key_hash)
        if found is None or gateway.catalogue.is_revoked(key_hash):
            return None
        found_merchant, key_id = found
        gateway.key_uses.note(cur, found_merchant.merchant_id, key_id)
        return KeyHolder(found_merchant, key_id, key_hash)

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
    return merchant_key(holder.merchant.merchant_id, holder.key_id)


async def merchant(holder: NamedDependency[KeyHolder]) -> MerchantView:
    """The merchant whose API key came with the request."""
    return holder.merchant
