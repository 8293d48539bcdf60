"""The rules that decisions depend on, by version. A changed rule gets a new version here; the old one stays, because
the log says which version each decision was made by."""

from typing import Final

import msgspec

from buystream.errors import BuystreamError


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the rules."""

    version: int
    payment_attempts_max: int
    hold_ceiling_seconds: int
    """A hold whose clock is set anew ends at the latest so long after the order was placed."""
    hold_rest_seconds: int
    """A hold whose clock starts again keeps at least so much, or a whole hold if that is less."""
    expiries_per_tick_max: int
    away_hold_seconds: int = 3 * 24 * 3600
    """A hold whose clock starts again while the buyer isn't there keeps at least so much."""
    asked_at_once_max: int = 100
    """What one edition asks the provider for by the clock, before it waits for answers."""
    answers_awaited_seconds: int = 3600
    """So long a campaign's end waits for payments that were asked for before it."""
    partial_captures: bool = False
    """Whether less than was reserved may be taken; by version 1 such a capture is refused."""


class UnknownRules(BuystreamError):
    """This program is too old or too new for the partition's rules."""


RULES: Final[dict[int, Rules]] = {
    1: Rules(
        version=1,
        payment_attempts_max=3,
        hold_ceiling_seconds=1800,
        hold_rest_seconds=60,
        expiries_per_tick_max=1000,
    ),
    2: Rules(
        version=2,
        payment_attempts_max=3,
        hold_ceiling_seconds=1800,
        hold_rest_seconds=60,
        expiries_per_tick_max=1000,
        partial_captures=True,
    ),
}

FIRST_RULES: Final = 1
NEWEST_RULES: Final = max(RULES)


def rules_of(version: int) -> Rules:
    """The rules of that version; raises UnknownRules."""
    try:
        return RULES[version]
    except KeyError:
        raise UnknownRules(
            f"the log asks for rules version {version}, this program knows {sorted(RULES)}: run a release that has it"
        ) from None
