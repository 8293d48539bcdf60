"""Nothing is recorded about an order that was refused, but the notes of its merchant; and only
what was sold has licences and tickets."""

import pytest

from buystream.replay.ledger import Ledger
from buystream.vocabulary import commands, events
from buystream.vocabulary.values import LicenceTerms
from tests.support.examples import COMMANDS, CONCERT, example
from tests.support.scenario import given
from tests.support.steps import place, release

RELEASE = release(event=CONCERT, licences=LicenceTerms(), hold_seconds=60)
FILE = example(commands.AddFile)
ABOUT_ORDERS = [one for one in COMMANDS if "order_id" in one.__struct_fields__]
OF_WHAT_WAS_SOLD = [example(commands.DisableLicence), example(commands.ChooseReturnedTickets)]


@pytest.mark.parametrize("command", ABOUT_ORDERS, ids=lambda one: type(one).__name__)
def test_nothing_but_notes_happens_to_an_order_that_was_refused(command: commands.Command) -> None:
    ledger, shop = Ledger(), given()
    for step in (RELEASE, FILE, place(quantity=99), command):
        assert [finding for event in shop.when(step).decided for finding in ledger.post(event)] == []


@pytest.mark.parametrize("command", OF_WHAT_WAS_SOLD, ids=lambda one: type(one).__name__)
def test_what_is_only_held_has_no_licences_and_no_tickets(command: commands.Command) -> None:
    (refused,) = given(RELEASE, place()).when(command).decided
    assert isinstance(refused, events.CommandRefused)
    assert refused.reason in ("unknown_licence", "unknown_ticket")
