"""The published description of the API takes the bodies that the API takes."""

import shlex
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from jsonschema import Draft202012Validator

from buystream.gateway import openapi
from buystream.gateway.app import _framework
from buystream.gateway.pages.openapi_page import METHODS, example_of
from buystream.gateway.routes.bodies import door, editions, parcels, tickets
from buystream.gateway.runtime import Gateway

GATEWAY = cast("Gateway", SimpleNamespace(publishable_key=None))
BODIES: list[tuple[type[msgspec.Struct], dict[str, Any]]] = [
    (door.DoorWish, {"gates": [{"gate_id": "balcony", "title": "Balcony", "variant_ids": ["a", "b"]}]}),
    (editions.NewEdition, {"variants": [{"variant_id": "m", "title": "M"}, {"variant_id": "l", "title": "L"}]}),
    (editions.NewEdition, {"suggested_minor": [500, 1000]}),
    (parcels.NewShipment, {"lines": [{"variant_id": "", "quantity": 1}]}),
    (parcels.NewGoodsReturn, {"lines": [{"variant_id": "", "quantity": 1}]}),
    (tickets.ReturnedTickets, {"numbers": [1, 2]}),
]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.Reference(lambda: _framework(GATEWAY, documented=True)).document


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_no_choice_has_anything_as_one_of_its_shapes(document: dict[str, Any]) -> None:
    def loose(part: Any) -> list[Any]:
        if isinstance(part, list):
            return [found for one in part for found in loose(one)]
        if not isinstance(part, dict):
            return []
        here = (
            [part] if any({} in part[name] for name in ("oneOf", "anyOf") if isinstance(part.get(name), list)) else []
        )
        return here + [found for one in part.values() for found in loose(one)]

    assert loose(document) == []


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_several_of_a_kind_are_valid_and_something_else_is_not(
    document: dict[str, Any], kind: type[msgspec.Struct], body: dict[str, Any]
) -> None:
    shape = document["components"]["schemas"][kind.__name__]["properties"]
    ((name, listed),) = body.items()
    hint = {field.name: field.type for field in msgspec.structs.fields(kind)}[name]
    msgspec.convert(listed, hint, strict=True)
    assert validator(document, shape[name]).is_valid(listed)
    assert not validator(document, shape[name]).is_valid([None])


def test_the_example_of_each_call_is_a_valid_body(document: dict[str, Any]) -> None:
    wrong = []
    for path, item in document["paths"].items():
        for method in METHODS:
            content = item.get(method, {}).get("requestBody", {}).get("content", {}).get("application/json")
            if content is None:
                continue
            words = shlex.split(example_of(path, method, item[method], document["components"]["schemas"]))
            body = msgspec.json.decode(words[words.index("-d") + 1])
            wrong += [
                f"{method} {path}: {error.message}"
                for error in validator(document, content["schema"]).iter_errors(body)
            ]
    assert wrong == []


def test_what_programs_download_by_a_link_is_described(document: dict[str, Any]) -> None:
    download = document["paths"]["/downloads/{token}/{name}"]["get"]
    assert {"200", "206", "304", "401", "404", "409", "412", "416"} <= download["responses"].keys()
    assert download["security"] == []
    assert "application/json" not in str(download["responses"]["200"])


def test_exports_say_that_a_shop_may_not_offer_parquet(document: dict[str, Any]) -> None:
    for path in openapi.AS_SHEET:
        export = document["paths"][path]["get"]
        assert "not-implemented" in export[openapi.REFUSALS], path
        assert "501" in export["responses"], path
