"""The auditor's view of tickets: issues go up one by one, one person at a time holds a ticket, and only what is paid
for changes hands."""

from collections.abc import Iterator

from buystream.replay.accounts import Finding, OrderAccount, TicketAccount
from buystream.vocabulary import events


def post(event: events.OrderEvent, order: OrderAccount) -> Iterator[Finding]:
    """Count what happened to a ticket; other events have none."""
    units = sum(order.bought.values())
    match event:
        case events.ReturnedTicketsChosen():
            numbers = event.numbers
            if len({*numbers}) != len(numbers) or not all(1 <= number <= units for number in numbers):
                yield "a ticket is one of its order's units", f"{event.order_id}: {numbers} of {units}"
        case events.TicketPassedOn() | events.TicketTakenBack() | events.TicketClaimed() | events.AttendeeNamed():
            yield from _change(event, order)


def _change(
    event: events.TicketPassedOn | events.TicketTakenBack | events.TicketClaimed | events.AttendeeNamed,
    order: OrderAccount,
) -> Iterator[Finding]:
    ticket = order.tickets.setdefault(event.number, TicketAccount())
    name = f"{event.order_id}, ticket {event.number}"
    if not 1 <= event.number <= sum(order.bought.values()):
        yield "a ticket is one of its order's units", name
    if not order.confirmed:
        yield "only what is paid for changes hands", name
    if isinstance(event, events.AttendeeNamed):
        return
    is_passed_on = isinstance(event, events.TicketPassedOn)
    if event.issue != ticket.issue + is_passed_on:
        yield "a ticket's issue goes up when it is passed on", f"{name}: {event.issue} after {ticket.issue}"
    if ticket.offered == is_passed_on:
        yield "a link hands a ticket over once", f"{name}: {type(event).__name__}"
    ticket.issue, ticket.offered = event.issue, is_passed_on
