"""Who asks for a command: a role, and under it who exactly, as the `actor` attribute of a record says it. An actor
names no person: buyers' ids are pseudonyms."""

from typing import Final

BUYER: Final = "buyer"
MERCHANT: Final = "merchant"
DOOR: Final = "door"
"""A phone that scans tickets for a merchant, by a key that opens one edition's door and nothing else."""
APP: Final = "app"
"""A host application, for one of its users: asks for what that buyer may."""
PROVIDER: Final = "provider"
"""The payment provider, of which a shop has one; as an actor too."""
OPERATOR: Final = "operator"
"""The shop's command line; as an actor too."""
SYSTEM: Final = "system"

ROLES: Final = frozenset({BUYER, MERCHANT, DOOR, APP, PROVIDER, OPERATOR, SYSTEM})

_FOR_BUYER: Final = "/buyer:"

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


def merchant_key(merchant_id: str, key_id: str) -> str:
    """A merchant, by one of its API keys."""
    return f"{MERCHANT}:{merchant_id}/key:{key_id}"


def door_key(merchant_id: str, key_id: str) -> str:
    """A scanner of a merchant, by its key."""
    return f"{DOOR}:{merchant_id}/key:{key_id}"


def system(part: str) -> str:
    """A part of the system: the decider, the flows, a gateway."""
    return f"{SYSTEM}:{part}"


def key_of(actor: str) -> str:
    """The API key that asks; empty for anybody who asks without one."""
    role, _, name = actor.partition(":")
    return name.partition("/key:")[2] if role in (MERCHANT, DOOR) else ""


def merchant_of(actor: str) -> str:
    """The merchant whose key, scanner or member asks; empty for anybody else."""
    role, _, name = actor.partition(":")
    return name.partition("/")[0] if role in (MERCHANT, DOOR) else ""
