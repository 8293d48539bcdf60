"""Tickets: passing them on, who comes, and which of them a partial refund ends."""

from typing import Annotated

from buystream.vocabulary.actors import BUYER, MERCHANT, OPERATOR
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import (
    Attendee,
    BuyerId,
    Claim,
    Issue,
    KeyVersion,
    MerchantId,
    OrderId,
    TicketNumber,
    TicketNumbers,
    meaning,
)
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.reasons import order_is_none_of

_OF_ANY_TICKET = (
    *order_is_none_of(SOLD),
    *("unknown_order", "unknown_ticket", "cancelled", "ticket_returned", "ticket_over"),
)


@asked(BUYER, about="order_id", refusals=[*_OF_ANY_TICKET, "ticket_changed", "ticket_used"])
class PassTicketOn(Command):
    """Its holder gives the ticket to the first person who follows a link: the old code ends at once. `issue` is the one
    that is passed on."""

    order_id: OrderId
    number: TicketNumber
    buyer_id: BuyerId
    issue: Issue
    claim: Claim


@asked(BUYER, about="order_id", refusals=[*_OF_ANY_TICKET, "ticket_changed"])
class TakeTicketBack(Command):
    """Its holder keeps the ticket after all: the link ends. Refused once somebody has claimed it."""

    order_id: OrderId
    number: TicketNumber
    buyer_id: BuyerId


@asked(BUYER, about="order_id", refusals=[*_OF_ANY_TICKET, "ticket_changed", "ticket_used"])
class ClaimTicket(Command):
    """`buyer_id` has the link, once, and becomes the ticket's holder. `claim` is the hash of what the link says."""

    order_id: OrderId
    number: TicketNumber
    buyer_id: BuyerId
    claim: Claim
    attendee: Attendee = ""


@asked(BUYER, about="order_id", refusals=_OF_ANY_TICKET)
class NameAttendee(Command):
    """The holder says who will come with this ticket."""

    order_id: OrderId
    number: TicketNumber
    buyer_id: BuyerId
    attendee: Attendee


@asked(MERCHANT, about="order_id", refusals=["unknown_order", "unknown_ticket", "ticket_returned"])
class ChooseReturnedTickets(Command):
    """These tickets end first when units are returned; without a choice, the last ones do."""

    order_id: OrderId
    merchant_id: MerchantId
    numbers: TicketNumbers


@asked(MERCHANT, OPERATOR, about="merchant_id", refusals=["unknown_merchant", "ticket_key_conflict"])
class RotateTicketKey(Command):
    """Tickets of orders that are placed from now on are signed with the next version of the merchant's key, which is
    `version`: a repeat changes nothing."""

    merchant_id: MerchantId
    version: Annotated[KeyVersion, meaning("The version that follows the current one.", feed=True)]
