"""The audit accepts what an older program wrote in an older form, and its ledger watches the holds' clocks."""

from typing import Any

import msgspec
import pytest

from buystream.aggregates import deciding
from buystream.aggregates.partition import Partition
from buystream.consumers.decider import decide_batch
from buystream.delivery.policy import dead_letter
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Message, Record
from buystream.replay.audit import audit
from buystream.replay.ledger import Ledger
from buystream.vocabulary import codec, commands, events
from tests.support.actors import actor_of
from tests.support.examples import OFFER, ORDER, T0, example
from tests.support.memory_log import MemoryLog
from tests.support.records import changed, command_message
from tests.support.steps import authenticate, pay, place, release

HOLD_MS = OFFER.hold_seconds * 1000


def decided(*asked: commands.Command) -> MemoryLog:
    """A log on which these were decided."""
    log = MemoryLog(stamp=lambda: T0)
    for one in asked:
        log.append(COMMANDS, 0, [command_message(one)])
    log.append(EVENTS, 0, decide_batch(Partition(0), log.read(COMMANDS, 0, 0))[EVENTS])
    return log


def in_an_older_form(log: MemoryLog, *, grace_until_ms: int) -> None:
    """As if a program had written OwnershipTaken when the field had another name."""
    events_there = log.read(EVENTS, 0, 0)
    (index,) = (
        n for n, one in enumerate(events_there) if codec.read_head(one.value).type.endswith("OwnershipTaken.v1")
    )
    value = events_there[index].value.replace(b"OwnershipTaken.v1", b"OwnershipTaken.v0")
    value = value.replace(f'"grace_until_ms":{T0 + 60_000}'.encode(), f'"until_ms":{grace_until_ms}'.encode())
    log.replace(events_there[index], value=value)


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The upcaster for it."""

    def upcast(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "type": "OwnershipTaken.v1", "grace_until_ms": old.pop("until_ms")}

    monkeypatch.setitem(codec.UPCASTERS, "OwnershipTaken.v0", upcast)


def test_an_event_in_an_older_version_passes_when_it_reads_the_same_today(renamed: None) -> None:
    log = decided(release(), example(commands.OwnerStarted), place())
    in_an_older_form(log, grace_until_ms=T0 + 60_000)
    report = audit(log)
    assert report.ok, report.violations


def test_an_event_in_an_older_version_that_says_something_else_is_found(renamed: None) -> None:
    log = decided(release(), example(commands.OwnerStarted), place())
    in_an_older_form(log, grace_until_ms=T0 + 1)
    assert [one.invariant for one in audit(log).violations] == ["refolding gives the same events"]


# What was set aside.


def claimed(asked: commands.Command, **letter: str) -> MemoryLog:
    """A log whose last answer was replaced by the claim that the command can't be decided, with a dead letter."""
    log = MemoryLog(stamp=lambda: T0)
    for one in (release(), asked):
        log.append(COMMANDS, 0, [command_message(one)])
    records = log.read(COMMANDS, 0, 0)
    answers = decide_batch(Partition(0), records, undecidable={1: letter.pop("reason", "RuntimeError: a bug")})
    log.append(EVENTS, 0, answers[EVENTS])
    (made,) = answers[DEADLETTER]
    log.append(DEADLETTER, 0, [saying(made, **letter)])
    return log


def saying(letter: Message | Record, **changes: Any) -> Message:
    """The dead letter, with something else in it."""
    data = msgspec.json.decode(letter.value)["data"] | changes
    return Message(changed(letter.value, data=data), letter.key)


def invariants(log: MemoryLog) -> list[str]:
    return [one.invariant for one in audit(log).violations]


def test_a_false_claim_that_a_command_cannot_be_decided_is_found() -> None:
    assert invariants(claimed(place())) == ["an undecidable command can't be decided"]


def test_a_claim_of_an_older_program_is_a_note_that_this_one_can_decide_it() -> None:
    report = audit(claimed(place(), program="0.0.1"))
    assert report.ok, report.violations
    (note,) = report.notes
    assert "this program can decide it" in note.detail


def test_a_command_whose_answer_the_log_rejected_could_be_decided() -> None:
    report = audit(claimed(place(), reason="the log rejects its answer: too large"))
    assert report.ok, report.violations
    assert [note.what for note in report.notes] == ["undecidable"]


