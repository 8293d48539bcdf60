"""The people who work for a merchant, and their sessions at the desk."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import EmailAddress, Request
from buystream.vocabulary.texts import NAME

Role = Literal["owner", "sales", "support", "door", "analyst", "read-only"]


class NewMember(Request, frozen=True, kw_only=True):
    """Whom a mail with an invitation goes to."""

    name: Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME)]
    email: EmailAddress
    role: Role


class NewRole(Request, frozen=True, kw_only=True):
    """What a member may do from here on."""

    role: Role


class MemberBody(Struct, frozen=True, kw_only=True):
    """One of the people who work for the merchant. Name and address are null once they were erased. `state` is
    invited, joined or removed; an invitation that nobody followed ends at `until_ms`."""

    member_id: str
    name: str | None
    email: str | None
    role: str
    state: str
    invited_at_ms: int
    until_ms: int
    joined_at_ms: int | None
    removed_at_ms: int | None
    is_you: bool


class MembersBody(Struct, frozen=True):
    """All of them, those who were invited first first."""

    members: list[MemberBody]


class MayBody(Struct, frozen=True):
    """Something that a role may do; `says` is for people."""

    name: str
    says: str


class AccessBody(Struct, frozen=True, kw_only=True):
    """Who asks, and what they may do: by an API key or as a member."""

    merchant_id: str
    role: str
    may: list[MayBody]
    key_id: str | None
    member_id: str | None
    session_id: str | None


class SignIn(Request, frozen=True, kw_only=True):
    """The address of a member, who gets a mail with a link."""

    email: EmailAddress


class NewDeskSession(Request, frozen=True, kw_only=True):
    """The code of a link in a mail."""

    link_code: Annotated[str, Meta(max_length=400, pattern=r"^[\x21-\x7e]*$")]


class DeskSessionBody(Struct, frozen=True, kw_only=True):
    """A session of a member. `token` is for `Authorization: Bearer` until `expires_at_ms`; the browser's cookie gives
    another one."""

    merchant_id: str
    member_id: str
    role: str
    session_id: str
    token: str
    expires_at_ms: int


class SessionListBody(Struct, frozen=True, kw_only=True):
    """A session. `way` is how it began: invitation, link or passkey."""

    session_id: str
    member_id: str
    name: str | None
    way: str
    browser: str
    begun_at_ms: int
    seen_at_ms: int
    is_yours: bool


class SessionsBody(Struct, frozen=True):
    """The sessions that are in force, the one that was used last first."""

    sessions: list[SessionListBody]
