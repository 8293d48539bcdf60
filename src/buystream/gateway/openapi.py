"""The OpenAPI document of the API, and a page that shows it without loading anything from elsewhere. Both are built
once, off the event loop, on the first request: that takes half a second."""

import asyncio
from collections.abc import Callable, Mapping, Set
from functools import cached_property
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute

from buystream import __version__
from buystream.gateway.pages.openapi_page import METHODS, reference_of
from buystream.gateway.pages.sheets import MEDIA_TYPES
from buystream.gateway.routes.bodies.orders import NewOrder, NewOrderOfLines, OrderBody
from buystream.gateway.routes.buy import PATH
from buystream.gateway.server.guard import JSON
from buystream.gateway.server.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_CHARS_MAX
from buystream.gateway.server.problems import MEDIA_TYPE, PROBLEMS, slug_of
from buystream.gateway.server.refusals import ASKS, Asks
from buystream.vocabulary.commands import PlaceOrder
from buystream.vocabulary.ids import PATTERNS
from buystream.vocabulary.reasons import OF_ANY_COMMAND, REASONS

PROBLEM: Final = "Problem"
OPENAPI_JSON: Final = "application/vnd.oai.openapi+json"

SECURITY_SCHEMES: Final = {
    "session": {
        "type": "http",
        "scheme": "bearer",
        "description": "A buyer's session token, from POST /v1/session.",
    },
    "sessionCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "buystream_session",
        "description": "The same as a cookie, for reading only. On https its name begins with __Host-.",
    },
    "doorKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A scanner's key: it opens one edition's door and nothing else.",
    },
    "merchantKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A merchant's API key, or a member's token from /v1/desk. Its role must allow the operation.",
    },
    "deskCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "buystream_desk",
        "description": "A member's session: it gives tokens. On https its name begins with __Host-.",
    },
}

FOR_EVERYBODY: Final = frozenset(
    {
        *("/v1/config", "/v1/editions", "/v1/editions/{edition_id}", "/v1/editions/{edition_id}/stream"),
        *("/v1/editions/{edition_id}/sold-out.tlog-proof", "/downloads/{token}/{name}"),
        *("/v1/licences/check", "/v1/licences/deactivate", "/v1/merchants/{merchant_id}/ticket-keys"),
        *("/v1/desk/link", "/v1/desk/session", "/v1/desk/passkey", "/v1/desk/passkey/options"),
        *("/v1/session", "/v1/host/logout", "/v1/webhooks/stripe", "/v1/orders/{order_id}/authentication"),
    }
)
"""Paths that need no session: what they change is named by a signed token, or by an id that nobody can guess."""

DESK_SESSION: Final = "/v1/desk/session"
DESK_TOKEN: Final = "/v1/desk/token"

SESSION_OPTIONAL: Final = frozenset({"/v1/live", "/v1/live/stream"})

ALSO_CSV: Final = frozenset({"/v1/merchant/statement"})
"""By the Accept header."""

WITH_FILE: Final = frozenset({"/v1/merchant/editions/{edition_id}/files/{name}"})
"""Their body is the file itself."""

AS_SHEET: Final = frozenset(
    {
        "/v1/merchant/exports/orders",
        "/v1/merchant/editions/{edition_id}/exports/guests",
        "/v1/merchant/editions/{edition_id}/exports/packing",
    }
)
"""Their answer is a file of the chosen form."""

AS_FILE: Final = frozenset({"/downloads/{token}/{name}"})
"""Their answer is a file, or a range of one, of whatever media type it is."""

ANY_BYTES: Final = {"type": "string", "format": "binary"}

ALWAYS: Final = (400, 403, 404, 408, 414, 417, 429, 431, 503)
"""What any request may be answered with, by the connection or by the state of the shop."""

REFUSALS: Final = "x-refusals"
"""An operation's refusals by the slugs of their problems, beside what any request may be answered with."""

TO_ORDER: Final = Asks((PlaceOrder,), also=frozenset({"too-many-holds"}))
"""What the hot path asks."""

