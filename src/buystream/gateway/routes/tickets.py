"""Tickets for their holders: as JSON, as pages for a phone, as PDF and for a calendar; and passing them on."""

import base64
import hashlib
import hmac

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream.gateway.routes.bodies.tickets import AttendeeName, PassOn, TicketBody, TicketClaimRequest, TicketsBody
from buystream.gateway.routes.checkout import Http, language_of, own_order, refuse_unknown_order
from buystream.gateway.routes.receipts import Drawing
from buystream.gateway.routes.site import page
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.inline_files import inline_file
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import Session
from buystream.projections import tickets as views
from buystream.projections.tickets import TicketView
from buystream.ticket_files import (
    ShownTicket,
    event_words,
    shown_ticket,
    ticket_ics,
    ticket_pdf,
    ticket_png,
    ticket_svg,
)
from buystream.vocabulary.commands import ClaimTicket, NameAttendee, PassTicketOn, TakeTicketBack
from buystream.vocabulary.ids import MalformedId, ticket_of

CALENDAR = "text/calendar"


@get("/v1/orders/{order_id:str}/tickets", summary="The tickets of one of the buyer's orders")
async def order_tickets(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> TicketsBody:
    """None where the edition has no event."""
    found = await _of_order(gateway, buyer_id, order_id)
    return TicketsBody([await _body(gateway, one, buyer_id) for one in found])


@get("/v1/tickets", summary="The tickets that were passed on to the buyer")
async def held_tickets(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> TicketsBody:
    """Those of the buyer's own orders are with their orders."""
    await gateway.views_show_the_seen(*range(gateway.partitions))
    found = await gateway.reads.query(lambda cur: views.tickets_held_by(cur, buyer_id, now_ms=now_ms()))
    return TicketsBody([await _body(gateway, one, buyer_id) for one in found if one.is_passed_on])


@get("/v1/tickets/{ticket_id:str}", summary="One ticket")
async def one_ticket(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], ticket_id: FromPath[str]
) -> TicketBody:
    """For its holder and for the buyer of its order."""
    return await _body(gateway, await _own(gateway, buyer_id, ticket_id), buyer_id)


@post(
    "/v1/tickets/{ticket_id:str}/pass-on", status_code=200, opt=asks(PassTicketOn), summary="Pass a ticket on by a link"
)
async def pass_on(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    ticket_id: FromPath[str],
    data: JSONBody[PassOn],
) -> TicketBody:
    """The old code ends at once. `claim_url` is a link that works once, for the first person who accepts."""
    order_id, number = await _named(gateway, ticket_id)
    claim = _hash(_token(gateway, ticket_id, data.issue + 1))
    command = PassTicketOn(order_id=order_id, number=number, buyer_id=buyer_id, issue=data.issue, claim=claim)
    return await _after(gateway, command, session, ticket_id)


@post(
    "/v1/tickets/{ticket_id:str}/take-back",
    status_code=200,
    opt=asks(TakeTicketBack),
    summary="Take back a ticket that nobody has accepted",
)
async def take_back(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    ticket_id: FromPath[str],
) -> TicketBody:
    """The link ends; the ticket gets a new code."""
    order_id, number = await _named(gateway, ticket_id)
    return await _after(
        gateway, TakeTicketBack(order_id=order_id, number=number, buyer_id=buyer_id), session, ticket_id
    )


@post(
    "/v1/tickets/{ticket_id:str}/claim", status_code=200, opt=asks(ClaimTicket), summary="Accept a ticket by its link"
)
async def claim(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    ticket_id: FromPath[str],
    data: JSONBody[TicketClaimRequest],
) -> TicketBody:
    """The session's buyer holds the ticket from then on. To an e-mail address, it is also sent."""
    order_id, number = await _named(gateway, ticket_id)
    found = await gateway.reads.query(lambda cur: views.ticket(cur, ticket_id, now_ms=now_ms()))
    if found is not None and found.claim and found.claim != _hash(data.token):
        raise HttpProblem("unknown-ticket")  # without a record for each guess
    attendee = ""
    if data.name.strip() or data.email:
        attendee = await _sealed(gateway, buyer_id, data.name, data.email or "", language_of(request))
    command = ClaimTicket(
        order_id=order_id, number=number, buyer_id=buyer_id, claim=_hash(data.token), attendee=attendee
    )
    return await _after(gateway, command, session, ticket_id)


@post("/v1/tickets/{ticket_id:str}/attendee", status_code=200, opt=asks(NameAttendee), summary="Say who will come")
async def name_attendee(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    ticket_id: FromPath[str],
    data: JSONBody[AttendeeName],
) -> TicketBody:
    """The name is encrypted with the holder's own key; the merchant and the door read it. An address that the holder
    left when they accepted the ticket stays."""
    order_id, number = await _named(gateway, ticket_id)
    view = await gateway.reads.query(lambda cur: views.ticket(cur, ticket_id, now_ms=now_ms()))
    known: dict[str, str] = {}
    if view is not None and view.attendee and view.holder_id == buyer_id:
        known = await gateway.reads.run(lambda: gateway.vault.decrypt(buyer_id, view.attendee) or {})
    attendee = await _sealed(gateway, buyer_id, data.name, known.get("email", ""), known.get("language", ""))
    command = NameAttendee(order_id=order_id, number=number, buyer_id=buyer_id, attendee=attendee)
    return await _after(gateway, command, session, ticket_id)


@get("/orders/{order_id:str}/tickets", include_in_schema=False)
async def tickets_page(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> Response[str]:
    """All tickets of an order, one below the other."""
    found = await _of_order(gateway, buyer_id, order_id)
    if not found:
        raise HttpProblem("unknown-ticket")
    return _page([await _body(gateway, one, buyer_id) for one in found])


@get("/tickets/{ticket_id:str}", include_in_schema=False)
async def ticket_page(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], ticket_id: FromPath[str]
) -> Response[str]:
    """One ticket, to be held under a scanner."""
    return _page([await _body(gateway, await _own(gateway, buyer_id, ticket_id), buyer_id)])


@get("/tickets/{ticket_id:str}/claim", include_in_schema=False)
async def claim_page(ticket_id: FromPath[str]) -> Response[str]:
    """The target of the link that passes a ticket on; its token is in the fragment, which no server gets."""
    return page("ticket-claim.html", ticket_id=ticket_id)


@get("/orders/{order_id:str}/tickets.pdf", summary="An order's tickets as PDF", media_type="application/pdf")
async def tickets_pdf(
    gateway: NamedDependency[Gateway],
    drawing: NamedDependency[Drawing],
    buyer_id: NamedDependency[str],
    order_id: FromPath[str],
) -> Response[bytes]:
    """One page for each ticket that the buyer holds."""
    mine = [one for one in await _of_order(gateway, buyer_id, order_id) if one.holder_id == buyer_id]
    return await _pdf(gateway, drawing, [await _shown(gateway, one, buyer_id) for one in mine], f"tickets-{order_id}")


@get("/tickets/{ticket_id:str}/ticket.pdf", summary="One ticket as PDF", media_type="application/pdf")
async def one_ticket_pdf(
    gateway: NamedDependency[Gateway],
    drawing: NamedDependency[Drawing],
    buyer_id: NamedDependency[str],
    ticket_id: FromPath[str],
) -> Response[bytes]:
    """The printed sheet and the phone are one ticket."""
    found = await _shown(gateway, await _own(gateway, buyer_id, ticket_id), buyer_id)
    return await _pdf(gateway, drawing, [found], "ticket")


@get("/tickets/{ticket_id:str}/ticket.png", summary="A ticket's QR code", media_type="image/png")
async def ticket_picture(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], ticket_id: FromPath[str]
) -> Response[bytes]:
    """404 for a ticket without a code."""
    found = await _shown(gateway, await _own(gateway, buyer_id, ticket_id), buyer_id)
    if not found.code:
        raise HttpProblem("unknown-ticket")
    return inline_file(await gateway.reads.run(lambda: ticket_png(found.code)), "ticket.png", "image/png")


