"""The API's page, for people."""

import re
from typing import Any

import pytest

from buystream.gateway.pages.openapi_page import audience_of, example_of, reference_of
from buystream.vocabulary.ids import PATTERNS

SCHEMAS: dict[str, Any] = {
    "NewOrder": {
        "type": "object",
        "required": ["order_id", "quantity"],
        "properties": {"order_id": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}, "note": {}},
    }
}
PLACE: dict[str, Any] = {
    "summary": "Place an order",
    "security": [{"session": []}],
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewOrder"}}}},
}
SHIP: dict[str, Any] = {
    "security": [{"merchantKey": []}],
    "parameters": [{"name": "order_id", "in": "path", "schema": {"type": "string"}}],
}


def test_an_example_has_the_path_the_right_key_and_the_required_fields() -> None:
    placed = example_of("/v1/orders", "post", PLACE, SCHEMAS)
    assert placed == (
        "curl -X POST -H \"Authorization: Bearer $SESSION\" -H 'Content-Type: application/json'"
        ' -d \'{"order_id":"ed0-0123456789-0123456789abcdefghjk","quantity":1}\' "$SHOP/v1/orders"'
    )
    shipped = example_of("/v1/merchant/orders/{order_id}/ship", "get", SHIP, SCHEMAS)
    assert '"Authorization: Bearer $API_KEY"' in shipped
    assert "/v1/merchant/orders/ed0-0123456789-0123456789abcdefghjk/ship" in shipped


@pytest.mark.parametrize("name", ["edition_id", "order_id", "gift_id"])
def test_an_examples_id_has_the_form_that_the_schema_demands(name: str) -> None:
    parameter = {"name": name, "in": "path", "schema": {"type": "string"}}
    example = example_of(f"/v1/x/{{{name}}}", "get", {"parameters": [parameter]}, SCHEMAS)
    assert re.search(PATTERNS[name], example.rpartition("/")[2].rstrip('"')), example


def test_each_call_is_in_its_audiences_group_and_has_an_example() -> None:
    assert [
        audience_of(path) for path in ("/v1/orders", "/v1/merchant/keys", "/v1/host/logout", "/v1/webhooks/stripe")
    ] == [
        "Buyers",
        "Merchants",
        "Hosts",
        "Operators",
    ]
    document = {
        "paths": {"/v1/orders": {"post": PLACE}, "/v1/merchant/orders/{order_id}": {"get": SHIP}},
        "components": {"schemas": SCHEMAS},
    }
    page = reference_of(document)
    buyers, merchants = page.index("<h2>Buyers</h2>"), page.index("<h2>Merchants</h2>")
    assert buyers < page.index("Place an order") < merchants < page.index("/v1/merchant/orders/")
    assert page.count("curl ") == 2
    assert 'rel="icon"' in page
