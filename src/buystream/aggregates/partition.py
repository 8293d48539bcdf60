"""A partition: everything that one owner decides about. A decision is a pure function of this state, the command, its
position and its time; deciding the same commands again gives exactly the same events."""

from typing import Self

import msgspec

from buystream.aggregates.deciding import DECIDE, NOT_PERMITTED
from buystream.aggregates.moment import Moment
from buystream.aggregates.recorder import Recorder
from buystream.aggregates.rules import rules_of
from buystream.aggregates.state import NOWHERE as NOWHERE
from buystream.aggregates.state import STATE_VERSION, State
from buystream.vocabulary import commands, events

_decode = msgspec.msgpack.Decoder(State).decode
"""Made before there are threads: while msgspec reads a type's fields for the first time, a second thread that decodes
the same type crashes the process."""


class Partition(Recorder):
    """Decides and folds. Used by one thread."""

    def __init__(self, number: int, state: State | None = None) -> None:
        super().__init__(State(number=number) if state is None else state)

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """From a snapshot; raises msgspec.DecodeError when it is of another form."""
        state = _decode(snapshot)
        if state.state_version != STATE_VERSION:
            raise msgspec.ValidationError(f"state version {state.state_version}, not {STATE_VERSION}")
        return cls(state.number, state)

    def snapshot(self) -> bytes:
        """The whole state."""
        return msgspec.msgpack.encode(self.state)

    def decide(
        self, command: commands.Command, *, command_position: int, at_ms: int, actor: str | None = None
    ) -> list[events.Event]:
        """The events that answer the command, the answer proper first; state has changed by them on return. `at_ms`
        is the log's time of the command; time never runs backwards here, even if a log's does. `actor` asks for it;
        None: someone who may, for a question that no log holds, such as what would have happened."""
        state = self.state
        state.command_position = command_position
        if at_ms > state.at_ms:
            state.at_ms = at_ms
        moment = Moment(state.at_ms, rules_of(state.rules_version), actor, self.happens)
        if actor is None or commands.permits(command, actor):
            DECIDE[type(command)](self, command, moment)
        else:
            self.unchanged(NOT_PERMITTED, command, getattr(command, command.about, ""), moment)
        state.sequence += len(moment.decided)
        return moment.decided

    def set_aside(self, reason: str, *, command_position: int, at_ms: int, command: str = "") -> list[events.Event]:
        """The answer to a command that can't be read or can't be decided. Time passes; nothing else changes."""
        state = self.state
        state.command_position = command_position
        state.at_ms = max(state.at_ms, at_ms)
        state.sequence += 1
        refused = self.event(events.CommandRefused, command=command, subject="", reason=reason)
        self.happens(refused)
        return [refused]

    def fold(self, event: events.Event, *, sequence: int, command_position: int) -> None:
        """Change state by an event that was read back."""
        state = self.state
        state.sequence = sequence
        state.command_position = command_position
        state.at_ms = event.at_ms
        self.happens(event)
