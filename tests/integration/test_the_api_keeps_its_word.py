"""A fuzzer over every operation of the OpenAPI document: whatever stands in a request, the answer is one that the
document names, and never a 5xx."""

from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from buystream.gateway.server.problems import slug_of
from buystream.limits import Limits
from buystream.vocabulary.commands import ShipOrder
from buystream.vocabulary.reasons import REASONS
from tests.support.shop import API_KEY, Shop, register_merchant, shop_at_work
from tests.support.thorough import THOROUGH

EXAMPLES = 12 if THOROUGH else 6
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
UNLIMITED = Limits(session_orders_per_minute=0, session_payments_per_minute=0, session_streams=0, network_streams=0)


@pytest.fixture(scope="module")
def shop(module_shop_database_url: str) -> Iterator[Shop]:
    with shop_at_work(module_shop_database_url, limits=UNLIMITED) as running:
        register_merchant(running)
        running.release()
        yield running


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_one_that_the_document_names(shop: Shop, mode: GenerationMode) -> None:
    api = schemathesis.openapi.from_url(f"{shop.url}/schema/openapi.json").exclude(path_regex="/stream$")
    failures: list[str] = []
    tokens: dict[str, str] = {}
    for result in api.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case: schemathesis.Case) -> None:
            response = case.call(headers={"Authorization": f"Bearer {_token(shop, case, tokens)}"})
            case.validate_response(response, checks=CHECKS)

        try:
            answers()
        except Unsatisfiable:
            continue  # nothing of it can be wrong
        except Exception as failure:  # every operation is tried, so that one run shows all that is wrong
            failures.append(f"{operation.label}: {failure}")
    assert not failures, "\n\n".join(failures)


def _token(shop: Shop, case: schemathesis.Case, tokens: dict[str, str]) -> str:
    """One session for each path, and for each time that something is deleted, which may be the session."""
    if case.path.startswith("/v1/merchant"):
        return API_KEY
    if case.path not in tokens or case.method == "DELETE":
        tokens[case.path] = httpx.post(f"{shop.url}/v1/session", json={}).json()["token"]
    return tokens[case.path]


def test_the_document_names_who_may_ask_and_what_else_is_answered(shop: Shop) -> None:
    document = httpx.get(f"{shop.url}/schema/openapi.json").json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            said = operation["responses"]
            assert {"400", "429", "431", "503"} <= said.keys(), (method, path)
            assert operation["security"] != [] or "401" in said or method == "get", (method, path)
            if operation["security"]:
                assert "401" in said
    order = document["components"]["schemas"]["NewOrder"]["properties"]["order_id"]
    assert order["pattern"].startswith("^(ed")
    assert set(document["components"]["securitySchemes"]) == {
        *("session", "sessionCookie", "merchantKey", "deskCookie", "doorKey"),
    }


def test_the_document_shows_the_refusals_of_each_route(shop: Shop) -> None:
    document = httpx.get(f"{shop.url}/schema/openapi.json").json()
    paths = document["paths"]
    ship = paths["/v1/merchant/orders/{order_id}/ship"]["post"]
    assert ship["x-refusals"] == sorted(slug_of(reason) for reason in ShipOrder.refusals)
    said = ship["responses"]["409"]["description"]
    assert f"`return-under-way`: {REASONS['return_under_way'].advice}" in said
    assert "`refused`: " in said  # what any change may be answered with
    assert "`unknown-order`: " in ship["responses"]["404"]["description"]
    order = paths["/v1/orders"]["post"]
    assert {"sold-out", "over-limit", "too-many-holds"} <= set(order["x-refusals"])
    assert "`too-many-holds`: " in order["responses"]["429"]["description"]
    assert "sold-out" not in document["components"]["responses"]["Problem409"]["description"]
    assert "x-refusals" not in paths["/v1/config"]["get"]
    assert "<p>Refusals: <code>cancelled</code>" in httpx.get(f"{shop.url}/schema").text


def test_the_reference_is_made_once_and_not_on_the_event_loop(shop: Shop) -> None:
    pages = {httpx.get(f"{shop.url}/schema").text for _ in range(3)}
    assert len(pages) == 1
    assert "/v1/merchant/editions/{edition_id}/stock" in pages.pop()
    assert httpx.get(f"{shop.url}/schema/").status_code == 200
