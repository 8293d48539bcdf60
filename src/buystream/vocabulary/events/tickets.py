"""Tickets: what happened to single units of an order. Each has an issue, 1 at first; a code of an earlier issue is
void."""

from buystream.vocabulary.events.merchants import MerchantEvent
from buystream.vocabulary.events.orders import OrderEvent
from buystream.vocabulary.fields import Attendee, BuyerId, Claim, Issue, KeyVersion, TicketNumber, TicketNumbers


class TicketPassedOn(OrderEvent):
    """The code of the issue before is void. Nobody has a code until somebody claims the ticket, or it is taken back."""

    number: TicketNumber
    issue: Issue
    claim: Claim


class TicketTakenBack(OrderEvent):
    """Nobody had claimed it: its holder keeps it, in its present issue."""

    number: TicketNumber
    issue: Issue


class TicketClaimed(OrderEvent):
    """`buyer_id` holds it now."""

    number: TicketNumber
    issue: Issue
    buyer_id: BuyerId
    attendee: Attendee = ""


class AttendeeNamed(OrderEvent):
    """Its holder said who will come."""

    number: TicketNumber
    attendee: Attendee


class ReturnedTicketsChosen(OrderEvent):
    """Which tickets end first when units are returned: those that have ended already, then the chosen ones. The others
    follow, the last first."""

    numbers: TicketNumbers


class TicketKeyRotated(MerchantEvent):
    """Tickets of orders that are placed from now on are signed with this version of the merchant's key."""

    version: KeyVersion
