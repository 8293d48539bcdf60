"""What differs between two states of one thing, field by field; and what of a state is shown: nothing that leads to a
person without their key, so that the past of an erased buyer says no more than the present."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

HIDDEN: Final = frozenset(
    {
        *("delivery", "tracking", "card_label", "payment_method", "reusable_method", "reference"),
        *("authentication_url", "url", "api_key_hash", "api_keys", "revoked_keys", "content"),
    }
)
"""Fields and columns whose values are kept out: ciphertexts, the provider's references, hashes of keys."""


class ChangedField(msgspec.Struct, frozen=True):
    """A field, named by its path, at two moments; None where there was none."""

    field: str
    before: Any
    after: Any


def shown(value: Any) -> Any:
    """The state as JSON has it, without what is hidden."""
    match value:
        case msgspec.Struct():
            return shown(msgspec.structs.asdict(value))
        case Mapping():
            return {str(name): shown(one) for name, one in value.items() if name not in HIDDEN}
        case list() | tuple():
            return [shown(one) for one in value]
        case set() | frozenset():
            return sorted(value)
        case bytes() | memoryview():
            return _document(bytes(value))
    return value


def differences(before: Any, after: Any) -> list[ChangedField]:
    """Between two states as `shown` gives them, in the order of the fields."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        ChangedField(field, old.get(field), new.get(field))
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field)
    ]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case Mapping():
            named = {str(name): one for name, one in value.items()}
        case [Mapping(), *_]:
            named = {one.get("variant_id") or str(number): one for number, one in enumerate(value)}
        case _:
            yield path, value
            return
    for name, one in named.items():
        yield from _leaves(one, f"{path}.{name}" if path else name)


def _document(value: bytes) -> Any:
    """What is stored as JSON."""
    try:
        return shown(msgspec.json.decode(value))
    except msgspec.DecodeError:
        return value.hex()
