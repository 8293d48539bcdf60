"""Tickets for their merchant: who comes, which tickets a refund ends, and the keys that sign them."""

from typing import Annotated, NamedTuple

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.tickets import (
    GuestBody,
    GuestsBody,
    NextTicketKey,
    ReturnedTickets,
    TicketKeysBody,
)
from buystream.gateway.routes.merchants import merchants_order, own_edition
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections import door, people, tickets
from buystream.projections.order_views import OrderView
from buystream.projections.people import MerchantView
from buystream.projections.tickets import TicketView
from buystream.vocabulary.commands import ChooseReturnedTickets, RotateTicketKey
from buystream.vocabulary.door import ENTRY

ORDERS_PAGE_MAX = 200
"""Orders whose guests one page has at most."""

Limit = Annotated[int, QueryParameter(ge=1, le=ORDERS_PAGE_MAX)]


@get("/v1/merchant/orders/{order_id:str}/tickets", summary="The tickets of one of the merchant's orders")
async def merchants_tickets(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], order_id: FromPath[str]
) -> GuestsBody:
    """With who comes."""
    order = await merchants_order(gateway, merchant, order_id)
    return await _guests_of(gateway, order)


@post(
    "/v1/merchant/orders/{order_id:str}/returned-tickets",
    status_code=200,
    opt=asks(ChooseReturnedTickets),
    summary="Choose the tickets that a refund ends",
)
async def choose_returned_tickets(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[ReturnedTickets],
) -> GuestsBody:
    """Send this before a refund of some units: these tickets end first. Without it, the last ones do."""
    order = await merchants_order(gateway, merchant, order_id)
    command = ChooseReturnedTickets(order_id=order_id, merchant_id=merchant.merchant_id, numbers=data.numbers)
    await gateway.decide_and_show(command, actor=actor)
    return await _guests_of(gateway, order)


@get("/v1/merchant/editions/{edition_id:str}/guests", summary="An edition's guest list, page by page")
async def guests(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    edition_id: FromPath[str],
    after: FromQuery[str | None] = None,
    limit: Limit = ORDERS_PAGE_MAX,
) -> GuestsBody:
    """Every ticket that was sold, whatever became of it. A page has the tickets of `limit` orders."""
    own_edition(gateway, merchant, edition_id)
    return GuestsBody(*await guests_page(gateway, edition_id, after=after, limit=limit))


async def guests_page(
    gateway: Gateway, edition_id: str, *, after: str | None, limit: int
) -> tuple[list[GuestBody], str | None]:
    """The guests of that many orders, and the order after which to go on."""
    await gateway.views_show_the_seen(gateway.offer(edition_id).partition)

    def read(cur: cursor) -> tuple[Seen, str | None]:
        found, following = tickets.tickets_page(cur, edition_id, after=after, limit=limit, now_ms=now_ms())
        return _seen(cur, found), following

    seen, following = await gateway.reads.query(read)
    return await gateway.reads.run(lambda: _guests(gateway, seen)), following


@get("/v1/merchants/{merchant_id:str}/ticket-keys", summary="A merchant's public ticket keys")
async def ticket_keys(gateway: NamedDependency[Gateway], merchant_id: FromPath[str]) -> TicketKeysBody:
    """With these, anyone checks a ticket's code: docs/tickets.md says how."""
    return await _keys(gateway, merchant_id)


@post("/v1/merchant/ticket-keys", status_code=200, opt=asks(RotateTicketKey), summary="Rotate the ticket key")
async def rotate_ticket_key(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    data: JSONBody[NextTicketKey],
) -> TicketKeysBody:
    """Tickets of later orders are signed with the next version. Earlier tickets keep their codes."""
    await gateway.decide_and_show(RotateTicketKey(merchant_id=merchant.merchant_id, version=data.version), actor=actor)
    return await _keys(gateway, merchant.merchant_id)


ROUTES = [merchants_tickets, choose_returned_tickets, guests, ticket_keys, rotate_ticket_key]


class Seen(NamedTuple):
    """Tickets, and what the door knows of them."""

    tickets: list[TicketView]
    blocked: set[str]
    inside: set[str]


def _seen(cur: cursor, found: list[TicketView]) -> Seen:
    ids = [one.ticket_id for one in found]
    passages = door.last_passages(cur, ids)
    inside = {ticket_id for ticket_id, passage in passages.items() if passage.direction == ENTRY}
    return Seen(found, door.blocked_tickets(cur, ids), inside)


async def _guests_of(gateway: Gateway, order: OrderView) -> GuestsBody:
    seen = await gateway.reads.query(lambda cur: _seen(cur, tickets.tickets_of_orders(cur, [order], now_ms=now_ms())))
    return GuestsBody(await gateway.reads.run(lambda: _guests(gateway, seen)))


async def _keys(gateway: Gateway, merchant_id: str) -> TicketKeysBody:
    def read(cur: cursor) -> dict[int, int]:
        if people.merchant(cur, merchant_id) is None:
            raise HttpProblem("not-found")
        return tickets.key_versions(cur, merchant_id)

    return TicketKeysBody(gateway.ticket_keys.published(merchant_id, await gateway.reads.query(read)))


def _guests(gateway: Gateway, seen: Seen) -> list[GuestBody]:
    """With their names in clear. Blocks."""
    sealed = [(one.holder_id, one.attendee or ("" if one.is_passed_on else one.delivery)) for one in seen.tickets]
    details = gateway.vault.decrypt_many(sealed)
    return [
        GuestBody(
            ticket_id=one.ticket_id,
            order_id=one.order_id,
            number=one.number,
            variant_id=one.variant_id,
            variant_title=one.variant_title,
            state=one.state,
            issue=one.issue,
            is_passed_on=one.is_passed_on,
            is_named=bool(one.attendee),
            name=None if plain is None else plain.get("name", ""),
            is_blocked=one.ticket_id in seen.blocked,
            is_inside=one.ticket_id in seen.inside,
        )
        for one, plain in zip(seen.tickets, details, strict=True)
    ]
