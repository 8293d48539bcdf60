"""What merchants read of an event, and what they don't."""

from pathlib import Path
from typing import Annotated, Any

import jsonschema
import msgspec
import pytest

from buystream import schemas
from buystream.consumers.feeds import feed_message
from buystream.vocabulary import actors, codec, events
from buystream.vocabulary.events import Event, OrderEvent
from buystream.vocabulary.feed import FED, private_fields, public_fields, public_form
from buystream.vocabulary.fields import Quantity, meaning, values_of
from buystream.vocabulary.value import Value
from tests.support.examples import ANNA, EXAMPLES, MERCHANT, example
from tests.support.records import event_message

SCHEMAS = Path(__file__).parents[3] / "schemas"

PRIVATE_FIELDS = {
    "buyer_id": "a pseudonym is personal data too, and no order needs it",
    "device": "recognises a person's device",
    "network": "recognises a person's network",
    "payment_method": "the provider's name for a person's card",
    "reusable_method": "the provider's name for a person's card",
    "forget_before_ms": "what the edition may forget is its own business",
    "forgotten": "what the edition may forget is its own business",
    "card_label": "ends with four digits of a person's card",
    "attendee": "a person's name, even if encrypted",
    "code_text": "who knows a code can use it",
    "claim": "checks the link that makes somebody the holder of a ticket",
    "delivery": "a person's name and address, even if encrypted",
    "statement": "what a person's bank statement shows",
    "tracking": "a carrier's site shows the address with it",
    "url": "whoever knows it can answer the bank in the person's place",
    "key": "tells which code it is, to whoever holds the shop's root",
    "code_key": "tells which code it is, to whoever holds the shop's root",
    "note_id": "internal",
    "resend_id": "internal",
    "words": "what a person wrote, even if encrypted",
    "reference": "leads to the person's payment at the provider",
    "save": "what a person chose",
    "demand_id": "internal",
    "report_id": "internal",
    "account": "the merchant's name at the provider: internal",
    "destination": "the merchant's name at the provider: internal",
    "gift_id": "tells which gifts are one person's, and the ids of the next ones",
    "flag_id": "internal",
    "instance": "recognises a person's device",
    "file_id": "names the bytes in the shop's storage: internal",
}


FED_PARTS = {part for kind in FED for part in (kind, *values_of(kind))}
"""Every event of a feed, and every value that it is made of."""


def recorded(event: Event) -> bytes:
    """The event as it is on the log, with everything that travels beside it."""
    return event_message(
        event, sequence=41, command_position=17, command_id="causing-command", reply_to="waiting-gateway"
    ).value


