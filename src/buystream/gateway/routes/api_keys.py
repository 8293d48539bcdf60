"""A merchant's API keys: several, named, each shown once, when it is created, and revocable."""

from typing import Annotated, Final

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from psycopg2.extensions import cursor

from buystream.api_keys import api_key_hash, new_api_key
from buystream.gateway.routes.bodies.fields import AtMs, Request
from buystream.gateway.routes.bodies.members import Role
from buystream.gateway.routes.checkout import Http
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import key_uses
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.refusals import asks
from buystream.projections import people
from buystream.vocabulary.commands import AddApiKey, Command, RevokeApiKey
from buystream.vocabulary.ids import partition_of
from buystream.vocabulary.texts import NAME


class NewApiKey(Request, frozen=True, kw_only=True):
    """The key's purpose, such as the ticket scanner, what it may do, and when it ends, if it does."""

    name: Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME)]
    role: Role = "owner"
    expires_at_ms: AtMs | None = None


class ApiKeyBody(Struct, frozen=True):
    """An API key, without its secret. `last_used_at_ms` is accurate to the minute, null for a key that was never used;
    `is_yours` marks the key that authorised this request. It may do what its `role` may, until `expires_at_ms`. A
    scanner's opens the door of the edition `door_of` and nothing else."""

    key_id: str
    name: str
    added_at_ms: int
    last_used_at_ms: int | None
    is_yours: bool
    door_of: str | None = None
    expires_at_ms: int | None = None
    role: str = "owner"


class ApiKeysBody(Struct, frozen=True):
    """The keys that work, oldest first."""

    keys: list[ApiKeyBody]


class MadeApiKey(Struct, frozen=True):
    """A new key. `api_key` is shown only here: the shop keeps nothing but its hash."""

    key_id: str
    name: str
    api_key: str


_RESTATED: Final = {"key_revoked": "wrong-key"}
"""The key was revoked while its request was under way."""


@get("/v1/merchant/keys", summary="The merchant's API keys")
async def keys(gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder]) -> ApiKeysBody:
    """The keys that work, with their last use; never the secrets."""
    merchant_id = holder.merchant.merchant_id
    await gateway.views_show_the_seen(partition_of(merchant_id))

    def read(cur: cursor) -> list[ApiKeyBody]:
        used = key_uses.last_used_ms(cur, merchant_id)
        return [
            ApiKeyBody(
                key.key_id,
                key.name,
                key.added_at_ms,
                used.get(key.key_id),
                key.key_id == holder.key_id,
                key.door_of or None,
                key.expires_at_ms or None,
                key.role,
            )
            for key in people.api_keys(cur, merchant_id)
            if key.revoked_at_ms is None
        ]

    return ApiKeysBody(await gateway.reads.query(read))


@post("/v1/merchant/keys", status_code=201, opt=asks(AddApiKey, restated=_RESTATED), summary="Create an API key")
async def add(
    request: Http, gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder], data: JSONBody[NewApiKey]
) -> Response[MadeApiKey]:
    """The key works at once and is shown only in this answer. A repeat with the same Idempotency-Key is refused: if the
    answer was lost, revoke the key and create another."""
    made = MadeApiKey(idempotent_name(request, gateway, holder.merchant.merchant_id)[:10], data.name, new_api_key())
    command = AddApiKey(
        merchant_id=holder.merchant.merchant_id,
        key_id=made.key_id,
        name=made.name,
        api_key_hash=api_key_hash(made.api_key),
        role=data.role,
        expires_at_ms=data.expires_at_ms or 0,
    )
    await _decided(gateway, holder, command)
    return Response(made, status_code=201, headers={"Cache-Control": "no-store"})


@delete("/v1/merchant/keys/{key_id:str}", opt=asks(RevokeApiKey, restated=_RESTATED), summary="Revoke an API key")
async def revoke(gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder], key_id: FromPath[str]) -> None:
    """The key stops working at once, and its open streams end. The last key can't be revoked: create another one
    first."""
    command = RevokeApiKey(merchant_id=holder.merchant.merchant_id, key_id=key_id)
    await _decided(gateway, holder, command)


ROUTES = [keys, add, revoke]


async def _decided(gateway: Gateway, holder: KeyHolder, command: Command) -> None:
    """Waits until it is decided and visible; raises HttpProblem for a refusal."""
    answer = await gateway.decide(command, actor=holder.actor, restated=_RESTATED)
    await gateway.reads.passed(answer.partition, answer.position)
