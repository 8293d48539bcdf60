"""A sender of mails as a process of its own, to be killed: `python -m tests.support.mail_sender DSN PORT`."""

import logging
import sys
import threading

from buystream.consumers.notifications.post import SmtpServer
from buystream.consumers.notifications.sending import AddressHashes, Sending
from buystream.consumers.notifications.writing import LetterWriter
from buystream.variables import MailServer
from buystream.vault import Vault
from tests.support.shop import SECRET


def main() -> None:
    """Until it is killed."""
    _, dsn, port = sys.argv
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    Sending(
        dsn=dsn,
        writer=LetterWriter(vault=Vault(dsn, SECRET), url="http://127.0.0.1", receipts=lambda *_: None),
        post=SmtpServer(MailServer("127.0.0.1", int(port), "none", "", "")),
        sender="orders@shop.example",
        hashes=AddressHashes(SECRET),
        per_second=1000,
    ).run(threading.Event())


if __name__ == "__main__":
    main()