def without_private(part: Any) -> Any:
    """The same without what is private, inside values too."""
    if isinstance(part, list):
        return [without_private(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {name: without_private(one) for name, one in part.items() if name not in PRIVATE_FIELDS}


def secrets_in(part: Any) -> list[str]:
    """Every text that is private, wherever it stands."""
    if isinstance(part, list):
        return [secret for one in part for secret in secrets_in(one)]
    if not isinstance(part, dict):
        return []
    own = [one for name, one in part.items() if name in PRIVATE_FIELDS and isinstance(one, str) and one]
    return [*own, *(secret for name, one in part.items() if name not in PRIVATE_FIELDS for secret in secrets_in(one))]


def test_every_field_of_an_event_in_a_feed_is_public_or_private_for_a_reason() -> None:
    private = {field.name for kind in FED_PARTS for field in msgspec.structs.fields(kind)} - _public_somewhere()
    assert private == set(PRIVATE_FIELDS)


def test_a_field_is_private_in_every_event_or_in_none() -> None:
    for kind in FED_PARTS:
        names = {field.name for field in msgspec.structs.fields(kind)}
        assert names - public_fields(kind) == names & set(PRIVATE_FIELDS), kind


def _public_somewhere() -> set[str]:
    return {name for kind in FED_PARTS for name in public_fields(kind)}


def test_a_field_that_is_not_marked_stays_out_of_the_feed_whatever_its_name() -> None:
    kind = msgspec.defstruct(
        "OrderExcused",
        [("quantity", Quantity), ("reason", str), ("note", Annotated[str, meaning("What the buyer wrote.")])],
        bases=(OrderEvent,),
        kw_only=True,
        frozen=True,
    )
    public = public_fields(kind)
    assert "quantity" in public
    assert {"reason", "note"} & public == set()


class Note(Value, frozen=True):
    """What a buyer adds to an order."""

    text: Annotated[str, meaning("Printed on the ticket.", feed=True)]
    phone: Annotated[str, meaning("Where the buyer is reached.")] = ""
    author: str = ""


Notes = Annotated[tuple[Note, ...], meaning("All of them.", feed=True)]


class Noted(Event, frozen=True, tag=False):
    """Holds values in every way that an event may."""

    note: Annotated[Note, meaning("The first one.", feed=True)]
    reply: Annotated[Note | None, meaning("The answer.", feed=True)] = None
    notes: Notes = ()
    hidden: Annotated[Note, meaning("For the merchant's eyes only.")] = Note(text="hidden")


def test_a_field_of_a_value_stays_out_of_the_feed_unless_it_is_marked_itself() -> None:
    note = Note(text="For Ben", phone="555-0199", author="Anna")
    event = Noted(originator_id=ANNA, originator_version=1, at_ms=0, note=note, reply=note, notes=(note, note))
    public = msgspec.to_builtins(public_form(event))
    assert public["note"] == public["reply"] == {"text": "For Ben"}
    assert public["notes"] == ({"text": "For Ben"},) * 2
    assert "hidden" not in public
    assert sorted(private_fields(Noted)) == [
        "hidden", "note.author", "note.phone", "notes.author", "notes.phone", "reply.author", "reply.phone"
    ]  # fmt: skip


def test_the_schema_of_a_feed_leaves_out_what_is_private_in_a_value() -> None:
    (schema,) = [schemas.schema_of(Noted, schemas.FEED)["$defs"]["Note"]]
    assert list(schema["properties"]) == ["text"]


def test_what_counts_in_an_editions_version_is_fed_and_nothing_else() -> None:
    counted = {kind for kind in codec.EVENTS if codec.read_head(recorded(EXAMPLES[kind])).editionversion}  # type: ignore[arg-type]
    assert counted == set(FED)


@pytest.mark.parametrize("kind", FED, ids=lambda kind: kind.__name__)
def test_an_event_keeps_its_identity_and_loses_what_is_private(kind: type[Event]) -> None:
    event = EXAMPLES[kind]
    assert isinstance(event, Event)
    record = recorded(event)
    head = codec.read_head(record)
    message = feed_message(head, event)

    assert message.key == head.partitionkey
    assert message.headers == {
        "ce_specversion": "1.0",
        "ce_id": head.id,
        "ce_source": head.source,
        "ce_type": head.type,
        "ce_time": head.time,
        "ce_subject": head.subject,
        "ce_partitionkey": head.partitionkey,
        "ce_sequence": head.sequence,
        "ce_aggregateversion": str(head.aggregateversion),
        "ce_editionversion": str(head.editionversion),
        "content-type": "application/json",
    }

    schema = schemas.published(SCHEMAS)[schemas.path_of(kind, schemas.FEED)]
    jsonschema.Draft202012Validator(schema).validate(msgspec.json.decode(message.value))
    assert not set(PRIVATE_FIELDS) & schema["properties"].keys()

    body, original = msgspec.json.decode(message.value), msgspec.json.decode(record)["data"]
    assert body == without_private(original)
    everything = message.value + repr(message.headers).encode() + message.key.encode()
    for secret in secrets_in(original):
        assert secret.encode() not in everything


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        (actors.merchant_key(MERCHANT, "k1"), True),
        (actors.merchant_key("me0-0therm0rch", "k1"), False),
        (actors.buyer(ANNA), False),
        (actors.OPERATOR, False),
        (actors.system("flows"), False),
    ],
)
def test_merchants_see_which_of_their_own_keys_asked_and_nobody_else(actor: str, said: bool) -> None:
    event = example(events.OrderShipped)
    record = event_message(event, sequence=41, actor=actor).value
    headers = feed_message(codec.read_head(record), event, MERCHANT).headers or {}
    assert headers.get("ce_actor") == (actor if said else None)
    assert "ce_actor" not in (feed_message(codec.read_head(record), event).headers or {})


def test_an_unreadable_event_keeps_its_place_in_the_edition() -> None:
    head = codec.read_head(recorded(EXAMPLES[events.OrderConfirmed]))  # type: ignore[arg-type]
    message = feed_message(head, None)
    assert message.value == b"{}"
    assert message.headers is not None
    assert message.headers["ce_editionversion"] == str(head.editionversion)
