"""A mail server (aiosmtpd) that keeps what it is sent, and misbehaves on demand.

Fixture: `mail_server`."""

import asyncio
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from buystream.variables import MailServer
from tests.support.ports import reserved_port


class Mailbox:
    """What a server got, and how it answers: `answers` by recipient, such as `550 5.1.1 no such user`."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: dict[str, str] = {}
        self.answer_to_data = ""
        self.drops_after_data = False
        self.is_slow = False
        """Has the mail, and says nothing, until it is set to False."""

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        """Called by aiosmtpd."""
        if answer := self.answers.get(address, ""):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Called by aiosmtpd."""
        if self.answer_to_data:
            return self.answer_to_data
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        while self.is_slow:
            await asyncio.sleep(0.01)
        if self.drops_after_data and server.transport is not None:
            server.transport.abort()
        return "250 kept"


class ServerOfMail(Mailbox):
    """Listens while it is open, without TLS."""

    def __init__(self, port: int = 0, **smtp: Any) -> None:
        """`smtp` is for aiosmtpd."""
        super().__init__()
        self.port = port or reserved_port()
        self.at = MailServer("127.0.0.1", self.port, "none", "", "")
        self.url = f"smtp://127.0.0.1:{self.port}?tls=none"
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **smtp)

    def start(self) -> None:
        """Listen."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        if not self._controller.loop.is_closed():
            self._controller.stop()

    def ids(self) -> list[str]:
        """The Message-IDs of what came."""
        return [str(mail["Message-ID"]) for mail in self.mails]


@pytest.fixture
def mail_server() -> Iterator[ServerOfMail]:
    """One that listens."""
    server = ServerOfMail()
    server.start()
    yield server
    server.stop()
