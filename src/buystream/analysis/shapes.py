"""How each type of message is read for the tables: only the fields that they show or key, everything else is skipped
unseen. Made from the vocabulary, so that a new field is left out until it is marked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from itertools import starmap
from operator import attrgetter, or_
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from buystream.analysis.columns import EVENTS_TABLE, FIELD_COLUMNS, TABLES, TIME
from buystream.vocabulary import codec
from buystream.vocabulary.commands import Command
from buystream.vocabulary.events import EditionEvent, Event, OrderEvent, PaymentEvent
from buystream.vocabulary.events.buyers import BuyerEvent
from buystream.vocabulary.events.merchants import MerchantEvent
from buystream.vocabulary.fields import InTables, meanings

Kind = type[Command] | type[Event]

TIMES: Final = frozenset(column.name for column in TABLES[EVENTS_TABLE] if column.of_messages and column.type == TIME)

BY_ORIGINATOR: Final = ("edition_id", "order_id", "payment_id", "buyer_id", "merchant_id")
"""Fields that some events don't repeat, because they belong to that thing."""

OF_A_LINE: Final = {"quantity", "price_minor", "variant_id"}
"""Columns that are filled from an order's lines: of several, the units of all, and neither price nor variant."""

_FROM_ELSEWHERE: Final = {"originator_id", "originator_version", "at_ms", "edition_version", "subject"}
"""Fields with columns that don't have their names."""


class Shape(NamedTuple):
    """How messages of one kind are read. `read` is the struct that holds what is needed of one; `about` is its field
    with the id of what it is about, empty for the partition itself; `subject_column` is the column that has that id
    anyway, empty if none has; `values` gives a column's values for many; `rest` is the struct of what has no column,
    None where nothing is left."""

    name: str
    version: int
    read: type[msgspec.Struct]
    about: str
    subject_column: str
    values: Mapping[str, Callable[[Sequence[Any]], list[Any]]]
    rest: type[msgspec.Struct] | None
    defaults: tuple[Any, ...]
    """Of the rest: what isn't written."""

    def data(self, messages: Sequence[Any]) -> list[bytes] | None:
        """What has no column, of each, as JSON; None where nothing is left."""
        if self.rest is None:
            return None
        names = self.rest.__struct_fields__
        fields = [list(map(_several if name == "lines" else attrgetter(name), messages)) for name in names]
        if all(values.count(default) == len(values) for values, default in zip(fields, self.defaults, strict=True)):
            return [b"{}"] * len(messages)
        return _encode_lines(list(starmap(self.rest, zip(*fields, strict=True)))).split(b"\n")[:-1]


_encode_lines: Final = msgspec.json.Encoder().encode_lines


@cache
def shapes() -> dict[type[msgspec.Struct], Shape]:
    """By the struct that a message is read as."""
    return {shape.read: shape for shape in map(_shape, (*codec.COMMANDS, *codec.EVENTS))}


def read_as(kinds: Iterable[Kind]) -> Any:
    """The union of the structs that these kinds are read as."""
    wanted = {kind.__name__ for kind in kinds}
    return reduce(or_, (shape.read for shape in shapes().values() if shape.name in wanted))


def left_out(kind: Kind) -> frozenset[str]:
    """The fields of that kind that the tables have nothing of."""
    return frozenset(name for name, meaning in meanings(kind).items() if meaning.in_tables is InTables.LEFT_OUT)


@cache
def _shape(kind: Kind) -> Shape:
    tag = str(kind.__struct_config__.tag)
    kept = [field for field in msgspec.structs.fields(kind) if field.name not in left_out(kind)]
    needed = [_field(field) for field in kept]
    read = msgspec.defstruct(
        f"{kind.__name__}Read", needed, tag_field="type", tag=tag, kw_only=True, frozen=True, gc=False
    )
    columns = dict(_columns(kind, {field.name for field in kept}))
    rest = [field for field in kept if field.name not in _FROM_ELSEWHERE and _column_of(field.name) not in columns]
    about = _about(kind, read)
    return Shape(
        name=kind.__name__,
        version=int(tag.rpartition(".v")[2]),
        read=read,
        about=about,
        subject_column=_subject_column(kind, about),
        values=columns,
        rest=_rest(kind, rest) if rest else None,
        defaults=tuple(default.default for _, _, default in _rest_fields(rest)),
    )


