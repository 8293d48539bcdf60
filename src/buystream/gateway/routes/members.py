"""The people who work for a merchant: invited by mail, given a role, and removed."""

from typing import Final

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream.gateway.routes.bodies.members import AccessBody, MayBody, MemberBody, MembersBody, NewMember, NewRole
from buystream.gateway.routes.checkout import Http, language_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import desk_sessions
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections import members
from buystream.projections.members import MemberView
from buystream.vault import BuyerIsErased
from buystream.vocabulary.commands import ChangeRole, Command, InviteMember, RemoveMember
from buystream.vocabulary.ids import new_member_id, partition_of
from buystream.vocabulary.permissions import permissions_of

INVITATION_MS: Final = 7 * 24 * 3_600_000

_RESTATED: Final = {"key_revoked": "no-desk-session"}
"""The access of who asks ended while the request was under way."""


@get("/v1/merchant/me", summary="Who asks, and what they may do")
async def own_access(holder: NamedDependency[KeyHolder]) -> AccessBody:
    """The role of the API key or member that sent the request."""
    return AccessBody(
        merchant_id=holder.merchant.merchant_id,
        role=holder.role,
        may=[MayBody(one.name, one.says) for one in permissions_of(holder.role)],
        key_id=holder.key_id or None,
        member_id=holder.member_id or None,
        session_id=holder.session_id or None,
    )


@get("/v1/merchant/members", summary="The people who work for the merchant")
async def list_members(gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder]) -> MembersBody:
    """Those who are invited and those who were removed too."""
    return await _members(gateway, holder)


@post("/v1/merchant/members", status_code=201, opt=asks(InviteMember, restated=_RESTATED), summary="Invite somebody")
async def invite_member(
    request: Http, gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder], data: JSONBody[NewMember]
) -> MemberBody:
    """A mail with a link goes to the address; it works once, within seven days. With an `Idempotency-Key` header, a
    repeat of the request invites nobody again."""
    merchant_id = holder.merchant.merchant_id
    member_id = new_member_id(idempotent_name(request, gateway, merchant_id))
    contact = {"name": data.name, "email": data.email, "language": language_of(request)}
    sealed = await gateway.reads.run(lambda: _sealed(gateway, member_id, contact))
    address = gateway.addresses.of(data.email)
    await gateway.reads.query(
        lambda cur: desk_sessions.know_address(cur, address, merchant_id=merchant_id, member_id=member_id)
    )
    command = InviteMember(
        merchant_id=merchant_id,
        member_id=member_id,
        role=data.role,
        contact=sealed,
        until_ms=now_ms() + INVITATION_MS,
    )
    await _decided(gateway, command, holder)
    return await _member(gateway, holder, member_id)


@put(
    "/v1/merchant/members/{member_id:str}/role",
    opt=asks(ChangeRole, restated=_RESTATED),
    summary="Change what a member may do",
)
async def change_members_role(
    gateway: NamedDependency[Gateway],
    holder: NamedDependency[KeyHolder],
    member_id: FromPath[str],
    data: JSONBody[NewRole],
) -> MemberBody:
    """The member's sessions end, and begin again with the new role. The last owner stays one."""
    command = ChangeRole(merchant_id=holder.merchant.merchant_id, member_id=member_id, role=data.role)
    await _decided(gateway, command, holder)
    return await _member(gateway, holder, member_id)


@delete("/v1/merchant/members/{member_id:str}", opt=asks(RemoveMember, restated=_RESTATED), summary="Remove a member")
async def remove_member(
    gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder], member_id: FromPath[str]
) -> None:
    """The member's sessions end at once, and so does an invitation. The last owner can't be removed."""
    command = RemoveMember(merchant_id=holder.merchant.merchant_id, member_id=member_id)
    await _decided(gateway, command, holder)


ROUTES: Final = [own_access, list_members, invite_member, change_members_role, remove_member]


def names_of(gateway: Gateway, found: list[MemberView]) -> dict[str, dict[str, str]]:
    """Name and address of each, by the member's id; nothing of those who are erased. Blocks."""
    opened = gateway.vault.decrypt_many([(one.member_id, one.contact) for one in found])
    return {one.member_id: plain or {} for one, plain in zip(found, opened, strict=True)}


def _sealed(gateway: Gateway, member_id: str, contact: dict[str, str]) -> str:
    """A ciphertext of the member's key; raises HttpProblem for a member who was erased."""
    try:
        return gateway.vault.encrypt(member_id, contact)
    except BuyerIsErased:
        raise HttpProblem("member-id-conflict", reason="member_id_conflict") from None


async def _decided(gateway: Gateway, command: Command, holder: KeyHolder) -> None:
    """Waits until it is decided and shown; raises HttpProblem for a refusal."""
    await gateway.decide_and_show(command, actor=holder.actor, restated=_RESTATED)


async def _members(gateway: Gateway, holder: KeyHolder) -> MembersBody:
    merchant_id = holder.merchant.merchant_id
    await gateway.views_show_the_seen(partition_of(merchant_id))
    found = await gateway.reads.query(lambda cur: members.members_of(cur, merchant_id))
    names = await gateway.reads.run(lambda: names_of(gateway, found))
    return MembersBody([_body(one, names[one.member_id], holder) for one in found])


async def _member(gateway: Gateway, holder: KeyHolder, member_id: str) -> MemberBody:
    found = await _members(gateway, holder)
    return next(one for one in found.members if one.member_id == member_id)


def _body(one: MemberView, plain: dict[str, str], holder: KeyHolder) -> MemberBody:
    return MemberBody(
        member_id=one.member_id,
        name=plain.get("name"),
        email=plain.get("email"),
        role=one.role,
        state=one.state,
        invited_at_ms=one.invited_at_ms,
        until_ms=one.until_ms,
        joined_at_ms=one.joined_at_ms,
        removed_at_ms=one.removed_at_ms,
        is_you=one.member_id == holder.member_id,
    )
