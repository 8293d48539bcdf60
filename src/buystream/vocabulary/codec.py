"""Bytes ↔ messages. A record of the log is one CloudEvent 1.0 in the structured JSON mode: its attributes are the
members of a JSON object, and the message, with its type and version inside, is `data`
(https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache, reduce
from operator import or_
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from buystream.errors import BuystreamError
from buystream.vocabulary import commands, events
from buystream.vocabulary.actors import UNKNOWN
from buystream.vocabulary.trace import traceparent_of

SOURCE: Final = "/buystream"
"""The source of commands, whose ids are random; that of events names the shop, see `source_of`."""

CONTENT_TYPE: Final = "application/cloudevents+json"
"""Of a record of the log."""

ENVELOPE_CHARS_MAX: Final = 1_000
"""Of a command's key, its id, the gateway's name and its actor together: its answer repeats some; ours have a fifth of
it."""

SEQUENCE_DIGITS: Final = 19
"""Of an event's sequence: padded, because the CloudEvents extension orders it as text; what a 64-bit integer holds."""

REPLAY_OF: Final = "replayof"
"""The attribute of a CloudEvent that is a replay of the past: topic, partition and position of the original. No reader
of a shop takes it for a record of its log."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
Upcast = Callable[[Any], dict[str, Any] | None]

UPCASTERS: dict[str, Upcaster] = {}
"""From an old type's tag (`OrderPlaced.v1`) to a function that returns the same fact as the next version's dict,
its `type` included. Consumers see only the newest version."""


class Unreadable(BuystreamError):
    """The bytes are not a message of this vocabulary, in any version."""


def leaves(root: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """Every concrete message below `root`, in the order of their definition."""
    for child in root.__subclasses__():
        if child.__subclasses__():
            yield from leaves(child)
        else:
            yield child


COMMANDS: tuple[type[commands.Command], ...] = tuple(leaves(commands.Command))  # type: ignore[arg-type]
EVENTS: tuple[type[events.Event], ...] = tuple(leaves(events.Event))  # type: ignore[arg-type]

ESCAPED_NUL = b"\\u0000"
"""How JSON writes a NUL, the only way; the text of a backslash and "u0000" looks like it."""

_encode = msgspec.json.Encoder().encode


Actor = Annotated[str, msgspec.Meta(min_length=1)]


class _Untraced(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="specversion", tag="1.0"):
    id: str
    source: str
    type: str
    actor: Actor
    data: reduce(or_, COMMANDS)  # type: ignore[valid-type]
    replyto: str = ""


class CommandEnvelope(_Untraced, frozen=True, gc=False, tag="1.0"):
    """A command with its attributes. `replyto` names the gateway that waits for the answer; `traceparent` says where it
    belongs in its client's trace."""

    traceparent: str = ""


class _Received(CommandEnvelope, frozen=True, gc=False, tag="1.0"):
    """A command as it is read; none is written with the last attribute."""

    replayof: str = ""


class _EventAttributes(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="specversion", tag="1.0"):
    id: str
    source: str
    type: str
    time: str
    subject: str
    partitionkey: str
    sequence: str
    aggregateversion: int
    commandposition: Annotated[int, msgspec.Meta(ge=0)]
    causationid: str
    actor: Actor


class UntracedEvent(_EventAttributes, frozen=True, gc=False, tag="1.0"):
    """An event with its attributes: see `event_envelope`. Most have no trace, and nothing is encoded for it."""

    rulesversion: int
    data: events.Event
    editionversion: int = 0
    replyto: str = ""


class EventEnvelope(UntracedEvent, frozen=True, gc=False, tag="1.0"):
    """One that belongs to its client's trace."""

    traceparent: str = ""


class EventHead(_EventAttributes, frozen=True, gc=False, tag="1.0"):
    """The attributes of an event, read without its data. `editionversion` is 0 where the event counts in no edition."""

    editionversion: int = 0
    replyto: str = ""
    traceparent: str = ""
    replayof: str = ""


