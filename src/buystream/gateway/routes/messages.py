"""Every message of the shop, for people who read its topics: a page to browse, and the published files."""

import asyncio
from functools import cache
from pathlib import PurePosixPath
from typing import Any, Final

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from buystream.gateway.routes.site import page
from buystream.gateway.server.problems import HttpProblem
from buystream.schemas.asyncapi import ASYNCAPI, ATTRIBUTES, CHANNELS, DEAD_LETTER_FIELDS, FEED_HEADERS
from buystream.schemas.catalogue import MessageEntry, catalogue, matching
from buystream.schemas.folder import shipped

ASYNCAPI_JSON: Final = "application/vnd.aai.asyncapi+json"
SCHEMA_JSON: Final = "application/schema+json"
JSON: Final = "application/json"

PREFIX: Final = "/schema/"


@get("/schema/messages", sync_to_thread=True, include_in_schema=False)
def messages_page(q: FromQuery[str] = "") -> Response[str]:
    """Every topic, and every message with the words of `q`."""
    found = matching(_entries().values(), q)
    return page(
        "messages.html",
        wanted=q,
        topics=[(address, meaning) for address, _, meaning, _ in CHANNELS.values()],
        attributes=ATTRIBUTES,
        headers=FEED_HEADERS,
        dead_letter=DEAD_LETTER_FIELDS,
        groups={
            "Commands": _by_capability(one for one in found if one.is_command),
            "Events": _by_capability(one for one in found if not one.is_command),
        },
        found=len(found),
    )


@get("/schema/messages/{name:str}", sync_to_thread=True, include_in_schema=False)
def message_page(name: FromPath[str]) -> Response[str]:
    """One message."""
    entry = _entries().get(name)
    if entry is None:
        raise HttpProblem("not-found")
    return page("message.html", message=entry)


@get(
    [
        f"{PREFIX}{ASYNCAPI}",
        *(f"{PREFIX}{folder}/{{file:str}}" for folder in ("commands", "events", "feed")),
        *(f"{PREFIX}golden/{folder}/{{file:str}}" for folder in ("commands", "events")),
    ],
    include_in_schema=False,
)
async def published_file(request: Request[Any, Any, State]) -> Response[bytes]:
    """The AsyncAPI document, a JSON Schema or a golden record, as published."""
    content = (await asyncio.to_thread(_files)).get(request.url.path.removeprefix(PREFIX))
    if content is None:
        raise HttpProblem("not-found")
    return Response(content, media_type=_media_type(request.url.path))


ROUTES = [messages_page, message_page, published_file]


def _media_type(path: str) -> str:
    if path.endswith(f"/{ASYNCAPI}"):
        return ASYNCAPI_JSON
    return JSON if "golden" in PurePosixPath(path).parts else SCHEMA_JSON


def _by_capability(entries: Any) -> dict[str, list[MessageEntry]]:
    groups: dict[str, list[MessageEntry]] = {}
    for one in sorted(entries, key=lambda one: one.capability):
        groups.setdefault(one.capability, []).append(one)
    return groups


@cache
def _entries() -> dict[str, MessageEntry]:
    return catalogue(shipped())


@cache
def _files() -> dict[str, bytes]:
    """What is published, by path. Only these files can be requested, so no path leads out of the folder."""
    folder = shipped()
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.json"))}
