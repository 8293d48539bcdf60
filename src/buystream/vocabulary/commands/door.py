"""The door of an event: scanning tickets, and how the door is arranged."""

from typing import Annotated

from buystream.vocabulary.actors import DOOR, MERCHANT
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.door import Direction, GateId, Gates, Nonce, ScannedAtMs, Scanner, TicketId
from buystream.vocabulary.fields import BY_CLIENT, EditionId, Issue, MerchantId, OwnWords, VariantId, meaning


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "bad_gates"])
class ArrangeDoor(Command):
    """The edition's gates, and whether people who left may come in again."""

    edition_id: EditionId
    merchant_id: MerchantId
    reentry: Annotated[bool, meaning("Whether a ticket that has left is let in again.", feed=True)]
    gates: Gates = ()


@asked(
    MERCHANT,
    DOOR,
    about="edition_id",
    refusals=["unknown_edition", "unknown_gate", "bad_direction", "nonce_conflict", "not_milliseconds"],
)
class ScanTicket(Command):
    """A ticket is shown at the edition's door. The gateway has read its code: that it is signed, for which ticket and
    time. The answer to it is an event, also when it is refused. With `passed` the scanner had no network and decided on
    its own: the person is through, and the scan reports it."""

    edition_id: EditionId
    merchant_id: MerchantId
    nonce: Annotated[Nonce, BY_CLIENT]
    ticket_id: TicketId
    issue: Issue
    valid_from_ms: Annotated[int, meaning("From when on the code opens.")]
    valid_until_ms: Annotated[int, meaning("Until when the code opens, exclusive.")]
    scanner: Scanner
    scanned_at_ms: ScannedAtMs
    direction: Direction
    variant_id: VariantId = ""
    gate_id: GateId = ""
    passed: Annotated[bool, meaning("Whether the scanner has let them through already, without a network.")] = False


@asked(MERCHANT, DOOR, about="edition_id", refusals=["unknown_edition", "unknown_scan", "not_the_last_scan"])
class UndoScan(Command):
    """The scan was a mistake: the ticket is as it was before. Only a ticket's last scan can be undone."""

    edition_id: EditionId
    merchant_id: MerchantId
    ticket_id: TicketId
    nonce: Nonce
    scanner: Scanner


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "unknown_ticket"])
class BlockTicket(Command):
    """The ticket lets nobody in any more, until it is unblocked."""

    edition_id: EditionId
    merchant_id: MerchantId
    ticket_id: TicketId
    blocked: Annotated[bool, meaning("Whether it is blocked from now on.", feed=True)]
    reason: OwnWords = ""
