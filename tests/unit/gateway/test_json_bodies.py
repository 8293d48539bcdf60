"""A body's values have their own types: the framework alone would take 1 for true."""

from typing import Annotated, Any

import msgspec
import pytest
from litestar import Litestar, post
from litestar.params import FromQuery, JSONBody
from litestar.testing import TestClient
from msgspec import Meta

from buystream.gateway.app import _framework, problem_answer
from buystream.gateway.routes.bodies import merchants, orders, parcels
from buystream.gateway.routes.bodies.fields import Request
from buystream.gateway.server.json_bodies import StrictRequest
from buystream.vocabulary.values import ORDER_LINES_MAX
from tests.unit.gateway.test_openapi_document import GATEWAY


class Wish(Request, frozen=True, kw_only=True):
    restock: bool = False
    numbers: Annotated[tuple[int, ...], Meta(max_length=2)] = ()
    texts: tuple[str, ...] = ()


@post("/wishes", status_code=200)
async def wish(data: JSONBody[Wish], how_many: FromQuery[int] = 1) -> dict[str, Any]:
    return {"restock": data.restock, "numbers": data.numbers, "how_many": how_many}


APP = Litestar([wish], request_class=StrictRequest, exception_handlers={Exception: problem_answer}, openapi_config=None)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"restock": 0}, "restock: Expected `bool`, got `int`"),
        ({"restock": "true"}, "restock: Expected `bool`, got `str`"),
        ({"numbers": ["1"]}, "numbers[0]: Expected `int`, got `str`"),
        ({"numbers": [1, 2, 3]}, "numbers: Expected `array` of length <= 2"),
        ({"texts": ["a", "b\0"]}, "texts[1]: Expected text without NULs"),
        ({"restok": True}, "data: Object contains unknown field `restok` (one of restock, numbers, texts)"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_place(body: dict[str, Any], detail: str) -> None:
    with TestClient(APP) as client:
        answer = client.post("/wishes", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)


def test_a_right_body_is_taken_and_a_query_is_still_read_from_text() -> None:
    with TestClient(APP) as client:
        answer = client.post("/wishes?how_many=3", json={"restock": True, "numbers": [1]})
        broken = client.post("/wishes", content=b'{"restock"', headers={"content-type": "application/json"})
    assert answer.json() == {"restock": True, "numbers": [1], "how_many": 3}
    assert (broken.status_code, broken.json()["type"].rpartition("/")[2]) == (400, "malformed-json")


def test_every_route_reads_its_body_so() -> None:
    handlers = [handler for route in _framework(GATEWAY).routes for handler in getattr(route, "route_handlers", ())]
    assert handlers
    assert {handler.resolve_request_class() for handler in handlers} == {StrictRequest}


def test_no_body_names_more_units_than_a_command_may() -> None:
    """A command that is too long could not be read from the log any more."""
    bodies = [one for module in (parcels, orders, merchants) for one in vars(module).values()]
    requests = [one for one in bodies if isinstance(one, type) and issubclass(one, Request)]
    schemas = msgspec.json.schema_components(requests)[1]
    lists = [found for name in schemas for found in lists_of_units(schemas[name])]
    assert len(lists) >= 5
    assert {found.get("maxItems") for found in lists} == {ORDER_LINES_MAX}


def lists_of_units(schema: Any) -> list[dict[str, Any]]:
    """The arrays of units within it."""
    if isinstance(schema, list):
        return [found for one in schema for found in lists_of_units(one)]
    if not isinstance(schema, dict):
        return []
    is_one = schema.get("type") == "array" and str(schema.get("items", "")).endswith("/UnitsOfLine'}")
    return [schema] if is_one else lists_of_units(list(schema.values()))
