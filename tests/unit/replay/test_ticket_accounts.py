"""The auditor's view of tickets finds what the aggregates would get wrong."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from tests.support.examples import BEN, CONCERT, example
from tests.support.steps import authorised, captured, pay, place, release
from tests.unit.replay.test_ledger import changed, findings, history, without

PASSED_ON = example(commands.PassTicketOn)
CLAIMED = example(commands.ClaimTicket, buyer_id=BEN)
PAID = (release(event=CONCERT), place(), pay(), authorised(), captured())
STORY = history(*PAID, PASSED_ON, CLAIMED, example(commands.NameAttendee, buyer_id=BEN))
TAKEN_BACK = history(*PAID, PASSED_ON, example(commands.TakeTicketBack))
(TWICE,) = (event for event in STORY if isinstance(event, events.TicketClaimed))
CHOSEN = history(*PAID, example(commands.ChooseReturnedTickets))


@pytest.mark.parametrize("story", [STORY, TAKEN_BACK, CHOSEN])
def test_a_true_story_has_no_finding(story: list[events.Event]) -> None:
    assert findings(story) == set()
    assert len(story) > len(history(*PAID))


@pytest.mark.parametrize(
    ("story", "finding"),
    [
        (changed(STORY, events.TicketPassedOn, issue=1), "a ticket's issue goes up when it is passed on"),
        (changed(STORY, events.TicketClaimed, issue=3), "a ticket's issue goes up when it is passed on"),
        (without(STORY, events.TicketPassedOn), "a link hands a ticket over once"),
        ([*STORY, TWICE], "a link hands a ticket over once"),
        (without(TAKEN_BACK, events.TicketPassedOn), "a link hands a ticket over once"),
        (changed(STORY, events.AttendeeNamed, number=2), "a ticket is one of its order's units"),
        (changed(CHOSEN, events.ReturnedTicketsChosen, numbers=(0,)), "a ticket is one of its order's units"),
        (changed(CHOSEN, events.ReturnedTicketsChosen, numbers=(1, 1)), "a ticket is one of its order's units"),
        (without(STORY, events.OrderConfirmed), "only what is paid for changes hands"),
    ],
)  # fmt: skip
def test_a_wrong_story_is_found(story: list[Any], finding: str) -> None:
    assert finding in findings(story)
