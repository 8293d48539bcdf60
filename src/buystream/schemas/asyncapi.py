"""The AsyncAPI 3 document: every topic, what its records are, and the messages in them."""

from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

from buystream.delivery.policy import DeadLetter, DeadLetterEnvelope
from buystream.log import COMMANDS, DEADLETTER, EVENTS, MERCHANT
from buystream.schemas.messages import FEED, FOLDERS, Schema, split
from buystream.vocabulary import codec
from buystream.vocabulary.feed import FEED_CONTENT_TYPE

ASYNCAPI: Final = "asyncapi.json"
SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"

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

REPLAY: Final = "replay"

PARAMETERS: Final = {
    FEED: {"merchantId": {"description": "The merchant's id."}},
    REPLAY: {"name": {"description": "The replay's name: small letters, digits and hyphens."}},
}
"""Of the topics' names."""

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
        f"{MERCHANT}{{merchantId}}",
        "send",
        "One merchant's events, without personal data. One that can't be read keeps its place, with an empty body.",
        None,
    ),
    REPLAY: (
        "buystream.replay.{name}",
        "send",
        (
            "A replay of the past, for analysts: what was on `commands` and `events`, each with `replayof`,"
            " the topic, partition and position of the original. No part of a shop reads it."
        ),
        None,
    ),
    "feeds": (
        "buystream.feeds",
        "send",
        "How far each merchant's topic has come: the memory of the process that writes them. Nobody else reads it.",
        None,
    ),
}  # fmt: skip
"""Topic, direction as seen from buystream, meaning, and the envelope of a record. Merchants get the message alone;
a replay has the records of the topics that it was made of."""


def asyncapi(schemas: Mapping[str, Schema]) -> Schema:
    """The AsyncAPI 3 document over all these messages."""
    messages = {name_of(path): _message(path, schema["description"]) for path, schema in schemas.items()}
    messages["DeadLetter"] = {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": CHANNELS["deadletter"][2],
        "contentType": codec.CONTENT_TYPE,
        "payload": _payload("deadletter", {"$ref": "#/components/schemas/DeadLetter"}),
    }
    of_channel = {folder: [name_of(path) for path in schemas if path.startswith(f"{folder}/")] for folder in FOLDERS}
    of_channel |= {"deadletter": ["DeadLetter"], REPLAY: [], "feeds": []}
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
                **({"parameters": PARAMETERS[name]} if name in PARAMETERS else {}),
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
    message = {"name": name_of(path), "title": split(path)[0].partition("/")[2], "summary": summary}
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


def name_of(path: str) -> str:
    """The message's name in the AsyncAPI document. A merchant reads another form of an event than the event's own."""
    folder, _, _ = path.partition("/")
    return f"{folder}-{Path(path).stem}" if folder == FEED else Path(path).stem
