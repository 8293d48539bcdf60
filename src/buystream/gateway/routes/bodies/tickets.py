"""Tickets as their holders and their merchant see them."""

from typing import Annotated

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import EmailAddress, Request
from buystream.ticket_keys import PublicTicketKey
from buystream.vocabulary.texts import LINE, NAME
from buystream.vocabulary.values import TicketedEvent

Number = Annotated[int, Meta(ge=1, le=1_000_000)]


class PassOn(Request, frozen=True, kw_only=True):
    """`issue` is the ticket's present one: a repeat passes it on no further."""

    issue: Number


class TicketClaimRequest(Request, frozen=True, kw_only=True):
    """`token` is the part of the link after the `#`. Name and e-mail are encrypted with the recipient's own key."""

    token: Annotated[str, Meta(min_length=1, max_length=100, pattern="^[0-9A-Za-z_-]+$")]
    name: Annotated[str, Meta(max_length=200, pattern=LINE)] = ""
    email: EmailAddress | None = None


class AttendeeName(Request, frozen=True, kw_only=True):
    """Who will come with the ticket."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)]


class ReturnedTickets(Request, frozen=True, kw_only=True):
    """The tickets that a refund of units ends first, by their numbers."""

    numbers: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=1_000)]


class NextTicketKey(Request, frozen=True, kw_only=True):
    """The version that follows the newest one."""

    version: Number


class TicketBody(Struct, frozen=True, kw_only=True):
    """A ticket: number `number` of `quantity` in its order. States: valid; used (someone came in with it); offered
    (passed on, not accepted yet); passed_on (somebody else holds it); refunded, blocked (a bank has the money),
    cancelled, unpaid and over (the event has ended) admit nobody. `code` is what its QR code says, null unless the
    ticket is yours and valid, or used at a door that lets people in again. `issue` goes up when it is passed on, which
    voids the code. `claim_url` is the link to send, while nobody has accepted it. `can_pass_on`, `can_take_back` and
    `can_name` are what you can do now."""

    ticket_id: str
    order_id: str
    edition_id: str
    number: int
    quantity: int
    title: str
    variant_id: str
    variant_title: str
    merchant_name: str
    price_minor: int
    currency: str
    event: TicketedEvent
    when: str
    state: str
    state_words: str
    issue: int
    code: str | None
    attendee: str
    claim_url: str | None
    url: str
    can_pass_on: bool
    can_take_back: bool
    can_name: bool


class TicketsBody(Struct, frozen=True):
    """In the order of their numbers."""

    tickets: list[TicketBody]


class GuestBody(Struct, frozen=True, kw_only=True):
    """A ticket as its merchant sees it: who comes, or else who bought it. `name` is null after an erasure. The merchant
    blocked one that `is_blocked`; whom one that `is_inside` let in hasn't left."""

    ticket_id: str
    order_id: str
    number: int
    variant_id: str
    variant_title: str
    state: str
    issue: int
    is_passed_on: bool
    is_named: bool
    name: str | None
    is_blocked: bool
    is_inside: bool


class GuestsBody(Struct, frozen=True):
    """By the time of their orders. Pass `next` as `after` for the next page; it is null at the end."""

    guests: list[GuestBody]
    next: str | None = None


class TicketKeysBody(Struct, frozen=True):
    """A JSON Web Key Set (RFC 7517) of the merchant's public ticket keys, the oldest first; old ones are kept."""

    keys: list[PublicTicketKey]
