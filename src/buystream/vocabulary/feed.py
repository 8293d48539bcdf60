"""What merchants read of the events, on their topics, by webhooks and from the feed: which events, and which fields of
them."""

from collections.abc import Iterator
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from buystream.vocabulary import codec
from buystream.vocabulary.actors import merchant_of
from buystream.vocabulary.events import EditionEvent, Event, OrderEvent, PaymentEvent
from buystream.vocabulary.fields import meanings, values_in

FEED_CONTENT_TYPE: Final = "application/json"
"""Of a record on a merchant's topic; its attributes are headers."""

FED: Final = tuple(kind for kind in codec.EVENTS if issubclass(kind, (EditionEvent, OrderEvent, PaymentEvent)))


def public_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of that kind of event that merchants read: those that are marked for it, none by default."""
    return frozenset(name for name, meaning in meanings(kind).items() if meaning.in_feed)


def private_fields(kind: type[msgspec.Struct], inside: str = "") -> Iterator[str]:
    """The fields of that kind of event that merchants don't read; those of a value as `offer.stock`."""
    public = public_fields(kind)
    for field in msgspec.structs.fields(kind):
        if field.name not in public:
            yield inside + field.name
            continue
        for value in values_in(field.type):
            yield from private_fields(value, f"{inside}{field.name}.")


def public_form(event: Event) -> msgspec.Struct:
    """What merchants read of the event."""
    return msgspec.convert(event, _public_kind(type(event)), from_attributes=True)


class Attributes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="specversion", tag="1.0"):
    """The attributes of CloudEvents that merchants read. `actor` is there when it is one of the merchant's own keys."""

    id: str
    source: str
    type: str
    time: str
    subject: str
    partitionkey: str
    sequence: str
    aggregateversion: int
    editionversion: int
    actor: str = ""


def attributes_of(head: codec.EventHead, event: Event | None, merchant_id: str = "") -> Attributes:
    """The event's own id and place, and its newest type. Its actor is left out unless it is one of the keys of
    `merchant_id`, whose feed it is. `event` is None for one that can't be read."""
    return Attributes(
        id=head.id,
        source=head.source,
        type=head.type if event is None else codec.type_of(event),
        time=head.time,
        subject=head.subject,
        partitionkey=head.partitionkey,
        sequence=head.sequence,
        aggregateversion=head.aggregateversion,
        editionversion=head.editionversion,
        actor=head.actor if merchant_id and merchant_of(head.actor) == merchant_id else "",
    )


def data_of(event: Event | None) -> bytes:
    """The event without anything that isn't public. One that can't be read (None) keeps its place, with an empty
    body."""
    return b"{}" if event is None else _encode(public_form(event))


_encode: Final = msgspec.json.Encoder().encode


@cache
def _public_kind(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same message or value with its public fields only, and likewise the values inside it."""
    public, config = public_fields(kind), kind.__struct_config__
    made = msgspec.defstruct(
        kind.__name__,
        [_public_field(field) for field in msgspec.structs.fields(kind) if field.name in public],
        tag_field=config.tag_field,
        tag=config.tag,
        kw_only=True,
        omit_defaults=config.omit_defaults,
        gc=False,
    )
    # Its fields are read here, by one thread: a second one that uses the type meanwhile would crash the process.
    msgspec.json.Decoder(made)
    return made


def _public_field(field: FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    """A default that is a value would be the private form: such a field is always written out."""
    hint = _public_form(field.type)
    required = field.required or isinstance(field.default, msgspec.Struct)
    return (field.name, hint) if required else (field.name, hint, field.default)


def _public_form(hint: Any) -> Any:
    """The type of a field, with the public form of each value in it."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _public_kind(hint)
    if not any(values_in(hint)):
        return hint
    if get_origin(hint) is Annotated:
        return _public_form(get_args(hint)[0])
    parts = tuple(_public_form(part) for part in get_args(hint))
    return reduce(or_, parts) if isinstance(hint, UnionType) else get_origin(hint)[parts]
