"""The vocabulary as JSON Schemas, one file a message and version, and as an AsyncAPI document: generated from the
Structs into `schemas/`, committed, and checked. What is published there is a promise: a change that would break a
reader or a writer of it is refused; it needs a new version and an upcaster, and the old file stays."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

from buystream.consumers.feeds import FED, FEED_CONTENT_TYPE, public_fields
from buystream.delivery.policy import DeadLetter, DeadLetterEnvelope
from buystream.log import COMMANDS, DEADLETTER, EVENTS
from buystream.log.topics import merchant_topic
from buystream.vocabulary import codec
from buystream.vocabulary.fields import meanings, values_of

Schema = dict[str, Any]

BASE_URL: Final = "https://buystream.dev/schemas"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI: Final = "asyncapi.json"
FEED: Final = "feed"
SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"
FOLDERS: Final = {"commands": codec.COMMANDS, "events": codec.EVENTS, FEED: FED}

TYPE: Final = "The message's name and version."

UNITS: Final = {
    "_ms": "Milliseconds since the epoch.",
    "_minor": "Minor units of the currency.",
    "_seconds": "Seconds.",
}

ATTRIBUTES: Final = {
    "specversion": "CloudEvents version.",
    "id": "On a command: its id. On an event: partition and sequence.",
    "source": "On a command: `/buystream`. On an event: `/buystream/` and the shop's id.",
    "type": "The message's type and version.",
    "time": "Time of the event, RFC 3339.",
    "subject": "The aggregate.",
    "partitionkey": "The edition, or the aggregate when it belongs to none.",
    "sequence": "Dense per partition, counted from 0, padded: it orders as text.",
    "aggregateversion": "Dense per aggregate, counted from 1.",
    "editionversion": "Dense per edition, counted from 1; only on events of an edition, its orders and payments.",
    "commandposition": "Position of the command that this event answers.",
    "causationid": "Id of the command that this event answers.",
    "actor": "Who asked for it: `buyer:<id>`, `app:<host>/buyer:<id>`, `merchant:<id>/key:<id>`, `provider`, `operator`"
    " or `system:<part>`.",
    "rulesversion": "The rules that it was decided by.",
    "replyto": "The gateway that waits for the answer.",
    "traceparent": "Where it belongs in its client's trace (W3C Trace Context); absent when the client said nothing.",
}
"""A record's attributes beside its `data`: CloudEvents 1.0."""

FEED_HEADERS: Final = {
    **{
        f"ce_{name}": ATTRIBUTES[name]
        for name in (
            *("specversion", "id", "source", "type", "time", "subject"),
            *("partitionkey", "sequence", "aggregateversion", "editionversion"),
        )
    },
    "content-type": "Media type of the body.",
    "ce_actor": "Which of the merchant's API keys asked for it; absent when nobody of the merchant's did.",
}
"""On merchants' topics, in the binary mode of CloudEvents, the attributes are headers."""

DEAD_LETTER_FIELDS: Final = {
    "type": "The message's type and version.",
    "topic": "Where the record stood.",
    "position": "Its position there.",
    "reason": "Why it was set aside.",
    "consumer": "The part that set it aside.",
    "program": "Which version of buystream set it aside.",
    "key": "The record's key.",
    "value": "The record's value, in Base64.",
    "omitted_bytes": "Size of a record too large to repeat; it is where topic and position say.",
}

CHANNELS: Final = {
    "commands": (COMMANDS, "receive", "Requests, decided once each in the order of the log.", codec.CommandEnvelope),
    "events": (EVENTS, "send", "Decisions: every command is answered here.", codec.EventEnvelope),
    "deadletter": (
        DEADLETTER,
        "send",
        "Records that couldn't be read or decided, unchanged, with their place and the reason.",
        DeadLetterEnvelope,
    ),
    FEED: (
        merchant_topic("{merchantId}").name,
        "send",
        "One merchant's events, without personal data. One that can't be read keeps its place, with an empty body.",
        None,
    ),
}  # fmt: skip
"""Topic, direction as seen from buystream, meaning, and the envelope of a record; merchants get the message alone."""


