"""The door of an edition: who is inside, and by which scans. Begins with the first thing that happens there, so that an
edition without a door has none."""

from bisect import insort_right
from typing import Final

import msgspec

from buystream.aggregates.applying import appliers_of, applies
from buystream.aggregates.recent import remember
from buystream.vocabulary import events
from buystream.vocabulary.door import ENTRY, EXIT, DoorGate, Passage


class KnownScan(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Of which ticket a scan was, and whether it let nobody through."""

    ticket_id: str
    refused: bool = False


class Door(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition."""

    gates: tuple[DoorGate, ...] = ()
    reentry: bool = True
    passages: dict[str, list[Passage]] = {}
    """By ticket, in the order of the scanners' clocks."""
    blocked: set[str] = set()
    known: dict[str, "KnownScan"] = {}
    """Scans by their nonce, for a while, so that a repeat is known for one."""
    known_at_ms: dict[str, int] = {}

    def gate(self, gate_id: str) -> DoorGate | None:
        """The gate of that name; None when there is none."""
        return next((gate for gate in self.gates if gate.gate_id == gate_id), None)

    def last(self, ticket_id: str) -> Passage | None:
        """The ticket's newest scan that let someone through."""
        passages = self.passages.get(ticket_id)
        return passages[-1] if passages else None

    def has_used(self, ticket_id: str) -> bool:
        """Whether someone came in with the ticket, and no scanner took it back."""
        return ticket_id in self.passages

    def pairs_around(self, ticket_id: str, passage: Passage) -> list[tuple[Passage, Passage]]:
        """The double entries that a further entry makes: it and the scan before or after it, where that is one too."""
        before, after = self._neighbours(ticket_id, passage)
        pairs = [(before, passage), (passage, after)]
        return [(one, two) for one, two in pairs if one and two and one.direction == two.direction == ENTRY]

    def pair_parted(self, ticket_id: str, passage: Passage) -> tuple[Passage, Passage] | None:
        """The two entries that an exit comes between: no double entry after all."""
        before, after = self._neighbours(ticket_id, passage)
        both = before is not None and after is not None and before.direction == after.direction == ENTRY
        return (before, after) if both and before and after else None

    def _neighbours(self, ticket_id: str, passage: Passage) -> tuple[Passage | None, Passage | None]:
        passages = self.passages.get(ticket_id, [])
        earlier = [one for one in passages if one.scanned_at_ms <= passage.scanned_at_ms]
        later = passages[len(earlier) :]
        return (earlier[-1] if earlier else None), (later[0] if later else None)

    def apply(self, event: events.DoorEvent) -> None:
        """Change state; never refuses."""
        if (change := _CHANGES.get(type(event))) is not None:
            change(self, event)

    @applies(events.DoorArranged)
    def _arrange(self, event: events.DoorArranged) -> None:
        self.gates, self.reentry = event.gates, event.reentry

    @applies(events.TicketScanned)
    def _pass(self, event: events.TicketScanned) -> None:
        self._note(event)
        passages = self.passages.setdefault(event.ticket_id, [])
        insort_right(passages, event.passage, key=lambda one: one.scanned_at_ms)
        del passages[: event.forgotten]

    @applies(events.ScanRefused)
    def _refuse(self, event: events.ScanRefused) -> None:
        self._note(event)

    @applies(events.ScanUndone)
    def _undo(self, event: events.ScanUndone) -> None:
        left = [one for one in self.passages[event.ticket_id] if one.nonce != event.nonce]
        if left:
            self.passages[event.ticket_id] = left
        else:
            del self.passages[event.ticket_id]

    @applies(events.TicketBlocked)
    def _block(self, event: events.TicketBlocked) -> None:
        (self.blocked.add if event.blocked else self.blocked.discard)(event.ticket_id)

    def _note(self, event: events.TicketScanned | events.ScanRefused) -> None:
        refused = isinstance(event, events.ScanRefused)
        self.known[event.nonce] = KnownScan(ticket_id=event.ticket_id, refused=refused)
        self.known_at_ms.pop(event.nonce, None)
        for nonce in remember(self.known_at_ms, event.nonce, event.at_ms, event.forget_before_ms):
            del self.known[nonce]


_CHANGES: Final = appliers_of(Door)


def is_inside(last: Passage | None) -> bool:
    """Whether the ticket's holder is inside, by the last scan."""
    return last is not None and last.direction != EXIT