@get("/tickets/{ticket_id:str}/event.ics", summary="A ticket's event for a calendar", media_type=CALENDAR)
async def ticket_calendar(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], ticket_id: FromPath[str]
) -> Response[bytes]:
    """An iCalendar file."""
    view = await _own(gateway, buyer_id, ticket_id)
    ics = ticket_ics(await _shown(gateway, view, buyer_id), stamped_at_ms=now_ms(), edition_id=view.edition_id)
    return inline_file(ics, "event.ics", CALENDAR)


ROUTES = [
    order_tickets,
    held_tickets,
    one_ticket,
    pass_on,
    take_back,
    claim,
    name_attendee,
    tickets_page,
    ticket_page,
    claim_page,
    tickets_pdf,
    one_ticket_pdf,
    ticket_picture,
    ticket_calendar,
]


async def _of_order(gateway: Gateway, buyer_id: str, order_id: str) -> list[TicketView]:
    """The tickets of the buyer's own order; raises HttpProblem (404)."""
    order = await own_order(gateway, buyer_id, order_id)
    found = await gateway.reads.query(lambda cur: views.tickets_of_orders(cur, [order], now_ms=now_ms()))
    return [one for one in found if one.state != "unpaid"]


async def _named(gateway: Gateway, ticket_id: str) -> tuple[str, int]:
    """The ticket's order, which exists, and its number; raises HttpProblem (404)."""
    try:
        order_id, number = ticket_of(ticket_id)
    except MalformedId:
        raise HttpProblem("unknown-ticket") from None
    gateway.offer_of_order(order_id)
    await refuse_unknown_order(gateway, order_id)
    return order_id, number