def schema_of(message: type[msgspec.Struct], folder: str = "") -> Schema:
    """The JSON Schema of one message in its version; in the folder `feed` as merchants read it."""
    found = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")[1]
    schema = _object(found[message.__name__], message, folder)
    values = {value.__name__: _object(found[value.__name__], value, folder) for value in values_of(message)}
    identified = {"$schema": DIALECT, "$id": f"{BASE_URL}/{path_of(message, folder)}", **schema}
    identified["title"] = str(message.__struct_config__.tag)
    if values:
        identified["$defs"] = values
    plain: Schema = msgspec.json.decode(msgspec.json.encode(identified))  # tuples become lists, as when read back
    return plain


def _object(schema: Schema, kind: type[msgspec.Struct], folder: str) -> Schema:
    """A message or a value, with what its fields mean; in the folder `feed` as merchants read it."""
    schema["description"] = cleandoc(schema["description"])  # as Python 3.13 and newer keep it
    meaning = meanings(kind)
    for name, field in schema["properties"].items():
        for it in (field, *field.get("anyOf", ())):
            it.pop("description", None)
        field["description"] = TYPE if name == "type" else _described(name, meaning[name].description)
    if folder == FEED:
        public = {"type", *public_fields(kind)}
        schema["properties"] = {name: it for name, it in schema["properties"].items() if name in public}
        schema["required"] = [name for name in schema["required"] if name in public]
    return schema


def _described(name: str, description: str) -> str:
    """With the unit that the field's name ends with."""
    unit = next((text for suffix, text in UNITS.items() if name.endswith(suffix)), "")
    return description if unit in description else f"{description} {unit}"


def path_of(message: type[msgspec.Struct], folder: str = "") -> str:
    """`vocabulary/events/OrderPlaced.v1.json`: in the first folder that has the message, unless another is named."""
    folder = folder or next(folder for folder, messages in FOLDERS.items() if message in messages)
    return f"{folder}/{message.__struct_config__.tag}.json"


def current() -> dict[str, Schema]:
    """The schema of every message that this code writes, by path."""
    return {
        path_of(message, folder): schema_of(message, folder)
        for folder, messages in FOLDERS.items()
        for message in messages
    }


def published(directory: Path) -> dict[str, Schema]:
    """The schemas in the folder, by path."""
    return {
        f"{folder}/{file.name}": msgspec.json.decode(file.read_bytes())
        for folder in FOLDERS
        for file in sorted((directory / folder).glob("*.json"))
    }


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
    stem, version = _split(path)
    if not any(_split(other)[0] == stem and _split(other)[1] > version for other in new):
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


def _split(path: str) -> tuple[str, int]:
    stem, _, version = path.removesuffix(".json").rpartition(".v")
    return stem, int(version)


def asyncapi(schemas: Mapping[str, Schema]) -> Schema:
    """The AsyncAPI 3 document over all these messages."""
    messages = {_name_of(path): _message(path, schema["description"]) for path, schema in schemas.items()}
    messages["DeadLetter"] = {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": CHANNELS["deadletter"][2],
        "contentType": codec.CONTENT_TYPE,
        "payload": _payload("deadletter", {"$ref": "#/components/schemas/DeadLetter"}),
    }
    of_channel = {folder: [_name_of(path) for path in schemas if path.startswith(f"{folder}/")] for folder in FOLDERS}
    of_channel["deadletter"] = ["DeadLetter"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "buystream",
            "version": "1.0.0",
            "description": "Every request is a command on one log; every command is answered by events on another. A"
            " record is a CloudEvent 1.0 in the structured JSON mode; on merchants' topics, in the Kafka binary mode.",
        },
        "defaultContentType": codec.CONTENT_TYPE,
        "channels": {
            name: {
                "address": address,
                "description": meaning,
                "messages": {tag: {"$ref": f"#/components/messages/{tag}"} for tag in of_channel[name]},
                **({"parameters": {"merchantId": {"description": "The merchant's id."}}} if name == FEED else {}),
            }
            for name, (address, _, meaning, _) in CHANNELS.items()
        },
        "operations": {
            f"{action}-{name}": {"action": action, "channel": {"$ref": f"#/channels/{name}"}, "summary": meaning}
            for name, (_, action, meaning, _) in CHANNELS.items()
        },
        "components": {
            "messages": messages,
            "schemas": {
                **{
                    f"{name}-attributes": _attributes(envelope)
                    for name, (_, _, _, envelope) in CHANNELS.items()
                    if envelope is not None
                },
                f"{FEED}-headers": _feed_headers(),
                "DeadLetter": _dead_letter(),
            },
        },
    }