class _CommandHead(msgspec.Struct, frozen=True, gc=False):
    id: str = ""
    replyto: str = ""
    actor: str = ""
    traceparent: str = ""


class Asker(NamedTuple):
    """What an answer repeats of its command: the id, the `replyto`, who asked, and the trace that it belongs to."""

    command_id: str
    reply_to: str
    actor: str
    traceparent: str


class _EventData(msgspec.Struct, frozen=True, gc=False):
    data: reduce(or_, EVENTS)  # type: ignore[valid-type]


_decode_command: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, COMMANDS))
_decode_event: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, EVENTS))
_decode_command_envelope = msgspec.json.Decoder(_Received).decode
_decode_command_head = msgspec.json.Decoder(_CommandHead).decode
_decode_event_head = msgspec.json.Decoder(EventHead).decode
_decode_event_data = msgspec.json.Decoder(_EventData).decode
_TYPES = {message: f"buystream.{message.__struct_config__.tag}" for message in (*COMMANDS, *EVENTS)}
_OF_EVENTS = {kind: (_TYPES[kind], hasattr(kind, "edition_id"), hasattr(kind, "edition_version")) for kind in EVENTS}
"""The CloudEvents type of an event's kind, and whether it names its edition and counts in its version."""


def encode(message: commands.Command | events.Event) -> bytes:
    """The message alone, with its type and version: what is a record's `data`."""
    return _encode(message)


def decode_command(body: bytes | memoryview) -> commands.Command:
    """A command alone, in its newest version; raises Unreadable. Text with a NUL is unreadable: PostgreSQL can't store
    it, so no view could show what is decided about it."""
    command = _decode(_decode_command, body)
    if ESCAPED_NUL in bytes(body) and _holds_nul(msgspec.to_builtins(command)):
        raise Unreadable("unreadable message: text holds a NUL")
    return command  # type: ignore[no-any-return]


def decode_event(body: bytes | memoryview) -> events.Event:
    """An event alone, in its newest version; raises Unreadable."""
    return _decode(_decode_event, body)  # type: ignore[no-any-return]


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes | memoryview) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _newest(body, decoder.type, _upcast, error)


def _newest(value: bytes | memoryview, kind: Any, upcast: Upcast, error: Exception) -> Any:
    """What was written in an old version, as `kind`. Raises Unreadable because of `error`, the first attempt's."""
    try:
        newest = upcast(msgspec.json.decode(value))
        if newest is not None:
            return msgspec.convert(newest, kind)
    except (msgspec.DecodeError, RecursionError, LookupError, TypeError, ValueError):
        pass  # not JSON at all, or no such old version: the first error says it best
    raise Unreadable(f"unreadable message: {error}") from error


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(one) for pair in value.items() for one in pair)
    return isinstance(value, list | tuple) and any(_holds_nul(one) for one in value)


def _upcast(fields: Any) -> dict[str, Any] | None:
    """The newest form of an old message, or None when no upcaster knows its type."""
    known = None
    while isinstance(fields, dict) and (step := UPCASTERS.get(str(fields.get("type")))) is not None:
        fields = known = step(fields)
    return known


def _upcast_data(envelope: Any) -> dict[str, Any] | None:
    """The envelope around the newest form of its message, or None as `_upcast` gives it."""
    newest = _upcast(envelope["data"])
    return None if newest is None else {**envelope, "data": newest}


def type_name(kind: type[commands.Command] | type[events.Event]) -> str:
    """The CloudEvents type of that kind of message."""
    return _TYPES[kind]


def type_of(message: commands.Command | events.Event) -> str:
    """The CloudEvents type: `buystream.OrderPlaced.v1`."""
    return _TYPES[type(message)]


def name_of(message: commands.Command | events.Event) -> str:
    """The message's name without its version: `OrderPlaced`."""
    return type(message).__name__


