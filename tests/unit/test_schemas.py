"""What is published in schemas/ is what the code says, and stays a promise."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import jsonschema
import msgspec
import pytest

from buystream import schemas
from buystream.consumers.feeds import FEEDS
from buystream.delivery.policy import dead_letter
from buystream.log import EVENTS, TOPICS, Record
from buystream.log.topics import merchant_topic
from buystream.replay.topic_sink import replay_topic
from buystream.schemas.__main__ import main
from buystream.schemas.golden import read_again
from buystream.vocabulary import codec, fields
from buystream.vocabulary.fields import meanings
from tests.support.examples import EXAMPLES, VARIANTS
from tests.support.records import command_message, event_message

DIRECTORY = Path(__file__).parents[2] / "schemas"
SHIPPED = "events/OrderShipped.v1.json"

VALUES = sorted(
    {value for kind in (*codec.COMMANDS, *codec.EVENTS) for value in fields.values_of(kind)}, key=lambda it: it.__name__
)

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def there() -> dict[str, Any]:
    """The published schemas, by path."""
    return schemas.published(DIRECTORY)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The AsyncAPI document."""
    return schemas.documents(DIRECTORY)[schemas.ASYNCAPI]


def changed(change: Change) -> dict[str, Any]:
    """The published schemas after a change to the one of OrderShipped."""
    after = copy.deepcopy(schemas.current())
    change(after[SHIPPED])
    return after


def test_what_is_committed_is_what_the_code_says() -> None:
    assert schemas.check(DIRECTORY) == []


@pytest.mark.parametrize("message", [*EXAMPLES.values(), *VARIANTS], ids=codec.name_of)
def test_every_message_is_valid_by_its_schema(message: Any, there: dict[str, Any]) -> None:
    schema = there[schemas.path_of(type(message))]
    jsonschema.Draft202012Validator.check_schema(schema)
    body = msgspec.json.decode(codec.encode(message))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(body)
    assert body.keys() <= schema["properties"].keys()
    for name in schema["required"]:
        assert not validator.is_valid({field: value for field, value in body.items() if field != name})


@pytest.mark.parametrize("kind", [*codec.COMMANDS, *codec.EVENTS, *VALUES], ids=lambda kind: kind.__name__)
def test_every_field_of_every_message_and_value_says_what_it_means(kind: type[msgspec.Struct]) -> None:
    assert [name for name, meaning in meanings(kind).items() if not meaning.description.endswith((".", "%."))] == []


def test_every_shared_field_is_used_by_a_message() -> None:
    used = {field.type for kind in (*codec.COMMANDS, *codec.EVENTS, *VALUES) for field in msgspec.structs.fields(kind)}
    words = {str(part) for hint in used for part in (hint, *get_args(hint))} | {str(hint) for hint in used}
    shared = {name: hint for name, hint in vars(fields).items() if get_origin(hint) is Annotated}
    assert len(shared) > 55
    assert [name for name, hint in shared.items() if str(hint) not in words] == []


@pytest.mark.parametrize("message", EXAMPLES.values(), ids=codec.name_of)
def test_the_attributes_of_a_record_are_those_in_the_asyncapi_document(message: Any, document: dict[str, Any]) -> None:
    is_event = type(message) in codec.EVENTS
    record = event_message(message, sequence=0, reply_to="g") if is_event else command_message(message, reply_to="g")
    said = msgspec.json.decode(record.value)
    expected = document["components"]["schemas"]["events-attributes" if is_event else "commands-attributes"]
    jsonschema.validate(said, expected)
    assert said.keys() - {"data"} <= expected["properties"].keys()


def test_a_dead_letter_is_valid_by_the_asyncapi_document(document: dict[str, Any]) -> None:
    letter = dead_letter(Record(EVENTS, 1, 7, 0, b"\xff", "key"), "it isn't JSON", "views")
    said = msgspec.json.decode(letter.value)
    schemas_there = document["components"]["schemas"]
    jsonschema.validate(said, schemas_there["deadletter-attributes"])
    jsonschema.validate(said["data"], schemas_there["DeadLetter"])
    assert said["data"].keys() <= schemas_there["DeadLetter"]["properties"].keys()


def test_the_asyncapi_document_has_every_topic(document: dict[str, Any]) -> None:
    a_replay, a_merchants = replay_topic("x", partitions=1, replication=1).name, merchant_topic("x").name
    found = {re.sub("{.*}", "x", channel["address"]) for channel in document["channels"].values()}
    assert found == {*TOPICS, FEEDS, a_replay, a_merchants}


