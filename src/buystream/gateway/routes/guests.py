"""Tickets for their merchant: who comes, which tickets a refund ends, and the keys that sign them."""

from typing import Annotated

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
from buystream.gateway.routes.merchants import merchants_order, own_offer
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections import people, tickets
from buystream.projections.order_views import OrderView
from buystream.projections.people import MerchantView
from buystream.projections.tickets import TicketView
from buystream.vocabulary.commands import ChooseReturnedTickets, RotateTicketKey

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
    offer = own_offer(gateway, merchant, gateway.offer(edition_id), "unknown-edition")
    await gateway.views_show_the_seen(offer.partition)

    def read(cur: cursor) -> tuple[list[TicketView], str | None]:
        return tickets.tickets_page(cur, edition_id, after=after, limit=limit, now_ms=now_ms())

    found, following = await gateway.reads.query(read)
    return GuestsBody(await gateway.reads.run(lambda: [_guest(gateway, one) for one in found]), following)


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


async def _guests_of(gateway: Gateway, order: OrderView) -> GuestsBody:
    found = await gateway.reads.query(lambda cur: tickets.tickets_of_orders(cur, [order], now_ms=now_ms()))
    return GuestsBody(await gateway.reads.run(lambda: [_guest(gateway, one) for one in found]))


async def _keys(gateway: Gateway, merchant_id: str) -> TicketKeysBody:
    def read(cur: cursor) -> dict[int, int]:
        if people.merchant(cur, merchant_id) is None:
            raise HttpProblem("not-found")
        return tickets.key_versions(cur, merchant_id)

    return TicketKeysBody(gateway.ticket_keys.published(merchant_id, await gateway.reads.query(read)))


def _guest(gateway: Gateway, ticket: TicketView) -> GuestBody:
    """With its name in clear. Blocks."""
    sealed = ticket.attendee or ("" if ticket.is_passed_on else ticket.delivery)
    plain = gateway.vault.decrypt(ticket.holder_id, sealed) if sealed else None
    return GuestBody(
        ticket_id=ticket.ticket_id,
        order_id=ticket.order_id,
        number=ticket.number,
        variant_id=ticket.variant_id,
        variant_title=ticket.variant_title,
        state=ticket.state,
        issue=ticket.issue,
        is_passed_on=ticket.is_passed_on,
        is_named=bool(ticket.attendee),
        name=None if plain is None else plain.get("name", ""),
    )
