"""The published messages as people read them: each with its fields and who may see them, who may ask, its versions and
what changed between them, and examples."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from buystream.schemas.folder import published
from buystream.schemas.messages import FEED, FOLDERS, Schema, split
from buystream.vocabulary.feed import FED, public_fields
from buystream.vocabulary.fields import values_of
from buystream.vocabulary.reasons import REASONS

_TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "nothing"}


class FieldEntry(NamedTuple):
    """A field: `kind` in words, or the value named `value` that it holds; `usual` is its default as JSON, if any."""

    name: str
    kind: str
    value: str
    meaning: str
    usual: str
    is_required: bool
    is_public: bool


class ValueEntry(NamedTuple):
    """A value that is part of the message."""

    name: str
    what: str
    fields: list[FieldEntry]


class VersionEntry(NamedTuple):
    """One version: where its files are, what changed since the version before, and examples as JSON. Empty paths: there
    is no such file. `feed_example` is the first example as merchants read it."""

    tag: str
    path: str
    golden_path: str
    feed_path: str
    changes: list[str]
    examples: list[str]
    feed_example: str


class MessageEntry(NamedTuple):
    """A command or an event. `versions` are the newest first. Only commands have `by`, `about` and `refusals`, which
    are reasons with what to do about them."""

    name: str
    is_command: bool
    capability: str
    what: str
    about: str
    by: list[str]
    refusals: list[tuple[str, str]]
    is_fed: bool
    fields: list[FieldEntry]
    values: list[ValueEntry]
    versions: list[VersionEntry]

    @property
    def summary(self) -> str:
        """The first sentence of what it is."""
        return self.what.partition(". ")[0].rstrip(".") + "."


def catalogue(directory: Path) -> dict[str, MessageEntry]:
    """Every command and every event, by name, in the order of their definition."""
    schemas = published(directory)
    return {
        kind.__name__: _entry(kind, folder, schemas)
        for folder, kinds in FOLDERS.items()
        if folder != FEED
        for kind in kinds
    }


def matching(entries: Iterable[MessageEntry], wanted: str) -> list[MessageEntry]:
    """Those with all of the words in their name or in the first sentence; a script on the page does the same."""
    words = wanted.lower().split()
    return [one for one in entries if all(word in f"{one.name} {one.summary}".lower() for word in words)]


def differences(was: Schema, now: Schema, inside: str = "") -> Iterator[str]:
    """What changed from one version of a message to the next, a sentence each."""
    before, after = was["properties"], now["properties"]
    for name in sorted({*before, *after} - {"type"}):
        field = f"{inside}{name}"
        if name not in before:
            yield f"Gained {field}: {after[name]['description']}"
        elif name not in after:
            yield f"Lost {field}."
        elif _kind(before[name]) != _kind(after[name]):
            yield f"{field} was {_kind(before[name])} and is {_kind(after[name])}."
        elif before[name].get("default") != after[name].get("default"):
            yield f"{field} has another default."
        if name in before and name in after and (name in was["required"]) != (name in now["required"]):
            yield f"{field} {'must be given' if name in now['required'] else 'may be left out'}."
    for name in sorted({*was.get("$defs", {})} & {*now.get("$defs", {})}):
        yield from differences(was["$defs"][name], now["$defs"][name], f"{name}.")


def _entry(kind: type[Any], folder: str, schemas: Mapping[str, Schema]) -> MessageEntry:
    name, is_command, is_fed = kind.__name__, folder == "commands", kind in FED
    versions = _versions(name, folder, schemas)
    newest = schemas[versions[0].path]
    values = {value.__name__: value for value in values_of(kind)}
    return MessageEntry(
        name=name,
        is_command=is_command,
        capability=kind.__module__.rpartition(".")[2].capitalize(),
        what=" ".join(newest["description"].split()),
        about=kind.about if is_command else "",
        by=sorted(kind.by) if is_command else [],
        refusals=[(reason, REASONS[reason].advice) for reason in sorted(kind.refusals)] if is_command else [],
        is_fed=is_fed,
        fields=_fields(newest, kind, is_fed=is_fed),
        values=[
            ValueEntry(value, " ".join(schema["description"].split()), _fields(schema, values[value], is_fed=is_fed))
            for value, schema in newest.get("$defs", {}).items()
        ],
        versions=versions,
    )


def _versions(name: str, folder: str, schemas: Mapping[str, Schema]) -> list[VersionEntry]:
    paths = sorted((path for path in schemas if split(path)[0] == f"{folder}/{name}"), key=lambda path: split(path)[1])
    changes = [list(differences(schemas[one], schemas[other])) for one, other in pairwise(paths)]
    found = []
    for path, changed in zip(paths, [[], *changes], strict=True):
        feed_path = f"{FEED}/{path.partition('/')[2]}"
        read = schemas[feed_path]["examples"] if feed_path in schemas else []
        found.append(
            VersionEntry(
                tag=schemas[path]["title"],
                path=path,
                golden_path=f"golden/{path}",
                feed_path=feed_path if read else "",
                changes=changed,
                examples=[_json(example) for example in schemas[path]["examples"]],
                feed_example=_json(read[0]) if read else "",
            )
        )
    return found[::-1]


def _fields(schema: Schema, kind: type[Any], *, is_fed: bool) -> list[FieldEntry]:
    public = {"type", *public_fields(kind)} if is_fed else set()
    return [
        FieldEntry(
            name=name,
            kind=_kind(field),
            value=_value(field),
            meaning=field["description"],
            usual=msgspec.json.encode(field["default"]).decode() if field.get("default") not in (None, "") else "",
            is_required=name in schema["required"],
            is_public=name in public,
        )
        for name, field in schema["properties"].items()
    ]


def _kind(field: Schema) -> str:
    """The type of a field in words."""
    if "anyOf" in field:
        return " or ".join(_kind(one) for one in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "enum" in field:
        return " or ".join(f"“{one}”" for one in field["enum"])
    if field["type"] == "array":
        return f"list of {_kind(field['items'])}"
    return _TYPES[field["type"]]


def _value(field: Schema) -> str:
    """The value that a field holds, by name; empty when it holds none."""
    for part in (field, *field.get("anyOf", ()), field.get("items", {})):
        if "$ref" in part:
            return str(part["$ref"]).rpartition("/")[2]
    return ""


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()
