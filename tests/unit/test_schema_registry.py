"""A schema registry learns of every published schema, once, with the promise that is made about it."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from buystream import schemas
from buystream.cli import cli
from buystream.schemas.registry import (
    LEVEL,
    SchemaRegistry,
    SchemaRegistryFailed,
    SubjectState,
    open_registry,
    subjects,
)
from buystream.settings import Settings
from tests.support.ports import reserved_port
from tests.support.schema_registry import Registry, Trouble, schema_registry

DIRECTORY = Path(__file__).parents[2] / "schemas"
SHIPPED = "events/OrderShipped.v1.json"
FED = "feed/OrderShipped.v1.json"
SUBJECT = "buystream.OrderShipped.v1"


@pytest.fixture
def there() -> Iterator[Registry]:
    """A registry that knows nothing yet."""
    with schema_registry() as registry:
        yield registry


@pytest.fixture
def ours(there: Registry) -> Iterator[SchemaRegistry]:
    """Our side of it."""
    with SchemaRegistry(there.url) as registry:
        yield registry


@pytest.fixture
def few() -> dict[str, Any]:
    """Two of what is published."""
    published = schemas.published(DIRECTORY)
    return {path: copy.deepcopy(published[path]) for path in (SHIPPED, FED)}


def with_field(few: dict[str, Any], **field: Any) -> dict[str, Any]:
    """The same after OrderShipped got another optional field."""
    after = copy.deepcopy(few)
    after[SHIPPED]["properties"]["parcels"] = {"type": "integer", **field}
    return after


def test_a_subject_is_named_like_the_records_type_and_the_feeds_form_has_its_own() -> None:
    names = [subject for subject, _ in subjects(schemas.published(DIRECTORY))]
    assert len(set(names)) == len(names) == len(schemas.published(DIRECTORY))
    assert {SUBJECT, "buystream.feed.OrderShipped.v1", "buystream.ShipOrder.v1"} <= {*names}


def test_what_is_registered_is_registered_once(there: Registry, ours: SchemaRegistry, few: dict[str, Any]) -> None:
    assert [one.state for one in ours.compare(few)] == ["new", "new"]
    assert there.changes() == []
    assert [one.subject for one in ours.register(few)] == [SUBJECT, "buystream.feed.OrderShipped.v1"]
    assert len(there.changes()) == 4
    assert set(there.levels.values()) == {LEVEL}
    assert json.loads(there.subjects[SUBJECT][0])["properties"] == few[SHIPPED]["properties"]
    assert ours.register(few) == []
    assert there.changes() == []
    assert [one.state for one in ours.compare(few)] == ["registered", "registered"]


def test_another_example_is_no_other_version(there: Registry, ours: SchemaRegistry, few: dict[str, Any]) -> None:
    ours.register(few)
    few[SHIPPED]["examples"] = []
    assert ours.register(few) == []
    assert len(there.subjects[SUBJECT]) == 1


def test_an_optional_field_more_is_the_next_version(there: Registry, ours: SchemaRegistry, few: dict[str, Any]) -> None:
    ours.register(few)
    after = with_field(few)
    assert ours.compare(after)[0] == SubjectState(SUBJECT, "changed")
    assert [one.subject for one in ours.register(after)] == [SUBJECT]
    assert len(there.subjects[SUBJECT]) == 2
    assert ours.register(few) == []  # an older program finds its own


def test_the_registrys_own_level_would_refuse_what_we_promise(
    there: Registry, ours: SchemaRegistry, few: dict[str, Any]
) -> None:
    ours.register(few)
    del there.levels[SUBJECT]
    after = with_field(few)
    (found, _) = ours.compare(after)
    assert (found.state, found.reason) == ("changed", f"its compatibility level is not set, not {LEVEL}")
    assert ours.register(after)[0].state == "changed"
    assert there.levels[SUBJECT] == LEVEL
    assert len(there.subjects[SUBJECT]) == 2


def test_when_one_is_refused_none_is_registered(there: Registry, ours: SchemaRegistry, few: dict[str, Any]) -> None:
    ours.register({SHIPPED: few[SHIPPED]})
    there.changes()
    few[SHIPPED]["properties"]["carrier"]["type"] = "integer"
    states = {one.subject: one for one in ours.register(few)}
    assert states[SUBJECT].state == "refused"
    assert "TYPE_CHANGED" in states[SUBJECT].reason
    assert "#/properties/carrier" in states[SUBJECT].reason
    assert states["buystream.feed.OrderShipped.v1"].state == "new"
    assert [one for one in there.changes() if one.startswith("POST")] == []


def test_the_registry_refuses_the_same_when_it_is_asked_without_looking(
    there: Registry, ours: SchemaRegistry, few: dict[str, Any]
) -> None:
    there.default_level = LEVEL
    ours.register(few)
    few[SHIPPED]["properties"]["carrier"]["type"] = "integer"
    with pytest.raises(Trouble, match="TYPE_CHANGED") as refused:
        there.answer("POST", f"/subjects/{SUBJECT}/versions", _body(few))
    assert (refused.value.status, refused.value.code) == (409, 409)


def _body(few: dict[str, Any]) -> dict[str, str]:
    return {"schemaType": "JSON", "schema": json.dumps(few[SHIPPED])}


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Trouble(401, 401, "Unauthorized"), "doesn't let us (401): check BUYSTREAM_SCHEMA_REGISTRY_CREDENTIALS"),
        (Trouble(403, 40301, "Forbidden"), "doesn't let us (403)"),
        (Trouble(404, 404, "HTTP 404 Not Found"), "HTTP 404 Not Found (404)"),
        (Trouble(422, 42201, "Invalid schema"), "Invalid schema (42201)"),
        (Trouble(422, 42205, "Subject is in read-only mode"), "Subject is in read-only mode (42205)"),
        (Trouble(500, 50001, "Error in the backend datastore"), "Error in the backend datastore (50001)"),
    ],
    ids=lambda it: str(it.code) if isinstance(it, Trouble) else "",
)
def test_what_the_registry_refuses_is_one_clear_line(
    trouble: Trouble, said: str, there: Registry, ours: SchemaRegistry, few: dict[str, Any]
) -> None:
    there.broken = trouble
    with pytest.raises(SchemaRegistryFailed) as failed:
        ours.register(few)
    assert said in str(failed.value)
    assert there.url in str(failed.value)
    assert "\n" not in str(failed.value)


def test_the_credentials_are_sent_and_never_said(there: Registry, few: dict[str, Any]) -> None:
    there.credentials = "shop:a-secret"
    with SchemaRegistry(there.url, ("shop", "a-secret")) as known:
        assert len(known.register(few)) == 2
    with SchemaRegistry(there.url, ("shop", "another-secret")) as wrong, pytest.raises(SchemaRegistryFailed) as failed:
        wrong.compare(few)
    assert "secret" not in str(failed.value).lower().replace("schema_registry", "")


def test_a_registry_that_is_away_is_one_clear_line(few: dict[str, Any]) -> None:
    url = f"http://127.0.0.1:{reserved_port()}"
    with SchemaRegistry(url) as away, pytest.raises(SchemaRegistryFailed, match=f"can't reach .* {url}"):
        away.compare(few)


def test_without_an_address_there_is_nothing_to_work_with() -> None:
    with pytest.raises(SchemaRegistryFailed, match="BUYSTREAM_SCHEMA_REGISTRY_URL is not set"):
        open_registry(Settings())


def run(there: Registry, *words: str) -> Result:
    """`buystream schemas …` with that registry."""
    return CliRunner().invoke(cli, ["schemas", *words], env={"BUYSTREAM_SCHEMA_REGISTRY_URL": there.url})


def test_the_command_line_registers_all_that_is_published(there: Registry) -> None:
    first = run(there, "register")
    assert (first.exit_code, first.stderr) == (0, "")
    assert len(there.subjects) == len(schemas.published(DIRECTORY))
    found = run(there, "check", "--json")
    assert found.exit_code == 0
    assert {one["state"] for one in json.loads(found.stdout)} == {"registered"}


@pytest.fixture
def two_published(few: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only two schemas are published."""
    for path, schema in few.items():
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text(json.dumps(schema))
    monkeypatch.setattr("buystream.schemas.folder.shipped", lambda: tmp_path)


@pytest.mark.usefixtures("two_published")
def test_the_command_line_says_what_is_missing_and_then_has_nothing_to_do(there: Registry) -> None:
    missing = run(there, "check")
    assert missing.exit_code == 1
    assert missing.stdout.splitlines()[0] == f"{SUBJECT} isn't there yet"
    assert missing.stdout.splitlines()[-1] == f"{there.url} has 0 of 2 schemas."
    first = run(there, "register")
    assert first.stdout.splitlines()[0] == f"registered {SUBJECT}"
    assert run(there, "register").stdout == f"{there.url} has them all.\n"
    assert run(there, "check").exit_code == 0


@pytest.mark.usefixtures("two_published")
def test_the_command_line_says_what_would_be_refused(there: Registry, few: dict[str, Any]) -> None:
    few[SHIPPED]["properties"]["carrier"]["type"] = "integer"
    with SchemaRegistry(there.url) as ours:
        ours.register({SHIPPED: few[SHIPPED]})
    for words in (["check"], ["register"]):
        refused = run(there, *words)
        assert refused.exit_code == 1
        assert refused.stdout.startswith(f"{SUBJECT} would be refused: ")
    assert "Nothing was registered" in refused.stderr
    assert list(there.subjects) == [SUBJECT]
