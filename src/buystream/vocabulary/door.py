"""The words of the door: which way a ticket passes, by whom, through which gate, and every answer to a scan."""

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

import msgspec

from buystream.vocabulary.fields import InTables, meaning
from buystream.vocabulary.value import Value

ENTRY: Final = "entry"
EXIT: Final = "exit"

GATES_MAX: Final = 50

GateId = Annotated[str, meaning("The gate; empty where the edition has none.", feed=True)]
Scanner = Annotated[
    str, meaning("The scanner, as people call it: a phone or its place.", feed=True, tables=InTables.LEFT_OUT)
]
TicketId = Annotated[
    str, meaning("The ticket: its order's id and its number there.", feed=True, tables=InTables.LEFT_OUT)
]
Nonce = Annotated[
    str, meaning("The scanner's name for this scan; a repeat changes nothing.", feed=True, tables=InTables.LEFT_OUT)
]
ScannedAtMs = Annotated[int, meaning("When it was scanned, by the scanner's clock.", feed=True)]
Direction = Annotated[str, meaning("entry or exit.", feed=True)]


class DoorGate(Value, frozen=True, kw_only=True):
    """A way in. It admits these variants; none: all of them."""

    gate_id: Annotated[str, meaning("Names the gate within its edition.", feed=True)]
    title: Annotated[str, meaning("The gate's name, for people.", feed=True)]
    variant_ids: Annotated[
        tuple[str, ...], meaning("The variants it admits; empty: all.", feed=True), msgspec.Meta(max_length=100)
    ] = ()

    def admits(self, variant_id: str) -> bool:
        """Whether tickets of that variant may pass here."""
        return not self.variant_ids or variant_id in self.variant_ids


class Passage(Value, frozen=True, kw_only=True):
    """One way through a gate: which way, when, by which scanner."""

    nonce: Nonce
    direction: Direction
    scanned_at_ms: ScannedAtMs
    scanner: Scanner
    gate_id: GateId = ""


Gates = Annotated[
    tuple[DoorGate, ...], meaning("The ways in; none: one door.", feed=True), msgspec.Meta(max_length=GATES_MAX)
]


class DoorAnswer(NamedTuple):
    """What a scanner shows: in a word, and what to do."""

    heading: str
    advice: str


VALID: Final = "valid"
LEFT: Final = "left"

DOOR_ANSWERS: Final[Mapping[str, DoorAnswer]] = {
    VALID: DoorAnswer("Valid", "Let them in."),
    LEFT: DoorAnswer("Out", "They have left. The ticket lets them in again if re-entry is allowed."),
    "already_used": DoorAnswer("Already used", "Someone came in with this ticket. See when and where."),
    "no_reentry": DoorAnswer("No re-entry", "They have left, and this event lets nobody in again."),
    "not_inside": DoorAnswer("Not inside", "Nobody came in with this ticket, so nobody can leave with it."),
    "not_valid_yet": DoorAnswer("Not valid yet", "The doors are not open for this ticket yet."),
    "no_longer_valid": DoorAnswer("No longer valid", "This ticket was for a time that has passed."),
    "other_event": DoorAnswer("Other event", "This ticket is for another event."),
    "wrong_gate": DoorAnswer("Wrong gate", "This ticket goes in by another gate."),
    "revoked": DoorAnswer("Revoked", "This code was replaced, because the ticket was passed on, or it was cancelled."),
    "refunded": DoorAnswer("Refunded", "The ticket was given back, and its money too."),
    "unpaid": DoorAnswer("Unpaid", "This ticket was never paid for."),
    "blocked": DoorAnswer("Blocked", "This ticket is blocked. Ask at the desk."),
    "called_off": DoorAnswer("Called off", "The event was called off. Everyone who paid gets a refund."),
    "unknown": DoorAnswer("Unknown", "This is not a ticket of this shop."),
}
"""Every answer to a scan. All but the first two refuse."""
