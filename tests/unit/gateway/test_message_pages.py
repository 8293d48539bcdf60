"""The pages of the messages and the published files, without a shop around them."""

from collections.abc import Iterator

import jsonschema
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from buystream.gateway.app import problem_answer
from buystream.gateway.routes import messages
from buystream.schemas.folder import shipped
from buystream.vocabulary import codec


@pytest.fixture(scope="module")
def browser() -> Iterator[TestClient[Litestar]]:
    """Opens pages."""
    app = Litestar(messages.ROUTES, exception_handlers={Exception: problem_answer}, openapi_config=None)
    with TestClient(app) as client:
        client.headers["Accept"] = "text/html"
        yield client


def test_the_list_has_every_message_and_every_topic(browser: TestClient[Litestar]) -> None:
    page = browser.get("/schema/messages").text
    for kind in (*codec.COMMANDS, *codec.EVENTS):
        assert page.count(f'href="/schema/messages/{kind.__name__}"') == 1
    for topic in ("buystream.commands", "buystream.events", "buystream.deadletter", "buystream.merchant.{merchantId}"):
        assert f"<code>{topic}</code>" in page


def test_the_list_without_a_script_is_filtered_by_the_shop(browser: TestClient[Litestar]) -> None:
    page = browser.get("/schema/messages", params={"q": 'sold "out'}).text
    assert "0 messages" in page
    assert 'value="sold &#34;out"' in page
    assert "1 message<" in browser.get("/schema/messages", params={"q": "EditionSoldOut"}).text


@pytest.mark.parametrize("kind", [*codec.COMMANDS, *codec.EVENTS], ids=lambda kind: kind.__name__)
def test_every_message_has_a_page_whose_links_lead_somewhere(kind: type, browser: TestClient[Litestar]) -> None:
    page = browser.get(f"/schema/messages/{kind.__name__}")
    assert page.status_code == 200
    links = [part.partition('"')[0] for part in page.text.split('href="/schema/')[1:]]
    assert [link for link in links if browser.get(f"/schema/{link}").status_code != 200] == []
    anchors = [part.partition('"')[0] for part in page.text.split('href="#value-')[1:]]
    assert [name for name in anchors if f'id="value-{name}"' not in page.text] == []


def test_an_example_as_it_is_served_is_valid_by_the_schema_as_it_is_served(browser: TestClient[Litestar]) -> None:
    answer = browser.get("/schema/events/EditionReleased.v1.json")
    assert answer.headers["content-type"].startswith("application/schema+json")
    schema = answer.json()
    jsonschema.validate(browser.get("/schema/golden/events/EditionReleased.v1.json").json()["record"]["data"], schema)
    document = browser.get("/schema/asyncapi.json")
    assert document.headers["content-type"].startswith("application/vnd.aai.asyncapi+json")
    assert document.json()["asyncapi"].startswith("3.")


@pytest.mark.parametrize("path", ["messages/Nothing", "events/Nothing.v1.json", "feed/BuyerErased.v1.json", "golden/x"])
def test_what_is_not_published_is_not_found(path: str, browser: TestClient[Litestar]) -> None:
    assert browser.get(f"/schema/{path}").status_code == 404


def test_an_installed_package_has_the_published_schemas_beside_it() -> None:
    assert (shipped() / "asyncapi.json").is_file()
    pyproject = (shipped().parent / "pyproject.toml").read_text()
    assert 'schemas = "buystream/schemas/published"' in pyproject


def test_code_in_prose_is_marked(browser: TestClient[Litestar]) -> None:
    assert (
        "Stock is held for this buyer until <code>hold_expires_at_ms</code>."
        in browser.get("/schema/messages/OrderPlaced").text
    )
