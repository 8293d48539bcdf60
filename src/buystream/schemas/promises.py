"""What a change of the published schemas breaks for the readers and writers of a version."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from buystream.schemas.messages import Schema, split
from buystream.vocabulary import codec


def breaches(
    old: Mapping[str, Schema], new: Mapping[str, Schema], upcasters: Iterable[str] = codec.UPCASTERS
) -> list[str]:
    """What the change from `old` to `new` breaks, one line each."""
    found: list[str] = []
    for path, was in old.items():
        now = new.get(path)
        found += _vanished(path, new, upcasters) if now is None else _changed(path, was, now)
    return found


def _vanished(path: str, new: Mapping[str, Schema], upcasters: Iterable[str]) -> Iterator[str]:
    """An old version is read for ever: through an upcaster, step by step, up to a newer version."""
    tag = Path(path).stem
    stem, version = split(path)
    if not any(split(other)[0] == stem and split(other)[1] > version for other in new):
        yield f"{path}: no message has this type or a newer version of it"
    if tag not in upcasters:
        yield f"{path}: nothing upcasts {tag}: add it to codec.UPCASTERS"


def _changed(path: str, was: Schema, now: Schema) -> Iterator[str]:
    for name, value in was.get("$defs", {}).items():
        if name not in now.get("$defs", {}):
            yield f"{path}: lost the value {name}"
        else:
            yield from _changed(f"{path}: {name}", value, now["$defs"][name])
    for name, field in was["properties"].items():
        if name not in now["properties"]:
            yield f"{path}: lost the field {name}"
        elif _shape(field) != _shape(now["properties"][name]):
            yield f"{path}: the field {name} was {_shape(field)} and is {_shape(now['properties'][name])}"
    for name in sorted({*was["required"]} ^ {*now["required"]}):
        if name in was["properties"] and name in now["properties"]:
            yield f"{path}: the field {name} must stay {'required' if name in was['required'] else 'optional'}"
        elif name in now["required"]:
            yield f"{path}: gained the required field {name}"


def _shape(field: Schema) -> Schema:
    """The type and the default: messages leave defaults out, so another default would change what was said."""
    return {name: value for name, value in field.items() if name != "description"}