def test_every_reference_of_the_asyncapi_document_leads_somewhere(document: dict[str, Any]) -> None:
    references = [*_references(document)]
    assert len(references) > 3 * len(EXAMPLES)
    for reference in references:
        if reference.startswith("#/"):
            place = document
            for step in reference[2:].split("/"):
                place = place[step]
        else:
            assert (DIRECTORY / reference).is_file()


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        node = [*node.values()]
    if isinstance(node, list):
        for child in node:
            yield from _references(child)


# The promise.


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        (lambda schema: schema["properties"].pop("carrier"), "lost the field carrier"),
        (lambda schema: schema["properties"]["carrier"].update(type="integer"), "the field carrier was"),
        (lambda schema: schema["properties"]["carrier"].update(default="post"), "the field carrier was"),
        (lambda schema: schema["required"].remove("carrier"), "carrier must stay required"),
        (
            lambda schema: (
                schema["properties"].update(weight={"type": "integer"}),
                schema["required"].append("weight"),
            ),
            "gained the required field weight",
        ),
    ],
    ids=["lost", "retyped", "another default", "not required any more", "newly required"],
)
def test_a_change_that_breaks_a_published_version_is_refused(change: Change, breach: str) -> None:
    (found,) = schemas.breaches(schemas.current(), changed(change))
    assert found.startswith(SHIPPED)
    assert breach in found


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        (lambda values: values.pop("Tax"), "lost the value Tax"),
        (lambda values: values["Tax"]["properties"].pop("label"), "Tax: lost the field label"),
        (lambda values: values["RefundRule"]["properties"]["share_bps"].update(default=0), "the field share_bps was"),
        (lambda values: values["Offer"]["required"].append("tax"), "the field tax must stay optional"),
    ],
    ids=["lost", "lost a field", "another default", "newly required"],
)
def test_a_change_that_breaks_a_published_value_is_refused(change: Change, breach: str) -> None:
    after = copy.deepcopy(schemas.current())
    change(after["events/EditionReleased.v1.json"]["$defs"])
    (found,) = schemas.breaches(schemas.current(), after)
    assert found.startswith("events/EditionReleased.v1.json")
    assert breach in found


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: schema["properties"].update(weight={"type": "integer", "default": 0}),
        lambda schema: schema.update(description="Said better."),
        lambda schema: schema["properties"]["carrier"].update(description="Said better."),
    ],
    ids=["an optional field more", "another description", "another description of a field"],
)
def test_a_change_that_breaks_nothing_is_welcome(change: Change) -> None:
    assert schemas.breaches(schemas.current(), changed(change)) == []


def test_an_optional_field_must_not_become_required() -> None:
    published = changed(lambda schema: schema["required"].remove("carrier"))
    (found,) = schemas.breaches(published, schemas.current())
    assert "carrier must stay optional" in found


def test_a_new_version_needs_an_upcaster_from_the_old_one() -> None:
    published = schemas.current()
    after = dict(published)
    newer = copy.deepcopy(after.pop(SHIPPED))
    (gone, unread) = schemas.breaches(published, after)
    assert "no message has this type" in gone
    assert "OrderShipped.v1" in unread
    newer["properties"]["parcels"] = {"type": "integer"}
    newer["required"].append("parcels")
    after["events/OrderShipped.v2.json"] = newer
    (unread,) = schemas.breaches(published, after)
    assert "nothing upcasts OrderShipped.v1" in unread
    assert schemas.breaches(published, after, {"OrderShipped.v1"}) == []


# The folder.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as it is published."""
    assert schemas.write(tmp_path) == []
    assert schemas.check(tmp_path) == []
    return tmp_path


def test_nothing_is_written_over_a_promise(folder: Path) -> None:
    there = msgspec.json.decode((folder / SHIPPED).read_bytes())
    there["properties"]["weight"] = {"type": "integer"}
    (folder / SHIPPED).write_bytes(msgspec.json.encode(there))
    before = (folder / SHIPPED).read_bytes()
    assert schemas.write(folder) == [f"{SHIPPED}: lost the field weight"]
    assert (folder / SHIPPED).read_bytes() == before


def test_a_version_of_old_stays_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = folder / "events/OrderShipped.v0.json"
    old.write_bytes((folder / SHIPPED).read_bytes().replace(b"OrderShipped.v1", b"OrderShipped.v0"))
    record = _golden_of_old(folder)
    unread = schemas.write(folder)
    assert unread[0] == "events/OrderShipped.v0.json: nothing upcasts OrderShipped.v0: add it to codec.UPCASTERS"
    assert unread[1].startswith("golden/events/OrderShipped.v0.json: can't be read any more: ")
    monkeypatch.setitem(codec.UPCASTERS, "OrderShipped.v0", _from_v0)
    assert schemas.write(folder) == []
    assert schemas.check(folder) == []
    assert b"OrderShipped.v0" in (folder / schemas.ASYNCAPI).read_bytes()
    record.unlink()
    assert schemas.check(folder) == ["golden/events/OrderShipped.v0.json: is gone; restore it"]
    old.unlink()
    assert "OrderShipped.v0: was published and its file is gone; restore it" in schemas.check(folder)
    assert schemas.write(folder) != []


