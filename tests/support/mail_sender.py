"""A sender of mails as a process of its own, to be killed: `python -m tests.support.mail_sender DSN PORT`."""

import logging
import sys
import threading
from typing import Any

from buystream.consumers.notifications.addresses import AddressHashes, UnsubscribeTokens
from buystream.consumers.notifications.post import Post, SmtpServer
from buystream.consumers.notifications.sending import Sending
from buystream.consumers.notifications.writing import Enclosed, Enclosures, LetterWriter
from buystream.gateway.server.member_links import MemberLinks
from buystream.variables import MailServer
from buystream.vault import Vault
from buystream.wiring.mailing import enclosures_of, links_by_mail
from tests.support.shop import SECRET

FROM = "orders@shop.example"


def main() -> None:
    """Until it is killed."""
    _, dsn, port = sys.argv
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    post = SmtpServer(MailServer("127.0.0.1", int(port), "none", "", ""))
    sender(dsn, Vault(dsn, SECRET), post, enclosures=lambda *_: Enclosed()).run(threading.Event())


def sender(
    dsn: str,
    vault: Vault,
    post: Post,
    *,
    url: str = "http://127.0.0.1",
    enclosures: Enclosures | None = None,
    **changed: Any,
) -> Sending:
    """A sender of the tests' shop."""
    hashes = AddressHashes(SECRET)
    writer = LetterWriter(
        vault=vault,
        url=url,
        enclosures=enclosures or enclosures_of(SECRET, url),
        hashes=hashes,
        tokens=UnsubscribeTokens(SECRET),
        link=links_by_mail(SECRET, url),
        desk_links=MemberLinks(SECRET),
    )
    return Sending(dsn=dsn, writer=writer, post=post, sender=FROM, hashes=hashes, per_second=1000, **changed)


if __name__ == "__main__":
    main()
