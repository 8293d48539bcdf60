"""How an edition decides about tickets, the units of an order that are paid for: who holds each of them, and which ones
a partial refund ends."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.ticket import Ticket
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.order_states import SOLD

UNKNOWN_TICKET = "unknown_ticket"
"""Also said to those who don't hold it: it reveals nothing."""

TICKET_CHANGED = "ticket_changed"
TICKET_OVER = "ticket_over"


@decides(commands.PassTicketOn)
def pass_ticket_on(edition: Edition, command: commands.PassTicketOn, moment: Moment) -> Outcome:
    """The old code ends now, not when the ticket is claimed: one of two people who have it would be sent away."""
    order = edition.orders.get(command.order_id)
    if order is None or (ticket := _held(order, command.number, command.buyer_id)) is None:
        return UNKNOWN_ORDER if order is None else UNKNOWN_TICKET
    if ticket.claim == command.claim and ticket.issue == command.issue + 1:
        return REPEATED
    if wrong := _why_not_valid(edition, order, command.number, moment):
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
    if wrong := _why_not_valid(edition, order, command.number, moment):
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
    if edition.terms.event is None or not all(order.has_ticket(number) for number in command.numbers):
        return UNKNOWN_TICKET
    over = order.ended_tickets
    chosen = tuple(dict.fromkeys(command.numbers))
    if chosen and order.returned_first[-len(chosen) :] == chosen:
        return REPEATED
    if {*over} & {*chosen}:
        return "ticket_returned"
    edition.record_order(events.ReturnedTicketsChosen, order, moment, numbers=(*over, *chosen))
    return None


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
