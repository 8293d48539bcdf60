"""How an edition decides about what a merchant's people note, and what they send again: neither changes the order."""

from typing import Final

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order_book import Remarks
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.order_states import SOLD

NONE: Final = Remarks()


@decides(commands.WriteOrderNote)
def write_note(edition: Edition, command: commands.WriteOrderNote, moment: Moment) -> Outcome:
    """About an order in any state."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    notes = edition.book.remarks.get(order.id, NONE).notes
    if command.note_id in notes:
        return REPEATED
    if len(notes) >= moment.rules.notes_per_order_max:
        return "too_many_notes"
    edition.record_order(events.OrderNoteWritten, order, moment, note_id=command.note_id, words=command.words)
    return None


@decides(commands.ResendConfirmation)
def resend_confirmation(edition: Edition, command: commands.ResendConfirmation, moment: Moment) -> Outcome:
    """As long as the order is the buyer's."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    resent = edition.book.remarks.get(order.id, NONE).resent
    if command.resend_id in resent:
        return REPEATED
    if order.stage not in SOLD:
        return f"order_{order.stage}"
    if len(resent) >= moment.rules.mails_per_order_max:
        return "too_many_mails"
    edition.record_order(events.ConfirmationResent, order, moment, resend_id=command.resend_id)
    return None
