"""What sends mail: letters from the views, receipts as the gateway draws them, and the server or folder they go to."""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace
from psycopg2.extensions import cursor

from buystream.consumers.notifications.addresses import AddressHashes, UnsubscribeTokens
from buystream.consumers.notifications.letters import Attachment
from buystream.consumers.notifications.post import Folder, Post, SmtpServer
from buystream.consumers.notifications.sending import Sending
from buystream.consumers.notifications.writing import Enclosed, LetterWriter, Person
from buystream.gateway.routes.bodies.payments import DeliveryBody
from buystream.gateway.routes.receipts import drawn, name_of, receipt_in
from buystream.gateway.routes.sessions import CONTINUE_PAGE
from buystream.gateway.server.sessions import Sessions
from buystream.projections.order_views import OrderView
from buystream.settings import MAIL_FOLDER, Settings
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
            enclosures=enclosures,
            hashes=hashes,
            tokens=UnsubscribeTokens(root),
            link=links_by_mail(root, settings.url),
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


def enclosures(cur: cursor, view: OrderView, person: Person) -> Enclosed:
    """The receipt as PDF, once money has moved."""
    found = receipt_in(cur, view)
    if found is None:
        return Enclosed()
    buyer = DeliveryBody(person.name, person.email, person.address)
    receipt = Attachment(name_of(found), "application/pdf", drawn(replace(found, buyer=buyer)))
    return Enclosed([receipt])
