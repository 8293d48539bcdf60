"""Where mails are handed over: a mail server by SMTP, or a folder where they lie as `.eml`. A server takes a mail in
two steps: the envelope, which it may reject before it has the mail, and the mail, which nobody can take back."""

import asyncio
import os
import ssl
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from buystream.errors import BuystreamError
from buystream.variables import MailServer

TIMEOUT_SECONDS: Final = 60.0
"""For each answer of the server (RFC 5321, 4.5.3.2, asks for patience: minutes for the end of a mail)."""

DATA_SECONDS: Final = 600.0

IDLE_SECONDS: Final = 20.0
"""Servers end connections that are idle: a connection is used for what comes soon after, and then closed."""

PERMANENT: Final = range(500, 600)


class PostAway(BuystreamError):
    """The mail server can't be reached, or doesn't admit us: all mails wait."""


class Deferred(BuystreamError):
    """The server takes this mail later, perhaps (4xx)."""


class Refused(BuystreamError):
    """The server never takes this mail (5xx)."""


class NoSuchAddress(Refused):
    """Nobody gets mail at this address (a hard bounce)."""


class InDoubt(BuystreamError):
    """The connection ended while the server had the mail: nobody knows whether it was delivered."""


class Post(Protocol):
    """Takes mails, one after the other."""

    def envelope(self, sender: str, recipient: str) -> None:
        """Announce the next mail; raises PostAway, Deferred, Refused and NoSuchAddress."""
        ...

    def hand_over(self, mail_id: str, mail: bytes) -> None:
        """The mail of the envelope; raises Deferred, Refused and InDoubt."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class Folder:
    """Mails lie as files, named by their ids: the same mail twice is one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def envelope(self, sender: str, recipient: str) -> None:
        """Make the folder; raises PostAway."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PostAway(f"mails can't lie in {self._folder}: {error.strerror}") from error

    def hand_over(self, mail_id: str, mail: bytes) -> None:
        """Write the file, whole or not at all; raises Deferred."""
        file = self._folder / f"{mail_id}.eml"
        unfinished = file.with_suffix(".part")
        try:
            with unfinished.open("wb") as written:
                written.write(mail)
                written.flush()
                os.fsync(written.fileno())
            unfinished.replace(file)
        except OSError as error:
            raise Deferred(f"{file} can't be written: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is held."""


class SmtpServer:
    """Speaks to one mail server, over one connection at a time. Used by one thread."""

    def __init__(self, server: MailServer, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._context = context or ssl.create_default_context()
        self._runner = asyncio.Runner()
        self._client: SMTP | None = None
        self._used_at = 0.0

    def envelope(self, sender: str, recipient: str) -> None:
        """MAIL and RCPT (RFC 5321); see Post."""
        try:
            self._runner.run(self._announce(sender, _on_the_wire(recipient)))
        except aiosmtplib.SMTPRecipientRefused as error:
            self._leave()
            raise _recipient_refused(error.code, error.message) from error
        except aiosmtplib.SMTPSenderRefused as error:  # it is about us: the next mail would fare the same
            self._leave()
            raise PostAway(f"the mail server refuses our sender {sender}: {error.code} {error.message}") from error
        except SMTPResponseException as error:
            self._leave()
            raise _answered(error) from error
        except (SMTPException, OSError, ValueError) as error:
            self.drop()
            raise PostAway(f"the mail server {self._server.host} can't be reached: {_why(error)}") from error

    def hand_over(self, mail_id: str, mail: bytes) -> None:
        """DATA; see Post."""
        client = self._client
        if client is None:
            raise Deferred("there is no connection to the mail server any more")
        try:
            self._runner.run(client.data(mail, timeout=DATA_SECONDS))
        except SMTPResponseException as error:
            self._leave()
            raise _answered(error) from error
        except (SMTPException, OSError) as error:
            self.drop()
            raise InDoubt(f"the connection to {self._server.host} ended: {error}") from error
        self._used_at = monotonic()

    def close(self) -> None:
        """Say good-bye."""
        if self._client is not None:
            with suppress(SMTPException, OSError):
                self._runner.run(self._client.quit(timeout=1))
        self.drop()
        self._runner.close()

    def drop(self) -> None:
        """Forget the connection, without a word."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _announce(self, sender: str, recipient: str) -> None:
        if self._client is not None and monotonic() - self._used_at > IDLE_SECONDS:
            self.drop()
        if self._client is None:
            self._client = await self._connected()
        client = self._client
        options = [] if recipient.isascii() else ["SMTPUTF8"]
        if options and not client.supports_extension("smtputf8"):
            raise aiosmtplib.SMTPRecipientRefused(553, "the server takes only addresses in ASCII", recipient)
        encoding = "utf-8" if options else "ascii"
        await client.mail(sender, options=options, encoding=encoding)
        await client.rcpt(recipient, encoding=encoding)
        self._used_at = monotonic()

    async def _connected(self) -> SMTP:
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=None if server.security == "none" else self._context,
            username=server.user or None,
            password=server.password or None,
            timeout=TIMEOUT_SECONDS,
        )
        try:
            await client.connect()
        except SMTPResponseException as error:  # it doesn't want us now, or not these credentials
            client.close()
            raise PostAway(f"the mail server {server.host} refuses us: {error.code} {error.message}") from error
        return client

    def _leave(self) -> None:
        """The server still talks; the next mail begins with RSET."""
        client = self._client
        if client is None:
            return
        try:
            self._runner.run(client.rset(timeout=TIMEOUT_SECONDS))
        except (SMTPException, OSError):
            self.drop()


def _why(error: Exception) -> str:
    """In one line, with the remedy for a certificate, which libraries wrap in their own errors."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate isn't trusted ({cause.verify_message}); SSL_CERT_FILE names the file of an authority"
                " of your own"
            )
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _on_the_wire(address: str) -> str:
    """With the domain as DNS has it."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def _recipient_refused(code: int, message: str) -> BuystreamError:
    """A hard bounce is about the address. What is about us, such as a relay that doesn't know us (5.7.x, RFC 3463), may
    be put right."""
    said = f"{code} {message}"
    is_about_us = code == 530 or message.lstrip().startswith("5.7.")
    return NoSuchAddress(said) if code in PERMANENT and not is_about_us else Deferred(said)


def _answered(error: SMTPResponseException) -> BuystreamError:
    said = f"{error.code} {error.message}"
    if error.code == 421:  # it closes the connection, for all mails
        return PostAway(f"the mail server is closing: {said}")
    return Refused(said) if error.code in PERMANENT else Deferred(said)
