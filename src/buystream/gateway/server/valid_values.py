"""What would have been right: the values that a field of a request's body takes, where they are few."""

from collections.abc import Iterable
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
from litestar.handlers import BaseRouteHandler

from buystream.vocabulary import email_addresses, texts

ENUM_FAULT = "Invalid enum value"
FIELD_FAULT = "Object contains unknown field"
"""How msgspec's messages begin."""

WHOLE_BODY = "data"
"""What Litestar calls the body itself."""


def body_type(handler: BaseRouteHandler) -> Any:
    """The type of the body that the route takes, or None."""
    field = handler.parsed_data_field
    return None if field is None else field.annotation


def valid_values(body: Any, key: str, message: str) -> str:
    """` (one of a, b, c)` for the field at `key` (`refund.by`), or nothing."""
    found = _at(body, [part for part in key.split(".") if part not in ("", WHOLE_BODY)])
    if message.startswith(ENUM_FAULT):
        return _one_of(_choices(found))
    if message.startswith(FIELD_FAULT):
        return _one_of(_fields(found))
    return ""


def in_words(message: str) -> str:
    """The message, for people where it would show them a regular expression of a text's form."""
    return _FORMS.get(message, message)


_FORMS: Final = {
    f"Expected `str` matching regex {pattern!r}": f"Expected {words}"
    for pattern, words in {
        **texts.IN_WORDS,
        **dict.fromkeys((email_addresses.EMAIL, email_addresses.EMAIL_OR_NONE), email_addresses.WHAT_IT_IS),
    }.items()
}
"""By the message that msgspec has."""


def _one_of(values: Iterable[object]) -> str:
    listed = ", ".join(str(value) for value in values)
    return f" (one of {listed})" if listed else ""


def _at(kind: Any, path: list[str]) -> Any:
    """The type of the field that the path leads to; None when it leads nowhere."""
    for name in path:
        kind = next((hints[name] for hints in map(_hints, _variants(kind)) if name in hints), None)
    return kind


def _variants(kind: Any) -> list[Any]:
    """The kind itself, or what a union is made of, without annotations' metadata."""
    if hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    return list(get_args(kind)) if get_args(kind) and get_origin(kind) is not Literal else [kind]


def _hints(kind: Any) -> dict[str, Any]:
    if not _is_struct(kind):
        return {}
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}


def _fields(kind: Any) -> Iterable[str]:
    return [name for each in _variants(kind) for name in _hints(each)]


def _choices(kind: Any) -> Iterable[object]:
    return [value for each in _variants(kind) if get_origin(each) is Literal for value in get_args(each)]


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
