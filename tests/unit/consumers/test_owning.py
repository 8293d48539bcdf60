"""An owner keeps going: past commands that can't be decided or recorded, through outages, and never by a wrong
clock."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY

from buystream.aggregates import agenda, deciding, rules
from buystream.aggregates.partition import Partition
from buystream.consumers import clock, owning
from buystream.consumers.decider import Decider
from buystream.consumers.owning import OwnerSettings, PartitionDecider
from buystream.delivery.folding import recover
from buystream.delivery.policy import DeadLetter, read_dead_letter
from buystream.delivery.sequence import is_foreign
from buystream.host.log_lines import FIELDS
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Message
from buystream.metrics import COMMANDS_UNDECIDABLE, PARTITIONS_STOPPED
from buystream.replay.audit import audit
from buystream.replay.audit_report import AuditReport
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.codec import read_event
from tests.support.examples import EDITION, T0, example
from tests.support.memory_log import MemoryLog, rejecting
from tests.support.patience import patient, wait_until
from tests.support.records import changed, command_message
from tests.support.steps import place, release

YEAR_MS = 366 * 86_400_000
FORBIDDEN = place(666)


class Clocks:
    """The log's clock and the machine's, in a test's hand."""

    def __init__(self) -> None:
        self.log_ms = self.wall_ms = T0

    def advance(self, ms: int) -> None:
        """Time passes."""
        self.log_ms += ms
        self.wall_ms += ms


class Shop:
    """One partition with its owner, on a log in memory."""

    def __init__(self, **settings: Any) -> None:
        self.clocks = Clocks()
        self.log = MemoryLog(stamp=lambda: self.clocks.log_ms)
        self.settings = OwnerSettings(
            **{
                "name": "owner",
                "grace_seconds": 60,
                "snapshots": None,
                "ahead_seconds_max": 600,
                "now_ms": lambda: self.clocks.wall_ms,
                **settings,
            }
        )
        self.owner = PartitionDecider(self.log, 0, self.settings)

    def ask(self, *asked: commands.Command | bytes) -> int:
        """Append commands; the position of the last one."""
        messages = [Message(one) if isinstance(one, bytes) else command_message(one) for one in asked]
        return self.log.append(COMMANDS, 0, messages) + len(messages) - 1

    def answers(self, position: int) -> list[events.Event]:
        """What the command at that position was answered with."""
        return [
            read_event(record.value)
            for record in self.log.read(EVENTS, 0, 0, 1_000_000)
            if not is_foreign(record) and codec.read_head(record.value).commandposition == position
        ]

    def answered(self, position: int) -> events.Event:
        """Wait for the answer to the command at that position."""
        wait_until(lambda: bool(self.answers(position)))
        return self.answers(position)[0]

    def asked(self, kind: type[commands.Command]) -> list[Any]:
        """The commands of that kind on the log."""
        found = []
        for record in self.log.read(COMMANDS, 0, 0, 1_000_000):
            try:
                command = codec.read_command(record.value).data
            except codec.Unreadable:
                continue
            found += [command] if isinstance(command, kind) else []
        return found

    def dead(self) -> list[int]:
        """The positions of the commands that are dead letters."""
        return [letter.position for letter in self.dead_letters()]

    def dead_letters(self) -> list[DeadLetter]:
        """What is set aside."""
        read = [read_dead_letter(record) for record in self.log.read(DEADLETTER, 0, 0)]
        return [letter for letter in read if letter is not None]

    def audit(self) -> AuditReport:
        """Proves the log."""
        return audit(self.log)


def records_order(placed: commands.PlaceOrder, message: Message) -> bool:
    """Whether it is the event that this order was placed."""
    return b"OrderPlaced" in message.value and placed.order_id.encode() in message.value


@contextmanager
def at_work(shop: Shop) -> Iterator[Shop]:
    """Its owner decides meanwhile."""
    shop.owner.start()
    try:
        yield shop
    finally:
        shop.owner.stop()
        shop.owner.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what a test has done already."""
    monkeypatch.setattr(owning, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(owning, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(owning, "PULSE_SECONDS", 0.02)


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deciding one order fails, half done; one that comes before another order changes memory first."""
    decide = deciding.DECIDE[commands.PlaceOrder]

    def fail_for_one(partition: Partition, command: Any, at_ms: int) -> list[events.Event]:
        decided = decide(partition, command, at_ms)
        if command.order_id == FORBIDDEN.order_id:
            raise RuntimeError("a bug, with the stock taken already")
        return decided

    monkeypatch.setitem(deciding.DECIDE, commands.PlaceOrder, fail_for_one)


