"""What a merchant's people did about an order beside serving it."""

from buystream.vocabulary.events.orders import OrderEvent
from buystream.vocabulary.fields import NoteId, NoteWords, ResendId


class OrderNoteWritten(OrderEvent):
    """Somebody of the merchant's noted something about the order. `words` is a ciphertext under the buyer's key."""

    note_id: NoteId
    words: NoteWords


class ConfirmationResent(OrderEvent):
    """The buyer gets the confirmation again."""

    resend_id: ResendId
