"""A golden record of every version of every message: as it was on the log when that version was published, with what it
is read as. The record never changes; what it is read as changes only when the message gets a newer version."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from buystream.schemas.messages import FOLDERS, Schema
from buystream.vocabulary import actors, codec
from buystream.vocabulary.commands import Command, permits
from buystream.vocabulary.events import Event
from buystream.vocabulary.examples import EXAMPLES

GOLDEN: Final = "golden"
RECORD: Final = "record"
NEWEST: Final = "newest"

_PARTITION: Final = 0
_POSITION: Final = 7
"""Of the command that a golden event answers."""
_RULES: Final = 1
_COMMAND_ID: Final = "0123456789abcdef"


def golden_of(message: Command | Event) -> Schema:
    """The golden file of the version that this code writes: the record, and all fields of what it is read as."""
    return {RECORD: msgspec.json.decode(_record_of(message)), NEWEST: in_full(message)}


def in_full(value: Any) -> Any:
    """The message with all of its fields, those with their defaults included, as JSON."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        fields = {name: in_full(getattr(value, name)) for name in value.__struct_fields__}
        return {"type": tag, **fields} if tag is not None else fields
    if isinstance(value, list | tuple):
        return [in_full(one) for one in value]
    return value


def read_again(folder: str, golden: Mapping[str, Any]) -> Any:
    """What the record is read as now, in full; raises Unreadable."""
    record = msgspec.json.encode(golden[RECORD])
    return in_full(codec.read_command(record).data if folder == "commands" else codec.read_event(record))


def kept(directory: Path, published: Iterable[str]) -> dict[str, Schema]:
    """The golden files of what is published, by path: those that are there, with what they are read as in the newest
    version, and one for each version that this code writes and that has none."""
    files = {f"{GOLDEN}/{path}": _kept(directory / GOLDEN / path, path) for path in published if _is_on_the_log(path)}
    return {path: golden for path, golden in files.items() if golden is not None}


def _kept(file: Path, path: str) -> Schema | None:
    if not file.exists():
        example = _EXAMPLES.get(path)
        return None if example is None else golden_of(example)
    golden: Schema = msgspec.json.decode(file.read_bytes())
    try:
        now = read_again(path.partition("/")[0], golden)
    except codec.Unreadable:  # which `broken` reports
        return golden
    return golden if now["type"] == golden[NEWEST]["type"] else {**golden, NEWEST: now}


def broken(directory: Path, published: Iterable[str]) -> Iterator[str]:
    """Golden records that can't be read any more or are read as something else, and those that were lost."""
    for path in published:
        file = directory / GOLDEN / path
        if not _is_on_the_log(path):
            continue
        if file.exists():
            yield from _broken(path, msgspec.json.decode(file.read_bytes()))
        elif path not in _EXAMPLES:
            yield f"{GOLDEN}/{path}: is gone; restore it"


def _broken(path: str, golden: Mapping[str, Any]) -> Iterator[str]:
    try:
        now = read_again(path.partition("/")[0], golden)
    except codec.Unreadable as error:
        yield f"{GOLDEN}/{path}: can't be read any more: {error}"
        return
    if now["type"] == golden[NEWEST]["type"]:
        for place, was, is_ in _differences(golden[NEWEST], now):
            yield f"{GOLDEN}/{path}: {place} was read as {was!r} and is read as {is_!r}"


def _differences(was: Any, now: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where what is read now isn't what was recorded; fields that were added since are not differences."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name, value in was.items():
            inside = f"{place}.{name}" if place else name
            yield from _differences(value, now[name], inside) if name in now else [(inside, value, None)]
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _differences(one, other, f"{place}[{number}]")
    elif was != now:
        yield place, was, now


def _is_on_the_log(path: str) -> bool:
    return path.partition("/")[0] in ("commands", "events")


def _record_of(message: Command | Event) -> bytes:
    if isinstance(message, Command):
        return codec.encode_command(message, command_id=_COMMAND_ID, actor=_asker_of(message))
    envelope = codec.event_envelope(
        message,
        partition=_PARTITION,
        sequence=message.originator_version - 1,
        command_position=_POSITION,
        command_id=_COMMAND_ID,
        rules_version=_RULES,
        actor=actors.OPERATOR,
    )
    return codec.encode_event(envelope)


def _asker_of(command: Command) -> str:
    """One who may ask for it."""
    return next(
        actor
        for actor in (
            actors.buyer(getattr(command, "buyer_id", "")),
            actors.merchant_key(getattr(command, "merchant_id", ""), "first"),
            *(actors.PROVIDER, actors.OPERATOR, actors.system("flows")),
        )
        if permits(command, actor)
    )


_EXAMPLES: Final = {
    f"{folder}/{kind.__struct_config__.tag}.json": EXAMPLES[kind]
    for folder, kinds in FOLDERS.items()
    if folder in ("commands", "events")
    for kind in kinds
}
"""What this code writes, by the path of its schema."""
