"""What merchants read of an event, and what they don't."""

import msgspec
import pytest

from buystream import codec, events
from buystream.consumers.feeds import FED, PUBLIC_FIELDS, feed_message
from buystream.events import Event
from buystream.log import EVENTS, Record
from tests.support.examples import EXAMPLES

PRIVATE_FIELDS = {
    "buyer_id": "a pseudonym is personal data too, and no order needs it",
    "device": "recognises a person's device",
    "network": "recognises a person's network",
    "payment_method": "the provider's name for a person's card",
    "reusable_method": "the provider's name for a person's card",
    "card_label": "ends with four digits of a person's card",
    "delivery": "a person's name and address, even if encrypted",
    "tracking": "a carrier's site shows the address with it",
    "url": "whoever knows it can answer the bank in the person's place",
    "reference": "leads to the person's payment at the provider",
    "save": "what a person chose",
    "demand_id": "internal",
    "account": "the merchant's name at the provider: internal",
    "destination": "the merchant's name at the provider: internal",
    "gift_id": "tells which gifts are one person's, and the ids of the next ones",
    "flag_id": "internal",
}


def recorded(event: Event) -> Record:
    """The event as it stands on the log, with everything that travels beside it."""
    headers = codec.event_headers(
        event,
        partition=0,
        sequence=41,
        command_position=17,
        command_id="causing-command",
        rules_version=1,
        reply_to="waiting-gateway",
    )
    return Record(EVENTS, 0, 99, event.at_ms, codec.encode(event), headers["ce_partitionkey"], headers)


def test_every_field_of_an_event_in_a_feed_is_public_or_private_for_a_reason() -> None:
    fields = {field.name for kind in FED for field in msgspec.structs.fields(kind)}
    assert fields - PUBLIC_FIELDS == set(PRIVATE_FIELDS)
    assert fields >= PUBLIC_FIELDS


def test_what_counts_in_an_editions_version_is_fed_and_nothing_else() -> None:
    counted = {kind for kind in codec.EVENTS if "ce_editionversion" in recorded(EXAMPLES[kind]).headers}  # type: ignore[arg-type]
    assert counted == set(FED)


@pytest.mark.parametrize("kind", FED, ids=lambda kind: kind.__name__)
def test_an_event_keeps_its_identity_and_loses_what_is_private(kind: type[Event]) -> None:
    event = EXAMPLES[kind]
    assert isinstance(event, Event)
    record = recorded(event)
    message = feed_message(record, event)

    assert message.key == record.headers["ce_partitionkey"]
    for name in ("ce_id", "ce_type", "ce_subject", "ce_sequence", "ce_editionversion", "ce_time", "content-type"):
        assert message.headers[name] == record.headers[name]
    assert not {"ce_replyto", "ce_causationid", "ce_commandposition", "ce_rulesversion"} & set(message.headers)

    body, original = msgspec.json.decode(message.value), msgspec.json.decode(record.value)
    assert body == {name: value for name, value in original.items() if name not in PRIVATE_FIELDS}
    everything = message.value + repr(message.headers).encode() + message.key.encode()
    for name in PRIVATE_FIELDS:
        secret = original.get(name)
        assert not isinstance(secret, str) or secret.encode() not in everything


def test_an_unreadable_event_keeps_its_place_in_the_edition() -> None:
    record = recorded(EXAMPLES[events.OrderConfirmed])  # type: ignore[arg-type]
    message = feed_message(msgspec.structs.replace(record, value=b"\xff"), None)
    assert message.value == b"{}"
    assert message.headers["ce_editionversion"] == record.headers["ce_editionversion"]
