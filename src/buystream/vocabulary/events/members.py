"""The people who work for a merchant."""

from buystream.vocabulary.events.merchants import MerchantEvent
from buystream.vocabulary.fields import (
    Contact,
    CredentialId,
    InvitedUntilMs,
    MemberId,
    MemberRole,
    PasskeyId,
    PasskeyName,
    PasskeyPublicKey,
)


class MemberInvited(MerchantEvent):
    """Somebody was invited to work for the merchant, by mail."""

    member_id: MemberId
    role: MemberRole
    contact: Contact
    until_ms: InvitedUntilMs


class MemberJoined(MerchantEvent):
    """Who was invited followed the link."""

    member_id: MemberId
    role: MemberRole


class RoleChanged(MerchantEvent):
    """The member may do other things from here on."""

    member_id: MemberId
    role: MemberRole
    old_role: MemberRole


class MemberRemoved(MerchantEvent):
    """The member, or the invitation, has ended."""

    member_id: MemberId
    role: MemberRole


class PasskeyAdded(MerchantEvent):
    """The member signs in by this passkey from here on."""

    member_id: MemberId
    passkey_id: PasskeyId
    credential_id: CredentialId
    public_key: PasskeyPublicKey
    name: PasskeyName


class PasskeyRemoved(MerchantEvent):
    """The passkey signs nobody in any more."""

    member_id: MemberId
    passkey_id: PasskeyId
