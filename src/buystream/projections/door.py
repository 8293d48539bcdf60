"""The door of an event, for its scanners and for the desk: how it is arranged, what each scan was answered, who is
inside, and which tickets let two in."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import Json, execute_values

from buystream.delivery.batch_reader import Batch
from buystream.vocabulary import events
from buystream.vocabulary.door import ENTRY, EXIT, LEFT, VALID, DoorGate, Passage
from buystream.vocabulary.ids import ticket_of

NAME: Final = "door"
MINUTES_SHOWN: Final = 30
RECENT_SHOWN: Final = 20

MINUTE_MS: Final = 60_000

USED_TICKETS: Final = """
    CASE WHEN e.event IS NULL THEN NULL ELSE ARRAY(
        SELECT substr(t.ticket_id, length(o.order_id) + 2)::integer FROM views.door_tickets AS t
        WHERE t.ticket_id > o.order_id || '~' AND t.ticket_id < o.order_id || '~:' ORDER BY 1) END,
    CASE WHEN e.event IS NULL THEN NULL ELSE (
        SELECT numbers FROM views.returned_first AS r WHERE r.order_id = o.order_id) END"""
"""Of an order `o` of an edition `e`: the numbers of its tickets that someone came in with, and of those that end first
when units come back; NULL where there are no tickets. ':' follows the digits."""


class Arrangement(msgspec.Struct, frozen=True, kw_only=True):
    """The gates, each with the variants it admits (none: all), and whether a ticket that has left is let in again."""

    gates: tuple[DoorGate, ...] = ()
    reentry: bool = True


class Scan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A scan and its answer. `despite`: a scanner without a network let them in, and would not have with one. `earlier`
    is the scan that had used the ticket."""

    nonce: str
    ticket_id: str
    variant_id: str
    direction: str
    answer: str
    despite: str
    passed: bool
    undone: bool
    scanner: str
    gate_id: str
    scanned_at_ms: int
    earlier: Passage | None


class DoubleEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One ticket let two in, and nobody left in between."""

    ticket_id: str
    first: Passage
    second: Passage
    found_at_ms: int


class EntriesInMinute(msgspec.Struct, frozen=True, gc=False):
    """Tickets that were let in within the minute that begins at `at_ms`, by the scanners' clocks."""

    at_ms: int
    entries: int


