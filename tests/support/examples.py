"""The examples of the vocabulary, for tests: each starts from them and replaces what it is about."""

from typing import Any, TypeVar

import msgspec

from buystream.vocabulary import commands, events
from buystream.vocabulary.examples import COMMANDS, EVENTS, EXAMPLES, VARIANTS
from buystream.vocabulary.examples.story import (
    ANNA,
    API_KEY_HASH,
    CONCERT,
    DELIVERY,
    EDITION,
    FILE,
    GIFT,
    HOLD_SECONDS,
    INVITED,
    MEMBER,
    MERCHANT,
    OFFER,
    ORDER,
    PAYMENT,
    PRICE_MINOR,
    STALLS,
    T0,
)
from buystream.vocabulary.fields import values_in, values_of

__all__ = [
    "ANNA",
    "API_KEY_HASH",
    "BEN",
    "COMMANDS",
    "CONCERT",
    "DELIVERY",
    "EDITION",
    "EVENTS",
    "EXAMPLES",
    "FILE",
    "GIFT",
    "HOLD_SECONDS",
    "INVITED",
    "MEMBER",
    "MERCHANT",
    "OFFER",
    "ORDER",
    "OTHER_EDITION",
    "PAYMENT",
    "PRICE_MINOR",
    "STALLS",
    "T0",
    "VARIANTS",
    "example",
    "order_id",
    "replaced",
]

M = TypeVar("M", bound=commands.Command | events.Event)
S = TypeVar("S", bound=msgspec.Struct)

OTHER_EDITION = "ed0-rec0rd0000"
BEN = "by0-ben00000000000000000"


def order_id(number: int, edition_id: str = EDITION) -> str:
    """The n-th order id of an edition."""
    return f"{edition_id}-{number:020d}"


def example(kind: type[M], /, **changes: Any) -> M:
    """The example of that kind, with some fields replaced, each where it stands: in the message or in a value in it."""
    return replaced(EXAMPLES[kind], changes)  # type: ignore[return-value]


def replaced(whole: S, changes: dict[str, Any]) -> S:
    """The message or value with these fields replaced, in it or in the one value inside that has them."""
    left = dict(changes)
    own = {name: left.pop(name) for name in whole.__struct_fields__ if name in left}
    for field in msgspec.structs.fields(whole):
        for kind in values_in(field.type):
            inside = {name: left.pop(name) for name in list(left) if _has(kind, name)}
            if inside:
                value = own.get(field.name, getattr(whole, field.name))
                if isinstance(value, tuple):
                    own[field.name] = tuple(replaced(one, inside) for one in value)
                else:
                    own[field.name] = kind(**inside) if value is None else replaced(value, inside)
    return msgspec.structs.replace(whole, **own, **left)


def _has(kind: type[msgspec.Struct], name: str) -> bool:
    return name in kind.__struct_fields__ or any(name in value.__struct_fields__ for value in values_of(kind))
