"""The API reference: one page, grouped by audience, with an example of each call. Plain HTML, no script."""

import html
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from buystream import __version__

METHODS: Final = ("get", "post", "put", "patch", "delete")

Json = dict[str, Any]

AUDIENCES: Final[Mapping[str, str]] = {
    "Buyers": "Pages that sell, and the browsers of their buyers. Start a session with POST /v1/session.",
    "Merchants": "A merchant's own programs, with an API key from the desk, and its members.",
    "Hosts": "Applications that embed the button and vouch for their users with a signed host_token.",
    "Operators": "The shop's operator: notifications from the payment provider.",
}
"""Audience → what it needs to know first, in the page's order."""

_BY_PATH: Final = (
    ("/v1/merchant", "Merchants"),
    ("/v1/desk", "Merchants"),
    ("/v1/host", "Hosts"),
    ("/v1/webhooks", "Operators"),
)

_FIELDS: Final = {
    "edition_id": "ed0-0123456789",
    "order_id": "ed0-0123456789-0123456789abcdefghjk",
    "gift_id": "ed0-0123456789-0123456789abcdefghjk",
    "key_id": "first",
    "local": "2027-10-31T02:30",
    "currency": "EUR",
    "price_minor": 2500,
    "title": "Night Sky, live",
    "email": "anna@example.org",
    "name": "Anna Example",
    "time_zone": "Europe/Vienna",
    "year": 2027,
    "address": "1 Sample Street, 1010 Vienna",
    "legal_name": "Night Sky Association",
    "carrier": "Post",
    "nonce": "scan-00000001",
    "token": "token-of-the-link",
    "link_code": "code-of-the-link",
    "ticket": "ticket-of-the-sign-in",
    "id": "cGFzc2tleQ",
    "attestation_object": "o2NmbXRkbm9uZQ",
    "authenticator_data": "SZYN5YgOjGh0NBcP",
    "client_data_json": "eyJ0eXBlIjoid2ViYXV0aG4ifQ",
    "signature": "MEUCIQDx",
    "user_handle": "bWUwLW4xZ2h0c2t5",
    "order": "ed0-0123456789-0123456789abcdefghjk",
    "variant_id": "m",
    "instead_variant_id": "l",
}
"""Examples that a schema can't provide, by the name of the field."""

_ADDRESS: Final = {"country": "AT", "street": ["1 Sample Street"], "city": "Vienna", "postal_code": "1010"}

_BODIES: Final[Mapping[str, Json]] = {
    "/v1/merchant/editions": {"title": "Night Sky, live", "kind": "ticket", "price_minor": 2500, "stock": 100},
    "/v1/merchant/editions/{edition_id}/stock": {"add": 10},
    "/v1/address-checks": {"address": _ADDRESS},
    "/v1/orders/{order_id}/address": {"address": _ADDRESS},
    "/v1/merchant/keys": {"name": "Ticket scanner"},
    "/v1/orders/{order_id}/payment": {
        "payment_method": "sandbox_accepted",
        "delivery": {"name": "Anna Example", "email": "anna@example.org"},
    },
}
"""Bodies for calls that need one of several optional fields, or a more telling name."""


def audience_of(path: str) -> str:
    """The audience of that path."""
    return next((audience for prefix, audience in _BY_PATH if path.startswith(prefix)), "Buyers")


def example_of(path: str, method: str, operation: Json, schemas: Json) -> str:
    """A call of the operation as a shell command, with the required fields or a body of `_BODIES`."""
    whole = _BODIES.get(path)
    parameters = operation.get("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(
                f"{{{parameter['name']}}}", str(_value(parameter["name"], parameter["schema"], schemas))
            )
    required = [one for one in parameters if one["in"] == "query" and one.get("required")]
    query = "&".join(f"{one['name']}={_value(one['name'], one['schema'], schemas)}" for one in required)
    words = ["curl"] if method == "get" else ["curl", "-X", method.upper()]
    if any("merchantKey" in way for way in operation.get("security", [])):
        words.append('-H "Authorization: Bearer $API_KEY"')
    elif operation.get("security"):
        words.append('-H "Authorization: Bearer $SESSION"')
    if path.endswith("/refund"):
        words.append("-H 'Idempotency-Key: refund-1'")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None:
        body = msgspec.json.encode(whole or _value("", content["schema"], schemas)).decode()
        words += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " ".join([*words, f'"$SHOP{path}{"?" + query if query else ""}"'])


def reference_of(document: Json) -> str:
    """The page."""
    schemas = document["components"]["schemas"]
    groups: dict[str, list[str]] = {audience: [] for audience in AUDIENCES}
    for path, item in sorted(document["paths"].items()):
        for method in METHODS:
            if method in item:
                groups[audience_of(path)].append(_operation(path, method, item[method], schemas))
    calls = "".join(
        f"<section><h2>{audience}</h2><p>{html.escape(AUDIENCES[audience])}</p>{''.join(operations)}</section>"
        for audience, operations in groups.items()
    )
    shapes = "".join(
        f"<details><summary><code>{html.escape(name)}</code></summary>{_pre(schema)}</details>"
        for name, schema in sorted(schemas.items())
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>buystream API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" type="image/svg+xml" href="/static/icon.svg">'
        '<link rel="stylesheet" href="/static/pages.css"></head><body class="reference"><main id="main">'
        f"<h1>buystream API {__version__}</h1>"
        '<p>Also available as <a href="/schema/openapi.json">OpenAPI in JSON</a>. What travels on the shop’s topics:'
        ' <a href="/schema/messages">messages</a>.'
        " Errors are <code>application/problem+json</code>.</p>"
        f"{calls}<section><h2>Shapes</h2>{shapes}</section></main></body></html>"
    )


def _operation(path: str, method: str, operation: Json, schemas: Json) -> str:
    title = html.escape(operation.get("summary") or "")
    words = html.escape(operation.get("description") or "")
    shapes = {key: operation[key] for key in ("security", "parameters", "requestBody", "responses") if key in operation}
    slugs = ", ".join(f"<code>{slug}</code>" for slug in operation.get("x-refusals", ()))
    refusals = f"<p>Refusals: {slugs}</p>" if slugs else ""
    example = html.escape(example_of(path, method, operation, schemas))
    return (
        f"<details><summary><strong>{method.upper()}</strong> <code>{html.escape(path)}</code> {title}</summary>"
        f'<p>{words}</p>{refusals}<pre tabindex="0">{example}</pre>{_pre(shapes)}'
        "</details>"
    )


def _value(name: str, schema: Json, schemas: Json) -> Any:
    """A value that the schema allows; of an object, the required fields."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return _value(name, schema[several][0], schemas)
    if name in _FIELDS and schema.get("type") != "object":
        return _FIELDS[name]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            required = schema.get("required", [])
            return {each: _value(each, schema["properties"][each], schemas) for each in required}
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "boolean":
            return True
        case "array":
            return [_value(name.removesuffix("s"), schema["items"], schemas)] * schema.get("minItems", 0)
        case _:
            return "…"


def _pre(value: Any) -> str:
    return f'<pre tabindex="0">{html.escape(msgspec.json.format(msgspec.json.encode(value)).decode())}</pre>'
