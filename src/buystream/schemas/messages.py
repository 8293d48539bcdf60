"""The JSON Schema of one message in its version, generated from its Struct: as it is on the log, or as merchants read
it."""

from inspect import cleandoc
from typing import Any, Final

import msgspec

from buystream.vocabulary import codec
from buystream.vocabulary.examples import examples_of
from buystream.vocabulary.feed import FED, public_fields, public_form
from buystream.vocabulary.fields import meanings, values_of

Schema = dict[str, Any]

BASE_URL: Final = "https://buystream.dev/schemas"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FEED: Final = "feed"
FOLDERS: Final = {"commands": codec.COMMANDS, "events": codec.EVENTS, FEED: FED}

TYPE: Final = "The message's name and version."

UNITS: Final = {
    "_ms": "Milliseconds since the epoch.",
    "_minor": "Minor units of the currency.",
    "_seconds": "Seconds.",
}


def schema_of(message: type[msgspec.Struct], folder: str = "") -> Schema:
    """The JSON Schema of one message in its version; in the folder `feed` as merchants read it."""
    found = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")[1]
    schema = _object(found[message.__name__], message, folder)
    values = {value.__name__: _object(found[value.__name__], value, folder) for value in values_of(message)}
    identified = {"$schema": DIALECT, "$id": f"{BASE_URL}/{path_of(message, folder)}", **schema}
    identified["title"] = str(message.__struct_config__.tag)
    if values:
        identified["$defs"] = values
    examples: tuple[Any, ...] = examples_of(message)
    identified["examples"] = [msgspec.to_builtins(public_form(one) if folder == FEED else one) for one in examples]
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


def split(path: str) -> tuple[str, int]:
    """`events/OrderShipped.v1.json` becomes `events/OrderShipped` and 1."""
    stem, _, version = path.removesuffix(".json").rpartition(".v")
    return stem, int(version)