OF_FILES: Final = (412, 416, 501)
WITH_BODY: Final = (413, 415, 422)
CHANGING: Final = (409, 422)

Json = dict[str, Any]


class Reference:
    """The document, and its page. `documented` makes the application whose routes it describes."""

    def __init__(self, documented: Callable[[], Litestar]) -> None:
        self._documented = documented
        self._turn = asyncio.Lock()

    async def made(self) -> "Reference":
        """This reference, once both parts are built."""
        async with self._turn:
            await asyncio.to_thread(lambda: self.page)
        return self

    @cached_property
    def document(self) -> Json:
        """The document. Blocks the first time."""
        app = self._documented()
        document: Json = _without_ellipses(app.openapi_schema.to_schema())
        asked = _asked(app)
        _add_hot_path(document)
        components = document["components"]
        components["securitySchemes"] = SECURITY_SCHEMES
        components["responses"] = {_response_name(status): _problem_response(status) for status in _statuses()}
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item:
                    slugs = asked.get((path, method), Asks()).slugs(path)
                    _complete(item[method], path, method, slugs)
        return document

    @cached_property
    def json(self) -> bytes:
        """The document as it is sent."""
        return msgspec.json.encode(self.document)

    @cached_property
    def page(self) -> str:
        """Every operation on one page; plain HTML, no script."""
        return reference_of(msgspec.json.decode(self.json))


@get("/schema", media_type=MediaType.HTML, include_in_schema=False)
async def reference_page(reference: NamedDependency[Reference]) -> str:
    """The API reference for people."""
    return (await reference.made()).page


@get("/schema/openapi.json", include_in_schema=False)
async def reference_json(reference: NamedDependency[Reference]) -> Response[bytes]:
    """The API description for programs."""
    return Response((await reference.made()).json, media_type=OPENAPI_JSON)


ROUTES = [reference_page, reference_json]


def config() -> OpenAPIConfig:
    """For the framework."""
    return OpenAPIConfig(
        title="buystream",
        version=__version__,
        description="A buy button, its order desk and its payments. Ids are the idempotency keys: repeat freely.",
        use_handler_docstrings=True,
    )


def _asked(app: Litestar) -> Mapping[tuple[str, str], Asks]:
    """What each route asks of the log, by its path and method."""
    said = {
        (route.path_format, method.lower()): handler.opt[ASKS]
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if ASKS in handler.opt
    }
    return {**said, (PATH, "post"): TO_ORDER}


def _without_ellipses(part: Any) -> Any:
    """The framework reads `tuple[X, ...]` as X or anything, where each X would be both."""
    if isinstance(part, list):
        return [_without_ellipses(one) for one in part]
    if not isinstance(part, dict):
        return part
    said = {name: _without_ellipses(value) for name, value in part.items()}
    match said.get("items"):
        case {"oneOf": [item, {**rest}]} if not rest:
            said["items"] = item
    return said


