"""What people read about each message is what the vocabulary and the published schemas say."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from buystream import schemas
from buystream.schemas.catalogue import MessageEntry, catalogue, differences, matching
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.feed import FED, private_fields
from buystream.vocabulary.reasons import REASONS

DIRECTORY = Path(__file__).parents[2] / "schemas"
SHIPPED = "events/OrderShipped.v1.json"


@pytest.fixture(scope="module")
def entries() -> dict[str, MessageEntry]:
    """What is published."""
    return catalogue(DIRECTORY)


def test_every_message_is_there_once(entries: dict[str, MessageEntry]) -> None:
    assert len(entries) == len(codec.COMMANDS) + len(codec.EVENTS)
    assert [name for name, one in entries.items() if not (one.fields and one.versions and one.what)] == []


def test_a_command_says_who_may_ask_and_what_may_refuse_it(entries: dict[str, MessageEntry]) -> None:
    entry, kind = entries["ShipOrder"], commands.ShipOrder
    assert (entry.about, entry.by) == ("order_id", sorted(kind.by))
    assert entry.refusals == [(reason, REASONS[reason].advice) for reason in sorted(kind.refusals)]
    assert entry.refusals


def test_what_is_private_is_what_the_feed_leaves_out(entries: dict[str, MessageEntry]) -> None:
    for kind in FED:
        entry = entries[kind.__name__]
        inside = {value.name: value.fields for value in entry.values}

        def hidden(fields: list[Any], place: str, inside: dict[str, list[Any]] = inside) -> set[str]:
            names = {place + one.name for one in fields if not one.is_public}
            below = [hidden(inside[one.value], f"{place}{one.name}.") for one in fields if one.value and one.is_public]
            return names.union(*below)

        assert hidden(entry.fields, "") == {*private_fields(kind)}, kind


def test_only_what_merchants_get_has_public_fields(entries: dict[str, MessageEntry]) -> None:
    public = {name for name, one in entries.items() if any(field.is_public for field in one.fields)}
    assert public == {kind.__name__ for kind in FED}


def test_a_field_says_its_type_in_words(entries: dict[str, MessageEntry]) -> None:
    released = {one.name: one for one in entries["EditionReleased"].fields}
    offer = next({one.name: one for one in value.fields} for value in entries["EditionReleased"].values)
    assert (released["offer"].kind, released["offer"].value) == ("Offer", "Offer")
    assert (offer["variants"].kind, offer["variants"].value) == ("list of Variant", "Variant")
    assert (offer["campaign"].kind, offer["campaign"].value) == ("CampaignTerms or nothing", "CampaignTerms")
    assert offer["suggested_minor"].kind == "list of whole number"


def test_the_examples_are_the_schemas_and_what_merchants_read_of_the_first(entries: dict[str, MessageEntry]) -> None:
    (version,) = entries["OrderPlaced"].versions
    assert "buyer_id" in msgspec.json.decode(version.examples[0])
    assert "buyer_id" not in msgspec.json.decode(version.feed_example)
    assert (version.path, version.feed_path) == ("events/OrderPlaced.v1.json", "feed/OrderPlaced.v1.json")
    (unfed,) = entries["BuyerErased"].versions
    assert (unfed.feed_path, unfed.feed_example) == ("", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it["properties"].pop("carrier"), "Lost carrier."),
        (
            lambda it: it["properties"].update(parcels={"type": "integer", "description": "How many."}),
            "Gained parcels: How many.",
        ),
        (lambda it: it["properties"]["carrier"].update(type="integer"), "carrier was text and is whole number."),
        (lambda it: it["properties"]["carrier"].update(default="Post"), "carrier has another default."),
        (lambda it: it["required"].remove("carrier"), "carrier may be left out."),
    ],
    ids=["lost", "gained", "retyped", "another default", "optional"],
)
def test_what_changed_between_two_versions_is_said(change: Callable[[Any], object], said: str) -> None:
    was = schemas.current()[SHIPPED]
    now = copy.deepcopy(was)
    change(now)
    assert list(differences(was, now)) == [said]
    assert list(differences(was, was)) == []


def test_what_changed_in_a_value_is_said() -> None:
    was = schemas.current()["events/EditionReleased.v1.json"]
    now = copy.deepcopy(was)
    now["$defs"]["Tax"]["properties"].pop("label")
    assert list(differences(was, now)) == ["Lost Tax.label."]


def test_the_newest_version_comes_first_with_what_changed(tmp_path: Path) -> None:
    assert schemas.write(tmp_path) == []
    newest = msgspec.json.decode((tmp_path / SHIPPED).read_bytes())
    newest["title"] = "OrderShipped.v2"
    newest["properties"]["parcels"] = {"type": "integer", "description": "How many."}
    (tmp_path / "events/OrderShipped.v2.json").write_bytes(msgspec.json.encode(newest))
    versions = catalogue(tmp_path)["OrderShipped"].versions
    assert [(one.tag, one.changes) for one in versions] == [
        ("OrderShipped.v2", ["Gained parcels: How many."]),
        ("OrderShipped.v1", []),
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("soldout", ["EditionSoldOut"]),
        ("REFUND order", ["RefundOrder", "OrderRefunded"]),
        ("no such thing", []),
    ],
)
def test_messages_are_found_by_words(wanted: str, found: list[str], entries: dict[str, MessageEntry]) -> None:
    assert [one.name for one in matching(entries.values(), wanted)] == found


def test_without_words_all_are_found(entries: dict[str, MessageEntry]) -> None:
    assert matching(entries.values(), "  ") == [*entries.values()]
    assert events.OrderPlaced.__name__ in entries
