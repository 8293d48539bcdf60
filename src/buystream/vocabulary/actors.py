"""Who asks for a command: a role, and under it who exactly, as the `actor` attribute of a record says it. An actor
names no person: buyers' ids are pseudonyms."""

from typing import Final

BUYER: Final = "buyer"
MERCHANT: Final = "merchant"
"""A merchant, by a key or a member that may do everything of the merchant's: an owner."""
SALES: Final = "sales"
SUPPORT: Final = "support"
DOOR: Final = "door"
"""Who scans tickets for a merchant: a phone by a key that opens one edition's door and nothing else, or a member."""
ANALYST: Final = "analyst"
READ_ONLY: Final = "read-only"

OWNER: Final = "owner"
"""What the role of a key or member is called whose actor is the merchant; the others are called as their actors are."""
APP: Final = "app"
"""A host application, for one of its users: asks for what that buyer may."""
PROVIDER: Final = "provider"
"""The payment provider, of which a shop has one; as an actor too."""
OPERATOR: Final = "operator"
"""The shop's command line; as an actor too."""
SYSTEM: Final = "system"

OF_MERCHANTS: Final = frozenset({MERCHANT, SALES, SUPPORT, DOOR, ANALYST, READ_ONLY})
"""A merchant's keys and members, by what each may do (`vocabulary.permissions`)."""

ROLES: Final = OF_MERCHANTS | {BUYER, APP, PROVIDER, OPERATOR, SYSTEM}

_FOR_BUYER: Final = "/buyer:"
_KEY: Final = "/key:"
_MEMBER: Final = "/member:"

UNKNOWN: Final = "unknown"
"""The actor in the answer to a command whose record says none that can be read."""


def buyer(buyer_id: str) -> str:
    """The buyer of a session."""
    return f"{BUYER}:{buyer_id}"


def app(host: str, buyer_id: str) -> str:
    """The buyer of a session that a host application vouched for."""
    return f"{APP}:{host}{_FOR_BUYER}{buyer_id}"


def buyer_of_app(actor: str) -> str:
    """The buyer for whom a host application asks; empty for any other actor."""
    role, _, name = actor.partition(":")
    return name.rpartition(_FOR_BUYER)[2] if role == APP and _FOR_BUYER in name else ""


def merchant_key(merchant_id: str, key_id: str, role: str = OWNER) -> str:
    """A merchant, by one of its API keys, which has this role."""
    return f"{acting_as(role)}:{merchant_id}{_KEY}{key_id}"


def door_key(merchant_id: str, key_id: str) -> str:
    """A scanner of a merchant, by its key."""
    return merchant_key(merchant_id, key_id, DOOR)


def merchant_member(merchant_id: str, member_id: str, role: str) -> str:
    """One of the people who work for a merchant, in this role."""
    return f"{acting_as(role)}:{merchant_id}{_MEMBER}{member_id}"


def is_role(role: str) -> bool:
    """Whether a key or a member can have this role."""
    return acting_as(role) in OF_MERCHANTS and role != MERCHANT


def are_of_merchants(roles: frozenset[str]) -> bool:
    """Whether all of them are those of merchants' keys and members."""
    return roles <= OF_MERCHANTS


def acting_as(role: str) -> str:
    """What an actor begins with whose key or member has this role."""
    return MERCHANT if role == OWNER else role


def system(part: str) -> str:
    """A part of the system: the decider, the flows, a gateway."""
    return f"{SYSTEM}:{part}"


def key_of(actor: str) -> str:
    """The API key that asks; empty for anybody who asks without one."""
    return _named(actor, _KEY)


def member_of(actor: str) -> str:
    """The merchant's member who asks; empty for anybody else."""
    return _named(actor, _MEMBER)


def _named(actor: str, kind: str) -> str:
    role, _, name = actor.partition(":")
    return name.partition(kind)[2] if role in OF_MERCHANTS else ""


def role_of(actor: str) -> str:
    """The word that the actor begins with."""
    return actor.partition(":")[0]


def merchant_of(actor: str) -> str:
    """The merchant whose key, scanner or member asks; empty for anybody else."""
    role, _, name = actor.partition(":")
    return name.partition("/")[0] if role in OF_MERCHANTS else ""