class DoorBoard(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk shows of a door. `no_shows` are tickets that were sold and never came; `entered` have come at least
    once. `per_minute` are the minutes with entries, the oldest first; `recent` the newest scans first."""

    edition_id: str
    arrangement: Arrangement
    sold: int
    entered: int
    inside: int
    no_shows: int
    refused: int
    per_minute: list[EntriesInMinute]
    recent: list[Scan]
    double_entries: list[DoubleEntry]


def arrangement(cur: cursor, edition_id: str) -> Arrangement:
    """How the door is arranged; without a word from the merchant it is one door, with re-entry."""
    cur.execute("SELECT reentry, gates FROM views.door_arrangements WHERE edition_id = %s", (edition_id,))
    row = cur.fetchone()
    return Arrangement(reentry=row[0], gates=_gates(row[1])) if row else Arrangement()


def scan(cur: cursor, edition_id: str, nonce: str) -> Scan | None:
    """The scan of that nonce, or None."""
    cur.execute(f"{_SCANS} WHERE edition_id = %s AND nonce = %s", (edition_id, nonce))
    row = cur.fetchone()
    return _scan(row) if row else None


def double_entries(cur: cursor, edition_id: str) -> list[DoubleEntry]:
    """Those that nothing has explained, the newest first."""
    cur.execute(
        """SELECT ticket_id, first, second, found_at_ms FROM views.door_double_entries
           WHERE edition_id = %s AND NOT explained ORDER BY version DESC, first_nonce""",
        (edition_id,),
    )
    return [
        DoubleEntry(ticket_id=ticket_id, first=_passage(first), second=_passage(second), found_at_ms=found_at_ms)
        for ticket_id, first, second, found_at_ms in cur
    ]


def changed_orders(
    cur: cursor, edition_id: str, *, after: int, limit: int, tickets: int
) -> tuple[list[tuple[str, int]], bool]:
    """Orders of the edition about whose tickets something changed after that version, each with the version at which it
    last did, in its order: `limit` of them at most, and only the first if it alone has that many `tickets`. And
    whether there are more."""
    cur.execute(
        """SELECT order_id, changed.version, sum(coalesce(quantity, 1)) OVER earlier FROM (
               SELECT order_id, version FROM views.door_orders WHERE edition_id = %s AND version > %s
               ORDER BY version LIMIT %s
           ) AS changed LEFT JOIN views.orders USING (order_id)
           WINDOW earlier AS (ORDER BY changed.version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
           ORDER BY changed.version""",
        (edition_id, after, limit + 1),
    )
    found = cur.fetchall()
    page = [(order_id, version) for order_id, version, before in found[:limit] if (before or 0) < tickets]
    return page, len(page) < len(found)


def last_passages(cur: cursor, ticket_ids: Sequence[str]) -> dict[str, Passage]:
    """By ticket; those that never passed are missing."""
    cur.execute(f"{_LAST_PASSAGES} WHERE t.ticket_id = ANY(%s)", (ENTRY, EXIT, list(ticket_ids)))
    return _by_ticket(cur)


def passages_of_orders(cur: cursor, order_ids: Sequence[str]) -> dict[str, Passage]:
    """The last ones of all tickets of these orders, by ticket."""
    cur.execute(
        f"""{_LAST_PASSAGES} JOIN unnest(%s::text[]) AS o (order_id)
            ON t.ticket_id > (o.order_id || '~') COLLATE "C" AND t.ticket_id < (o.order_id || '~:') COLLATE "C"
        """,
        (ENTRY, EXIT, list(order_ids)),
    )
    return _by_ticket(cur)


_LAST_PASSAGES: Final = """
    SELECT t.ticket_id, t.nonce, CASE WHEN t.inside THEN %s ELSE %s END, t.scanned_at_ms, t.scanner, t.gate_id
    FROM views.door_tickets AS t"""


def _by_ticket(cur: cursor) -> dict[str, Passage]:
    return {
        ticket_id: Passage(nonce=nonce, direction=direction, scanned_at_ms=at_ms, scanner=scanner, gate_id=gate_id)
        for ticket_id, nonce, direction, at_ms, scanner, gate_id in cur
    }


def blocked_tickets(cur: cursor, ticket_ids: Sequence[str]) -> set[str]:
    """Those of them that the merchant has blocked."""
    cur.execute("SELECT ticket_id FROM views.door_blocked WHERE ticket_id = ANY(%s)", (list(ticket_ids),))
    return {ticket_id for (ticket_id,) in cur}


def door_board(cur: cursor, edition_id: str, *, now_ms: int) -> DoorBoard:
    """The door as the desk shows it now."""
    cur.execute("SELECT coalesce(sum(sold), 0)::bigint FROM views.variants WHERE edition_id = %s", (edition_id,))
    (sold,) = cur.fetchone() or (0,)
    cur.execute(
        "SELECT count(*), count(*) FILTER (WHERE inside) FROM views.door_tickets WHERE edition_id = %s", (edition_id,)
    )
    entered, inside = cur.fetchone() or (0, 0)
    cur.execute(
        "SELECT count(*) FROM views.door_scans WHERE edition_id = %s AND answer NOT IN (%s, %s)",
        (edition_id, VALID, LEFT),
    )
    (refused,) = cur.fetchone() or (0,)
    cur.execute(
        """SELECT scanned_at_ms / %s * %s AS minute, count(*) FROM views.door_scans
           WHERE edition_id = %s AND answer = %s AND NOT undone AND scanned_at_ms > %s GROUP BY 1 ORDER BY 1""",
        (MINUTE_MS, MINUTE_MS, edition_id, VALID, now_ms - MINUTES_SHOWN * MINUTE_MS),
    )
    per_minute = [EntriesInMinute(*row) for row in cur]
    cur.execute(f"{_SCANS} WHERE edition_id = %s ORDER BY version DESC LIMIT %s", (edition_id, RECENT_SHOWN))
    return DoorBoard(
        edition_id=edition_id,
        sold=sold,
        entered=entered,
        inside=inside,
        no_shows=max(sold - entered, 0),
        refused=refused,
        per_minute=per_minute,
        recent=[_scan(row) for row in cur],
        double_entries=double_entries(cur, edition_id),
        arrangement=arrangement(cur, edition_id),
    )


_SCANS: Final = """
    SELECT nonce, ticket_id, variant_id, direction, answer, despite, passed, undone, scanner, gate_id, scanned_at_ms,
        earlier
    FROM views.door_scans"""


def _scan(row: Sequence[Any]) -> Scan:
    *plain, earlier = row
    fields = dict(zip(Scan.__struct_fields__, plain, strict=False))
    return Scan(**fields, earlier=_passage(earlier) if earlier else None)


def _passage(stored: Any) -> Passage:
    return msgspec.convert(stored, Passage)


def _gates(stored: Any) -> tuple[DoorGate, ...]:
    return msgspec.convert(stored, tuple[DoorGate, ...])


class Doors:
    """The projection behind this module's read functions."""

    name = NAME
    version = 2

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "door.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Scans first, then what is undone of them; from these, what each ticket was last scanned for."""
        _note_changes(cur, [event for _, event, _ in batch])
        of_doors = [event for _, event, _ in batch if isinstance(event, events.DoorEvent)]
        if not of_doors:
            return
        blocked = {event.ticket_id: event.blocked for event in of_doors if isinstance(event, events.TicketBlocked)}
        if blocked:
            cur.execute("DELETE FROM door_blocked WHERE ticket_id = ANY(%s)", (list(blocked),))
            rows = [(ticket_id,) for ticket_id, is_blocked in blocked.items() if is_blocked]
            if rows:
                execute_values(cur, "INSERT INTO door_blocked (ticket_id) VALUES %s", rows)
        arranged = {event.edition_id: event for event in of_doors if isinstance(event, events.DoorArranged)}
        if arranged:
            execute_values(cur, _ARRANGE, [(key, one.reentry, _json(one.gates)) for key, one in arranged.items()])
        scans = [event for event in of_doors if isinstance(event, events.TicketScanned | events.ScanRefused)]
        if scans:
            last = {(event.edition_id, event.nonce): event for event in scans}
            execute_values(cur, _ADD_SCANS, [_scan_row(event) for event in last.values()])
        undone = [event for event in of_doors if isinstance(event, events.ScanUndone)]
        if undone:
            execute_values(cur, _UNDO, [(one.edition_id, one.nonce) for one in undone])
        found = [event for event in of_doors if isinstance(event, events.DoubleEntryFound)]
        if found:
            execute_values(cur, _ADD_DOUBLES, [_double_row(event) for event in found])
        explained = [event for event in of_doors if isinstance(event, events.DoubleEntryExplained)]
        if explained:
            pairs = [(one.edition_id, one.ticket_id, one.first, one.second, one.edition_version) for one in explained]
            execute_values(cur, _EXPLAIN, pairs)
        passed = {event.ticket_id for event in of_doors if isinstance(event, events.TicketScanned | events.ScanUndone)}
        if passed:
            tickets = sorted(passed)
            cur.execute("DELETE FROM door_tickets WHERE ticket_id = ANY(%s)", (tickets,))
            cur.execute(_LAST_SCANS, (ENTRY, [VALID, LEFT], tickets))


_ARRANGE: Final = """
    INSERT INTO door_arrangements (edition_id, reentry, gates) VALUES %s
    ON CONFLICT (edition_id) DO UPDATE SET reentry = excluded.reentry, gates = excluded.gates"""
_ADD_SCANS: Final = """
    INSERT INTO door_scans (edition_id, nonce, version, ticket_id, variant_id, direction, answer, despite, passed,
        scanner, gate_id, scanned_at_ms, at_ms, earlier)
    VALUES %s
    ON CONFLICT (edition_id, nonce) DO UPDATE SET version = excluded.version, answer = excluded.answer,
        despite = excluded.despite, passed = excluded.passed, at_ms = excluded.at_ms, earlier = excluded.earlier"""
_UNDO: Final = """
    UPDATE door_scans AS s SET undone = true FROM (VALUES %s) AS n (edition_id, nonce)
    WHERE s.edition_id = n.edition_id AND s.nonce = n.nonce"""
_ADD_DOUBLES: Final = """
    INSERT INTO door_double_entries
        (edition_id, ticket_id, first, second, first_nonce, second_nonce, version, found_at_ms)
    VALUES %s ON CONFLICT DO NOTHING"""
_EXPLAIN: Final = """
    UPDATE door_double_entries AS d SET explained = true
    FROM (VALUES %s) AS n (edition_id, ticket_id, first_nonce, second_nonce, version)
    WHERE d.edition_id = n.edition_id AND d.ticket_id = n.ticket_id AND d.first_nonce = n.first_nonce
        AND d.second_nonce = n.second_nonce AND d.version < n.version"""
_LAST_SCANS: Final = """
    INSERT INTO door_tickets (ticket_id, edition_id, variant_id, inside, nonce, scanner, gate_id, scanned_at_ms)
    SELECT DISTINCT ON (ticket_id) ticket_id, edition_id, variant_id, direction = %s, nonce, scanner, gate_id,
        scanned_at_ms
    FROM door_scans WHERE answer = ANY(%s) AND NOT undone AND ticket_id = ANY(%s)
    ORDER BY ticket_id, scanned_at_ms DESC, version DESC"""


_CHANGES_TICKETS: Final = (
    *(events.OrderConfirmed, events.OrderRefunded, events.RefundRequested, events.RefundFailed),
    *(events.PaymentDisputed, events.DisputeClosed, events.TicketPassedOn, events.TicketTakenBack),
    *(events.TicketClaimed, events.AttendeeNamed, events.ReturnedTicketsChosen, events.AddressChanged),
)
_OF_A_TICKET: Final = (events.TicketScanned, events.ScanUndone, events.TicketBlocked)
_NOTE: Final = """
    INSERT INTO door_orders AS o (order_id, edition_id, version)
    SELECT n.order_id, n.edition_id, n.version FROM (VALUES %s) AS n (order_id, edition_id, version)
    JOIN door_editions USING (edition_id)
    ON CONFLICT (order_id) DO UPDATE SET version = greatest(o.version, excluded.version)"""


def _note_changes(cur: cursor, happened: Sequence[events.Event]) -> None:
    """Which orders' tickets have changed, of editions that have any."""
    released = [
        (event.edition_id,)
        for event in happened
        if isinstance(event, events.EditionReleased) and event.offer.event is not None
    ]
    if released:
        execute_values(cur, "INSERT INTO door_editions (edition_id) VALUES %s", released)
    changed: dict[str, tuple[str, int]] = {}
    for event in happened:
        if isinstance(event, _CHANGES_TICKETS):
            changed[event.order_id] = event.edition_id, event.edition_version
        elif isinstance(event, _OF_A_TICKET):
            changed[ticket_of(event.ticket_id)[0]] = event.edition_id, event.edition_version
    if changed:
        execute_values(cur, _NOTE, [(order_id, *rest) for order_id, rest in changed.items()], page_size=1_000)


def _scan_row(event: events.TicketScanned | events.ScanRefused) -> tuple[Any, ...]:
    if isinstance(event, events.ScanRefused):
        answer, despite, passed = event.reason, "", False
        earlier = _json(event.earlier) if event.earlier is not None else None
    else:
        answer, earlier = VALID if event.direction == ENTRY else LEFT, None
        despite, passed = event.despite, event.passed
    return (
        *(event.edition_id, event.nonce, event.edition_version, event.ticket_id, event.variant_id, event.direction),
        *(answer, despite, passed, event.scanner, event.gate_id, event.scanned_at_ms, event.at_ms, earlier),
    )


def _double_row(event: events.DoubleEntryFound) -> tuple[Any, ...]:
    return (
        *(event.edition_id, event.ticket_id, _json(event.first), _json(event.second)),
        *(event.first.nonce, event.second.nonce, event.edition_version, event.at_ms),
    )


def _json(value: Any) -> Json:
    return Json(msgspec.to_builtins(value))