def _message(path: str, summary: str) -> Schema:
    folder = path.partition("/")[0]
    message = {"name": _name_of(path), "title": _split(path)[0].partition("/")[2], "summary": summary}
    data = {"$ref": f"./{path}"}
    if folder == FEED:
        return message | {
            "contentType": FEED_CONTENT_TYPE,
            "headers": {"$ref": f"#/components/schemas/{FEED}-headers"},
            "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": data},
        }
    return message | {"contentType": codec.CONTENT_TYPE, "payload": _payload(folder, data)}


def _payload(channel: str, data: Schema) -> Schema:
    """A record's value: the attributes, and the message as `data`."""
    envelope = {"type": "object", "properties": {"data": data}, "required": ["data"]}
    attributes = {"$ref": f"#/components/schemas/{channel}-attributes"}
    return {"schemaFormat": SCHEMA_FORMAT, "schema": {"allOf": [attributes, envelope]}}


def _attributes(envelope: Any) -> Schema:
    fields = [field for field in msgspec.structs.fields(envelope) if field.name != "data"]
    types = get_type_hints(envelope)
    kinds = {field.name: "integer" if types[field.name] is int else "string" for field in fields}
    return {
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0", "description": ATTRIBUTES["specversion"]},
            **{name: {"type": kind, "description": ATTRIBUTES[name]} for name, kind in kinds.items()},
        },
        "required": ["specversion", *(field.name for field in fields if field.required)],
    }


def _feed_headers() -> Schema:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": meaning} for name, meaning in FEED_HEADERS.items()},
        "required": [name for name in FEED_HEADERS if name != "ce_actor"],
    }


def _dead_letter() -> Schema:
    schemas: tuple[Schema, ...] = (*msgspec.json.schema_components([DeadLetter], ref_template="{name}")[1].values(),)
    schemas[0]["description"] = cleandoc(schemas[0]["description"])
    for name, field in schemas[0]["properties"].items():
        field["description"] = DEAD_LETTER_FIELDS[name]
    return schemas[0]


def _name_of(path: str) -> str:
    """The message's name in the AsyncAPI document. A merchant reads another form of an event than the event's own."""
    folder, _, _ = path.partition("/")
    return f"{folder}-{Path(path).stem}" if folder == FEED else Path(path).stem


def documents(directory: Path) -> dict[str, Schema]:
    """The whole contents of the folder: what was published, as the code says it now, and the AsyncAPI document."""
    schemas = dict(sorted({**published(directory), **current()}.items()))
    return {**schemas, ASYNCAPI: asyncapi(schemas)}


def check(directory: Path) -> list[str]:
    """What is wrong with the folder, one line each; empty when it says what the code says and breaks no promise."""
    found = broken_promises(directory)
    for path, document in documents(directory).items():
        file = directory / path
        if not file.exists() or file.read_bytes() != _text(document):
            found.append(f"{path}: is not what the code says; run `python -m buystream.schemas --write`")
    return found


def broken_promises(directory: Path) -> list[str]:
    """What was published and is gone or changed."""
    there = published(directory)
    index = directory / ASYNCAPI
    listed = msgspec.json.decode(index.read_bytes())["components"]["messages"] if index.exists() else {}
    tags = {_name_of(path) for path in there} | {"DeadLetter"}
    gone = [f"{tag}: was published and its file is gone; restore it" for tag in listed if tag not in tags]
    return gone + breaches(there, current())


def write(directory: Path) -> list[str]:
    """Write the folder, unless that would break a promise: then nothing is written and the reasons are returned."""
    found = broken_promises(directory)
    if found:
        return found
    for path, document in documents(directory).items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_text(document))
    return []


def _text(document: Schema) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def main() -> int:
    """The command line: 0 when all is well, 1 with one line for each thing that isn't."""
    parser = argparse.ArgumentParser(prog="python -m buystream.schemas", description="The published schemas.")
    parser.add_argument("--directory", type=Path, default=Path("schemas"))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write what the code says, unless it breaks a promise")
    what.add_argument("--check", action="store_true", help="compare what is written with what the code says")
    arguments = parser.parse_args()
    found = write(arguments.directory) if arguments.write else check(arguments.directory)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
