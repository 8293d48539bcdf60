"""The agenda: what editions have to do by the clock, unasked. A campaign ends and its pledges are settled, a recurring
gift is due, a cancelled edition refunds everyone. Holds have deadlines of their own: see `holds`."""

from collections.abc import Collection
from typing import Final

from buystream.aggregates.deadlines import Deadlines
from buystream.aggregates.edition import campaigning, cancelling, giving
from buystream.aggregates.edition.duty import Duty
from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import events


def _by_name(*duties: Duty) -> dict[str, Duty]:
    return {duty.name: duty for duty in duties}


OF_EDITIONS: Final = _by_name(campaigning.CAMPAIGN, cancelling.CANCEL)
"""Looked at after every event of a timed edition."""

OF_GIFTS: Final = _by_name(giving.GIFT)
"""Looked at after the events that are about a recurring gift."""


def carry_on(edition: Edition, duty: str, about: str, moment: Moment) -> None:
    """One bounded step of a duty; `about` is the recurring gift, if it is one's."""
    (OF_GIFTS if about else OF_EDITIONS)[duty].carry_on(edition, about, moment)


class Agenda:
    """What is due when, of all editions of a partition."""

    def __init__(self) -> None:
        self._due_ms: dict[tuple[str, str, str], int] = {}
        """By edition, duty and recurring gift."""
        self._deadlines = Deadlines(lambda entry: self._due_ms.get(entry[1:]) == entry[0])

    def note(self, edition: Edition, rules: Rules, event: events.Event) -> None:
        """The event has happened to the edition."""
        for duty in OF_EDITIONS.values():
            self._set(edition, duty, "", rules)
        if gift_id := getattr(event, "gift_id", ""):
            for duty in OF_GIFTS.values():
                self._set(edition, duty, gift_id, rules)

    def note_all(self, edition: Edition, rules: Rules) -> None:
        """By the rules in force: a restored partition must not know other times than one that continues."""
        for duty in OF_EDITIONS.values():
            self._set(edition, duty, "", rules)
        for gift_id in edition.recurring:
            for duty in OF_GIFTS.values():
                self._set(edition, duty, gift_id, rules)

    def next_ms(self, without: Collection[str] = ()) -> int | None:
        """When the first duty is due, or None; `without` as Tick has it."""
        return self._deadlines.next_ms(without)

    def due(self, until_ms: int, limit: int, without: Collection[str] = ()) -> list[tuple[int, str, str, str]]:
        """Up to `limit` duties that are due by then. What is handed over counts as done until the next event that may
        change it."""
        due: list[tuple[int, str, str, str]] = []
        while len(due) < limit and (entry := self._deadlines.take(until_ms, without)) is not None:
            del self._due_ms[entry[1:]]
            due.append(entry)
        return due

    def _set(self, edition: Edition, duty: Duty, about: str, rules: Rules) -> None:
        known = edition.id, duty.name, about
        due_ms = duty.due_ms(edition, about, rules)
        if due_ms is None:
            self._due_ms.pop(known, None)
        elif due_ms != self._due_ms.get(known):
            self._due_ms[known] = due_ms
            self._deadlines.add((due_ms, *known))
