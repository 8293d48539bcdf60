"""Members sign in by passkeys: added at the desk, listed and removed there, and asked for on its first page."""

from typing import Annotated, Any, Final

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct, to_builtins
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.fields import Request
from buystream.gateway.routes.bodies.members import DeskSessionBody
from buystream.gateway.routes.checkout import Http, client_of
from buystream.gateway.routes.desk_sessions import begun
from buystream.gateway.routes.members import names_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import own_pages_only
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.passkeys import REGISTERING, SIGNING_IN, handle_of
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import spend
from buystream.gateway.server.signed_claims import as_text
from buystream.projections import members
from buystream.projections.members import MemberView, PasskeyView
from buystream.vocabulary.commands import AddPasskey, RemovePasskey
from buystream.vocabulary.texts import NAME

Base64Url = Annotated[str, Meta(min_length=1, max_length=8_000, pattern="^[A-Za-z0-9_-]+$")]
Ticket = Annotated[str, Meta(max_length=400, pattern=r"^[\x21-\x7e]*$")]

_OF_WEBAUTHN: Final = {
    "client_data_json": "clientDataJSON",
    "attestation_object": "attestationObject",
    "authenticator_data": "authenticatorData",
    "signature": "signature",
    "user_handle": "userHandle",
}

_RESTATED: Final = {"key_revoked": "no-desk-session"}


class AskedBody(Struct, frozen=True):
    """What the browser is asked, in WebAuthn's JSON, and the ticket that goes back with its answer, once, within five
    minutes."""

    public_key: dict[str, Any]
    ticket: str


class Attestation(Request, frozen=True, kw_only=True):
    """What `navigator.credentials.create` gives, in Base64 for URLs."""

    id: Base64Url
    client_data_json: Base64Url
    attestation_object: Base64Url


class NewPasskey(Request, frozen=True, kw_only=True):
    """A passkey that the browser made; `name` is for its member."""

    name: Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME)]
    ticket: Ticket
    credential: Attestation


class Assertion(Request, frozen=True, kw_only=True):
    """What `navigator.credentials.get` gives, in Base64 for URLs."""

    id: Base64Url
    client_data_json: Base64Url
    authenticator_data: Base64Url
    signature: Base64Url
    user_handle: Base64Url


class PasskeySignIn(Request, frozen=True, kw_only=True):
    """A passkey that the browser signed in by."""

    ticket: Ticket
    credential: Assertion


class PasskeyBody(Struct, frozen=True):
    """One of the member's passkeys, without what it signs with."""

    passkey_id: str
    name: str
    added_at_ms: int


class PasskeysBody(Struct, frozen=True):
    """The member's passkeys, the oldest first."""

    passkeys: list[PasskeyBody]


@get("/v1/desk/passkeys", summary="The member's passkeys")
async def list_passkeys(gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder]) -> PasskeysBody:
    """Of the member who asks."""
    found = await _own(gateway, _member_only(holder))
    return PasskeysBody([PasskeyBody(one.passkey_id, one.name, one.added_at_ms) for one in found])


@post(
    "/v1/desk/passkeys/options",
    status_code=200,
    guards=[own_pages_only],
    opt=asks(also=["no-passkeys"]),
    summary="What makes a passkey",
)
async def passkey_options(gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder]) -> AskedBody:
    """For `navigator.credentials.create`, in the browser of the member who asks."""
    _refuse_where_impossible(gateway)
    known = await _own(gateway, _member_only(holder))
    member = await _view(gateway, holder.merchant.merchant_id, holder.member_id)
    plain = (await gateway.reads.run(lambda: names_of(gateway, [member])))[member.member_id]
    asked, ticket = gateway.passkeys.to_register(
        known,
        handle=handle_of(holder.merchant.merchant_id, holder.member_id),
        email=plain.get("email", holder.member_id),
        name=f"{plain.get('name', holder.member_id)}, {holder.merchant.name}",
    )
    return AskedBody(asked, ticket)


