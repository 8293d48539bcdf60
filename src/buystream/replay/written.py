"""Whether a command has the bytes that a writer of ours gives it. What no reader reads changes no decision, so only the
bytes show that it was put there afterwards."""

from collections.abc import Iterator
from typing import Any

import msgspec

from buystream.vocabulary.codec import CommandEnvelope


def edited(value: bytes, read: CommandEnvelope) -> str:
    """What no writer of ours would have written in the record that was read as this; empty if there is nothing."""
    if msgspec.json.encode(read) == value:
        return ""
    raw = msgspec.json.decode(value)
    if msgspec.json.encode(raw) != value:
        return "its JSON has spaces, repeats or escapes that no writer of ours makes"
    unknown = next(_unknown(raw, read), None)
    return "" if unknown is None else f"it has the field {unknown[:80]!r}, which no such command has"


def _unknown(raw: Any, read: Any) -> Iterator[str]:
    """The fields of the JSON that nothing of what was read stands for. A message of an older version isn't looked
    into: it was read as its newest form."""
    if isinstance(read, msgspec.Struct) and isinstance(raw, dict):
        config = read.__struct_config__
        if config.tag_field and raw.get(config.tag_field) != config.tag:
            return
        names = dict(zip(read.__struct_encode_fields__, read.__struct_fields__, strict=True))
        for name, value in raw.items():
            if name in names:
                yield from _unknown(value, getattr(read, names[name]))
            elif name != config.tag_field:
                yield name
    elif isinstance(raw, list) and isinstance(read, tuple | list):
        for one, other in zip(raw, read, strict=False):
            yield from _unknown(one, other)
