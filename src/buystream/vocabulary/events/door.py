"""What happens at the door of an event."""

from typing import Annotated

from buystream.vocabulary.door import Direction, GateId, Gates, Nonce, Passage, ScannedAtMs, Scanner, TicketId
from buystream.vocabulary.events.editions import EditionEvent
from buystream.vocabulary.fields import ForgetBeforeMs, Issue, OwnWords, Reason, VariantId, meaning


class DoorEvent(EditionEvent):
    """Belongs to an edition, at whose door it happened."""


class DoorArranged(DoorEvent):
    """The edition has these gates from here on."""

    reentry: Annotated[bool, meaning("Whether a ticket that has left is let in again.", feed=True)]
    gates: Gates = ()


class TicketScanned(DoorEvent):
    """Someone passed the gate with this ticket. `passed`: a scanner without a network had let them through before;
    then `despite` says why it would have been refused, if it would."""

    ticket_id: TicketId
    issue: Issue
    nonce: Nonce
    direction: Direction
    scanner: Scanner
    scanned_at_ms: ScannedAtMs
    gate_id: GateId = ""
    variant_id: VariantId = ""
    passed: Annotated[bool, meaning("Whether a scanner without a network had let them through before.", feed=True)] = (
        False
    )
    despite: Annotated[
        str, meaning("Why they would not have been let through; empty when they would have been.", feed=True)
    ] = ""
    forget_before_ms: ForgetBeforeMs | None = None
    forgotten: Annotated[int, meaning("How many of the ticket's oldest scans are kept no longer.")] = 0

    @property
    def passage(self) -> Passage:
        """The way through the gate."""
        return Passage(
            nonce=self.nonce,
            direction=self.direction,
            scanned_at_ms=self.scanned_at_ms,
            scanner=self.scanner,
            gate_id=self.gate_id,
        )


class ScanRefused(DoorEvent):
    """Nobody passed with this ticket. `earlier` is the scan that it was used by, if that is why."""

    ticket_id: TicketId
    issue: Issue
    nonce: Nonce
    direction: Direction
    scanner: Scanner
    scanned_at_ms: ScannedAtMs
    reason: Reason
    gate_id: GateId = ""
    variant_id: VariantId = ""
    earlier: Annotated[Passage | None, meaning("The scan that used the ticket; absent: none.", feed=True)] = None
    forget_before_ms: ForgetBeforeMs | None = None


class ScanUndone(DoorEvent):
    """The ticket's last scan was a mistake."""

    ticket_id: TicketId
    nonce: Nonce
    scanner: Scanner
    variant_id: VariantId = ""


class DoubleEntryFound(DoorEvent):
    """Two scanners let one ticket in, and nobody left in between: at least one of them had no network."""

    ticket_id: TicketId
    first: Annotated[Passage, meaning("The earlier of the two scans, by the scanners' clocks.", feed=True)]
    second: Annotated[Passage, meaning("The later of the two scans, by the scanners' clocks.", feed=True)]
    variant_id: VariantId = ""


class DoubleEntryExplained(DoorEvent):
    """A scanner reported later that the ticket had left between two entries, or that one of them was a mistake: it was
    no double entry."""

    ticket_id: TicketId
    first: Annotated[Nonce, meaning("The earlier of the two scans.", feed=True)]
    second: Annotated[Nonce, meaning("The later of the two scans.", feed=True)]
    variant_id: VariantId = ""


class TicketBlocked(DoorEvent):
    """The ticket lets nobody in, until it is unblocked; or it is unblocked."""

    ticket_id: TicketId
    blocked: Annotated[bool, meaning("Whether it is blocked from now on.", feed=True)]
    reason: OwnWords = ""