@post(
    "/v1/desk/passkeys",
    status_code=201,
    guards=[own_pages_only],
    opt=asks(AddPasskey, restated=_RESTATED),
    summary="Add a passkey",
)
async def add_passkey(
    request: Http, gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder], data: JSONBody[NewPasskey]
) -> PasskeyBody:
    """The member signs in by it from here on. The ticket works once."""
    merchant_id, member_id = holder.merchant.merchant_id, _member_only(holder).member_id
    challenge, spent = gateway.passkeys.read_ticket(data.ticket, REGISTERING, handle_of(merchant_id, member_id))
    await gateway.reads.query(lambda cur: spend(cur, spent))
    made = gateway.passkeys.registered(_for_library(data.credential), challenge)
    command = AddPasskey(
        merchant_id=merchant_id,
        member_id=member_id,
        passkey_id=idempotent_name(request, gateway, merchant_id)[:10],
        credential_id=made.credential_id,
        public_key=made.public_key,
        name=data.name,
    )
    answer = await gateway.decide_and_show(command, actor=holder.actor, restated=_RESTATED)
    return PasskeyBody(command.passkey_id, command.name, answer.event.at_ms)


@delete(
    "/v1/desk/passkeys/{passkey_id:str}",
    opt=asks(RemovePasskey, restated=_RESTATED),
    summary="Remove a passkey",
)
async def remove_passkey(
    gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder], passkey_id: FromPath[str]
) -> None:
    """It signs nobody in any more. Of the member who asks."""
    command = RemovePasskey(
        merchant_id=holder.merchant.merchant_id, member_id=_member_only(holder).member_id, passkey_id=passkey_id
    )
    await gateway.decide_and_show(command, actor=holder.actor, restated=_RESTATED)


@post(
    "/v1/desk/passkey/options",
    status_code=200,
    guards=[own_pages_only],
    opt=asks(also=["no-passkeys"]),
    summary="What signs in by a passkey",
)
async def passkey_sign_in_options(gateway: NamedDependency[Gateway]) -> AskedBody:
    """For `navigator.credentials.get`. It is the same for everybody."""
    _refuse_where_impossible(gateway)
    return AskedBody(*gateway.passkeys.to_sign_in())


@post("/v1/desk/passkey", status_code=200, guards=[own_pages_only], summary="Sign in to the desk by a passkey")
async def sign_in_by_passkey(
    request: Http, gateway: NamedDependency[Gateway], data: JSONBody[PasskeySignIn]
) -> Response[DeskSessionBody]:
    """Sets the cookie that keeps the session, and returns its first token. The ticket works once."""
    client = client_of(request)
    gateway.rates.try_sign_in(client)
    try:
        member = await _signed_in(gateway, data)
    except HttpProblem as problem:
        if problem.status == 401:
            gateway.rates.sign_in_was_wrong(client)
        raise
    return await begun(request, gateway, member, "passkey")


ROUTES: Final = [
    list_passkeys,
    passkey_options,
    add_passkey,
    remove_passkey,
    passkey_sign_in_options,
    sign_in_by_passkey,
]


async def _signed_in(gateway: Gateway, data: PasskeySignIn) -> MemberView:
    challenge, spent = gateway.passkeys.read_ticket(data.ticket, SIGNING_IN)
    credential = _for_library(data.credential)

    await gateway.reads.query(lambda cur: spend(cur, spent))

    def check(cur: cursor) -> MemberView:
        for passkey in members.passkeys_named(cur, data.credential.id):
            if data.credential.user_handle == as_text(handle_of(passkey.merchant_id, passkey.member_id).encode()):
                gateway.passkeys.check(cur, passkey, credential, challenge)
                member = members.member(cur, passkey.merchant_id, passkey.member_id)
                if member is not None and member.state == "joined":
                    return member
        raise HttpProblem("bad-passkey")

    return await gateway.reads.query(check)


def _for_library(answer: Attestation | Assertion) -> dict[str, Any]:
    """As the library reads it: WebAuthn's own names."""
    said = to_builtins(answer)
    name = said.pop("id")
    response = {_OF_WEBAUTHN[key]: value for key, value in said.items()}
    return {"id": name, "rawId": name, "type": "public-key", "response": response}


def _member_only(holder: KeyHolder) -> KeyHolder:
    """Raises HttpProblem (403) for an API key."""
    if not holder.member_id:
        raise HttpProblem("members-only")
    return holder


def _refuse_where_impossible(gateway: Gateway) -> None:
    if not gateway.passkeys.possible:
        raise HttpProblem("no-passkeys")


async def _own(gateway: Gateway, holder: KeyHolder) -> list[PasskeyView]:
    merchant_id, member_id = holder.merchant.merchant_id, holder.member_id
    return await gateway.reads.query(lambda cur: members.passkeys_of(cur, merchant_id, member_id))


async def _view(gateway: Gateway, merchant_id: str, member_id: str) -> MemberView:
    found = await gateway.reads.query(lambda cur: members.member(cur, merchant_id, member_id))
    if found is None:
        raise HttpProblem("no-desk-session")
    return found
