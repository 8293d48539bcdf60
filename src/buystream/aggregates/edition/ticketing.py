"""How an edition decides about tickets, the units of an order that are paid for: who holds each of them, and which ones
a partial refund ends."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.ticket import Ticket, ended, spans, unused_units
from buystream.aggregates.edition.units import at_most, by_variant
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import ticket_id_of
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.values import Units

UNKNOWN_TICKET = "unknown_ticket"
"""Also said to those who don't hold it: it reveals nothing."""

TICKET_CHANGED = "ticket_changed"
TICKET_OVER = "ticket_over"
TICKET_USED = "ticket_used"


@decides(commands.PassTicketOn)
def pass_ticket_on(edition: Edition, command: commands.PassTicketOn, moment: Moment) -> Outcome:
    """The old code ends now, not when the ticket is claimed: one of two people who have it would be sent away."""
    order = edition.orders.get(command.order_id)
    if order is None or (ticket := _held(order, command.number, command.buyer_id)) is None:
        return UNKNOWN_ORDER if order is None else UNKNOWN_TICKET
    if ticket.claim == command.claim and ticket.issue == command.issue + 1:
        return REPEATED
    if wrong := _why_not_handed_over(edition, order, command.number, moment):
        return wrong
    if ticket.claim or ticket.issue != command.issue:
        return TICKET_CHANGED
    edition.record_order(
        events.TicketPassedOn, order, moment, number=command.number, issue=ticket.issue + 1, claim=command.claim
    )
    return None


@decides(commands.TakeTicketBack)
def take_ticket_back(edition: Edition, command: commands.TakeTicketBack, moment: Moment) -> Outcome:
    """The link that nobody followed ends."""
    order = edition.orders.get(command.order_id)
    if order is None or (ticket := _held(order, command.number, command.buyer_id)) is None:
        return UNKNOWN_ORDER if order is None else UNKNOWN_TICKET
    if wrong := _why_not_valid(edition, order, command.number, moment):
        return wrong
    if not ticket.claim:
        return TICKET_CHANGED if ticket.claimed else REPEATED
    edition.record_order(events.TicketTakenBack, order, moment, number=command.number, issue=ticket.issue)
    return None


@decides(commands.ClaimTicket)
def claim_ticket(edition: Edition, command: commands.ClaimTicket, moment: Moment) -> Outcome:
    """The first who follows the link holds the ticket. It works once; its user may repeat the request."""
    order = edition.orders.get(command.order_id)
    if order is None or not order.has_ticket(command.number):
        return UNKNOWN_ORDER if order is None else UNKNOWN_TICKET
    ticket = order.ticket(command.number)
    if command.claim and ticket.claimed == command.claim:
        return REPEATED if ticket.holder == command.buyer_id else TICKET_CHANGED
    if wrong := _why_not_handed_over(edition, order, command.number, moment):
        return wrong
    if not ticket.claim or ticket.claim != command.claim:
        return UNKNOWN_TICKET
    edition.record_order(
        events.TicketClaimed,
        order,
        moment,
        number=command.number,
        issue=ticket.issue,
        buyer_id=command.buyer_id,
        attendee=command.attendee,
    )
    return None


@decides(commands.NameAttendee)
def name_attendee(edition: Edition, command: commands.NameAttendee, moment: Moment) -> Outcome:
    """The holder may change it until the event is over; ciphertexts of one name differ, so none is a repeat."""
    order = edition.orders.get(command.order_id)
    if order is None or _held(order, command.number, command.buyer_id) is None:
        return UNKNOWN_ORDER if order is None else UNKNOWN_TICKET
    if wrong := _why_not_valid(edition, order, command.number, moment):
        return wrong
    edition.record_order(events.AttendeeNamed, order, moment, number=command.number, attendee=command.attendee)
    return None


