"""Bytes ↔ messages: nothing is lost, old versions become new ones, and what can't be read says so."""

from typing import Any

import msgspec
import pytest

from buystream import codec, commands, events
from tests.support import examples
from tests.support.examples import EDITION, ORDER, T0, example


@pytest.mark.parametrize("command", examples.COMMANDS, ids=codec.name_of)
def test_a_command_survives_its_bytes(command: commands.Command) -> None:
    assert codec.decode_command(codec.encode(command)) == command
    assert codec.decode_command(memoryview(codec.encode(command))) == command


@pytest.mark.parametrize("event", examples.EVENTS, ids=codec.name_of)
def test_an_event_survives_its_bytes(event: events.Event) -> None:
    assert codec.decode_event(codec.encode(event)) == event


@pytest.mark.parametrize("message", [*examples.COMMANDS, *examples.EVENTS], ids=codec.name_of)
def test_a_message_says_its_type_and_version_in_its_body_and_in_its_header(message: Any) -> None:
    name = codec.name_of(message)
    assert msgspec.json.decode(codec.encode(message))["type"] == f"{name}.v1"
    assert codec.type_of(message) == f"buystream.{name}.v1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"Tick.v1"',
        b"{}",
        b'{"type":"Tick"}',
        b'{"type":"Tick.v2"}',
        b'{"type":null}',
        b'{"type":"PauseSale.v1"}',
        b'{"type":"PauseSale.v1","edition_id":7}',
        b'{"type":"OrderPlaced.v1"}',
        b'{"type":"Tick.v1"',
        b'{"type":"Tick.v1"} trailing',
        b'{"type":"Tick.v1","x":' + b"[" * 100_000,
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_command_is_unreadable(body: bytes) -> None:
    with pytest.raises(codec.Unreadable):
        codec.decode_command(body)


def test_an_event_is_no_command_nor_a_command_an_event() -> None:
    with pytest.raises(codec.Unreadable):
        codec.decode_command(codec.encode(example(events.SalePaused)))
    with pytest.raises(codec.Unreadable):
        codec.decode_event(codec.encode(example(commands.PauseSale)))


def test_unknown_fields_of_a_newer_writer_are_ignored() -> None:
    body = codec.encode(example(commands.PauseSale))[:-1] + b',"why":"rain"}'
    assert codec.decode_command(body) == example(commands.PauseSale)


def test_an_old_version_is_upcast_step_by_step_on_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def name_the_change(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "type": "StockAdded.v0", "change_id": f"{old['originator_id']}/{old['originator_version']}"}

    def rename_count(old: dict[str, Any]) -> dict[str, Any]:
        rest = {name: value for name, value in old.items() if name != "count"}
        return {**rest, "type": "StockAdded.v1", "quantity": old["count"]}

    monkeypatch.setitem(codec.UPCASTERS, "StockAdded.first", name_the_change)
    monkeypatch.setitem(codec.UPCASTERS, "StockAdded.v0", rename_count)
    first = {"type": "StockAdded.first", "originator_id": EDITION, "originator_version": 4, "at_ms": T0, "count": 5}
    assert codec.decode_event(msgspec.json.encode(first)) == example(events.StockAdded, change_id=f"{EDITION}/4")


@pytest.mark.parametrize("lost", ["count", "originator_id"])
def test_an_old_version_that_lacks_something_is_unreadable(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    monkeypatch.setitem(
        codec.UPCASTERS,
        "StockAdded.v0",
        lambda old: {**old, "type": "StockAdded.v1", "quantity": old["count"], "change_id": "change-1"},
    )
    old = {"type": "StockAdded.v0", "originator_id": EDITION, "originator_version": 4, "at_ms": T0, "count": 5}
    del old[lost]
    with pytest.raises(codec.Unreadable):
        codec.decode_event(msgspec.json.encode(old))


def test_an_events_headers_are_cloudevents_attributes() -> None:
    headers = codec.event_headers(
        example(events.OrderPlaced),
        partition=3,
        sequence=41,
        command_position=17,
        command_id="c0ffee",
        rules_version=1,
        reply_to="gateway-1",
    )
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": "3-41",
        "ce_source": "/buystream",
        "ce_type": "buystream.OrderPlaced.v1",
        "ce_time": "2027-01-15T08:00:00.000Z",
        "ce_subject": ORDER,
        "ce_partitionkey": EDITION,
        "ce_sequence": "41",
        "ce_aggregateversion": "1",
        "ce_editionversion": "2",
        "ce_commandposition": "17",
        "ce_causationid": "c0ffee",
        "ce_rulesversion": "1",
        "ce_replyto": "gateway-1",
        "content-type": "application/json",
    }
    assert codec.command_position_of(headers) == 17


def test_an_event_of_no_edition_has_no_edition_version() -> None:
    headers = codec.event_headers(
        example(events.BuyerErased), partition=0, sequence=0, command_position=0, command_id="c", rules_version=1
    )
    assert "ce_editionversion" not in headers
    assert "ce_replyto" not in headers
    assert headers["ce_partitionkey"] == headers["ce_subject"]


def test_a_commands_headers_name_who_waits_for_the_answer() -> None:
    tick = example(commands.Tick)
    assert codec.command_headers(tick, command_id="c") == {"ce_id": "c", "ce_type": "buystream.Tick.v1"}
    assert codec.command_headers(tick, command_id="c", reply_to="gateway-1")["ce_replyto"] == "gateway-1"
