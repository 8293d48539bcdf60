"""How an edition decides at its door: who is let in with which ticket, and which entries were two by one ticket."""

from typing import Any

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.door import Door, is_inside
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_EDITION, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.ticket import spans
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.door import ENTRY, EXIT, Passage
from buystream.vocabulary.ids import MalformedId, ticket_of
from buystream.vocabulary.order_states import SOLD

_NO_DOOR = Door()


@decides(commands.ArrangeDoor)
def arrange_door(edition: Edition, command: commands.ArrangeDoor, moment: Moment) -> Outcome:
    """The gates, and whether there is re-entry."""
    if edition.terms.merchant_id != command.merchant_id:
        return UNKNOWN_EDITION
    gates = command.gates
    admitted = {variant_id for gate in gates for variant_id in gate.variant_ids}
    if len({gate.gate_id for gate in gates}) != len(gates) or not admitted <= edition.stocks.keys():
        return "bad_gates"
    door = edition.door or _NO_DOOR
    if (gates, command.reentry) == (door.gates, door.reentry):
        return REPEATED
    edition.record_own(events.DoorArranged, moment, gates=gates, reentry=command.reentry)
    return None


@decides(commands.ScanTicket)
def scan_ticket(edition: Edition, command: commands.ScanTicket, moment: Moment) -> Outcome:
    """Let someone in or out, or say why not. Someone whom a scanner let through without a network is through, and what
    was wrong about it is said."""
    door = edition.door or _NO_DOOR
    if edition.terms.merchant_id != command.merchant_id:
        return UNKNOWN_EDITION
    if (known := door.known.get(command.nonce)) is not None:
        if known.ticket_id != command.ticket_id:
            return "nonce_conflict"
        if not (known.refused and command.passed and _is_own(edition, command.ticket_id)):
            return REPEATED  # otherwise the refusal was lost, and the scanner let someone through
    if not moment.rules.earliest_time_ms <= command.scanned_at_ms <= moment.rules.latest_time_ms:
        return "not_milliseconds"
    if command.direction not in (ENTRY, EXIT):
        return "bad_direction"
    if command.gate_id and door.gate(command.gate_id) is None:
        return "unknown_gate"
    wrong = _why_not(edition, door, command, moment)
    last = door.last(command.ticket_id)
    at_ms = min(command.scanned_at_ms, moment.at_ms)  # nobody was scanned in the future
    if command.passed and _is_own(edition, command.ticket_id):
        _let_through(edition, door, command, moment, at_ms=at_ms, despite=wrong)
        return None
    if last is not None:
        at_ms = max(at_ms, last.scanned_at_ms)  # it is decided after that one, even if the scanner's clock is slow
    if wrong or (wrong := _why_not_now(door, command, last)):
        earlier = last if wrong in ("already_used", "no_reentry") else None
        _record(edition, events.ScanRefused, command, moment, scanned_at_ms=at_ms, reason=wrong, earlier=earlier)
    else:
        _let_through(edition, door, command, moment, at_ms=at_ms, despite="")
    return None


@decides(commands.UndoScan)
def undo_scan(edition: Edition, command: commands.UndoScan, moment: Moment) -> Outcome:
    """The ticket's last scan is taken back; a double entry that it made is none."""
    door = edition.door or _NO_DOOR
    if edition.terms.merchant_id != command.merchant_id:
        return UNKNOWN_EDITION
    passages = door.passages.get(command.ticket_id, [])
    if not any(passage.nonce == command.nonce for passage in passages):
        known = door.known.get(command.nonce)
        was_undone = known is not None and known.ticket_id == command.ticket_id and not known.refused
        return REPEATED if was_undone else "unknown_scan"
    if passages[-1].nonce != command.nonce:
        return "not_the_last_scan"
    about = {"ticket_id": command.ticket_id, "variant_id": _variant_of(edition, command.ticket_id)}
    edition.record_own(events.ScanUndone, moment, nonce=command.nonce, scanner=command.scanner, **about)
    if len(passages) > 1 and passages[-1].direction == passages[-2].direction == ENTRY:
        pair = {"first": passages[-2].nonce, "second": passages[-1].nonce}
        edition.record_own(events.DoubleEntryExplained, moment, **pair, **about)
    return None


@decides(commands.BlockTicket)
def block_ticket(edition: Edition, command: commands.BlockTicket, moment: Moment) -> Outcome:
    """The ticket lets nobody in, or does again."""
    if edition.terms.merchant_id != command.merchant_id:
        return UNKNOWN_EDITION
    if not _is_own(edition, command.ticket_id):
        return "unknown_ticket"
    if (command.ticket_id in (edition.door or _NO_DOOR).blocked) == command.blocked:
        return REPEATED
    edition.record_own(
        events.TicketBlocked, moment, ticket_id=command.ticket_id, blocked=command.blocked, reason=command.reason
    )
    return None


