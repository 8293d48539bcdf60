"""The people who work for a merchant, as its keys are: in the projection of `people`."""

import msgspec
from psycopg2.extensions import cursor

from buystream.delivery.batch_reader import Batch
from buystream.vocabulary import events


class MemberView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of them. `state` is invited, joined or removed; `contact` a ciphertext of the member's own key. An invitation
    works until `until_ms`."""

    merchant_id: str
    member_id: str
    role: str
    state: str
    contact: str
    invited_at_ms: int
    until_ms: int
    joined_at_ms: int | None
    removed_at_ms: int | None


class PasskeyView(msgspec.Struct, frozen=True, gc=False):
    """A passkey of a member. Its id and key are in Base64 for URLs."""

    merchant_id: str
    member_id: str
    passkey_id: str
    credential_id: str
    public_key: str
    name: str
    added_at_ms: int


_COLUMNS = ", ".join(MemberView.__struct_fields__)
_OF_PASSKEYS = ", ".join(PasskeyView.__struct_fields__)
_NEW = """
    INSERT INTO members (merchant_id, member_id, role, state, contact, invited_at_ms, until_ms)
    VALUES (%s, %s, %s, 'invited', %s, %s, %s)"""
_JOINED = "UPDATE members SET state = 'joined', joined_at_ms = %s WHERE merchant_id = %s AND member_id = %s"
_CHANGED = "UPDATE members SET role = %s WHERE merchant_id = %s AND member_id = %s"
_REMOVED = "UPDATE members SET state = 'removed', removed_at_ms = %s WHERE merchant_id = %s AND member_id = %s"

_NEW_PASSKEY = f"INSERT INTO passkeys ({_OF_PASSKEYS}) VALUES (%s, %s, %s, %s, %s, %s, %s)"
_GONE_PASSKEY = "DELETE FROM passkeys WHERE merchant_id = %s AND member_id = %s AND passkey_id = %s"


def member(cur: cursor, merchant_id: str, member_id: str) -> MemberView | None:
    """The member of that id, who may have been removed."""
    cur.execute(
        f"SELECT {_COLUMNS} FROM views.members WHERE merchant_id = %s AND member_id = %s", (merchant_id, member_id)
    )
    row = cur.fetchone()
    return MemberView(**dict(zip(MemberView.__struct_fields__, row, strict=True))) if row else None


def members_of(cur: cursor, merchant_id: str) -> list[MemberView]:
    """All of them, those who were invited first first."""
    cur.execute(
        f"SELECT {_COLUMNS} FROM views.members WHERE merchant_id = %s ORDER BY invited_at_ms, member_id",
        (merchant_id,),
    )
    return [MemberView(**dict(zip(MemberView.__struct_fields__, row, strict=True))) for row in cur]


def passkeys_of(cur: cursor, merchant_id: str, member_id: str) -> list[PasskeyView]:
    """The member's, the oldest first."""
    cur.execute(
        f"SELECT {_OF_PASSKEYS} FROM views.passkeys WHERE merchant_id = %s AND member_id = %s"
        " ORDER BY added_at_ms, passkey_id",
        (merchant_id, member_id),
    )
    return [PasskeyView(*row) for row in cur]


def passkeys_named(cur: cursor, credential_id: str) -> list[PasskeyView]:
    """Those of members with this credential; there is one, unless somebody pretends."""
    cur.execute(f"SELECT {_OF_PASSKEYS} FROM views.passkeys WHERE credential_id = %s LIMIT 10", (credential_id,))
    return [PasskeyView(*row) for row in cur]


def write(cur: cursor, batch: Batch) -> None:
    """What happened to members. They are few: a row at a time."""
    for _, event, _ in batch:
        match event:
            case events.MemberInvited():
                invited = (event.originator_id, event.member_id, event.role, event.contact)
                cur.execute(_NEW, (*invited, event.at_ms, event.until_ms))
            case events.MemberJoined():
                cur.execute(_JOINED, (event.at_ms, event.originator_id, event.member_id))
            case events.RoleChanged():
                cur.execute(_CHANGED, (event.role, event.originator_id, event.member_id))
            case events.MemberRemoved():
                cur.execute(_REMOVED, (event.at_ms, event.originator_id, event.member_id))
            case events.PasskeyAdded():
                added = (event.originator_id, event.member_id, event.passkey_id, event.credential_id)
                cur.execute(_NEW_PASSKEY, (*added, event.public_key, event.name, event.at_ms))
            case events.PasskeyRemoved():
                cur.execute(_GONE_PASSKEY, (event.originator_id, event.member_id, event.passkey_id))
