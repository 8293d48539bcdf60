"""Which records of the event log count, and which comes next."""

from typing import Any

import pytest

from buystream.consumers.feeds import FEEDS, PROGRESS, remembered
from buystream.delivery.dead_letters import DeadLetters, Unfit
from buystream.delivery.policy import dead_letter, read_dead_letter
from buystream.delivery.sequence import EventSequence, Foreign, sequence_of
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Damaged, Message, Record
from buystream.vocabulary import codec, commands, events
from tests.support.examples import example
from tests.support.memory_log import MemoryLog
from tests.support.records import changed, command_message, event_message

EDITION, MERCHANT = "ed0-aaaaaaaaaa", "me0-aaaaaaaaaa"


def event(number: int, **attributes: Any) -> Message:
    """An event as an owner writes it, with some attributes changed or (None) left out."""
    message = event_message(example(events.Ticked, originator_id="pt0"), sequence=number)
    return Message(changed(message.value, **attributes), message.key)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(stamp=lambda: 0)


def taken(log: MemoryLog, expected: int | None = 0) -> list[int]:
    """The positions that a reader takes, one by one or all together."""
    records, sequence = log.read(EVENTS, 0, 0), EventSequence(log, "test", {0: expected})
    found = [sequence.takes(record) for record in records]
    together = EventSequence(log, "test", {0: expected})
    assert list(together.heads(records)) == found
    assert together.expected(0) == sequence.expected(0)
    return [record.position for record, head in zip(records, found, strict=True) if head]


DIFFERING = ({"id": "0-7"}, {"sequence": f"{7:019d}"}, {"replayof": "elsewhere 0 1"}, {"type": "somebody.Else.v1"})


@pytest.mark.parametrize("attributes", DIFFERING, ids=str)
def test_a_foreign_record_among_others_is_the_only_one_passed_over(log: MemoryLog, attributes: dict[str, Any]) -> None:
    log.append(EVENTS, 0, [event(0), event(1), event(2, **attributes), event(2), event(3)])
    assert taken(log) == [0, 1, 3, 4]


REQUIRED = ("id", "source", "type", "time", "subject", "partitionkey", "sequence", "commandposition", "causationid")


@pytest.mark.parametrize(
    "attributes",
    [
        *({name: None} for name in REQUIRED),
        *({"sequence": text} for text in ("", "x", "-1", "01", "0", "\u0661" * 19, "9" * 30, f"{1:019d}", "\ufffd")),
        {"id": "1-0"},
        {"type": "somebody.Else.v1"},
        {"commandposition": "1.0"},
        {"commandposition": -1},
        {"specversion": "2.0"},
    ],
    ids=str,
)
def test_a_record_without_an_owners_whole_envelope_is_foreign(attributes: dict[str, Any]) -> None:
    with pytest.raises(Foreign):
        sequence_of(Record(EVENTS, 0, 0, 0, event(0, **attributes).value, "pt0"))


def test_a_log_of_an_earlier_form_is_refused_in_one_line() -> None:
    body = codec.encode(example(events.Ticked))
    with pytest.raises(Damaged, match="the form of an earlier version"):
        sequence_of(Record(EVENTS, 2, 0, 0, body, "pt2"))
    with pytest.raises(Foreign):
        sequence_of(Record(EVENTS, 2, 1, 0, body, "pt2"))


def test_foreign_records_leave_no_gap(log: MemoryLog) -> None:
    foreign = Message(b"not an event")
    log.append(EVENTS, 0, [foreign, event(0), foreign, foreign, event(1), foreign])
    assert taken(log) == taken(log, None) == [1, 4]


def test_a_repeat_of_the_same_bytes_is_dropped(log: MemoryLog) -> None:
    log.append(EVENTS, 0, [event(0), event(1), event(0), event(1), event(2)])
    assert taken(log) == [0, 1, 4]


@pytest.mark.parametrize(
    "differing",
    [
        event(0, data={}),
        Message(event(0).value, "pt1"),
        event(0, causationid="c1"),
    ],
)
def test_other_bytes_at_a_known_place_are_damage(log: MemoryLog, differing: Message) -> None:
    log.append(EVENTS, 0, [event(0), Message(b"not an event"), event(1), differing])
    with pytest.raises(
        Damaged, match=r"event 0 of partition 0 stands at position 0, and with other bytes at position 3"
    ):
        taken(log)


def test_a_gap_is_damage(log: MemoryLog) -> None:
    log.append(EVENTS, 0, [event(0), Message(b"not an event"), event(2)])
    with pytest.raises(Damaged, match="jump from sequence 0 to 2 at position 2"):
        taken(log)


def test_what_is_set_aside_once_is_not_set_aside_again_after_a_restart(log: MemoryLog) -> None:
    log.append(EVENTS, 0, [Message(b"one"), Message(b"two")])
    first, second = (Unfit(record, "foreign") for record in log.read(EVENTS, 0, 0))
    strange = changed(dead_letter(first.record, "foreign", "views").value, data={"topic": EVENTS, "position": "x"})
    log.append(DEADLETTER, 0, [Message(b"no dead letter"), Message(strange)])
    assert DeadLetters(log, "views").add(0, [first]) == 1
    restarted = DeadLetters(log, "views")
    assert restarted.add(0, [first, second]) == 1
    assert restarted.add(0, [first, second]) == 0
    letters = [read_dead_letter(letter) for letter in log.read(DEADLETTER, 0, 2)]
    assert [(letter.value, letter.position) for letter in letters if letter] == [(b"one", 0), (b"two", 1)]


def memory(log: MemoryLog, *messages: Message) -> MemoryLog:
    log._records[FEEDS, 0] = []
    log.append(FEEDS, 0, messages)
    return log


def test_a_relay_takes_from_its_memory_only_what_a_relay_wrote(log: MemoryLog) -> None:
    progress = Message(b'{"position":7,"sequence":5}', PROGRESS)
    foreign = [
        Message(b"", PROGRESS),
        Message(b"{}", PROGRESS),
        Message(b'{"position":3,"sequence":2}', PROGRESS),
        Message(b'{"position": 9,"sequence":5}', PROGRESS),
        Message(b"\xff", EDITION),
        Message(MERCHANT.encode(), "ed1-aaaaaaaaaa"),
        Message(b"", EDITION),
        Message(b"junk"),
    ]
    found = remembered(memory(log, Message(MERCHANT.encode(), EDITION), progress, *foreign), 0)
    assert (found.place.position, found.place.sequence, found.merchants) == (7, 5, {EDITION: MERCHANT})
    assert [one.record.position for one in found.foreign] == list(range(2, 10))


def test_a_relay_whose_progress_was_overwritten_stops_before_it_repeats_everything(log: MemoryLog) -> None:
    with pytest.raises(Damaged, match="no longer says how far partition 0 was relayed"):
        remembered(memory(log, Message(MERCHANT.encode(), EDITION), Message(b"junk", PROGRESS)), 0)


def test_commands_are_no_events(log: MemoryLog) -> None:
    with pytest.raises(Foreign):
        sequence_of(Record(COMMANDS, 0, 0, 0, command_message(example(commands.Tick)).value, ""))
