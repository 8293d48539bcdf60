"""The vocabulary as JSON Schemas, one file a message and version, and as an AsyncAPI document: generated from the
Structs into `schemas/`, committed, and checked. What is published there is a promise (docs/decisions/0043)."""

from buystream.schemas.asyncapi import ASYNCAPI, asyncapi
from buystream.schemas.folder import broken_promises, check, documents, published, write
from buystream.schemas.messages import FEED, FOLDERS, Schema, current, path_of, schema_of
from buystream.schemas.promises import breaches

__all__ = [
    "ASYNCAPI",
    "FEED",
    "FOLDERS",
    "Schema",
    "asyncapi",
    "breaches",
    "broken_promises",
    "check",
    "current",
    "documents",
    "path_of",
    "published",
    "schema_of",
    "write",
]
