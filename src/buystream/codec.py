"""Bytes ↔ messages. Bodies are JSON with the message's type and version inside; headers are CloudEvents 1.0 in the
Kafka binary mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache, reduce
from operator import or_
from typing import Any

import msgspec

from buystream import commands, events
from buystream.errors import BuystreamError

SOURCE = "/buystream"
CONTENT_TYPE = "application/json"

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

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

_encoder = msgspec.json.Encoder()
_decode_command: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, COMMANDS))
_decode_event: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, EVENTS))
_IN_EDITION = frozenset(kind for kind in EVENTS if hasattr(kind, "edition_version"))
_TYPES = {message: f"buystream.{message.__struct_config__.tag}" for message in (*COMMANDS, *EVENTS)}


def encode(message: commands.Command | events.Event) -> bytes:
    """The body, with its type and version."""
    return _encoder.encode(message)


def decode_command(body: bytes | memoryview) -> commands.Command:
    """A command in its newest version; raises Unreadable."""
    return _decode(_decode_command, body)  # type: ignore[no-any-return]


def decode_event(body: bytes | memoryview) -> events.Event:
    """An event in its newest version; raises Unreadable."""
    return _decode(_decode_event, body)  # type: ignore[no-any-return]


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes | memoryview) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            newest = _upcast(msgspec.json.decode(body))
            if newest is not None:
                return msgspec.convert(newest, decoder.type)
        except (msgspec.DecodeError, RecursionError, LookupError, TypeError, ValueError):
            pass  # not JSON at all, or no such old version: the first error says it best
        raise Unreadable(f"unreadable message: {error}") from error


def _upcast(fields: Any) -> dict[str, Any] | None:
    """The newest form of an old message, or None when no upcaster knows its type."""
    known = None
    while isinstance(fields, dict) and (step := UPCASTERS.get(str(fields.get("type")))) is not None:
        fields = known = step(fields)
    return known


def type_name(kind: type[commands.Command] | type[events.Event]) -> str:
    """The CloudEvents type of that kind of message."""
    return _TYPES[kind]


def type_of(message: commands.Command | events.Event) -> str:
    """The CloudEvents type: `buystream.OrderPlaced.v1`."""
    return _TYPES[type(message)]


def name_of(message: commands.Command | events.Event) -> str:
    """The message's name without its version: `OrderPlaced`."""
    return type(message).__name__


def command_headers(command: commands.Command, *, command_id: str, reply_to: str = "") -> dict[str, str]:
    """What travels beside a command; `reply_to` names the gateway that waits for the answer."""
    headers = {"ce_id": command_id, "ce_type": _TYPES[type(command)]}
    if reply_to:
        headers["ce_replyto"] = reply_to
    return headers


def event_headers(
    event: events.Event,
    *,
    partition: int,
    sequence: int,
    command_position: int,
    command_id: str,
    rules_version: int,
    reply_to: str = "",
) -> dict[str, str]:
    """What travels beside an event. `ce_sequence` is dense per partition; the id is partition and sequence.
    Only the event that answers a command carries the command's `ce_replyto`."""
    kind, subject = type(event), event.originator_id
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{partition}-{sequence}",
        "ce_source": SOURCE,
        "ce_type": _TYPES[kind],
        "ce_time": rfc3339(event.at_ms),
        "ce_subject": subject,
        "ce_partitionkey": getattr(event, "edition_id", "") or subject,
        "ce_sequence": f"{sequence}",
        "ce_aggregateversion": f"{event.originator_version}",
        "ce_commandposition": f"{command_position}",
        "ce_causationid": command_id,
        "ce_rulesversion": f"{rules_version}",
        "content-type": CONTENT_TYPE,
    }
    if kind in _IN_EDITION:
        headers["ce_editionversion"] = f"{event.edition_version}"  # type: ignore[attr-defined]
    if reply_to:
        headers["ce_replyto"] = reply_to
    return headers


def command_position_of(headers: Mapping[str, str]) -> int:
    """The position of the command that this event answers."""
    return int(headers["ce_commandposition"])


@lru_cache(maxsize=1024)
def rfc3339(at_ms: int) -> str:
    """`1416614400000` becomes `2014-11-22T00:00:00.000Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
