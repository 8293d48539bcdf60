"""The audit finds each kind of damage at its place, passes a sound log, and knows what it audited before."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buystream.aggregates.partition import Partition
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Log
from buystream.replay.audit import audit, audit_shared
from buystream.replay.audit_mark import AuditMark, BadMark
from buystream.replay.ledger import Ledger
from buystream.replay.sharing import OpenLog
from buystream.vocabulary import codec, commands, events
from tests.support.actors import actor_of
from tests.support.damages import (
    DAMAGES,
    DAMAGES_TO_ALL,
    OTHER_SHOP,
    decided_anew,
    edit_data,
    is_named,
    named,
    nth,
    records_of,
    up_to,
)
from tests.support.decided_log import SHOP, DecidedLog, Rush
from tests.support.examples import T0
from tests.support.histories import History
from tests.support.memory_log import MemoryLog
from tests.support.sound_log import sound_log
from tests.support.steps import place, release


def opened(log: Log) -> OpenLog:
    """Opens a log that stays open."""

    @contextmanager
    def open_log() -> Iterator[Log]:
        yield log

    return open_log


def test_nothing_is_wrong_with_the_log_that_is_damaged() -> None:
    report = audit(sound_log())
    assert (report.ok, report.violations, report.pending) == (True, [], 0)
    kinds = {record.value.split(b'"type":"')[1].split(b".")[1].decode() for record in records_of(sound_log(), EVENTS)}
    assert kinds >= {"OrderPlaced", "OrderRefused", "OrderConfirmed", "OrderExpired", "ReceiptIssued", "OrderRefunded"}


def test_there_are_more_than_twenty_kinds_of_damage() -> None:
    assert len(DAMAGES) > 20


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_audit_finds_damage_at_its_place(kind: str) -> None:
    log = sound_log()
    place = DAMAGES[kind](log)
    report = audit(log)
    assert not report.ok
    assert is_named(report, place), report.violations


# It never cries wolf.


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9), rushes=st.booleans())
def test_a_sound_log_passes_whatever_happened(seed: int, rushes: bool) -> None:
    book = DecidedLog(partitions=2, shop_id=SHOP)
    if rushes:
        Rush(seed, book=book)
    else:
        History(book, seed).go_on(120)
    report = audit(book.log)
    assert report.ok, report.violations


# What an earlier audit knew.


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_an_audit_that_continues_finds_the_same_and_reads_only_what_is_new(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("mark") / "mark"
    log = sound_log()
    whole = audit(log)
    cuts = sorted(data.draw(st.sets(st.integers(1, log.end(COMMANDS, 0)), min_size=1, max_size=3)))
    audited = 0
    for cut in cuts:
        report = audit_shared(opened(up_to(log, cut)), mark_file=file)
        assert report.ok, report.violations
        audited += report.commands
    last = audit_shared(opened(log), mark_file=file)
    assert last.ok, last.violations
    assert (audited + last.commands, cuts[-1]) == (whole.commands, audited)
    nothing_new = audit_shared(opened(log), mark_file=file)
    assert (nothing_new.ok, nothing_new.commands, nothing_new.events) == (True, 0, 0)


@pytest.mark.parametrize("kind", DAMAGES)
def test_an_audit_that_continues_finds_damage_to_what_is_new(kind: str, tmp_path: Path) -> None:
    log = sound_log()
    assert audit_shared(opened(up_to(log, 2)), mark_file=tmp_path / "mark").ok
    before = (tmp_path / "mark").read_bytes()
    place = DAMAGES[kind](log)
    report = audit_shared(opened(log), mark_file=tmp_path / "mark")
    assert is_named(report, place), report.violations
    assert (tmp_path / "mark").read_bytes() == before, "an audit that failed says nothing about how far it came"


@pytest.mark.parametrize("kind", DAMAGES)
def test_an_audit_from_the_start_finds_damage_to_what_was_audited_before(kind: str, tmp_path: Path) -> None:
    log = sound_log()
    assert audit_shared(opened(log), mark_file=tmp_path / "mark").ok
    place = DAMAGES[kind](log)
    report = audit_shared(opened(log), mark_file=tmp_path / "mark", from_start=True)
    assert is_named(report, place), report.violations


@pytest.mark.parametrize("from_start", [False, True])
@pytest.mark.parametrize("kind", DAMAGES_TO_ALL)
def test_another_past_that_is_sound_is_found_by_who_audited_the_first_one(
    kind: str, from_start: bool, tmp_path: Path
) -> None:
    assert audit_shared(opened(sound_log()), mark_file=tmp_path / "mark").ok
    other, place = DAMAGES_TO_ALL[kind](sound_log())
    assert audit(other).ok, "nothing in it says that there was another one"
    report = audit_shared(opened(other), mark_file=tmp_path / "mark", from_start=from_start)
    assert {one.invariant for one in report.violations} == {"what was audited stays as it was"}
    assert is_named(report, place), report.violations


def test_where_the_store_contradicts_itself_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {(COMMANDS, 0): 3, (EVENTS, 0): 5, (DEADLETTER, 1): 0}
    monkeypatch.setattr(
        MemoryLog,
        "faults",
        lambda _log, topic, partition, _start: [
            (at, "gone") for place, at in faults.items() if place == (topic, partition)
        ],
    )
    report = audit(sound_log())
    assert {one.invariant for one in report.violations} == {"the log is kept as it was written"}
    for (topic, partition), at in faults.items():
        assert named(report, topic, partition) == [at]


def test_how_far_the_audit_of_another_shop_came_is_refused(tmp_path: Path) -> None:
    assert audit_shared(opened(sound_log()), mark_file=tmp_path / "mark").ok
    with pytest.raises(BadMark, match=f"is of the shop {SHOP}, and this log is of {OTHER_SHOP}"):
        audit_shared(opened(sound_log(OTHER_SHOP)), mark_file=tmp_path / "mark")


def test_a_file_that_no_audit_wrote_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mark").write_bytes(b"something else")
    with pytest.raises(BadMark, match="isn't how far an audit came"):
        audit_shared(opened(sound_log()), mark_file=tmp_path / "mark")


def test_an_audit_of_a_new_form_of_the_state_begins_at_the_start_and_compares(tmp_path: Path) -> None:
    file = tmp_path / "mark"
    assert audit_shared(opened(sound_log()), mark_file=file).ok
    mark = msgspec.msgpack.decode(file.read_bytes(), type=AuditMark)
    for one in mark.partitions.values():
        one.state = b"a form that this program doesn't know"
    file.write_bytes(msgspec.msgpack.encode(mark))
    report = audit_shared(opened(sound_log()), mark_file=file)
    assert (report.ok, report.commands) == (True, audit(sound_log()).commands)
    assert not audit_shared(opened(decided_anew(sound_log())[0]), mark_file=file).ok


# Whose turn it was: by the ledger alone, which decides nothing.


def findings_of(*changes: tuple[str, int, dict[str, Any]]) -> set[str]:
    """What the ledger finds in the sound log, where the n-th event of a kind says something else."""
    log, ledger = sound_log(), Ledger()
    for kind, number, fields in changes:
        edit_data(log, nth(log, EVENTS, kind, number), **fields)
    events_there = [codec.read_event(record.value) for record in records_of(log, EVENTS)]
    return {invariant for event in events_there for invariant, _ in ledger.post(event)}


@pytest.mark.parametrize(
    "reason", ["over_limit", "not_open", "closed", "paused", "cancelled", "too_fast", "wrong_price", "not_vouched"]
)
def test_a_refusal_for_a_reason_that_is_not_so_is_found(reason: str) -> None:
    assert findings_of() == set()
    assert findings_of(("OrderRefused", 1, {"reason": reason})) == {"nobody is refused without a reason"}


def test_who_came_later_and_got_what_an_earlier_order_was_refused_is_found() -> None:
    history = [release(stock=2), place(1, quantity=2), place(2, quantity=1), place(3, quantity=1)]
    partition, ledger = Partition(0), Ledger()
    decided = [event for at, one in enumerate(history) for event in decide(partition, one, at)]
    assert [finding for event in decided for finding in ledger.post(event)] == []
    last = decided[-1]
    assert isinstance(last, events.OrderRefused)
    got = events.OrderPlaced(
        **{
            name: getattr(last, name)
            for name in last.__struct_fields__
            if name not in ("reason", "available", "variant_id", "code_key")
        },
        hold_expires_at_ms=T0 + 1,
    )
    ledger = Ledger()
    found = {finding[0] for event in (*decided[:-1], got) for finding in ledger.post(event)}
    assert "who comes first is served first" in found


def decide(partition: Partition, one: commands.Command, position: int) -> list[events.Event]:
    return partition.decide(one, command_position=position, at_ms=T0, actor=actor_of(one))
