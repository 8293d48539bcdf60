"""The door of an event: one ticket lets one in, at whichever scanner; what went wrong without a network is found and
named."""

from typing import Any

import pytest

from buystream.vocabulary import actors, commands, events
from buystream.vocabulary.door import DOOR_ANSWERS, DoorGate, Passage
from tests.support.examples import MERCHANT, ORDER, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, cancel, captured, pay, place, refund, refunded, release

TICKET = f"{ORDER}~1"
MINUTE = 60_000
HOUR = 3_600_000
SOLD = (release(), place(quantity=2), pay(), authorised(), captured(amount_minor=9000))


def scan(number: int = 1, *, at_ms: int = T0, **fields: Any) -> commands.ScanTicket:
    """The n-th scan of the story, by a scanner of its own and at no gate."""
    said: dict[str, Any] = {
        "nonce": f"scan-{number}",
        "scanner": f"phone {number}",
        "gate_id": "",
        "scanned_at_ms": at_ms,
    }
    said |= {"valid_until_ms": T0 + 2 * HOUR}
    return example(commands.ScanTicket, **(said | fields))


def leave(number: int, **fields: Any) -> commands.ScanTicket:
    """Someone goes out."""
    return scan(number, direction="exit", **fields)


def at_the_door(*more: Any) -> Scenario:
    """Two tickets are sold, and this happened."""
    return given(*SOLD, T0 + HOUR, *more)


def refused(reason: str, **fields: Any) -> Any:
    """The scan is answered by this word."""
    assert reason in DOOR_ANSWERS
    return expect(events.ScanRefused, reason=reason, **fields)


def test_a_ticket_lets_one_in_and_a_second_scan_says_when_and_where() -> None:
    shop = at_the_door().when(scan()).then(expect(events.TicketScanned, ticket_id=TICKET, passed=False, despite=""))
    first = Passage(nonce="scan-1", direction="entry", scanned_at_ms=T0, scanner="phone 1")
    shop.when(scan(2, at_ms=T0 + MINUTE)).then(refused("already_used", earlier=first, scanner="phone 2"))
    shop.when(scan(3, ticket_id=f"{ORDER}~2")).then(events.TicketScanned)


def test_a_repeat_changes_nothing_and_its_nonce_is_no_other_tickets() -> None:
    shop = at_the_door(scan()).when(scan()).then(events.CommandRepeated)
    shop.when(scan(ticket_id=f"{ORDER}~2")).then(expect(events.CommandRefused, reason="nonce_conflict"))
    at_the_door(scan(), scan(2)).when(scan(2)).then(events.CommandRepeated)


def test_who_leaves_may_come_back_unless_the_edition_says_no() -> None:
    at_the_door(scan(), leave(2)).when(scan(3)).then(events.TicketScanned)
    strict = example(commands.ArrangeDoor, reentry=False, gates=())
    at_the_door(strict, scan(), leave(2)).when(scan(3)).then(refused("no_reentry"))
    at_the_door().when(leave(1)).then(refused("not_inside"))
    at_the_door(scan(), leave(2)).when(leave(3)).then(refused("not_inside"))


@pytest.mark.parametrize(
    ("past", "fields", "answer"),
    [
        (SOLD, {"ticket_id": "ed0-0ther00000-00000000000000000001~1"}, "other_event"),
        (SOLD, {"ticket_id": f"{ORDER}~3"}, "unknown"),
        (SOLD, {"ticket_id": "nonsense"}, "unknown"),
        (SOLD[:1], {}, "unknown"),
        (SOLD[:3], {}, "unpaid"),
        ((*SOLD[:2], cancel()), {}, "revoked"),
        ((*SOLD, refund(), refunded(amount_minor=9000)), {}, "refunded"),
        ((*SOLD, example(commands.RecordDispute, amount_minor=9000)), {}, "blocked"),
        ((*SOLD, example(commands.BlockTicket)), {}, "blocked"),
        ((*SOLD, example(commands.CancelEdition)), {}, "called_off"),
        (SOLD, {"valid_from_ms": T0 + 1}, "not_valid_yet"),
        (SOLD, {"valid_until_ms": T0}, "no_longer_valid"),
        ((*SOLD, example(commands.ArrangeDoor)), {"gate_id": "north"}, ""),
    ],
)
def test_an_answer_explains_itself(past: tuple[Any, ...], fields: dict[str, Any], answer: str) -> None:
    shop = given(*past).when(scan(**({"valid_until_ms": T0 + MINUTE} | fields)))
    shop.then(refused(answer) if answer else events.TicketScanned)


def test_a_fast_clock_opens_nothing_early() -> None:
    given(*SOLD).when(scan(at_ms=T0 + 2, valid_from_ms=T0 + 1), at_ms=T0).then(refused("not_valid_yet"))


def test_a_slow_clock_makes_no_double_entry() -> None:
    shop = at_the_door(scan(at_ms=T0 + 1), leave(2, at_ms=T0 + 10))
    shop.when(scan(3, at_ms=T0 + 5)).then(expect(events.TicketScanned, scanned_at_ms=T0 + 10))


def test_nobody_was_scanned_in_the_future() -> None:
    given(*SOLD).when(scan(at_ms=T0 + MINUTE, passed=True)).then(expect(events.TicketScanned, scanned_at_ms=T0))


