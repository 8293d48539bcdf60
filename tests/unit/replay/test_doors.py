"""The auditor's own books of a door agree with every decision, and find what no decision would have made."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from buystream.aggregates.edition.door import Door
from buystream.replay.doors import DoorAccount, Finding
from buystream.replay.ledger import Ledger
from buystream.vocabulary import commands, events
from tests.support.examples import EXAMPLES, ORDER, T0, example
from tests.support.scenario import given
from tests.support.steps import authorised, captured, pay, place, refund, refunded, release

HOUR = 3_600_000


def findings(account: DoorAccount, *happened: events.DoorEvent) -> list[str]:
    """What the account says is wrong with these, at the end too."""

    def posted() -> Iterator[Finding]:
        for event in happened:
            yield from account.post(event)
        yield from account.close("ed0-c0ncert000")

    return [invariant for invariant, _ in posted()]


def scanned(nonce: str, direction: str = "entry", **fields: Any) -> events.TicketScanned:
    """Someone is let through."""
    one: Any = EXAMPLES[events.TicketScanned]
    return msgspec.structs.replace(one, nonce=nonce, direction=direction, **fields)


def anything(draw: random.Random, number: int, door: Door | None) -> commands.Command:
    """Whatever a scanner or the desk may ask next."""
    ticket_id, nonce = f"{ORDER}~{draw.randint(1, 3)}", f"scan-{draw.randint(max(0, number - 20), number)}"
    chance = draw.random()
    if chance < 0.1:
        last = door.last(ticket_id) if door is not None else None
        return example(commands.UndoScan, nonce=last.nonce if last else nonce, ticket_id=ticket_id)
    if chance < 0.12:
        return example(commands.ArrangeDoor, reentry=draw.random() < 0.5, gates=())
    if chance < 0.14:
        return example(commands.BlockTicket, ticket_id=ticket_id, blocked=draw.random() < 0.5)
    return example(
        commands.ScanTicket,
        ticket_id=ticket_id,
        nonce=nonce,
        gate_id="",
        direction=draw.choice(["entry", "entry", "exit"]),
        scanned_at_ms=T0 + HOUR + draw.randint(-30, 300) * 1000,
        valid_until_ms=T0 + 2 * HOUR,
        passed=draw.random() < 0.4,
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_books_agree_with_whatever_happens_at_a_door(seed: int) -> None:
    draw, shop, ledger = random.Random(seed), given(), Ledger()
    kinds: set[type[events.Event]] = set()

    def decide(*asked: commands.Command) -> None:
        for command in asked:
            for event in shop.when(command).decided:
                kinds.add(type(event))
                assert not list(ledger.post(event)), event

    decide(release(), place(quantity=3), pay(), authorised(), captured(amount_minor=13_500))
    for number in range(250):
        shop.given(T0 + HOUR + number * 1000)
        if number == 200 and seed % 3 == 0:
            decide(refund(), refunded(amount_minor=13_500))
        decide(anything(draw, number, shop.edition().door))
    assert not list(ledger.close())
    assert {events.TicketScanned, events.ScanRefused, events.ScanUndone, events.DoubleEntryFound} <= kinds


@pytest.mark.parametrize(
    ("happened", "invariant"),
    [
        ((scanned("a"), scanned("b", passed=True)), "no ticket enters twice unnamed"),
        ((scanned("a"), scanned("b")), "a ticket lets one in, and out again"),
        ((scanned("a"), scanned("a", "exit")), "a scan counts once"),
        ((scanned("a", scanned_at_ms=T0 + 1),), "nobody is scanned in the future"),
        ((EXAMPLES[events.ScanRefused],), "nobody is turned away for nothing"),
        ((EXAMPLES[events.DoubleEntryFound],), "a double entry was one"),
        ((EXAMPLES[events.DoubleEntryExplained],), "what is explained was a double entry"),
        ((EXAMPLES[events.ScanUndone],), "the last scan is undone"),
        (
            (EXAMPLES[events.DoorArranged], scanned("a"), scanned("b", "exit"), scanned("c")),
            "who has left stays out where there is no re-entry",
        ),
    ],
)
def test_the_books_find_what_no_decision_makes(happened: tuple[events.DoorEvent, ...], invariant: str) -> None:
    assert invariant in findings(DoorAccount(), *happened)


def test_the_books_find_who_came_in_and_got_the_money_back() -> None:
    ledger, shop = Ledger(), given(T0 + HOUR)
    scans = [
        example(
            commands.ScanTicket,
            ticket_id=f"{ORDER}~{number}",
            nonce=f"scan-{number}",
            gate_id="",
            scanned_at_ms=T0 + HOUR,
            valid_until_ms=T0 + 2 * HOUR,
        )
        for number in (1, 2)
    ]
    for command in (release(), place(quantity=2), pay(), authorised(), captured(amount_minor=9_000), *scans):
        for event in shop.when(command).decided:
            assert not list(ledger.post(event)), event
    asked: Any = shop.when(refund(refund_id="back")).decided[0]
    wrong = list(ledger.post(msgspec.structs.replace(asked, asked_by="buyer")))
    assert [invariant for invariant, _ in wrong] == ["who came in gets no money back"]


def test_a_double_entry_that_is_named_is_in_order() -> None:
    first, second = scanned("scan-1"), scanned("scan-2", passed=True)
    named: Any = EXAMPLES[events.DoubleEntryFound]
    named = msgspec.structs.replace(named, first=first.passage, second=second.passage)
    assert findings(DoorAccount(), first, second, named) == []
    left_between = scanned("scan-3", "exit", passed=True)
    assert findings(DoorAccount(), first, second, named, left_between) == []
