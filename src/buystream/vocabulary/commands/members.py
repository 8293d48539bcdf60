"""The people who work for a merchant."""

from typing import Annotated

from buystream.vocabulary.actors import MERCHANT, OPERATOR
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import (
    BY_CLIENT,
    Contact,
    CredentialId,
    InvitedUntilMs,
    MemberId,
    MemberRole,
    MerchantId,
    PasskeyId,
    PasskeyName,
    PasskeyPublicKey,
)


@asked(
    MERCHANT,
    OPERATOR,
    about="merchant_id",
    refusals=[
        *("unknown_merchant", "key_revoked", "member_id_conflict", "too_many_members", "unknown_role"),
        "bad_expiry",
    ],
)
class InviteMember(Command):
    """Invites somebody to work for the merchant. A mail with a link, which works once, goes to the address in
    `contact`, a ciphertext of the member's own key."""

    merchant_id: MerchantId
    member_id: Annotated[MemberId, BY_CLIENT]
    role: MemberRole
    contact: Contact
    until_ms: InvitedUntilMs


@asked(MERCHANT, about="merchant_id", refusals=["unknown_merchant", "unknown_member", "invitation_over"])
class AcceptInvitation(Command):
    """Who was invited follows the link, and asks for this as the member."""

    merchant_id: MerchantId
    member_id: MemberId


@asked(
    MERCHANT,
    OPERATOR,
    about="merchant_id",
    refusals=["unknown_merchant", "key_revoked", "unknown_member", "unknown_role", "last_owner"],
)
class ChangeRole(Command):
    """The member may do other things from here on; the sessions of before end."""

    merchant_id: MerchantId
    member_id: MemberId
    role: MemberRole


@asked(
    MERCHANT,
    OPERATOR,
    about="merchant_id",
    refusals=["unknown_merchant", "key_revoked", "unknown_member", "last_owner"],
)
class RemoveMember(Command):
    """The member has no access any more, and an invitation ends."""

    merchant_id: MerchantId
    member_id: MemberId


@asked(
    MERCHANT,
    about="merchant_id",
    refusals=["unknown_merchant", "key_revoked", "unknown_member", "passkey_id_conflict", "too_many_passkeys"],
)
class AddPasskey(Command):
    """A member signs in by this passkey from here on; nobody adds one for another."""

    merchant_id: MerchantId
    member_id: MemberId
    passkey_id: Annotated[PasskeyId, BY_CLIENT]
    credential_id: CredentialId
    public_key: PasskeyPublicKey
    name: PasskeyName


@asked(MERCHANT, about="merchant_id", refusals=["unknown_merchant", "key_revoked", "unknown_member", "unknown_passkey"])
class RemovePasskey(Command):
    """The member's passkey signs nobody in any more. Members remove their own, owners anybody's."""

    merchant_id: MerchantId
    member_id: MemberId
    passkey_id: PasskeyId