def encode_command(
    command: commands.Command, *, command_id: str, actor: str, reply_to: str = "", traceparent: str = ""
) -> bytes:
    """A command's record; `reply_to` names the gateway that waits for the answer. Raises NotPermitted unless the actor
    may ask for it: nothing gets onto the log by an entrance that isn't made for it."""
    if not commands.permits(command, actor):
        raise commands.NotPermitted(f"{actor} may not ask for {name_of(command)}")
    kind = _TYPES[type(command)]
    if traceparent:
        return _encode(CommandEnvelope(command_id, SOURCE, kind, actor, command, reply_to, traceparent))
    return _encode(_Untraced(command_id, SOURCE, kind, actor, command, reply_to))


def read_command(value: bytes) -> CommandEnvelope:
    """The command of a record, in its newest version, with its attributes; raises Unreadable."""
    try:
        envelope: _Received = _decode_command_envelope(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        envelope = _newest(value, _Received, _upcast_data, error)
    if envelope.replayof:
        raise Unreadable(f"unreadable message: it is a replay of {envelope.replayof[:ENVELOPE_CHARS_MAX]}")
    if ESCAPED_NUL in value and _holds_nul(msgspec.to_builtins(envelope)):
        raise Unreadable("unreadable message: text holds a NUL")
    return envelope


def answer_to(value: bytes) -> Asker:
    """What the answer to a command repeats of it, if the command can't be read: as far as it can be; empty otherwise,
    and the actor is unknown."""
    try:
        head = _decode_command_head(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Asker("", "", UNKNOWN, "")
    known = (text if is_fit(text) else "" for text in (head.id, head.replyto, head.actor))
    command_id, reply_to, actor = known
    return Asker(command_id, reply_to, actor or UNKNOWN, traceparent_of(head.traceparent))


def is_fit(text: str) -> bool:
    """Whether an answer can repeat this part of its command's envelope. Bytes of a key that aren't UTF-8 are read as
    U+FFFD, which no writer of ours uses."""
    # Every command passes here: that a text is ASCII is known without reading it.
    return len(text) <= ENVELOPE_CHARS_MAX and "\0" not in text and (text.isascii() or "\ufffd" not in text)


def event_envelope(
    event: events.Event,
    *,
    partition: int,
    sequence: int,
    command_position: int,
    command_id: str,
    rules_version: int,
    actor: str,
    reply_to: str = "",
    source: str = SOURCE,
) -> UntracedEvent:
    """An event with its attributes. The `sequence` is dense per partition; the id is partition and sequence; `actor`
    asked for the command. Only the event that answers a command carries the command's `reply_to`."""
    subject = event.originator_id
    type_, names_edition, is_in_edition = _OF_EVENTS[type(event)]
    return UntracedEvent(
        f"{partition}-{sequence}",
        source,
        type_,
        rfc3339(event.at_ms),
        subject,
        event.edition_id or subject if names_edition else subject,  # type: ignore[attr-defined]
        str(sequence).zfill(SEQUENCE_DIGITS),
        event.originator_version,
        command_position,
        command_id,
        actor,
        rules_version,
        event,
        event.edition_version if is_in_edition else 0,  # type: ignore[attr-defined]
        reply_to,
    )


def traced(envelope: UntracedEvent, traceparent: str) -> EventEnvelope:
    """The event in its command's trace."""
    return EventEnvelope(**msgspec.structs.asdict(envelope), traceparent=traceparent)


def encode_event(envelope: UntracedEvent) -> bytes:
    """An event's record."""
    return _encode(envelope)


def read_event(value: bytes) -> events.Event:
    """The event of a record, in its newest version; raises Unreadable."""
    try:
        read = _decode_event_data(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        read = _newest(value, _EventData, _upcast_data, error)
    return read.data  # type: ignore[no-any-return]


def read_head(value: bytes) -> EventHead:
    """The attributes of an event's record; raises Unreadable."""
    try:
        return _decode_event_head(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"unreadable message: {error}") from error


def source_of(shop_id: str) -> str:
    """The source of a shop's events: with their ids, they are the only ones of their kind anywhere."""
    return f"{SOURCE}/{shop_id}"


@lru_cache(maxsize=1024)
def rfc3339(at_ms: int) -> str:
    """`1416614400000` becomes `2014-11-22T00:00:00.000Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
