"""How a merchant decides who may act for it: its API keys, and its members."""

from buystream.aggregates.decides import decides
from buystream.aggregates.member import INVITED, JOINED, REMOVED, Member
from buystream.aggregates.merchant import Merchant
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.actors import MERCHANT, OWNER, acting_as, is_role, key_of, member_of, role_of


@decides(commands.AddApiKey)
def add_api_key(merchant: Merchant, command: commands.AddApiKey, moment: Moment) -> str | None:
    """The key works beside the others."""
    known = merchant.api_keys.get(command.key_id, merchant.revoked_keys.get(command.key_id))
    if known is not None:
        return "repeated" if known == command.api_key_hash else "key_id_conflict"
    if _has_ended(merchant, moment):
        return "key_revoked"
    if not is_role(command.role):
        return "unknown_role"
    ever = len(merchant.api_keys) + len(merchant.revoked_keys)
    over = sum(0 < until_ms <= moment.at_ms for until_ms in merchant.limited_keys.values())
    if len(merchant.api_keys) - over >= moment.rules.api_keys_max or ever >= moment.rules.api_keys_ever_max:
        return "too_many_keys"
    ends = bool(command.door_of or command.expires_at_ms)
    if ends and not moment.at_ms < command.expires_at_ms <= moment.rules.latest_time_ms:
        return "bad_expiry"
    merchant.record(
        events.ApiKeyAdded,
        moment,
        key_id=command.key_id,
        name=command.name,
        api_key_hash=command.api_key_hash,
        door_of=command.door_of,
        expires_at_ms=command.expires_at_ms,
        role=command.role,
    )
    return None


@decides(commands.RevokeApiKey)
def revoke_api_key(merchant: Merchant, command: commands.RevokeApiKey, moment: Moment) -> str | None:
    """The key stops working; no key locks its merchant out with the last one."""
    if command.key_id in merchant.revoked_keys:
        return "repeated"
    if command.key_id not in merchant.api_keys:
        return "unknown_key"
    if _has_ended(merchant, moment):
        return "key_revoked"
    limited = merchant.limited_keys
    is_last = len(merchant.api_keys) - len(limited) == 1 and command.key_id not in limited
    if key_of(moment.actor or "") and is_last:
        return "last_key"
    key_hash = merchant.api_keys[command.key_id]
    merchant.record(events.ApiKeyRevoked, moment, key_id=command.key_id, api_key_hash=key_hash)
    return None


@decides(commands.InviteMember)
def invite_member(merchant: Merchant, command: commands.InviteMember, moment: Moment) -> str | None:
    """A repeat invites nobody again: its ciphertext differs, and says the same."""
    known = merchant.members.get(command.member_id)
    if known is not None:
        same = known.state == INVITED and known.role == command.role
        return "repeated" if same else "member_id_conflict"
    if _has_ended(merchant, moment):
        return "key_revoked"
    if not is_role(command.role):
        return "unknown_role"
    if not moment.at_ms < command.until_ms <= moment.rules.latest_time_ms:
        return "bad_expiry"
    there = sum(member.is_there(moment.at_ms) for member in merchant.members.values())
    if there >= moment.rules.members_max or len(merchant.members) >= moment.rules.members_ever_max:
        return "too_many_members"
    merchant.record(
        events.MemberInvited,
        moment,
        member_id=command.member_id,
        role=command.role,
        contact=command.contact,
        until_ms=command.until_ms,
    )
    return None


@decides(commands.AcceptInvitation)
def accept_invitation(merchant: Merchant, command: commands.AcceptInvitation, moment: Moment) -> str | None:
    """Once, by who was invited."""
    member = merchant.members.get(command.member_id)
    if member is None or (moment.actor is not None and member_of(moment.actor) != command.member_id):
        return "unknown_member"
    if member.state != INVITED or not member.is_there(moment.at_ms):
        return "invitation_over"
    merchant.record(events.MemberJoined, moment, member_id=command.member_id, role=member.role)
    return None


@decides(commands.ChangeRole)
def change_role(merchant: Merchant, command: commands.ChangeRole, moment: Moment) -> str | None:
    """The last owner stays one."""
    member = _known(merchant, command.member_id)
    if member is None:
        return "unknown_member"
    if not is_role(command.role):
        return "unknown_role"
    if member.role == command.role:
        return "repeated"
    if refusal := _why_not(merchant, member, moment):
        return refusal
    merchant.record(events.RoleChanged, moment, member_id=command.member_id, role=command.role, old_role=member.role)
    return None


@decides(commands.RemoveMember)
def remove_member(merchant: Merchant, command: commands.RemoveMember, moment: Moment) -> str | None:
    """The last owner stays."""
    member = merchant.members.get(command.member_id)
    if member is None:
        return "unknown_member"
    if member.state == REMOVED:
        return "repeated"
    if refusal := _why_not(merchant, member, moment):
        return refusal
    merchant.record(events.MemberRemoved, moment, member_id=command.member_id, role=member.role)
    return None


@decides(commands.AddPasskey)
def add_passkey(merchant: Merchant, command: commands.AddPasskey, moment: Moment) -> str | None:
    """The member's own doing."""
    member = _known(merchant, command.member_id)
    if member is None or (moment.actor is not None and member_of(moment.actor) != command.member_id):
        return "unknown_member"
    if _has_ended(merchant, moment):
        return "key_revoked"
    known = member.passkeys.get(command.passkey_id)
    if known is not None:
        return "repeated" if known == command.credential_id else "passkey_id_conflict"
    if len(member.passkeys) >= moment.rules.passkeys_max:
        return "too_many_passkeys"
    merchant.record(
        events.PasskeyAdded,
        moment,
        member_id=command.member_id,
        passkey_id=command.passkey_id,
        credential_id=command.credential_id,
        public_key=command.public_key,
        name=command.name,
    )
    return None


@decides(commands.RemovePasskey)
def remove_passkey(merchant: Merchant, command: commands.RemovePasskey, moment: Moment) -> str | None:
    """Of oneself, or by an owner."""
    member = _known(merchant, command.member_id)
    actor = moment.actor or ""
    is_others = bool(actor) and member_of(actor) != command.member_id and role_of(actor) != MERCHANT
    if member is None or is_others:
        return "unknown_member"
    if _has_ended(merchant, moment):
        return "key_revoked"
    if command.passkey_id not in member.passkeys:
        return "unknown_passkey"
    merchant.record(events.PasskeyRemoved, moment, member_id=command.member_id, passkey_id=command.passkey_id)
    return None


def _known(merchant: Merchant, member_id: str) -> Member | None:
    member = merchant.members.get(member_id)
    return None if member is None or member.state == REMOVED else member


def _why_not(merchant: Merchant, member: Member, moment: Moment) -> str:
    """Why the member stays as they are."""
    if _has_ended(merchant, moment):
        return "key_revoked"
    is_owner = member.state == JOINED and member.role == OWNER
    owners = sum(one.state == JOINED and one.role == OWNER for one in merchant.members.values())
    return "last_owner" if is_owner and owners == 1 else ""


def _has_ended(merchant: Merchant, moment: Moment) -> bool:
    """Whether the access of who asks ended while the request was under way: the key was revoked, the member removed or
    given another role."""
    actor = moment.actor or ""
    if key_id := key_of(actor):
        return key_id not in merchant.api_keys
    if member_id := member_of(actor):
        member = merchant.members.get(member_id)
        return member is None or member.state != JOINED or acting_as(member.role) != role_of(actor)
    return False
