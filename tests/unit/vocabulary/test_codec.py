"""Bytes ↔ messages: nothing is lost, old versions become new ones, and what can't be read says so."""

from typing import Any

import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat

from buystream.vocabulary import codec, commands, events
from tests.support import examples
from tests.support.examples import EDITION, ORDER, T0, example
from tests.support.records import changed


@pytest.mark.parametrize("command", examples.COMMANDS, ids=codec.name_of)
def test_a_command_survives_its_bytes(command: commands.Command) -> None:
    assert codec.decode_command(codec.encode(command)) == command
    assert codec.decode_command(memoryview(codec.encode(command))) == command


@pytest.mark.parametrize("event", examples.EVENTS, ids=codec.name_of)
def test_an_event_survives_its_bytes(event: events.Event) -> None:
    assert codec.decode_event(codec.encode(event)) == event


@pytest.mark.parametrize("message", [*examples.COMMANDS, *examples.EVENTS], ids=codec.name_of)
def test_a_message_says_its_type_and_version_in_its_body_and_in_its_attribute(message: Any) -> None:
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


def record_of(event: events.Event, **others: Any) -> bytes:
    usual: dict[str, Any] = {
        "partition": 3,
        "sequence": 41,
        "command_position": 17,
        "command_id": "c0ffee",
        "actor": "buyer:anna",
    }
    return codec.encode_event(codec.event_envelope(event, **usual | {"rules_version": 1} | others))


def test_an_events_record_is_one_cloudevent_in_the_structured_mode() -> None:
    placed = example(events.OrderPlaced)
    record = record_of(placed, reply_to="gateway-1", source=codec.source_of("5h0p"))
    assert msgspec.json.decode(record) == {
        "specversion": "1.0",
        "id": "3-41",
        "source": "/buystream/5h0p",
        "type": "buystream.OrderPlaced.v1",
        "time": "2027-01-15T08:00:00.000Z",
        "subject": ORDER,
        "partitionkey": EDITION,
        "sequence": "0000000000000000041",
        "aggregateversion": 1,
        "editionversion": 2,
        "commandposition": 17,
        "causationid": "c0ffee",
        "actor": "buyer:anna",
        "rulesversion": 1,
        "replyto": "gateway-1",
        "data": msgspec.json.decode(codec.encode(placed)),
    }
    assert codec.read_event(record) == placed
    assert codec.read_head(record).commandposition == 17


def test_a_library_of_cloudevents_reads_a_record() -> None:
    placed = example(events.OrderPlaced)
    values = (
        codec.encode_command(example(commands.Tick), actor="system:tests", command_id="c"),
        record_of(placed),
    )
    command, event = (JSONFormat().read(None, value) for value in values)
    assert (command.get_id(), command.get_type()) == ("c", "buystream.Tick.v1")
    assert (event.get_id(), event.get_subject()) == ("3-41", ORDER)
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["buyer_id"] == placed.buyer_id


def test_sequences_order_as_text() -> None:
    event = example(events.OrderPlaced)
    sequences = [codec.read_head(record_of(event, sequence=number)).sequence for number in (9, 10, 99, 10**18)]
    assert sequences == sorted(sequences)


def test_an_event_of_no_edition_has_no_edition_version() -> None:
    record = msgspec.json.decode(record_of(example(events.BuyerErased)))
    assert "editionversion" not in record
    assert "replyto" not in record
    assert record["partitionkey"] == record["subject"]


def test_a_commands_record_names_who_waits_for_the_answer() -> None:
    tick = example(commands.Tick)
    record = codec.encode_command(tick, actor="system:tests", command_id="c", reply_to="gateway-1")
    assert msgspec.json.decode(record) == {
        "specversion": "1.0",
        "id": "c",
        "source": "/buystream",
        "type": "buystream.Tick.v1",
        "actor": "system:tests",
        "replyto": "gateway-1",
        "data": msgspec.json.decode(codec.encode(tick)),
    }
    read = codec.read_command(record)
    assert (read.id, read.replyto, read.data) == ("c", "gateway-1", tick)
    assert codec.answer_to(record) == ("c", "gateway-1", "system:tests", "")


@pytest.mark.parametrize(
    "broken",
    [
        {"data": {"type": "Nothing.v1"}},
        {"data": None},
        {"type": None},
        {"source": 7},
        {"specversion": "2.0"},
        {"id": "a\0b"},
        {"id": 7},
        {"actor": None},
        {"actor": ""},
    ],
    ids=str,
)
def test_a_command_whose_record_is_wrong_is_unreadable_and_answered_by_its_id_where_that_can_be(
    broken: dict[str, Any],
) -> None:
    record = changed(
        codec.encode_command(example(commands.Tick), actor="system:tests", command_id="c", reply_to="gateway-1"),
        **broken,
    )
    with pytest.raises(codec.Unreadable):
        codec.read_command(record)
    assert codec.answer_to(record)[0] == ("" if "id" in broken else "c")


def test_an_old_version_is_upcast_inside_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(codec.UPCASTERS, "Tick.v0", lambda old: {"type": "Tick.v1", "asked_at_ms": old["asked"]})
    monkeypatch.setitem(codec.UPCASTERS, "SalePaused.v0", lambda old: {**old, "type": "SalePaused.v1"})
    paused = example(events.SalePaused)
    old_event = changed(record_of(paused), data=msgspec.json.decode(codec.encode(paused)) | {"type": "SalePaused.v0"})
    assert codec.read_event(old_event) == paused
    command = codec.encode_command(example(commands.Tick), actor="system:tests", command_id="c")
    read = codec.read_command(changed(command, data={"type": "Tick.v0", "asked": 7}))
    assert (read.id, read.data) == ("c", commands.Tick(asked_at_ms=7))