def _about(kind: Kind, read: type[msgspec.Struct]) -> str:
    if issubclass(kind, Command):
        return kind.about
    return "subject" if "subject" in read.__struct_fields__ else "originator_id"


def _subject_column(kind: Kind, about: str) -> str:
    if issubclass(kind, Event):
        return next((name for name, base in _OF_THE if issubclass(kind, base)), "")
    return about


_OF_THE: Final[tuple[tuple[str, type[Event]], ...]] = (
    ("order_id", OrderEvent),
    ("payment_id", PaymentEvent),
    ("edition_id", EditionEvent),
    ("merchant_id", MerchantEvent),
    ("buyer_id", BuyerEvent),
)
"""What events belong to, and the column that has its id."""


def _columns(kind: Kind, fields: set[str]) -> Iterator[tuple[str, Callable[[Sequence[Any]], list[Any]]]]:
    for name in FIELD_COLUMNS:
        field = f"{name}_ms" if name in TIMES else name
        if field in fields:
            yield name, _all(field)
        elif name in OF_A_LINE and "lines" in fields:
            yield name, _all(f"lines.{name}")
        elif name in BY_ORIGINATOR and hasattr(kind, name):
            yield name, _all("originator_id")


def _all(path: str) -> Callable[[Sequence[Any]], list[Any]]:
    if path in _OF_LINES:
        of_lines = _OF_LINES[path]
        return lambda messages: [of_lines(message.lines) for message in messages]
    of_one = attrgetter(path)
    return lambda messages: list(map(of_one, messages))


_OF_LINES: Final[dict[str, Callable[[Sequence[Any]], Any]]] = {
    "lines.quantity": lambda lines: lines[0].quantity if len(lines) == 1 else sum(line.quantity for line in lines),
    "lines.price_minor": lambda lines: lines[0].price_minor if len(lines) == 1 else None,
    "lines.variant_id": lambda lines: lines[0].variant_id if len(lines) == 1 else "",
}


def _several(message: Any) -> tuple[Any, ...]:
    """The lines of an order that has more than one: columns say what an only one is."""
    return message.lines if len(message.lines) > 1 else ()


def _column_of(field: str) -> str:
    return field.removesuffix("_ms") if field.removesuffix("_ms") in TIMES else field


def _field(field: FieldInfo) -> tuple[str, Any, Any]:
    """With its type as it is read, and its default."""
    default = field.default
    if isinstance(default, msgspec.Struct):
        default = msgspec.convert(msgspec.to_builtins(default), _read_type(field.type))
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, _read_type(field.type), msgspec.field(default_factory=field.default_factory)
    return field.name, _read_type(field.type), msgspec.field(default=default)


def _rest(kind: Kind, fields: Sequence[FieldInfo]) -> type[msgspec.Struct]:
    return msgspec.defstruct(f"{kind.__name__}Rest", _rest_fields(fields), frozen=True, gc=False, omit_defaults=True)


def _rest_fields(fields: Iterable[FieldInfo]) -> list[tuple[str, Any, Any]]:
    """Those with defaults last."""
    made = [_field(field) for field in _required_first(fields)]
    lines = [(name, type_, msgspec.field(default=())) for name, type_, _ in made if name == "lines"]
    return [*(one for one in made if one[0] != "lines"), *lines]


def _required_first(fields: Iterable[FieldInfo]) -> list[FieldInfo]:
    return sorted(fields, key=lambda field: not field.required)


def _read_type(hint: Any) -> Any:
    """The type of a field, its values without the fields that the tables leave out."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _read_type(args[0])
    if origin in (Union, UnionType):
        return reduce(or_, map(_read_type, args))
    if origin is tuple:
        return tuple[tuple(one if one is Ellipsis else _read_type(one) for one in args)]  # type: ignore[misc]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _read_value(hint)
    return hint


@cache
def _read_value(value: type[msgspec.Struct]) -> type[msgspec.Struct]:
    kept = {name for name, meaning in meanings(value).items() if meaning.in_tables is InTables.SHOWN}
    fields = [_field(field) for field in msgspec.structs.fields(value) if field.name in kept]
    return msgspec.defstruct(f"{value.__name__}Read", fields, kw_only=True, frozen=True, gc=False)
