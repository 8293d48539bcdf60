"""What sends mail: letters from the views, receipts and tickets as the gateway draws them, and the server or folder
that they go to."""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace
from psycopg2.extensions import cursor

from buystream.consumers.clock import wall_clock_ms
from buystream.consumers.notifications.addresses import AddressHashes, UnsubscribeTokens
from buystream.consumers.notifications.contents import EVENT, TICKETS
from buystream.consumers.notifications.letters import Attachment
from buystream.consumers.notifications.post import Folder, Post, SmtpServer
from buystream.consumers.notifications.sending import Sending
from buystream.consumers.notifications.writing import Enclosed, Enclosures, LetterWriter, Person
from buystream.gateway.routes.bodies.payments import DeliveryBody
from buystream.gateway.routes.receipts import drawn, name_of, receipt_in
from buystream.gateway.routes.sessions import CONTINUE_PAGE
from buystream.gateway.server.member_links import MemberLinks
from buystream.gateway.server.sessions import Sessions
from buystream.projections.order_views import OrderView
from buystream.projections.tickets import tickets_of_orders
from buystream.settings import MAIL_FOLDER, Settings
from buystream.ticket_files import ShownTicket, shown_ticket, ticket_ics, ticket_pdf, ticket_png
from buystream.ticket_keys import TicketKeys
from buystream.vault import Vault

SHARE_OF_A_SHOP: Final = 0.1
"""Of a processor, where one process does everything: mails must not slow down who buys."""


def sending(settings: Settings, dsn: str, *, vault: Vault, root: bytes, is_alone: bool) -> Sending:
    """The sender of one process; `is_alone` when that does nothing else."""
    hashes = AddressHashes(root)
    return Sending(
        dsn=dsn,
        writer=LetterWriter(
            vault=vault,
            url=settings.url,
            enclosures=enclosures_of(root, settings.url),
            hashes=hashes,
            tokens=UnsubscribeTokens(root),
            link=links_by_mail(root, settings.url),
            desk_links=MemberLinks(root),
        ),
        post=post_of(settings),
        sender=settings.mail_from,
        hashes=hashes,
        per_second=settings.mail_per_second,
        share_max=1.0 if is_alone else SHARE_OF_A_SHOP,
    )


def links_by_mail(root: bytes, url: str) -> Callable[[str], str]:
    """Makes links that bring a buyer's session to the browser that opens them, once, within an hour."""
    sessions = Sessions(root, partitions=1, host_secrets={}, secure_cookie=True)
    return lambda buyer_id: f"{url}{CONTINUE_PAGE}#{sessions.mailed_code(buyer_id)}"


def post_of(settings: Settings) -> Post:
    """The mail server, or a folder where there is none."""
    return SmtpServer(settings.smtp) if settings.smtp else Folder(settings.data_dir / MAIL_FOLDER)


def enclosures_of(root: bytes, url: str) -> Enclosures:
    """What goes with an order's confirmation: the receipt as PDF, once money has moved; its tickets as PDF, their codes
    as pictures in the mail, and their event for a calendar. Where the event was moved, that one alone."""
    keys = TicketKeys(root)

    def enclosures(cur: cursor, view: OrderView, person: Person, what: str) -> Enclosed:
        at_ms = wall_clock_ms()
        found = tickets_of_orders(cur, [view], now_ms=at_ms)
        shown = [shown_ticket(one, seen_by=person.buyer_id, keys=keys, public_url=url) for one in found]
        tickets = [one for one in shown if one.code]
        if what == TICKETS:
            return Enclosed(_of_tickets(tickets, view.edition_id, at_ms), [_picture(one) for one in tickets])
        if what == EVENT:
            return Enclosed([_calendar(tickets[0], view.edition_id, at_ms)] if tickets else [])
        files = [*_receipt(cur, view, person), *_of_tickets(tickets, view.edition_id, at_ms)]
        return Enclosed(files, [_picture(one) for one in tickets])

    return enclosures


def _receipt(cur: cursor, view: OrderView, person: Person) -> list[Attachment]:
    found = receipt_in(cur, view)
    if found is None:
        return []
    buyer = DeliveryBody.to(person.name, person.email, person.address)
    return [Attachment(name_of(found), "application/pdf", drawn(replace(found, buyer=buyer)))]


def _of_tickets(tickets: list[ShownTicket], edition_id: str, at_ms: int) -> list[Attachment]:
    if not tickets:
        return []
    pdf = Attachment("tickets.pdf", "application/pdf", ticket_pdf(tickets))
    return [pdf, _calendar(tickets[0], edition_id, at_ms)]


def _calendar(ticket: ShownTicket, edition_id: str, at_ms: int) -> Attachment:
    content = ticket_ics(ticket, stamped_at_ms=at_ms, edition_id=edition_id)
    return Attachment("event.ics", "text/calendar", content)


def _picture(ticket: ShownTicket) -> Attachment:
    return Attachment(f"ticket-{ticket.number}.png", "image/png", ticket_png(ticket.code))
