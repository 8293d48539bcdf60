"""The moment of a decision: when it is, which rules are in force, and who asks. What is decided then happens at
once."""

from collections.abc import Callable
from typing import Any

from buystream.aggregates.rules import Rules
from buystream.vocabulary import events


class Moment:
    """One command's. `decided` are the events so far, the answer to the command first."""

    __slots__ = ("_happens", "actor", "at_ms", "decided", "rules")

    def __init__(self, at_ms: int, rules: Rules, actor: str | None, happens: Callable[[Any], None]) -> None:
        """`happens` changes the state by an event."""
        self.at_ms = at_ms
        self.rules = rules
        self.actor = actor
        self.decided: list[events.Event] = []
        self._happens = happens

    def record(self, event: events.Event) -> None:
        """This was decided, and happens."""
        self._happens(event)
        self.decided.append(event)

    def answer(self, event: events.Event) -> None:
        """This answers the command, whatever else was decided before."""
        self._happens(event)
        self.decided.insert(0, event)
