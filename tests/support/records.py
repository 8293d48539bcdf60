"""Records of the log, as their writers make them."""

from typing import Any

import msgspec

from buystream.log import Message
from buystream.vocabulary import codec
from buystream.vocabulary.commands import Command
from buystream.vocabulary.events import Event
from tests.support.actors import actor_of


def command_message(
    command: Command, *, command_id: str = "1", key: str = "", reply_to: str = "", actor: str = ""
) -> Message:
    """A command on its way, from somebody who may ask for it unless an actor is given."""
    actor = actor or actor_of(command)
    return Message(codec.encode_command(command, command_id=command_id, actor=actor, reply_to=reply_to), key)


def event_message(event: Event, *, sequence: int, command_position: int | None = None, **others: Any) -> Message:
    """An event as an owner writes it. Unless given, `command_position` is the same number as `sequence`."""
    usual: dict[str, Any] = {"partition": 0, "command_id": "c", "rules_version": 1, "actor": "system:tests"}
    position = sequence if command_position is None else command_position
    traceparent = others.pop("traceparent", "")
    envelope = codec.event_envelope(event, sequence=sequence, command_position=position, **usual | others)
    if traceparent:
        envelope = codec.traced(envelope, traceparent)
    return Message(codec.encode_event(envelope), envelope.partitionkey)


def changed(value: bytes, **attributes: Any) -> bytes:
    """A record with other attributes; without those that are None."""
    whole = msgspec.json.decode(value) | attributes
    return msgspec.json.encode({name: it for name, it in whole.items() if it is not None})
