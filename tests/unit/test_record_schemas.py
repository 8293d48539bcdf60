"""The judge of records notices what is wrong with one."""

import msgspec
import pytest

from buystream.vocabulary import commands, events
from tests.support.examples import example
from tests.support.record_schemas import RecordSchemas
from tests.support.records import changed, command_message, event_message


@pytest.fixture(scope="module")
def judge() -> RecordSchemas:
    """With all schemas."""
    return RecordSchemas()


def test_records_as_they_are_written_are_valid(judge: RecordSchemas) -> None:
    assert judge.problem(command_message(example(commands.PlaceOrder)).value) == ""
    assert judge.problem(event_message(example(events.OrderPlaced), sequence=0).value) == ""


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"actor": None}, '"actor" is a required property'),
        ({"aggregateversion": "1"}, "is not of type"),
        ({"type": "buystream.OrderPlaced.v0"}, "OrderPlaced.v0: no such schema"),
        ({"type": "buystream.OrderExpired.v1"}, "OrderExpired.v1"),
    ],
    ids=["an attribute missing", "an attribute of another type", "an unknown type", "another type"],
)
def test_wrong_attributes_are_noticed(attributes: dict[str, object], said: str, judge: RecordSchemas) -> None:
    value = event_message(example(events.OrderPlaced), sequence=0).value
    assert said in judge.problem(changed(value, **attributes))


def test_a_wrong_message_is_noticed(judge: RecordSchemas) -> None:
    value = event_message(example(events.OrderPlaced), sequence=0).value
    data = msgspec.json.decode(value)["data"]
    assert "required property" in judge.problem(changed(value, data={**data, "lines": [{}]}))
    assert "is not of type" in judge.problem(changed(value, data={**data, "buyer_id": 7}))
