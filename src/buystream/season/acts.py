"""What a season is made of: an act is an edition, with the crowd that wants it and what its merchant does meanwhile."""

from typing import Literal

import msgspec

from buystream.vocabulary.values import Fee, Offer

Group = Literal["concerts", "cup-final", "charity-day", "shop"]
Curve = Literal["rush", "steady", "broadcast"]
"""How a crowd comes: all at once when the sale opens, by day all season long, or in waves during an evening."""
What = Literal["add stock", "pause", "resume", "cancel"]

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant. A charity has legal details and a fee; its acts are in its own partition, because their receipts and
    terms are decided there."""

    slug: str
    name: str
    currency: str
    legal_name: str = ""
    address: str = ""
    charity_id: str = ""
    email: str = ""
    fee: Fee = Fee()

    @property
    def is_charity(self) -> bool:
        """Whether it gives receipts."""
        return bool(self.charity_id)


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the merchant does with an edition at a time."""

    at_ms: int
    what: What
    variant_id: str = ""
    quantity: int = 0


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes for an act. Shares are between 0 and 1; those of the apps and of who comes directly add up to 1."""

    curve: Curve
    visits: int
    opens_at_ms: int
    closes_at_ms: int
    quantities: tuple[tuple[int, float], ...]
    variants: tuple[tuple[str, float], ...]
    apps: tuple[tuple[str, float], ...] = ()
    """Host applications, and the share of visits that come by each; the others come directly."""
    bots: float = 0.0
    """Of the visits, those that a bot makes; a bot makes many."""
    monthly: float = 0.0
    """Of the givers, those who give every month."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """An edition of the season. `doors_at_ms` is when tickets are used; `ships` that parcels are sent; `returns` the
    share of buyers who send something back."""

    slug: str
    group: Group
    company: str
    offer: Offer
    released_at_ms: int
    crowd: Audience
    share: float
    """Of all commands of the season: what partitions are balanced by."""
    awaits_terms: bool = False
    doors_at_ms: int | None = None
    ships: bool = False
    returns: float = 0.0
    turns: tuple[Turn, ...] = ()


class SeasonPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a season follows from. `commands` is about how many it has."""

    seed: int
    commands: int
    partitions: int
    starts_ms: int
    groups: tuple[Group, ...]