def test_a_file_that_was_forgotten_or_edited_is_reported(folder: Path) -> None:
    (folder / "commands/Tick.v1.json").unlink()
    file = folder / schemas.ASYNCAPI
    file.write_bytes(file.read_bytes() + b"\n")
    told = schemas.check(folder)
    assert [line.partition(":")[0] for line in told] == ["Tick.v1", "commands/Tick.v1.json", schemas.ASYNCAPI]


@pytest.mark.parametrize(("arguments", "status"), [(["--write"], 0), (["--check"], 1), ([], 2)])
def test_the_command_line_answers_with_its_status(
    arguments: list[str], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["schemas", "--directory", str(tmp_path), *arguments])
    if status == 2:
        with pytest.raises(SystemExit, match="2"):
            main()
    else:
        assert main() == status


# The golden records.


def _from_v0(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "type": "OrderShipped.v1"}


def _golden_of_old(folder: Path) -> Path:
    """A golden record of version 0, from when it was the newest."""
    file = folder / "golden/events/OrderShipped.v0.json"
    file.write_bytes((folder / "golden" / SHIPPED).read_bytes().replace(b"OrderShipped.v1", b"OrderShipped.v0"))
    return file


def without_what_was_added(now: Any, then: Any) -> Any:
    """What is read now, without the fields that a message, or a value inside it, didn't have then."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {name: without_what_was_added(value, then[name]) for name, value in now.items() if name in then}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [without_what_was_added(one, other) for one, other in zip(now, then, strict=True)]
    return now


@pytest.mark.parametrize("path", sorted(path for path in schemas.published(DIRECTORY) if "feed/" not in path))
def test_every_version_ever_published_has_a_golden_record_that_is_valid_and_still_read(
    path: str, there: dict[str, Any]
) -> None:
    golden = msgspec.json.decode((DIRECTORY / "golden" / path).read_bytes())
    schema = there[path]
    assert golden["record"]["type"] == f"buystream.{schema['title']}"
    jsonschema.Draft202012Validator(schema).validate(golden["record"]["data"])
    assert without_what_was_added(read_again(path.partition("/")[0], golden), golden["newest"]) == golden["newest"]


def test_an_old_record_is_read_as_the_newest_version_from_then_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = folder / "events/OrderShipped.v0.json"
    old.write_bytes((folder / SHIPPED).read_bytes().replace(b"OrderShipped.v1", b"OrderShipped.v0"))
    record = _golden_of_old(folder)
    monkeypatch.setitem(codec.UPCASTERS, "OrderShipped.v0", _from_v0)
    assert schemas.check(folder) != []
    assert schemas.write(folder) == []
    assert msgspec.json.decode(record.read_bytes())["newest"]["type"] == "OrderShipped.v1"
    monkeypatch.setitem(codec.UPCASTERS, "OrderShipped.v0", lambda fields: {**_from_v0(fields), "carrier": "Post"})
    (found,) = schemas.write(folder)
    assert found == f"golden/{old.relative_to(folder)}: carrier was read as 'Parcel Post' and is read as 'Post'"


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        (lambda newest: newest.update(carrier="Post"), "carrier was read as 'Post' and is read as 'Parcel Post'"),
        (lambda newest: newest.update(weight=3), "weight was read as 3 and is read as None"),
        (lambda newest: newest.pop("carrier"), ""),
    ],
    ids=["another value", "a field that is gone", "a field that was added since"],
)
def test_a_record_that_is_read_as_something_else_breaks_the_promise(change: Change, breach: str, folder: Path) -> None:
    file = folder / "golden" / SHIPPED
    golden = msgspec.json.decode(file.read_bytes())
    change(golden["newest"])
    file.write_bytes(msgspec.json.encode(golden))
    assert schemas.broken_promises(folder) == ([f"golden/{SHIPPED}: {breach}"] if breach else [])


@pytest.mark.parametrize("path", schemas.current())
def test_the_examples_in_a_schema_are_valid(path: str, there: dict[str, Any]) -> None:
    schema = there[path]
    assert schema["examples"]
    for example in schema["examples"]:
        jsonschema.Draft202012Validator(schema).validate(example)
        assert example.keys() <= schema["properties"].keys()