async def _own(gateway: Gateway, buyer_id: str, ticket_id: str) -> TicketView:
    """The ticket, for its holder and for the buyer of its order; raises HttpProblem (404)."""
    order_id, _ = await _named(gateway, ticket_id)
    if gateway.catalogue.is_erased(buyer_id):
        raise HttpProblem("no-session")
    await gateway.views_show_the_seen(gateway.offer_of_order(order_id).partition)
    found = await gateway.reads.query(lambda cur: views.ticket(cur, ticket_id, now_ms=now_ms()))
    if found is None or found.state == "unpaid" or buyer_id not in (found.holder_id, found.buyer_id):
        raise HttpProblem("unknown-ticket")
    return found


async def _after(
    gateway: Gateway,
    command: PassTicketOn | TakeTicketBack | ClaimTicket | NameAttendee,
    session: Session,
    ticket_id: str,
) -> TicketBody:
    """The ticket once the views hold the decision; raises HttpProblem for a refusal."""
    await gateway.decide_and_show(command, actor=session.actor)
    return await _body(gateway, await _own(gateway, command.buyer_id, ticket_id), command.buyer_id)


async def _shown(gateway: Gateway, view: TicketView, buyer_id: str) -> ShownTicket:
    """As that buyer sees it."""
    attendee = ""
    if view.attendee and view.holder_id == buyer_id:
        plain = await gateway.reads.run(lambda: gateway.vault.decrypt(view.holder_id, view.attendee))
        attendee = (plain or {}).get("name", "")
    return shown_ticket(
        view, seen_by=buyer_id, keys=gateway.ticket_keys, public_url=gateway.public_url, attendee=attendee
    )


async def _body(gateway: Gateway, view: TicketView, buyer_id: str) -> TicketBody:
    """The same, with what can be done with it: only its holder sees the link."""
    shown, is_mine = await _shown(gateway, view, buyer_id), view.holder_id == buyer_id
    is_valid, is_offered = is_mine and shown.state == "valid", is_mine and shown.state == "offered"
    token = _token(gateway, view.ticket_id, view.issue) if is_offered else ""
    return TicketBody(
        ticket_id=view.ticket_id,
        order_id=view.order_id,
        edition_id=view.edition_id,
        number=view.number,
        quantity=view.quantity,
        title=view.title,
        variant_id=view.variant_id,
        variant_title=view.variant_title,
        merchant_name=view.merchant_name,
        price_minor=view.price_minor,
        currency=view.currency,
        event=view.event,
        when=event_words(view.event),
        state=shown.state,
        state_words=shown.says,
        issue=view.issue,
        code=shown.code or None,
        attendee=shown.attendee,
        claim_url=f"{shown.url}/claim#{token}" if token else None,
        url=shown.url,
        can_pass_on=is_valid,
        can_take_back=is_offered,
        can_name=is_valid and view.event.asks_names,
    )


async def _sealed(gateway: Gateway, buyer_id: str, name: str, email: str, language: str) -> str:
    plain = {"name": name, "email": email, "language": language}
    return await gateway.reads.run(lambda: gateway.vault.encrypt(buyer_id, plain))


def _token(gateway: Gateway, ticket_id: str, issue: int) -> str:
    """What the link of that issue says: derived, so that a repeat gives the same link and nothing is stored."""
    digest = hmac.digest(gateway.claim_key, f"{ticket_id} {issue}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:18]).decode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _page(tickets: list[TicketBody]) -> Response[str]:
    codes = {one.ticket_id: ticket_svg(one.code) for one in tickets if one.code}
    answer = page("tickets.html", tickets=tickets, codes=codes)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _pdf(gateway: Gateway, drawing: Drawing, tickets: list[ShownTicket], name: str) -> Response[bytes]:
    if not tickets:
        raise HttpProblem("unknown-ticket")
    pdf = await drawing.drawn(gateway, lambda: ticket_pdf(tickets))
    return inline_file(pdf, f"{name}.pdf")