def test_a_gate_admits_its_variants_and_an_exit_takes_everyone() -> None:
    gates = (DoorGate(gate_id="north", title="North"), DoorGate(gate_id="lounge", title="Lounge", variant_ids=("vip",)))
    shop = at_the_door()
    shop.when(example(commands.ArrangeDoor, gates=gates)).then(expect(events.CommandRefused, reason="bad_gates"))
    edition = shop.edition()
    edition.stocks["vip"] = edition.stocks[""]
    shop.when(example(commands.ArrangeDoor, gates=gates)).then(events.DoorArranged)
    shop.when(scan(gate_id="lounge")).then(refused("wrong_gate"))
    shop.when(scan(2, gate_id="back")).then(expect(events.CommandRefused, reason="unknown_gate"))
    shop.when(scan(3, gate_id="north")).then(events.TicketScanned)
    shop.when(leave(4, gate_id="lounge")).then(events.TicketScanned)


def test_two_scanners_without_a_network_that_let_one_ticket_in_are_found_in_any_order() -> None:
    late = scan(2, at_ms=T0 + MINUTE, passed=True)
    early = scan(1, passed=True)
    for uploads in ((early, late), (late, early)):
        shop = at_the_door(uploads[0]).when(uploads[1])
        shop.then(expect(events.TicketScanned, passed=True), events.DoubleEntryFound)
        found = shop.decided[1]
        assert isinstance(found, events.DoubleEntryFound)
        assert (found.first.scanner, found.first.scanned_at_ms) == ("phone 1", T0)
        assert (found.second.scanner, found.second.scanned_at_ms) == ("phone 2", T0 + MINUTE)


def test_an_exit_that_is_uploaded_later_explains_two_entries() -> None:
    shop = at_the_door(scan(1, passed=True), scan(3, at_ms=T0 + 3, passed=True))
    shop.when(leave(2, at_ms=T0 + 1, passed=True)).then(events.TicketScanned, events.DoubleEntryExplained)
    shop.when(scan(4, at_ms=T0 + 2, passed=True)).then(events.TicketScanned, events.DoubleEntryFound)


def test_who_was_let_in_without_a_network_is_in_and_why_not_is_said() -> None:
    shop = at_the_door(refund(), refunded(amount_minor=9000))
    shop.when(scan(passed=True)).then(expect(events.TicketScanned, passed=True, despite="refunded"))
    stranger = scan(2, passed=True, ticket_id=f"{ORDER}~9")
    shop.when(stranger, stranger).then(refused("unknown"), events.CommandRepeated)


def test_an_answer_that_was_lost_doesnt_hide_who_was_let_in() -> None:
    shop = at_the_door(scan(1)).when(scan(2)).then(refused("already_used"))
    shop.when(scan(2, passed=True)).then(events.TicketScanned, events.DoubleEntryFound)
    shop.when(scan(2, passed=True)).then(events.CommandRepeated)


def test_only_a_tickets_last_scan_can_be_undone() -> None:
    undo = example(commands.UndoScan, nonce="scan-1")
    shop = at_the_door(scan(), leave(2))
    shop.when(undo).then(expect(events.CommandRefused, reason="not_the_last_scan"))
    shop.when(example(commands.UndoScan, nonce="scan-2")).then(events.ScanUndone)
    shop.when(undo).then(events.ScanUndone)
    shop.when(undo).then(events.CommandRepeated)
    shop.when(scan(5)).then(events.TicketScanned)
    shop.when(example(commands.UndoScan, nonce="scan-9")).then(expect(events.CommandRefused, reason="unknown_scan"))


def test_a_double_entry_that_is_undone_is_none() -> None:
    shop = at_the_door(scan(1, passed=True), scan(2, passed=True))
    shop.when(example(commands.UndoScan, nonce="scan-2")).then(events.ScanUndone, events.DoubleEntryExplained)


def test_a_blocked_ticket_can_be_unblocked() -> None:
    shop = at_the_door(example(commands.BlockTicket))
    shop.when(example(commands.BlockTicket)).then(events.CommandRepeated)
    shop.when(example(commands.BlockTicket, blocked=False)).then(expect(events.TicketBlocked, blocked=False))
    shop.when(scan()).then(events.TicketScanned)
    unknown = example(commands.BlockTicket, ticket_id=f"{ORDER}~3")
    shop.when(unknown).then(expect(events.CommandRefused, reason="unknown_ticket"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"scanned_at_ms": 1_800_000_000}, "not_milliseconds"), ({"direction": "up"}, "bad_direction")],
)
def test_a_scan_of_no_sense_is_refused(fields: dict[str, Any], reason: str) -> None:
    at_the_door().when(scan(**fields)).then(expect(events.CommandRefused, reason=reason))


def test_another_merchants_door_is_unknown() -> None:
    foreign = "me0-0therm0rch"
    for kind in (commands.ArrangeDoor, commands.ScanTicket, commands.UndoScan, commands.BlockTicket):
        shop = at_the_door().when(example(kind, merchant_id=foreign), actor=actors.merchant_key(foreign, "first"))
        shop.then(expect(events.CommandRefused, reason="unknown_edition"))


def test_a_scanner_may_scan_and_undo_and_nothing_else() -> None:
    scanner = actors.door_key(MERCHANT, "north-1")
    at_the_door().when(scan(), actor=scanner).then(events.TicketScanned)
    for kind in (commands.ArrangeDoor, commands.BlockTicket, commands.RefundOrder, commands.AddApiKey):
        at_the_door().when(example(kind), actor=scanner).then(expect(events.CommandRefused, reason="not_permitted"))


def test_an_edition_without_a_door_has_none() -> None:
    assert given(*SOLD).edition().door is None


def test_a_snapshot_keeps_the_door() -> None:
    shop = at_the_door(scan(), scan(2, passed=True), example(commands.BlockTicket))
    restored = type(shop.partition).restore(shop.partition.snapshot())
    assert restored.state == shop.partition.state
    assert shop.edition().door is not None