@decides(commands.ChooseReturnedTickets)
def choose_returned_tickets(edition: Edition, command: commands.ChooseReturnedTickets, moment: Moment) -> Outcome:
    """What has ended already keeps its place at the head, so no choice brings a refunded ticket back."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    if edition.terms.event is None or not order.served or not all(map(order.has_ticket, command.numbers)):
        return UNKNOWN_TICKET
    over = order.ended_tickets
    chosen = tuple(dict.fromkeys(command.numbers))
    if chosen and order.returned_first[-len(chosen) :] == chosen:
        return REPEATED
    if {*over} & {*chosen}:
        return "ticket_returned"
    edition.record_order(events.ReturnedTicketsChosen, order, moment, numbers=(*over, *chosen))
    return None


def spare_used(edition: Edition, order: Order, units: Units, moment: Moment) -> str:
    """Before a buyer returns units: tickets that nobody came in with end first. The reason of a refusal where too few
    are unused."""
    used = used_tickets(edition, order)
    if not used:
        return ""
    if any(quantity > _unused(order, used).get(name, 0) for name, quantity in by_variant(units).items()):
        return TICKET_USED
    over, returned = order.ended_tickets, by_variant(units)
    quantities = [line.quantity for line in order.lines]
    gone = [
        quantity + returned.get(line.variant_id, 0) for line, quantity in zip(order.lines, _gone(order), strict=True)
    ]
    if not used & {*ended(quantities, gone, order.returned_first)} - {*over}:
        return ""
    unused = [number for numbers in spans(quantities) for number in reversed(numbers) if number not in used]
    chosen = [number for number in order.returned_first if number not in used]
    edition.record_order(
        events.ReturnedTicketsChosen, order, moment, numbers=tuple(dict.fromkeys((*over, *chosen, *unused)))
    )
    return ""


def returnable_units(edition: Edition, order: Order) -> Units:
    """What its buyer may still return: the units that are free and, of tickets, unused."""
    used = used_tickets(edition, order)
    return at_most(order.free_units, _unused(order, used)) if used else order.free_units


def used_tickets(edition: Edition, order: Order) -> set[int]:
    """The numbers of the tickets that someone came in with."""
    door = edition.door
    if door is None:
        return set()
    return {number for number in range(1, order.quantity + 1) if door.has_used(ticket_id_of(order.id, number))}


def _unused(order: Order, used: set[int]) -> dict[str, int]:
    quantities = [line.quantity for line in order.lines]
    unused = unused_units(quantities, _gone(order), order.returned_first, used)
    return dict(zip((line.variant_id for line in order.lines), unused, strict=True))


def _gone(order: Order) -> list[int]:
    """The units of each line that are back, or on their way."""
    free = by_variant(order.free_units)
    return [line.quantity - free.get(line.variant_id, 0) for line in order.lines]


def _why_not_handed_over(edition: Edition, order: Order, number: int, moment: Moment) -> str:
    """Why nobody else may have the ticket, or nothing. Who came in with it has used it for themselves."""
    if wrong := _why_not_valid(edition, order, number, moment):
        return wrong
    return TICKET_USED if number in used_tickets(edition, order) else ""


def _held(order: Order, number: int, buyer_id: str) -> Ticket | None:
    """The ticket, if the order has it and that buyer holds it."""
    if not order.has_ticket(number):
        return None
    ticket = order.ticket(number)
    return ticket if (ticket.holder or order.buyer_id) == buyer_id else None


def _why_not_valid(edition: Edition, order: Order, number: int, moment: Moment) -> str:
    """Why the ticket admits nobody, or nothing."""
    event = edition.terms.event
    if edition.cancellation is not None:
        return "cancelled"
    if order.stage not in SOLD:
        return f"order_{order.stage}"
    if event is None:
        return UNKNOWN_TICKET
    if number in order.ended_tickets:
        return "ticket_returned"
    return TICKET_OVER if moment.at_ms >= event.ends_at_ms else ""