def _complete(operation: Json, path: str, method: str, refusals: Set[str]) -> None:
    """What the framework can't know: who may call, which other answers there are, the refusals, and the form of ids."""
    changes = method != "get"
    operation["security"] = _security(path, method)
    for parameter in operation.get("parameters", []):
        if parameter["name"] in PATTERNS and parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "pattern": PATTERNS[parameter["name"]]}
    if path in WITH_FILE and method == "put":
        operation["requestBody"] = {"required": True, "content": {"*/*": {"schema": ANY_BYTES}}}
    elif changes and operation["security"]:
        operation.setdefault("parameters", []).append(
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "required": False,
                "description": "Names this request: sent again with another body, it is refused.",
                "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_CHARS_MAX},
            }
        )
    statuses = set(ALWAYS)
    if operation["security"]:
        statuses.add(401)
    if "host_token" in str(operation.get("requestBody")) or (path in FOR_EVERYBODY and changes):
        statuses.add(401)
    if "requestBody" in operation or changes:
        statuses.update(WITH_BODY)
    if changes:
        statuses.update(CHANGING)
    if operation.get("parameters"):
        statuses.add(422)
    refused = {status: {slug for slug in refusals if PROBLEMS[slug][0] == status} for status in _statuses()}
    statuses.update(status for status, slugs in refused.items() if slugs)
    responses = operation["responses"]
    responses.pop("400", None)
    for response in responses.values():
        if response.get("content", {}).get(JSON, {}).get("schema") == {"type": "null"}:
            del response["content"]  # the framework's word for an answer without a body
    if path in AS_FILE:
        whole = {"content": {"*/*": {"schema": ANY_BYTES}}}
        responses["200"] = {"description": "The whole file", **whole}
        responses["206"] = {"description": "The range of it that was asked for", **whole}
        responses["304"] = {"description": "The client has these bytes already"}
    if path in AS_SHEET:
        responses["200"]["content"] = {media_type: {"schema": ANY_BYTES} for media_type in MEDIA_TYPES.values()}
    if path in ALSO_CSV:
        responses["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    for status in sorted(statuses):
        responses[str(status)] = (
            _problem_response(status, refused[status])
            if refused[status]
            else {"$ref": f"#/components/responses/{_response_name(status)}"}
        )
    if refusals:
        operation[REFUSALS] = sorted(refusals)


def _security(path: str, method: str) -> list[dict[str, list[str]]]:
    if path == DESK_SESSION and method == "delete":
        return [{"merchantKey": []}]
    if path in FOR_EVERYBODY:
        return []
    if path == DESK_TOKEN:
        return [{"deskCookie": []}]
    if path.startswith(("/v1/merchant", "/v1/feed", "/v1/desk/passkeys")):
        return [{"merchantKey": []}]
    if path.startswith("/v1/door"):
        return [{"doorKey": []}, {"merchantKey": []}]
    allowed: list[dict[str, list[str]]] = (
        [{"session": []}] if method != "get" else [{"session": []}, {"sessionCookie": []}]
    )
    return [*allowed, {}] if path in SESSION_OPTIONAL else allowed


_OF_DECISIONS: Final = frozenset(slug_of(reason) for reason in REASONS) - {slug_of(reason) for reason in OF_ANY_COMMAND}
"""Each stands at the operations that give it."""


def _statuses() -> tuple[int, ...]:
    return tuple(sorted({401, *ALWAYS, *OF_FILES, *WITH_BODY, *CHANGING}))


def _response_name(status: int) -> str:
    return f"Problem{status}"


def _problem_response(status: int, refusals: Set[str] = frozenset()) -> Json:
    """What any request may be answered with in that status, after the refusals of an operation."""
    always = [slug for slug, (its, _) in PROBLEMS.items() if its == status and slug not in _OF_DECISIONS]
    return {
        "description": "\n".join(f"`{slug}`: {PROBLEMS[slug][1]}" for slug in [*sorted(refusals), *always]),
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}},
    }


def _add_hot_path(document: Json) -> None:
    """POST /v1/orders is handled before the framework, which therefore doesn't know it."""
    bodies = NewOrder, NewOrderOfLines, OrderBody
    (one, several, _), shapes = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    document["components"]["schemas"].update(shapes)
    document["components"]["schemas"][PROBLEM] = {
        "type": "object",
        "description": "RFC 9457: what went wrong, and what to do about it.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "reason": {"type": "string"},
        },
    }
    order = {"application/json": {"schema": {"$ref": "#/components/schemas/OrderBody"}}}
    document["paths"].setdefault(PATH, {})["post"] = {
        "summary": "Place an order: the tap on Buy",
        "description": "The order id is minted by the client: the edition's id, '-', and 20 random characters or more."
        " Sent again, it changes nothing and is answered with what the order is now. `lines` order several variants of"
        " an edition together, all or none.",
        "operationId": "PlaceOrder",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"oneOf": [one, several]}}},
        },
        "responses": {
            "201": {"description": "Held for the buyer", "content": order},
            "200": {"description": "Placed before: what it is now", "content": order},
        },
    }
