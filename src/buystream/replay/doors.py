"""The auditor's own books of a door: which tickets were let through when, by the scanners' clocks, counted from the
events alone. No ticket enters twice without an exit, except those that are named."""

from bisect import insort_right
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from buystream.vocabulary import events

Finding = tuple[str, str]
Pair = tuple[str, str]
"""Two entries by one ticket, by their nonces."""


class Sold(Protocol):
    """What the auditor knows of an order, as far as a door needs it."""

    confirmed: bool
    refunded: bool
    bought: dict[str, int]
    returned_by_buyer: dict[str, int]


def post(event: events.DoorEvent, doors: dict[str, "DoorAccount"], orders: Mapping[str, Sold]) -> Iterator[Finding]:
    """Count what happened at a door, by the id of its edition. Nobody is let in without a ticket that is paid for,
    unless it is said why not."""
    yield from doors.setdefault(event.edition_id, DoorAccount()).post(event)
    if isinstance(event, events.TicketScanned) and not event.despite:
        order_id, _, number = event.ticket_id.rpartition("~")
        order = orders.get(order_id)
        if order is None or not order.confirmed or order.refunded or int(number) > sum(order.bought.values()):
            yield "a ticket that lets in is paid for", f"{event.ticket_id} by {event.nonce}"


def return_units(event: events.RefundRequested, doors: Mapping[str, "DoorAccount"], order: Sold) -> Iterator[Finding]:
    """Count what a buyer returns: never a ticket that someone came in with."""
    if event.asked_by != "buyer" or (door := doors.get(event.edition_id)) is None:
        return
    order.returned_by_buyer[event.refund_id] = event.quantity or 0
    sold, returned = sum(order.bought.values()), sum(order.returned_by_buyer.values())
    used = sum(door.has_used(f"{event.order_id}~{number}") for number in range(1, sold + 1))
    if used + returned > sold:
        yield "who came in gets no money back", f"{event.order_id}: {used} used and {returned} returned of {sold}"


def close(doors: Mapping[str, "DoorAccount"]) -> Iterator[Finding]:
    """What must be true of every door at the end of any decision."""
    for edition_id, door in doors.items():
        yield from door.close(edition_id)


class Pass(msgspec.Struct, frozen=True):
    """One way through a gate."""

    at_ms: int
    nonce: str
    is_entry: bool
    despite: str = ""


class DoorAccount(msgspec.Struct):
    """What the auditor counts at one edition's door. `nonces` has when each scan was
    decided; `unnamed` are double entries that no event has named yet, `named`
    those that one has, and `parted` those that turned out to be none and that no event has explained yet."""

    passes: dict[str, list[Pass]] = {}
    nonces: dict[str, int] = {}
    refused: set[str] = set()
    unnamed: set[Pair] = set()
    named: set[Pair] = set()
    parted: set[Pair] = set()
    reentry: bool = True

    def post(self, event: events.DoorEvent) -> Iterator[Finding]:
        """Count the event, and yield what it breaks."""
        match event:
            case events.DoorArranged():
                self.reentry = event.reentry
            case events.TicketScanned():
                yield from self._pass(event)
            case events.ScanRefused():
                yield from self._refuse(event)
            case events.ScanUndone():
                yield from self._undo(event)
            case events.DoubleEntryFound():
                pair = event.first.nonce, event.second.nonce
                if pair not in self.unnamed:
                    yield "a double entry was one", f"{event.ticket_id}: {pair}"
                self.unnamed.discard(pair)
                self.named.add(pair)
            case events.DoubleEntryExplained():
                pair = event.first, event.second
                if pair not in self.parted:
                    yield "what is explained was a double entry", f"{event.ticket_id}: {pair}"
                self.parted.discard(pair)

    def close(self, edition_id: str) -> Iterator[Finding]:
        """What must be true at the end of any decision."""
        for pair in sorted(self.unnamed):
            yield "no ticket enters twice unnamed", f"{edition_id}: {pair}"
        for pair in sorted(self.parted):
            yield "a double entry that is none is explained", f"{edition_id}: {pair}"

    def is_inside(self, ticket_id: str) -> bool:
        """By the ticket's last pass."""
        passes = self.passes.get(ticket_id)
        return passes[-1].is_entry if passes else False

    def has_used(self, ticket_id: str) -> bool:
        """Whether someone came in with a ticket that was good."""
        return any(not one.despite for one in self.passes.get(ticket_id, ()))

    def _pass(self, event: events.TicketScanned) -> Iterator[Finding]:
        is_entry = event.direction == "entry"
        if self._is_known(event) and event.nonce not in self.refused:
            yield "a scan counts once", event.nonce
        if event.scanned_at_ms > event.at_ms:
            yield "nobody is scanned in the future", event.nonce
        if not event.passed and is_entry == self.is_inside(event.ticket_id):
            yield "a ticket lets one in, and out again", f"{event.ticket_id} by {event.nonce}"
        if not event.passed and is_entry and not self.reentry and self.passes.get(event.ticket_id):
            yield "who has left stays out where there is no re-entry", f"{event.ticket_id} by {event.nonce}"
        self.nonces[event.nonce] = event.at_ms
        self.refused.discard(event.nonce)
        passes = self.passes.setdefault(event.ticket_id, [])
        here = Pass(event.scanned_at_ms, event.nonce, is_entry, event.despite)
        insort_right(passes, here, key=lambda one: one.at_ms)
        place = passes.index(here)
        before = passes[place - 1] if place else None
        after = passes[place + 1] if place + 1 < len(passes) else None
        if is_entry:
            for one, two in ((before, here), (here, after)):
                if one is not None and two is not None and one.is_entry and two.is_entry:
                    self.unnamed.add((one.nonce, two.nonce))
        elif before is not None and after is not None and before.is_entry and after.is_entry:
            self._part((before.nonce, after.nonce))

    def _is_known(self, event: events.TicketScanned | events.ScanRefused) -> bool:
        """Whether the scan was decided before, as recently as a repeat must be recognised."""
        at_ms = self.nonces.get(event.nonce)
        return at_ms is not None and at_ms >= (event.forget_before_ms or 0)

    def _refuse(self, event: events.ScanRefused) -> Iterator[Finding]:
        if self._is_known(event):
            yield "a scan counts once", event.nonce
        self.nonces[event.nonce] = event.at_ms
        self.refused.add(event.nonce)
        is_inside, was_inside = self.is_inside(event.ticket_id), bool(self.passes.get(event.ticket_id))
        wrongly = {
            "already_used": not is_inside,
            "no_reentry": is_inside or not was_inside or self.reentry,
            "not_inside": is_inside,
        }
        if wrongly.get(event.reason, False):
            yield "nobody is turned away for nothing", f"{event.ticket_id} by {event.nonce}: {event.reason}"

    def _undo(self, event: events.ScanUndone) -> Iterator[Finding]:
        passes = self.passes.get(event.ticket_id, [])
        if not passes or passes[-1].nonce != event.nonce:
            yield "the last scan is undone", f"{event.ticket_id}: {event.nonce}"
            return
        passes.pop()
        if passes:
            self._part((passes[-1].nonce, event.nonce))

    def _part(self, pair: Pair) -> None:
        if pair in self.named:
            self.named.discard(pair)
            self.parted.add(pair)
