"""Who comes when. A crowd is a list of visits in the order of their times; a bot's is followed by its next tries."""

from typing import Final

import msgspec

from buystream.season.acts import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Audience
from buystream.season.draws import Draws

EARLY: Final = 0.06
"""Of a rush, who comes before the sale opens."""
EARLY_MS: Final = 90 * SECOND_MS
FIRST_MINUTES: Final = 0.62
FIRST_MS: Final = 75 * SECOND_MS
"""How long the first ones take to come, on average; so many come then."""
LATER_MS: Final = 2 * DAY_MS

APPEALS_MS: Final = tuple(minutes * MINUTE_MS for minutes in (10, 55, 95, 140, 180, 225))
"""A broadcast asks for gifts that long after its beginning."""
APPEAL_MS: Final = 4 * MINUTE_MS
EVENING_MS: Final = 5 * HOUR_MS
ANSWERS_AN_APPEAL: Final = 0.7

BY_HOUR: Final = (1, 0.5, 0.3, 0.2, 0.2, 0.4, 1, 2, 3, 4, 4.5, 5, 6, 5, 4.5, 4.5, 5, 6, 8, 9.5, 10, 9, 6, 3)
"""How many come in each hour of a day (UTC)."""
_HOURS: Final = tuple((hour, weight / sum(BY_HOUR)) for hour, weight in enumerate(BY_HOUR))

BOT_TRIES: Final = 40
"""Of one bot, on average: a bot counts as so many visits."""


class Visit(msgspec.Struct, frozen=True, gc=False):
    """Someone comes at a time; a bot tries `tries` times."""

    at_ms: int
    tries: int = 1


def visits(crowd: Audience, draws: Draws) -> list[Visit]:
    """All visits, first come first."""
    people = round(crowd.visits * (1 - crowd.bots))
    times = {"rush": _rush_ms, "steady": _steady_ms, "broadcast": _broadcast_ms}[crowd.curve]
    found = [Visit(times(crowd, draws)) for _ in range(people)]
    left = crowd.visits - people
    while left > 0:
        tries = min(round(draws.about(BOT_TRIES, 0.4)), max(left, 1))
        found.append(Visit(crowd.opens_at_ms + round(draws.waiting(4 * SECOND_MS)), tries))
        left -= tries
    return sorted(found, key=lambda visit: visit.at_ms)


def _rush_ms(crowd: Audience, draws: Draws) -> int:
    """Most come in the minutes after the sale opens, some before; the others by day, fewer every day."""
    share = draws.share()
    if share < EARLY:
        return crowd.opens_at_ms - round(draws.waiting(EARLY_MS))
    if share < EARLY + FIRST_MINUTES:
        return crowd.opens_at_ms + round(draws.waiting(FIRST_MS))
    day = int(draws.waiting(LATER_MS) // DAY_MS)
    at_ms = _at_an_hour(crowd.opens_at_ms + day * DAY_MS, draws)
    return (
        at_ms if crowd.opens_at_ms < at_ms < crowd.closes_at_ms else crowd.opens_at_ms + round(draws.waiting(HOUR_MS))
    )


def _steady_ms(crowd: Audience, draws: Draws) -> int:
    days = max((crowd.closes_at_ms - crowd.opens_at_ms) // DAY_MS, 1)
    at_ms = _at_an_hour(crowd.opens_at_ms + draws.number(days) * DAY_MS, draws)
    return max(at_ms, crowd.opens_at_ms + draws.number(HOUR_MS))


def _broadcast_ms(crowd: Audience, draws: Draws) -> int:
    """Waves after each appeal, others all evening, a few on the day after."""
    share = draws.share()
    if share < ANSWERS_AN_APPEAL:
        appeal_ms = APPEALS_MS[draws.number(len(APPEALS_MS))]
        return crowd.opens_at_ms + appeal_ms + round(draws.waiting(APPEAL_MS))
    if share < 0.95:
        return crowd.opens_at_ms + draws.number(EVENING_MS)
    return crowd.opens_at_ms + EVENING_MS + draws.number(DAY_MS)


def _at_an_hour(at_ms: int, draws: Draws) -> int:
    """On that day, at a time when people are awake."""
    return at_ms // DAY_MS * DAY_MS + draws.one_of(_HOURS) * HOUR_MS + draws.number(HOUR_MS)
