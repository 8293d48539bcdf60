"""An event that moves: its tickets stay the same and admit at the new time."""

from typing import Any

import pytest
from msgspec.structs import replace

from buystream.vocabulary import actors, commands, events
from tests.support.examples import CONCERT, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, place, release
from tests.unit.aggregates.test_the_door import scan

POSTPONED = example(commands.MoveEvent).event
SOLD = (release(event=CONCERT), place(quantity=2), pay(), authorised(), captured(amount_minor=9000))
OF_THE_OLD_DATE = {"valid_from_ms": CONCERT.doors_at_ms, "valid_until_ms": CONCERT.ends_at_ms}


def move(**fields: Any) -> commands.MoveEvent:
    return example(commands.MoveEvent, event=replace(POSTPONED, **fields))


def test_a_code_of_the_old_date_admits_on_the_new_one_only() -> None:
    shop = given(*SOLD).when(move()).then(expect(events.EventMoved, event=POSTPONED, old_event=CONCERT))
    early = scan(at_ms=CONCERT.starts_at_ms, **OF_THE_OLD_DATE)
    shop.when(early, at_ms=CONCERT.starts_at_ms).then(expect(events.ScanRefused, reason="not_valid_yet"))
    on_time = scan(2, at_ms=POSTPONED.doors_at_ms, **OF_THE_OLD_DATE)
    shop.when(on_time, at_ms=POSTPONED.doors_at_ms).then(events.TicketScanned)
    late = scan(3, at_ms=POSTPONED.ends_at_ms, **OF_THE_OLD_DATE)
    shop.when(late, at_ms=POSTPONED.ends_at_ms).then(expect(events.ScanRefused, reason="no_longer_valid"))


def test_what_was_over_is_made_up_for() -> None:
    """Its tickets can be passed on again."""
    shop = given(*SOLD, CONCERT.ends_at_ms).when(example(commands.PassTicketOn))
    shop.then(expect(events.CommandRefused, reason="ticket_over"))
    shop.when(move()).then(events.EventMoved)
    shop.when(example(commands.PassTicketOn)).then(events.TicketPassedOn)


def test_a_repeat_moves_nothing_and_it_moves_back() -> None:
    shop = given(*SOLD).when(move()).then(events.EventMoved)
    shop.when(move()).then(events.CommandRepeated)
    shop.when(example(commands.MoveEvent, event=CONCERT)).then(expect(events.EventMoved, old_event=POSTPONED))


@pytest.mark.parametrize(
    ("shop", "asked", "reason"),
    [
        (given(release()), move(), "no_event"),
        (given(*SOLD, example(commands.CancelEdition)), move(), "cancelled"),
        (given(*SOLD), move(venue=" "), "bad_event"),
        (given(*SOLD), move(doors_at_ms=POSTPONED.ends_at_ms), "bad_event"),
        (given(*SOLD, POSTPONED.ends_at_ms), move(), "bad_event"),
        (given(*SOLD), move(doors_at_ms=POSTPONED.doors_at_ms // 1000), "not_milliseconds"),
    ],
)
def test_it_does_not_move(shop: Scenario, asked: commands.MoveEvent, reason: str) -> None:
    shop.when(asked).then(expect(events.CommandRefused, reason=reason))


def test_another_merchants_event_is_unknown() -> None:
    shop = given(*SOLD).when(example(commands.MoveEvent), actor=actors.merchant_key("me0-0therm0rch", "first"))
    shop.then(expect(events.CommandRefused, reason="unknown_edition"))