def test_a_claim_is_true_while_deciding_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    log = claimed(place())
    monkeypatch.setitem(deciding.DECIDE, commands.PlaceOrder, lambda *_: 1 // 0)
    assert audit(log).ok


@pytest.mark.parametrize(
    "changes", [{"value": "e30="}, {"key": "other"}, {"omitted_bytes": 2}], ids=["value", "key", "size"]
)
def test_a_dead_letter_that_is_not_the_command_as_it_was_is_found(changes: dict[str, Any]) -> None:
    log = claimed(place(), reason="the log rejects its answer: too large")
    (letter,) = log.read(DEADLETTER, 0, 0)
    log.replace(letter, value=saying(letter, **changes).value)
    assert invariants(log) == ["a dead letter is a command that was set aside"]


def test_a_dead_letter_of_a_command_that_was_decided_is_found() -> None:
    log = decided(release(), place())
    log.append(DEADLETTER, 0, [dead_letter(log.read(COMMANDS, 0, 1)[0], "because", "decider")])
    assert invariants(log) == ["a dead letter is a command that was set aside"]


def test_what_an_envelope_may_hold_can_change_without_changing_what_was_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Yesterday's program took longer ids, or shorter ones."""
    log = decided(release(), place())
    monkeypatch.setattr(codec, "ENVELOPE_CHARS_MAX", 0)
    assert audit(log).ok


# Events that are missing at the end.


def cut(log: MemoryLog, count: int) -> MemoryLog:
    """The same log without its last events."""
    shorter = MemoryLog(stamp=lambda: T0, partitions=2)
    for record in log.read(COMMANDS, 0, 0):
        shorter.append(COMMANDS, 0, [Message(record.value, record.key)])
    kept = log.read(EVENTS, 0, 0)[: log.end(EVENTS, 0) - count]
    shorter.append(EVENTS, 0, [Message(record.value, record.key) for record in kept])
    return shorter


def test_commands_that_nobody_answered_yet_are_pending() -> None:
    report = audit(cut(decided(release(), place()), 1))
    assert (report.ok, report.pending) == (True, 1)


def test_events_that_were_cut_off_are_missed_where_a_flow_followed_them() -> None:
    log = cut(decided(release(), place()), 1)
    terms = example(commands.RequestTerms)
    for sequence in (0, 1):
        log.append(COMMANDS, 1, [command_message(terms, command_id=f"0-{sequence}:0")])
    violations = audit(log).violations
    assert [(one.invariant, one.partition, one.positions) for one in violations] == [
        ("what was followed is on the log", 0, {"command": 1})
    ]


def test_events_that_were_cut_off_are_missed_where_a_command_is_a_dead_letter() -> None:
    log = claimed(place(), reason="the log rejects its answer: too large")
    shorter = cut(log, 1)
    (letter,) = log.read(DEADLETTER, 0, 0)
    shorter.append(DEADLETTER, 0, [Message(letter.value, letter.key)])
    assert invariants(shorter) == ["a dead letter is a command that was set aside"]


def posted(*history: commands.Command | events.Event, then: events.Event) -> list[str]:
    """What the last event breaks."""
    partition, ledger = Partition(0), Ledger()
    for position, one in enumerate(history):
        if isinstance(one, commands.Command):
            for event in partition.decide(one, command_position=position, at_ms=T0, actor=actor_of(one)):
                assert list(ledger.post(event)) == []
        else:
            assert list(ledger.post(one)) == []
    return [invariant for invariant, _ in ledger.post(then)]


def expired(at_ms: int, version: int) -> events.Event:
    return example(
        events.OrderExpired,
        originator_id=ORDER,
        originator_version=version,
        edition_version=version + 1,
        at_ms=at_ms,
    )


def test_the_ledger_finds_a_hold_that_ended_too_early_or_within_an_owners_grace() -> None:
    hold = (release(), place())
    assert posted(*hold, then=expired(T0 + HOLD_MS, 2)) == []
    assert posted(*hold, then=expired(T0 + HOLD_MS - 1, 2)) == ["a hold runs its time"]
    grace = example(commands.OwnerStarted, grace_seconds=2 * HOLD_MS // 1000)
    assert posted(*hold, grace, then=expired(T0 + HOLD_MS, 2)) == ["no hold expires within the grace"]
    assert posted(*hold, grace, then=expired(T0 + 2 * HOLD_MS, 2)) == []


def test_the_ledger_finds_a_hold_that_ended_while_its_clock_stood_still() -> None:
    broken = posted(release(), place(), pay(), then=expired(T0 + 100 * HOLD_MS, 2))
    assert "a hold runs its time" in broken
    assert "a hold runs its time" in posted(release(), place(), pay(), authenticate(), then=expired(T0, 2))
