"""What a merchant's people note about an order, and send again."""

from typing import Any

import pytest

from buystream.aggregates.rules import RULES
from buystream.vocabulary import commands, events
from tests.support.examples import example
from tests.support.scenario import expect, given
from tests.support.steps import authorised, captured, pay, place, release

PAID = (pay(), authorised(), captured())

OTHERS = "me0-0thers0000"


def note(**fields: Any) -> commands.WriteOrderNote:
    return example(commands.WriteOrderNote, **fields)


def again(**fields: Any) -> commands.ResendConfirmation:
    return example(commands.ResendConfirmation, **fields)


def test_a_note_is_written_once_under_its_name_about_an_order_in_any_state() -> None:
    shop = given(release(), place()).when(note()).then(expect(events.OrderNoteWritten, note_id="note-1"))
    shop.when(note()).then(events.CommandRepeated)
    shop.when(note(note_id="note-2")).then(events.OrderNoteWritten)


def test_a_confirmation_is_sent_again_for_what_is_sold() -> None:
    given(release(), place()).when(again()).then(expect(events.CommandRefused, reason="order_held"))
    shop = given(release(), place(), *PAID).when(again()).then(expect(events.ConfirmationResent, resend_id="again-1"))
    shop.when(again()).then(events.CommandRepeated)


@pytest.mark.parametrize("command", [note(merchant_id=OTHERS), again(merchant_id=OTHERS)])
def test_nobody_elses_order_is_known(command: commands.Command) -> None:
    given(release(), place(), *PAID).when(command).then(expect(events.CommandRefused, reason="unknown_order"))


def test_notes_and_mails_of_an_order_are_bounded() -> None:
    rules = RULES[max(RULES)]
    shop = given(release(), place(), *PAID)
    for number in range(rules.mails_per_order_max):
        shop = shop.when(again(resend_id=f"again-{number}")).then(events.ConfirmationResent)
    shop.when(again(resend_id="one-more")).then(expect(events.CommandRefused, reason="too_many_mails"))
    for number in range(rules.notes_per_order_max):
        shop = shop.when(note(note_id=f"note-{number}")).then(events.OrderNoteWritten)
    shop.when(note(note_id="one-more")).then(expect(events.CommandRefused, reason="too_many_notes"))
