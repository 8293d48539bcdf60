"""What a merchant's people do about an order beside serving it: note something, and send its mail again."""

from typing import Annotated

from buystream.vocabulary.actors import MERCHANT
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import BY_CLIENT, MerchantId, NoteId, NoteWords, OrderId, ResendId
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.reasons import order_is_none_of


@asked(MERCHANT, about="order_id", refusals=["unknown_order", "too_many_notes", "note_id_conflict"])
class WriteOrderNote(Command):
    """Keep a note about an order, for the merchant's people. `words` is a ciphertext under the buyer's key: a note is
    about them. The caller chooses `note_id`."""

    order_id: OrderId
    merchant_id: MerchantId
    note_id: Annotated[NoteId, BY_CLIENT]
    words: NoteWords


@asked(
    MERCHANT,
    about="order_id",
    refusals=[*order_is_none_of(SOLD), "unknown_order", "too_many_mails", "resend_id_conflict"],
)
class ResendConfirmation(Command):
    """Send the buyer the confirmation again, with tickets and links. The caller chooses `resend_id`."""

    order_id: OrderId
    merchant_id: MerchantId
    resend_id: Annotated[ResendId, BY_CLIENT]