def _let_through(
    edition: Edition, door: Door, command: commands.ScanTicket, moment: Moment, *, at_ms: int, despite: str
) -> None:
    passage = Passage(
        nonce=command.nonce,
        direction=command.direction,
        scanned_at_ms=at_ms,
        scanner=command.scanner,
        gate_id=command.gate_id,
    )
    ticket_id, is_entry = command.ticket_id, command.direction == ENTRY
    doubles = door.pairs_around(ticket_id, passage) if is_entry else []
    parted = None if is_entry else door.pair_parted(ticket_id, passage)
    is_full = len(door.passages.get(ticket_id, [])) >= moment.rules.passages_per_ticket_max
    said = {"passed": command.passed, "despite": despite, "forgotten": 2 if is_full else 0}  # in pairs: in and out
    _record(edition, events.TicketScanned, command, moment, scanned_at_ms=at_ms, **said)
    about = {"ticket_id": ticket_id, "variant_id": command.variant_id}
    for first, second in doubles:
        edition.record_own(events.DoubleEntryFound, moment, first=first, second=second, **about)
    if parted is not None:
        pair = {"first": parted[0].nonce, "second": parted[1].nonce}
        edition.record_own(events.DoubleEntryExplained, moment, **pair, **about)


def _record(
    edition: Edition,
    kind: type[events.TicketScanned | events.ScanRefused],
    command: commands.ScanTicket,
    moment: Moment,
    **fields: Any,
) -> None:
    edition.record_own(
        kind,
        moment,
        ticket_id=command.ticket_id,
        issue=command.issue,
        nonce=command.nonce,
        direction=command.direction,
        scanner=command.scanner,
        gate_id=command.gate_id,
        variant_id=command.variant_id,
        forget_before_ms=moment.at_ms - moment.rules.requests_known_seconds * 1000,
        **fields,
    )


def _why_not(edition: Edition, door: Door, command: commands.ScanTicket, moment: Moment) -> str:
    """Why the ticket opens nothing here, used or not; nothing: it does. A scanner's clock may be fast, so
    what has not come yet is said by ours. When it admits follows from the event, which may have moved since the code
    was signed."""
    try:
        order_id, number = ticket_of(command.ticket_id)
    except MalformedId:
        return "unknown"
    if not order_id.startswith(f"{edition.id}-"):
        return "other_event"
    order = edition.orders.get(order_id)
    if order is None or not order.has_ticket(number):
        return "unknown"
    if edition.cancellation is not None:
        return "called_off"
    if wrong := _wrong_order(order) or _wrong_ticket(order, number, command.issue):
        return wrong
    if command.ticket_id in door.blocked:
        return "blocked"
    if command.direction == EXIT:
        return ""
    at_ms, event = min(command.scanned_at_ms, moment.at_ms), edition.terms.event
    if at_ms < (command.valid_from_ms if event is None else event.doors_at_ms):
        return "not_valid_yet"
    if at_ms >= (command.valid_until_ms if event is None else event.ends_at_ms):
        return "no_longer_valid"
    gate = door.gate(command.gate_id)
    return "" if gate is None or gate.admits(command.variant_id) else "wrong_gate"


def _wrong_order(order: Order) -> str:
    """Why none of the order's tickets opens anything; nothing: they do."""
    if order.state == "refunded":
        return "refunded"
    if order.state == "disputed":
        return "blocked"
    if order.state in ("held", "pledged", "authorised"):
        return "unpaid"
    return "" if order.state in SOLD else "revoked"


def _wrong_ticket(order: Order, number: int, issue: int) -> str:
    """Why this code of an order that is paid for opens nothing; nothing: it does."""
    if number in order.ended_tickets:
        return "refunded"
    ticket = order.ticket(number)
    return "revoked" if ticket.issue != issue or ticket.claim else ""


def _why_not_now(door: Door, command: commands.ScanTicket, last: Passage | None) -> str:
    """Why the ticket doesn't pass a second time."""
    if command.direction == EXIT:
        return "" if is_inside(last) else "not_inside"
    if last is None or (door.reentry and not is_inside(last)):
        return ""
    return "already_used" if is_inside(last) else "no_reentry"


def _is_own(edition: Edition, ticket_id: str) -> bool:
    """Whether there is such a ticket of the edition."""
    try:
        order_id, number = ticket_of(ticket_id)
    except MalformedId:
        return False
    order = edition.orders.get(order_id)
    return order is not None and order.has_ticket(number)


def _variant_of(edition: Edition, ticket_id: str) -> str:
    """The variant of a ticket of the edition."""
    order_id, number = ticket_of(ticket_id)
    lines = edition.orders[order_id].lines
    numbered = zip(lines, spans(line.quantity for line in lines), strict=True)
    return next((line.variant_id for line, numbers in numbered if number in numbers), "")
