"""Tickets: every unit of a paid order is one. A row exists only for those that something happened to; the rest follows
from the order, by the same rule that its edition decides by."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from psycopg2.extensions import cursor

from buystream.aggregates.edition.ticket import ended, spans
from buystream.delivery.batch_reader import Batch
from buystream.projections import door, edition_board, order_views
from buystream.projections.boards import Board
from buystream.projections.order_views import OrderView
from buystream.ticket_codes import TicketCode
from buystream.ticket_keys import FIRST_VERSION
from buystream.vocabulary import events
from buystream.vocabulary.door import Passage
from buystream.vocabulary.ids import ticket_id_of, ticket_of
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.values import TicketedEvent

NAME: Final = "ticket_views"

TicketState = Literal["valid", "used", "offered", "refunded", "blocked", "cancelled", "unpaid", "over"]
"""`used`: someone came in with it. `offered`: passed on and not claimed yet. `blocked`: a bank has the money. `over`:
the event has ended."""


class TicketView(Struct, frozen=True, kw_only=True, gc=False):
    """Ticket `number` of the `quantity` of its order. `issue` goes up when it is passed on. `holder_id` holds it,
    `attendee` is who comes (a ciphertext of the holder's key; empty: nobody was named), `delivery` what the buyer said
    (a ciphertext of the buyer's). `key_version` is the version of the merchant's key that signs it. `event` is when and
    where it admits; the code says when it would have at the release, so that an event that moves changes no code.
    It was moved `event_moves` times. `last_passage` is its last one at the door, which lets people who left in again
    where there is `reentry`."""

    ticket_id: str
    order_id: str
    number: int
    quantity: int
    edition_id: str
    merchant_id: str
    variant_id: str
    variant_title: str
    title: str
    merchant_name: str
    price_minor: int
    currency: str
    event: TicketedEvent
    event_as_released: TicketedEvent
    event_moves: int
    state: TicketState
    issue: int
    holder_id: str
    buyer_id: str
    claim: str
    attendee: str
    delivery: str
    key_version: int
    last_passage: Passage | None = None
    reentry: bool = True

    @property
    def is_shown(self) -> bool:
        """Whether its code is of use: it lets its holder in, or out and in again."""
        return self.state == "valid" or (self.state == "used" and self.reentry)

    @property
    def is_passed_on(self) -> bool:
        """Whether somebody else than the order's buyer holds it."""
        return self.holder_id != self.buyer_id

    @property
    def code(self) -> TicketCode:
        """What its code says."""
        return TicketCode(
            key_version=self.key_version,
            ticket_id=self.ticket_id,
            variant_id=self.variant_id,
            issue=self.issue,
            valid_from_ms=self.event_as_released.doors_at_ms,
            valid_until_ms=self.event_as_released.ends_at_ms,
        )


class _Changed(NamedTuple):
    """What happened to a ticket."""

    issue: int = 1
    holder_id: str | None = None
    claim: str = ""
    attendee: str = ""


class _Facts(NamedTuple):
    """What the tables of this module say about some orders."""

    tickets: dict[tuple[str, int], _Changed]
    returned_first: dict[str, list[int]]
    keys: dict[str, dict[int, int]]
    released: dict[str, TicketedEvent]
    moves: dict[str, int]
    passages: dict[str, Passage]
    reentry: dict[str, bool]


def tickets_of_order(cur: cursor, order_id: str, *, now_ms: int) -> list[TicketView]:
    """All tickets of the order, by their number; none where its edition has no event."""
    order = order_views.order(cur, order_id)
    return [] if order is None else tickets_of_orders(cur, [order], now_ms=now_ms)


def ticket(cur: cursor, ticket_id: str, *, now_ms: int) -> TicketView | None:
    """The ticket of that id, whatever its state; None when there is none. Raises MalformedId."""
    order_id, number = ticket_of(ticket_id)
    found = tickets_of_order(cur, order_id, now_ms=now_ms)
    return next((one for one in found if one.number == number), None)


def tickets_of_orders(cur: cursor, orders: Iterable[OrderView], *, now_ms: int) -> list[TicketView]:
    """All tickets of these orders."""
    orders = list(orders)
    boards = {name: edition_board.board(cur, name, now_ms=now_ms) for name in {order.edition_id for order in orders}}
    ticketed = [
        (order, board)
        for order in orders
        if (board := boards[order.edition_id]) is not None and board.event is not None and order.state != "refused"
    ]
    facts = _facts(cur, [order for order, _ in ticketed])
    return [one for order, board in ticketed for one in _views(order, board, facts, now_ms)]


def tickets_page(
    cur: cursor, edition_id: str, *, after: str | None, limit: int, now_ms: int
) -> tuple[list[TicketView], str | None]:
    """The tickets of the next `limit` paid orders after the one of that id, and the last one's id if there are more."""
    orders = order_views.sold_orders_of_edition(cur, edition_id, after=after, limit=limit + 1)
    following = orders[limit - 1].order_id if len(orders) > limit else None
    return tickets_of_orders(cur, orders[:limit], now_ms=now_ms), following


def tickets_held_by(cur: cursor, holder_id: str, *, now_ms: int) -> list[TicketView]:
    """The tickets that somebody passed on to this holder."""
    cur.execute("SELECT DISTINCT order_id FROM views.tickets WHERE holder_id = %s", (holder_id,))
    orders = [order for (order_id,) in cur.fetchall() if (order := order_views.order(cur, order_id)) is not None]
    return [one for one in tickets_of_orders(cur, orders, now_ms=now_ms) if one.holder_id == holder_id]


def key_versions(cur: cursor, merchant_id: str) -> dict[int, int]:
    """When each version of the merchant's key came into force, in milliseconds."""
    return _keys(cur, [merchant_id])[merchant_id]


def _keys(cur: cursor, merchant_ids: Sequence[str]) -> dict[str, dict[int, int]]:
    found = {merchant_id: {FIRST_VERSION: 0} for merchant_id in merchant_ids}
    cur.execute(
        "SELECT merchant_id, version, since_ms FROM views.ticket_keys WHERE merchant_id = ANY(%s)",
        (list(merchant_ids),),
    )
    for merchant_id, version, since_ms in cur:
        found[merchant_id][version] = since_ms
    return found


def _facts(cur: cursor, orders: Sequence[OrderView]) -> _Facts:
    order_ids = [order.order_id for order in orders]
    cur.execute(
        """SELECT order_id, number, issue, holder_id, claim, attendee FROM views.tickets
           WHERE order_id = ANY(%s)""",
        (order_ids,),
    )
    changed = {(order_id, number): _Changed(*rest) for order_id, number, *rest in cur}
    cur.execute("SELECT order_id, numbers FROM views.returned_first WHERE order_id = ANY(%s)", (order_ids,))
    first = dict(cur.fetchall())
    edition_ids = sorted({order.edition_id for order in orders})
    cur.execute("SELECT edition_id, moves FROM views.event_moves WHERE edition_id = ANY(%s)", (edition_ids,))
    moves = dict(cur.fetchall())
    return _Facts(
        changed,
        first,
        _keys(cur, sorted({order.merchant_id for order in orders})),
        edition_board.events_as_released(cur, edition_ids),
        moves,
        door.passages_of_orders(cur, order_ids),
        {name: door.arrangement(cur, name).reentry for name in edition_ids},
    )


def _views(order: OrderView, board: Board, facts: _Facts, now_ms: int) -> Iterator[TicketView]:
    event = board.event
    if event is None:
        return
    lines = order.lines
    quantities = [line.quantity for line in lines]
    gone = [line.quantity - line.kept for line in lines]
    over = ended(quantities, gone, facts.returned_first.get(order.order_id, ()))
    keys = facts.keys[order.merchant_id]
    version = max(number for number, since_ms in keys.items() if since_ms <= order.placed_at_ms)
    for line, numbers in zip(lines, spans(quantities), strict=True):
        for number in numbers:
            changed = facts.tickets.get((order.order_id, number), _Changed())
            ticket_id = ticket_id_of(order.order_id, number)
            last = facts.passages.get(ticket_id)
            yield TicketView(
                ticket_id=ticket_id,
                order_id=order.order_id,
                number=number,
                quantity=order.quantity,
                edition_id=order.edition_id,
                merchant_id=order.merchant_id,
                variant_id=line.variant_id,
                variant_title=line.title,
                title=order.edition_title,
                merchant_name=board.merchant_name,
                price_minor=line.price_minor,
                currency=order.currency,
                event=event,
                event_as_released=facts.released[order.edition_id],
                event_moves=facts.moves.get(order.edition_id, 0),
                state=_state(order, board, number in over, event, changed, last is not None, now_ms),
                issue=changed.issue,
                holder_id=changed.holder_id or order.buyer_id,
                buyer_id=order.buyer_id,
                claim=changed.claim,
                attendee=changed.attendee,
                delivery=order.delivery,
                key_version=version,
                last_passage=last,
                reentry=facts.reentry[order.edition_id],
            )


def _state(
    order: OrderView, board: Board, is_over: bool, event: TicketedEvent, changed: _Changed, is_used: bool, now_ms: int
) -> TicketState:
    if order.state == "refunded" or is_over:
        return "refunded"
    if board.cancellation is not None:
        return "cancelled"
    if order.stage == "disputed":
        return "blocked"
    if order.stage not in SOLD:
        return "unpaid"
    if now_ms >= event.ends_at_ms:
        return "over"
    if changed.claim:
        return "offered"
    return "used" if is_used else "valid"


_CHANGE: Final = """
    INSERT INTO tickets AS t (order_id, number, edition_id, {columns}) VALUES (%s, %s, %s, {values})
    ON CONFLICT (order_id, number) DO UPDATE SET {changes}"""


class TicketViews:
    """The projection behind this module's read functions."""

    name = NAME
    version = 2

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "tickets.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Few tickets change hands: one statement for each change."""
        for _, event, _ in batch:
            match event:
                case events.TicketPassedOn():
                    _change(cur, event, issue=event.issue, claim=event.claim)
                case events.TicketTakenBack():
                    _change(cur, event, claim="")
                case events.TicketClaimed():
                    _change(cur, event, holder_id=event.buyer_id, claim="", attendee=event.attendee)
                case events.AttendeeNamed():
                    _change(cur, event, attendee=event.attendee)
                case events.ReturnedTicketsChosen():
                    cur.execute(
                        """INSERT INTO returned_first (order_id, numbers) VALUES (%s, %s)
                           ON CONFLICT (order_id) DO UPDATE SET numbers = excluded.numbers""",
                        (event.order_id, list(event.numbers)),
                    )
                case events.EventMoved():
                    cur.execute(
                        """INSERT INTO event_moves AS e (edition_id, moves) VALUES (%s, 1)
                           ON CONFLICT (edition_id) DO UPDATE SET moves = e.moves + 1""",
                        (event.edition_id,),
                    )
                case events.TicketKeyRotated():
                    cur.execute(
                        "INSERT INTO ticket_keys (merchant_id, version, since_ms) VALUES (%s, %s, %s)",
                        (event.originator_id, event.version, event.at_ms),
                    )


_Change = events.TicketPassedOn | events.TicketTakenBack | events.TicketClaimed | events.AttendeeNamed


def _change(cur: cursor, event: _Change, **columns: str | int) -> None:
    statement = _CHANGE.format(
        columns=", ".join(columns),
        values=", ".join("%s" for _ in columns),
        changes=", ".join(f"{column} = excluded.{column}" for column in columns),
    )
    cur.execute(statement, (event.order_id, event.number, event.edition_id, *columns.values()))
