"""The folder of what was published: `schemas/` in the repository, and in an installed package its copy. A change that
would break a reader or a writer of it is refused; it needs a new version and an upcaster, and the old file stays."""

from pathlib import Path

import msgspec

from buystream.schemas import golden
from buystream.schemas.asyncapi import ASYNCAPI, asyncapi, name_of
from buystream.schemas.messages import FOLDERS, Schema, current
from buystream.schemas.promises import breaches


def shipped() -> Path:
    """Where the published schemas are: in an installed package, beside this module; in the repository, `schemas/`."""
    here = Path(__file__).parent
    return next(one for one in (here / "published", here.parents[2] / "schemas") if one.is_dir())


def published(directory: Path) -> dict[str, Schema]:
    """The schemas in the folder, by path."""
    return {
        f"{folder}/{file.name}": msgspec.json.decode(file.read_bytes())
        for folder in FOLDERS
        for file in sorted((directory / folder).glob("*.json"))
    }


def documents(directory: Path) -> dict[str, Schema]:
    """The whole contents of the folder: what was published, as the code says it now, the golden records, and the
    AsyncAPI document."""
    schemas = dict(sorted({**published(directory), **current()}.items()))
    return {**schemas, **golden.kept(directory, schemas), ASYNCAPI: asyncapi(schemas)}


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
    tags = {name_of(path) for path in there} | {"DeadLetter"}
    gone = [f"{tag}: was published and its file is gone; restore it" for tag in listed if tag not in tags]
    return [*gone, *breaches(there, current()), *golden.broken(directory, there)]


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
