"""`given(...).when(...).then(...)` on a partition: what happened, what is asked, what is decided.

    given(RELEASED, PLACED).when(CANCEL).then(expect(events.OrderCancelled, reason="buyer"))

A step of the past is a command (decided), an event (folded) or an int (the clock's new time in milliseconds)."""

from collections.abc import Sequence
from typing import Any, Self

import msgspec

from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.partition import Partition
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.ids import edition_of
from tests.support.actors import actor_of
from tests.support.examples import EDITION, ORDER, T0

Step = commands.Command | events.Event | int


class Expected(msgspec.Struct, frozen=True):
    """An event by its kind and the fields that matter."""

    kind: type[events.Event]
    fields: dict[str, Any]

    def matches(self, event: events.Event) -> bool:
        """Whether the event is of that kind and says so."""
        return type(event) is self.kind and all(getattr(event, name) == value for name, value in self.fields.items())

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({', '.join(f'{name}={value!r}' for name, value in self.fields.items())})"


def expect(kind: type[events.Event], **fields: Any) -> Expected:
    """An event of that kind with these fields; its other fields don't matter."""
    return Expected(kind, fields)


class Scenario:
    """A partition with its past, and what it decided last."""

    def __init__(self) -> None:
        self.partition = Partition(0)
        self.at_ms = T0
        self.position = -1
        self.decided: list[events.Event] = []

    def given(self, *steps: Step) -> Self:
        """Let these happen, whatever is decided."""
        for step in steps:
            if isinstance(step, int):
                self.at_ms = step
            elif isinstance(step, commands.Command):
                self._decide(step)
            else:
                self.position += 1
                sequence = self.partition.state.sequence + 1
                self.partition.fold(step, sequence=sequence, command_position=self.position)
        return self

    def when(self, *asked: commands.Command, at_ms: int | None = None, actor: str = "") -> Self:
        """Decide these, at that time, as asked by that actor or else by somebody who may."""
        self.at_ms = self.at_ms if at_ms is None else at_ms
        self.decided = [event for command in asked for event in self._decide(command, actor)]
        return self

    def then(self, *expected: Expected | type[events.Event]) -> Self:
        """Exactly these events were decided, in this order."""
        patterns = [pattern if isinstance(pattern, Expected) else Expected(pattern, {}) for pattern in expected]
        right = len(patterns) == len(self.decided) and all(
            pattern.matches(event) for pattern, event in zip(patterns, self.decided, strict=True)
        )
        assert right, f"expected {_lines(patterns)}\ndecided {_lines(self.decided)}"
        return self

    def and_state(self, aggregate_id: str = EDITION, /, **fields: Any) -> Self:
        """The edition, or the order of that id, is now like this."""
        aggregate = self.edition(aggregate_id) if aggregate_id.count("-") == 1 else self.order(aggregate_id)
        assert {name: getattr(aggregate, name) for name in fields} == fields
        return self

    def edition(self, edition_id: str = EDITION) -> Edition:
        """An edition as it is now."""
        return self.partition.state.editions[edition_id]

    def order(self, order_id: str = ORDER) -> Order:
        """An order as it is now."""
        return self.edition(edition_of(order_id)).orders[order_id]

    def _decide(self, command: commands.Command, actor: str = "") -> list[events.Event]:
        self.position += 1
        command = codec.decode_command(codec.encode(command))
        actor = actor or actor_of(command)
        return self.partition.decide(command, command_position=self.position, at_ms=self.at_ms, actor=actor)


def given(*steps: Step) -> Scenario:
    """A partition in which these happened, from `T0` on."""
    return Scenario().given(*steps)


def _lines(items: Sequence[object]) -> str:
    return "".join(f"\n  {item!r}" for item in items) or " nothing"