# Commands that can't be decided.


def test_a_command_that_raises_is_answered_undecidable_and_the_partition_continues(fragile: None) -> None:
    shop = Shop()
    counted = COMMANDS_UNDECIDABLE._value.get()
    shop.ask(release(stock=3), place(1))
    position = shop.ask(FORBIDDEN)
    last = shop.ask(place(2))
    with at_work(shop):
        refused = shop.answered(position)
        assert isinstance(refused, events.CommandRefused)
        assert (refused.command, refused.reason, refused.subject) == ("PlaceOrder", "undecidable", "")
        assert isinstance(shop.answered(last), events.OrderPlaced)
    assert shop.answers(position) == [refused], "nothing of the half decision is recorded"
    assert shop.dead() == [position]
    assert "a bug" in shop.dead_letters()[0].reason
    assert COMMANDS_UNDECIDABLE._value.get() == counted + 1
    assert recover(shop.log, 0, None).state.editions[EDITION].held == 2
    report = shop.audit()
    assert report.ok, report.violations
    assert [(note.what, note.position) for note in report.notes] == [("undecidable", position)]


def test_the_log_line_of_a_command_set_aside_says_which_it_is(fragile: None, caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop()
    shop.ask(release(stock=3))
    position = shop.ask(FORBIDDEN)
    with at_work(shop):
        shop.answered(position)
    (record,) = shop.log.read(COMMANDS, 0, position, 1)
    (line,) = [line for line in caplog.records if "is set aside" in line.getMessage()]
    said = {name: getattr(line, name, None) for name in FIELDS}
    assert said == {
        "topic": COMMANDS,
        "partition": 0,
        "position": position,
        "order": FORBIDDEN.order_id,
        "command": codec.answer_to(record.value)[0],
    }


def test_an_undecidable_command_is_found_once_however_often_the_owner_starts_again(fragile: None) -> None:
    shop = Shop()
    shop.ask(release(stock=3))
    position = shop.ask(FORBIDDEN)
    with at_work(shop):
        shop.answered(position)
    shop.owner = PartitionDecider(shop.log, 0, shop.settings)
    last = shop.ask(place(2))
    with at_work(shop):
        assert isinstance(shop.answered(last), events.OrderPlaced)
    assert len(shop.answers(position)) == 1


def test_the_audit_finds_a_command_that_raises_and_was_not_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    shop.ask(release(stock=3))
    position = shop.ask(FORBIDDEN)
    with at_work(shop):
        assert isinstance(shop.answered(position), events.OrderPlaced)
    monkeypatch.setitem(deciding.DECIDE, commands.PlaceOrder, lambda *_: 1 // 0)
    report = shop.audit()
    assert [(one.invariant, one.positions) for one in report.violations] == [
        ("refolding gives the same events", {"command": position})
    ]


def test_the_audit_misses_the_dead_letter_of_an_undecidable_command(fragile: None) -> None:
    shop = Shop()
    shop.ask(release(stock=3))
    position = shop.ask(FORBIDDEN)
    with at_work(shop):
        shop.answered(position)
    (letter,) = shop.log.read(DEADLETTER, 0, 0)
    shop.log.replace(letter, value=letter.value.replace(f'"position":{position}'.encode(), b'"position":99'))
    assert [one.invariant for one in shop.audit().violations] == [
        "an undecidable command is a dead letter",
        "a dead letter is a command that was set aside",
    ]


def test_an_owner_passes_over_foreign_events_and_the_audit_names_each_with_its_position() -> None:
    shop = Shop()
    foreign = shop.log.append(EVENTS, 0, [Message(b"not an event")])
    with at_work(shop):
        shop.answered(shop.ask(release(stock=3)))
    later = shop.log.append(EVENTS, 0, [Message(b'{"sequence":"0"}')])
    no_letter = shop.log.append(DEADLETTER, 0, [Message(b"no dead letter")])
    unreadable = shop.ask(b"not a command")
    shop.owner = PartitionDecider(shop.log, 0, shop.settings)
    with at_work(shop):
        assert isinstance(shop.answered(unreadable), events.CommandRefused)
    report = shop.audit()
    assert {one.invariant for one in report.violations} == {"every record is the shop's own"}
    places = [place for one in report.violations for place in one.positions.items()]
    assert sorted(places) == [("dead letter", no_letter), ("event", foreign), ("event", later)]
    assert [(one.what, one.position) for one in report.notes] == [("unreadable", unreadable)]


def test_a_repeated_event_is_a_note_and_other_bytes_at_its_place_are_damage() -> None:
    shop = Shop()
    with at_work(shop):
        shop.answered(shop.ask(release(stock=3)))
    first = shop.log.read(EVENTS, 0, 0)[0]
    repeat = shop.log.append(EVENTS, 0, [Message(first.value, first.key)])
    assert [(one.what, one.position) for one in shop.audit().notes] == [("repeated event", repeat)]
    assert shop.audit().ok
    forged = shop.log.append(EVENTS, 0, [Message(changed(first.value, data={}), first.key)])
    assert [(one.invariant, one.positions) for one in shop.audit().violations] == [
        ("sequence is dense", {"event": forged})
    ]


@pytest.mark.parametrize(
    ("key", "attributes", "reason"),
    [
        ("\ufffd", {}, "undecidable"),
        ("a\0b", {}, "undecidable"),
        ("x" * 2_000, {}, "undecidable"),
        ("", {"replyto": "x" * 2_000_000}, "undecidable"),
        ("", {"replyto": "\ufffd"}, "undecidable"),
        ("", {"replyto": 7}, "unreadable"),
        ("", {"id": "a\0b"}, "unreadable"),
        ("", {"id": "x" * 2_000_000}, "undecidable"),
    ],
)
def test_a_key_or_an_attribute_that_no_answer_can_repeat_sets_its_command_aside(
    key: str, attributes: dict[str, Any], reason: str
) -> None:
    shop = Shop()
    shop.log.on_commit = rejecting(lambda one: b'"causationid":"xxx' in one.value or b'"replyto":"xxx' in one.value)
    position = shop.log.append(COMMANDS, 0, [Message(changed(command_message(release()).value, **attributes), key)])
    with at_work(shop):
        refused = shop.answered(position)
        assert isinstance(refused, events.CommandRefused)
        assert refused.reason == reason
        assert isinstance(shop.answered(shop.ask(release())), events.EditionReleased)
    assert shop.dead() == [position]
    assert shop.audit().ok


def test_text_with_a_nul_or_half_a_character_is_unreadable() -> None:
    shop = Shop()
    body = command_message(example(commands.RegisterMerchant, name="odd")).value
    positions = [shop.ask(body.replace(b"odd", odd)) for odd in (rb"a\u0000b", rb"\ud800", rb"\udc00x")]
    with at_work(shop):
        refused = [shop.answered(position) for position in positions]
        assert [getattr(one, "reason", "") for one in refused] == ["unreadable"] * 3
        fine = shop.answered(shop.ask(body.replace(b"odd", rb"\\u0000")))
        assert isinstance(fine, events.MerchantRegistered)
        assert fine.name == r"\u0000"


def test_a_tick_that_fails_at_one_edition_lets_the_others_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(grace_seconds=0)
    shop.ask(example(commands.AdoptRules, rules_version=rules.NEWEST_RULES), release(stock=None, hold_seconds=5))
    shop.ask(example(commands.CancelEdition, merchant_id=release().merchant_id))
    shop.ask(release(edition_id="ed0-0ther00000", hold_seconds=5))
    held = place(1, edition_id="ed0-0ther00000")
    shop.ask(held)
    monkeypatch.setattr(agenda, "carry_on", lambda *_: 1 // 0)
    with at_work(shop):
        wait_until(lambda: any(one.without == (EDITION,) for one in shop.asked(commands.Tick)))
        shop.clocks.advance(5_000)
        shop.ask(example(commands.PauseSale))  # so that the owner sees the log's time
        wait_until(lambda: recover(shop.log, 0, None).state.editions["ed0-0ther00000"].held == 0)
    assert len(shop.dead()) == 1
    assert shop.audit().ok


# Answers that the log never takes.


def test_the_one_command_whose_answer_the_log_rejects_is_found_in_its_batch_and_set_aside() -> None:
    shop = Shop()
    shop.log.on_commit = rejecting(lambda one: records_order(FORBIDDEN, one))
    shop.ask(release(stock=9), place(1), place(2))
    position = shop.ask(FORBIDDEN)
    last = shop.ask(place(3), place(4))
    with at_work(shop):
        refused = shop.answered(position)
        assert isinstance(refused, events.CommandRefused)
        assert refused.reason == "undecidable"
        assert isinstance(shop.answered(last), events.OrderPlaced)
    assert recover(shop.log, 0, None).state.editions[EDITION].held == 4
    report = shop.audit()
    assert report.ok, report.violations
    assert [note.position for note in report.notes] == [position]


def test_what_was_decided_while_a_commit_was_rejected_is_decided_again(fragile: None) -> None:
    shop = Shop()
    started = threading.Event()
    reject = rejecting(lambda one: records_order(place(1), one))

    def slowly_reject(batches: Any) -> None:
        if any(b"OrderPlaced" in one.value for one in batches[EVENTS]) and not started.is_set():
            started.set()
            time.sleep(0.1)  # meanwhile the next batch is decided, and fails too
        reject(batches)

    shop.log.on_commit = slowly_reject
    rejected = shop.ask(release(stock=9), place(1))
    with at_work(shop):
        assert started.wait(patient(60))
        failing = shop.ask(FORBIDDEN)
        last = shop.ask(place(2))
        assert isinstance(shop.answered(last), events.OrderPlaced)
    assert sorted(shop.dead()) == [rejected, failing]
    assert recover(shop.log, 0, None).state.editions[EDITION].held == 1
    assert shop.audit().ok


@pytest.mark.parametrize("trouble", [MemoryError, rules.UnknownRules])
def test_the_process_own_trouble_is_not_the_commands(monkeypatch: pytest.MonkeyPatch, trouble: type) -> None:
    shop = Shop()
    failures = [trouble("once")]
    decide = deciding.DECIDE[commands.PauseSale]

    def fail_once(*args: Any) -> list[events.Event]:
        if failures:
            raise failures.pop()
        return decide(*args)

    monkeypatch.setitem(deciding.DECIDE, commands.PauseSale, fail_once)
    position = shop.ask(release(), example(commands.PauseSale))
    with at_work(shop):
        wait_until(lambda: not failures)
        if trouble is MemoryError:
            assert isinstance(shop.answered(position), events.SalePaused)
        else:
            wait_until(lambda: bool(shop.owner.problem))
    if trouble is not MemoryError:
        assert "refused" in (shop.owner.problem or "")
        assert shop.owner.refused
        assert shop.answers(position) == []
    assert shop.dead() == []


# The time gate.


def test_a_command_stamped_too_far_ahead_stops_the_partition_and_says_so() -> None:
    shop = Shop()
    shop.ask(release(), place(1))
    with at_work(shop):
        shop.answered(1)
        shop.clocks.log_ms = T0 + YEAR_MS
        position = shop.ask(place(2))
        wait_until(lambda: bool(shop.owner.problem))
        assert f"command {position} is stamped" in (shop.owner.problem or "")
        assert not shop.owner.ready
        assert PARTITIONS_STOPPED._value.get() == 1
        assert shop.answers(position) == []
    state = recover(shop.log, 0, None).state
    assert state.at_ms == T0
    assert state.editions[EDITION].held == 1, "no hold has expired"
    assert shop.audit().ok


def test_a_command_stamped_a_little_ahead_is_decided() -> None:
    shop = Shop()
    with at_work(shop):
        shop.clocks.log_ms = T0 + 600_000
        assert shop.answered(shop.ask(release())).at_ms == T0 + 600_000


def test_a_stopped_partition_resumes_automatically_when_this_machines_clock_is_corrected() -> None:
    shop = Shop()
    shop.clocks.wall_ms = T0 - YEAR_MS
    with at_work(shop):
        wait_until(lambda: bool(shop.owner.problem))
        shop.clocks.wall_ms = T0
        assert isinstance(shop.answered(shop.ask(release())), events.EditionReleased)
        assert shop.owner.problem is None


@pytest.mark.parametrize("restart", [False, True], ids=["same owner", "new owner"])
def test_time_that_is_passed_over_moves_no_clock_and_the_audit_follows(restart: bool) -> None:
    shop = Shop()
    shop.ask(release(), place(1))
    with at_work(shop):
        shop.answered(1)
        shop.clocks.log_ms = T0 + YEAR_MS
        ahead = shop.ask(place(2), place(3))
        wait_until(lambda: bool(shop.owner.problem))
        first = ahead - 1
        if not restart:
            shop.clocks.log_ms = T0 + 1000
            verdict = shop.ask(commands.PassOverTime(position=first, stamped_ms=T0 + YEAR_MS))
            assert isinstance(shop.answered(verdict), events.TimePassedOver)
    if restart:
        shop.clocks.log_ms = T0 + 1000
        verdict = shop.ask(commands.PassOverTime(position=first, stamped_ms=T0 + YEAR_MS))
        shop.owner = PartitionDecider(shop.log, 0, shop.settings)
        with at_work(shop):
            assert isinstance(shop.answered(verdict), events.TimePassedOver)
    assert [event.at_ms for event in (shop.answers(first) + shop.answers(ahead))] == [T0, T0]
    with_grace = [one for one in shop.answers(verdict + 1) if isinstance(one, events.OwnershipTaken)]
    assert restart or with_grace, "who could not pay meanwhile keeps some time"
    report = shop.audit()
    assert report.ok, report.violations
    assert [(note.what, note.position) for note in report.notes] == [("time passed over", first)]


def test_time_that_is_accepted_is_the_partitions_time() -> None:
    shop = Shop()
    shop.ask(release())
    with at_work(shop):
        shop.answered(0)
        shop.clocks.log_ms = T0 + 3_600_000
        position = shop.ask(place(2))
        wait_until(lambda: bool(shop.owner.problem))
        verdict = shop.ask(commands.AcceptTime(position=position, stamped_ms=T0 + 3_600_000))
        assert isinstance(shop.answered(verdict), events.TimeAccepted)
        assert shop.answered(position).at_ms == T0 + 3_600_000
    report = shop.audit()
    assert (report.ok, report.notes) == (True, [])


def test_a_verdict_that_names_another_time_or_position_means_nothing() -> None:
    shop = Shop()
    shop.ask(release())
    with at_work(shop):
        shop.answered(0)
        shop.clocks.log_ms = T0 + YEAR_MS
        position = shop.ask(place(2))
        wait_until(lambda: bool(shop.owner.problem))
        shop.ask(
            commands.PassOverTime(position=position, stamped_ms=T0 + YEAR_MS + 1),
            commands.PassOverTime(position=position - 1, stamped_ms=T0 + YEAR_MS),
        )
        time.sleep(0.2)
        assert shop.answers(position) == []


def test_the_audit_takes_no_other_time_than_a_commands_own_without_a_verdict() -> None:
    shop = Shop()
    shop.ask(release())
    with at_work(shop):
        shop.answered(0)
        shop.clocks.advance(1000)
        shop.answered(shop.ask(place(2)))
    shop.log.replace(shop.log.read(COMMANDS, 0, 0)[-1], at_ms=T0 + YEAR_MS)
    assert [one.invariant for one in shop.audit().violations] == ["refolding gives the same events"]


# Ticks and outages.


@pytest.mark.parametrize("off_ms", [-86_400_000, -5_000, 0, 5_000, 500_000])
def test_holds_expire_on_time_with_few_ticks_whatever_this_machines_clock_says(off_ms: int) -> None:
    shop = Shop(grace_seconds=0, ahead_seconds_max=10**9)
    shop.clocks.wall_ms += off_ms
    began = time.monotonic()
    shop.log.stamp = lambda: T0 + int((time.monotonic() - began) * 1000)
    with at_work(shop):
        shop.ask(release(hold_seconds=1), place(1))
        wait_until(lambda: any(isinstance(one, events.OrderExpired) for one in all_events(shop)))
    expired = next(one for one in all_events(shop) if isinstance(one, events.OrderExpired))
    placed = next(one for one in all_events(shop) if isinstance(one, events.OrderPlaced))
    assert 1_000 <= expired.at_ms - placed.at_ms < 20_000
    assert len(shop.asked(commands.Tick)) <= 3


@pytest.mark.parametrize("back_ms", [5_001, 30_000, 3_600_000])
def test_a_log_whose_clock_is_set_back_costs_one_tick_for_nothing(back_ms: int) -> None:
    shop = Shop(grace_seconds=0)
    with at_work(shop):
        shop.answered(shop.ask(release(hold_seconds=1), place(1)))
        shop.clocks.log_ms -= back_ms
        wait_until(lambda: len(shop.asked(commands.Tick)) == 1)
        time.sleep(0.3)
        assert len(shop.asked(commands.Tick)) == 1, "it waits until the log's clock is there again"
        assert not any(isinstance(one, events.OrderExpired) for one in all_events(shop))
        shop.clocks.log_ms += back_ms + 2_000
        shop.ask(example(commands.PauseSale))
        wait_until(lambda: any(isinstance(one, events.OrderExpired) for one in all_events(shop)))
    assert len(shop.asked(commands.Tick)) == 2
    assert shop.audit().ok


@pytest.mark.parametrize("back_ms", [5_001, 30_000, 3_600_000])
def test_holds_that_are_placed_while_the_logs_clock_is_behind_run_their_time_once_it_is_there_again(
    back_ms: int,
) -> None:
    """Meanwhile the partition's clock stands still: a Tick on its way then ends nothing, however late it is stamped."""
    shop = Shop(grace_seconds=0)
    with at_work(shop):
        shop.answered(shop.ask(release(hold_seconds=60)))
        shop.clocks.log_ms -= back_ms
        placed = shop.answered(shop.ask(place(1)))
        assert isinstance(placed, events.OrderPlaced)
        assert (placed.at_ms, placed.hold_expires_at_ms) == (T0, T0 + 60_000)
        shop.clocks.log_ms = T0 + 59_000
        assert isinstance(shop.answered(shop.ask(commands.Tick(asked_at_ms=T0 + 59_000 - 5_001))), events.Ticked)
        assert not any(isinstance(one, events.OrderExpired) for one in all_events(shop))
        shop.clocks.log_ms = T0 + 61_000
        shop.ask(example(commands.PauseSale))
        wait_until(lambda: any(isinstance(one, events.OrderExpired) for one in all_events(shop)))
    expired = next(one for one in all_events(shop) if isinstance(one, events.OrderExpired))
    assert expired.at_ms >= T0 + 60_000
    assert len(shop.asked(commands.Tick)) <= 5
    assert shop.audit().ok


def test_an_owner_that_survives_an_outage_of_the_log_gives_the_grace() -> None:
    shop = Shop()
    with at_work(shop):
        shop.answered(shop.ask(release(hold_seconds=1), place(1)))
        shop.log.away = True
        shop.clocks.advance(20_000)
        wait_until(lambda: shop.log.unreached > 0)
        shop.log.away = False
        wait_until(lambda: len(shop.asked(commands.OwnerStarted)) == 2)
        wait_until(lambda: any(isinstance(one, events.HoldExtended) for one in all_events(shop)))
    assert not any(isinstance(one, events.OrderExpired) for one in all_events(shop))


def test_a_log_that_was_silent_for_too_long_while_a_hold_ran_out_gives_the_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "AWAY_SECONDS_MAX", 0.3)
    shop = Shop(grace_seconds=5)
    end, silent = shop.log.end, threading.Event()

    def slowly(topic: str, partition: int) -> int:
        if silent.is_set():
            time.sleep(0.5)
            silent.clear()
        return end(topic, partition)

    monkeypatch.setattr(shop.log, "end", slowly)
    with at_work(shop):
        shop.answered(shop.ask(release(hold_seconds=2), place(1)))
        before = len(shop.asked(commands.OwnerStarted))  # a busy machine may be silent for that long too
        silent.set()
        wait_until(lambda: len(shop.asked(commands.OwnerStarted)) > before)


def all_events(shop: Shop) -> Sequence[events.Event]:
    return [read_event(record.value) for record in shop.log.read(EVENTS, 0, 0, 1_000_000)]


def test_the_decider_names_each_partition_that_is_stopped() -> None:
    shop = Shop()
    decider = Decider(shop.log, owner="one")
    stopped = PartitionDecider(shop.log, 0, shop.settings)
    stopped.problem = "partition 0 is stopped: why"
    decider._running = {0: stopped}
    assert decider.problem == "partition 0 is stopped: why"
    stopped.problem = None
    assert decider.problem == "partitions are being taken over: [0]"


def test_a_partition_that_is_refused_has_no_decider_in_the_metrics() -> None:
    shop = Shop()
    decider = Decider(shop.log, owner="one")
    decider._running = {number: PartitionDecider(shop.log, number, shop.settings) for number in (0, 1)}
    decider._running[0].refused = True
    decider._adopt(frozenset({0, 1}))
    assert REGISTRY.get_sample_value("buystream_partitions_assigned", {"role": "decider"}) == 1
