"""The OpenAPI document of the API, and a page that shows it without loading anything from elsewhere."""

import html
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin

from buystream import __version__
from buystream.gateway.bodies import NewOrder, OrderBody
from buystream.gateway.buy import PATH

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "Problem"


class Page(OpenAPIRenderPlugin):
    """Every operation on one page; plain HTML, no script."""

    def render(self, request: Request[Any, Any, State], openapi_schema: dict[str, Any]) -> bytes:
        """The page."""
        add_hot_path(openapi_schema)
        operations = [
            _operation(path, method, item[method])
            for path, item in sorted(openapi_schema["paths"].items())
            for method in METHODS
            if method in item
        ]
        schemas = "".join(
            f"<details><summary><code>{html.escape(name)}</code></summary>{_json(schema)}</details>"
            for name, schema in sorted(openapi_schema["components"]["schemas"].items())
        )
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>buystream API</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<link rel="stylesheet" href="/static/pages.css"></head><body class="reference"><main id="main">'
            f"<h1>buystream API {__version__}</h1>"
            '<p>The same as <a href="/schema/openapi.json">OpenAPI, in JSON</a>.'
            " Errors are <code>application/problem+json</code>.</p>"
            f"{''.join(operations)}<h2>Shapes</h2>{schemas}</main></body></html>"
        ).encode()


class Json(JsonRenderPlugin):
    """The document itself."""

    def render(self, request: Request[Any, Any, State], openapi_schema: dict[str, Any]) -> bytes:
        """JSON."""
        add_hot_path(openapi_schema)
        return super().render(request, openapi_schema)


def config() -> OpenAPIConfig:
    """For the framework."""
    return OpenAPIConfig(
        title="buystream",
        version=__version__,
        description="A buy button, its order desk and its payments. Ids are the idempotency keys: repeat freely.",
        path="/schema",
        render_plugins=[Page(path="/"), Json(path="/openapi.json")],
        use_handler_docstrings=True,
    )


def add_hot_path(document: dict[str, Any]) -> None:
    """POST /v1/orders stands before the framework, which therefore doesn't know it."""
    _, shapes = msgspec.json.schema_components((NewOrder, OrderBody), ref_template="#/components/schemas/{name}")
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
    problem = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}
    document["paths"].setdefault(PATH, {})["post"] = {
        "summary": "Place an order: the tap on Buy",
        "description": "The order id is minted by the client: the edition's id, '-', and 20 random characters or more."
        " Sent again, it changes nothing and is answered with what the order is now.",
        "operationId": "PlaceOrder",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewOrder"}}},
        },
        "responses": {
            "201": {"description": "Held for the buyer", "content": order},
            "200": {"description": "Placed before: what it is now", "content": order},
            "409": {"description": "Refused, with the reason", "content": problem},
            "401": {"description": "No session", "content": problem},
            "404": {"description": "Unknown edition", "content": problem},
            "413": {"description": "Body too large", "content": problem},
            "422": {"description": "Bad input", "content": problem},
            "503": {"description": "No decision came in time; send the same again", "content": problem},
        },
    }


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    title = html.escape(operation.get("summary") or "")
    words = html.escape(operation.get("description") or "")
    shapes = {key: operation[key] for key in ("parameters", "requestBody", "responses") if key in operation}
    return (
        f"<details><summary><strong>{method.upper()}</strong> <code>{html.escape(path)}</code> {title}</summary>"
        f"<p>{words}</p>{_json(shapes)}"
        "</details>"
    )


def _json(value: Any) -> str:
    return f"<pre>{html.escape(msgspec.json.format(msgspec.json.encode(value)).decode())}</pre>"
