"""Mails go to a server by TLS, and with a password: certificates are checked, and what is wrong is said."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from buystream.consumers.notifications.post import PostAway, SmtpServer
from buystream.variables import smtp_url
from tests.integration.test_mail import buy, mailed, sender, states
from tests.support.mail_server import ServerOfMail
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.shop import Shop, lasting_shop

__all__ = ["lasting_shop", "mailed"]

MAIL = b"Subject: tickets\r\n\r\nDoors at seven\r\n"
SHOP, FAN = "orders@shop.example", "fan@example.org"


class Bouncer:
    """Lets in those with the password."""

    def __init__(self) -> None:
        self.password = b"p@ss/word"
        self.mechanisms: list[str] = []

    def __call__(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """Called by aiosmtpd."""
        self.mechanisms.append(mechanism)
        return AuthResult(success=given == LoginPassword(b"shop", self.password), handled=False)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Signs servers' certificates, and is trusted by this process."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


@contextmanager
def server_by_starttls(authority: trustme.CA, *, host: str = "127.0.0.1", **smtp: Any) -> Iterator[ServerOfMail]:
    """Listens in plain text and offers STARTTLS, as `host`."""
    with listening(ServerOfMail(tls_context=_context(authority, host), require_starttls=True, **smtp)) as server:
        yield server


@contextmanager
def listening(server: ServerOfMail) -> Iterator[ServerOfMail]:
    """While the context lasts."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def post(server: ServerOfMail, *, scheme: str = "smtp", login: str = "", query: str = "") -> SmtpServer:
    return SmtpServer(smtp_url(f"{scheme}://{login}127.0.0.1:{server.port}{query}"))


def deliver(to: SmtpServer) -> None:
    to.envelope(SHOP, FAN)
    to.hand_over("mail-1", MAIL)
    to.close()


def _context(authority: trustme.CA, host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_mail_goes_by_starttls_with_a_password(authority: trustme.CA, mechanism: str) -> None:
    bouncer = Bouncer()
    other = {"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[mechanism]
    with server_by_starttls(
        authority, authenticator=bouncer, auth_required=True, auth_exclude_mechanism=[other]
    ) as server:
        deliver(post(server, login="shop:p%40ss%2Fword@"))
    assert [mail["Subject"] for mail in server.mails] == ["tickets"]
    assert bouncer.mechanisms == [mechanism]


def test_a_mail_goes_by_tls_from_the_first_byte(authority: trustme.CA) -> None:
    bouncer = Bouncer()
    # aiosmtpd doesn't see that its listener has TLS, and would offer no log-in.
    with listening(
        ServerOfMail(
            ssl_context=_context(authority, "127.0.0.1"),
            authenticator=bouncer,
            auth_required=True,
            auth_require_tls=False,
        )
    ) as server:
        deliver(post(server, scheme="smtps", login="shop:p%40ss%2Fword@"))
    assert len(server.mails) == 1
    assert len(bouncer.mechanisms) == 1


def test_a_certificate_of_an_unknown_authority_is_refused_and_the_remedy_named(
    authority: trustme.CA,
) -> None:
    for scheme, server in (
        ("smtp", ServerOfMail(tls_context=_context(trustme.CA(), "127.0.0.1"), require_starttls=True)),
        ("smtps", ServerOfMail(ssl_context=_context(trustme.CA(), "127.0.0.1"))),
    ):
        with listening(server), pytest.raises(PostAway, match=r"certificate isn't trusted.*SSL_CERT_FILE"):
            deliver(post(server, scheme=scheme))
        assert not server.mails


def test_a_certificate_of_another_host_is_refused(authority: trustme.CA) -> None:
    with server_by_starttls(authority, host="mail.example") as server, pytest.raises(PostAway, match="certificate"):
        deliver(post(server))
    assert not server.mails


def test_nothing_is_sent_in_plain_text_to_a_server_without_starttls(authority: trustme.CA) -> None:
    with listening(ServerOfMail()) as server:
        with pytest.raises(PostAway, match="STARTTLS"):
            deliver(post(server))
        assert not server.mails
        deliver(post(server, query="?tls=none"))
    assert len(server.mails) == 1


def test_a_wrong_password_is_reported_and_once_it_is_right_nothing_is_lost(
    mailed: Shop, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    bouncer = Bouncer()
    bouncer.password = b"another"
    orders = {buy(mailed), buy(mailed)}
    wait_until(lambda: states(mailed) == dict.fromkeys(orders, "waiting"))
    with server_by_starttls(authority, authenticator=bouncer, auth_required=True) as server:
        one, stop = sender(mailed, post(server, login="shop:p%40ss%2Fword@")), threading.Event()
        thread = threading.Thread(target=one.run, args=(stop,))
        thread.start()
        wait_until(lambda: "mail server 127.0.0.1 refuses us: 535" in caplog.text)
        assert "p@ss/word" not in caplog.text
        assert {row[0] for row in run_sql(mailed.dsn, "SELECT attempts FROM mail.outbox")} == {0}
        bouncer.password = b"p@ss/word"
        wait_until(lambda: states(mailed) == dict.fromkeys(orders, "sent"))
        stop.set()
        thread.join()
    assert len(server.ids()) == len(set(server.ids())) == len(orders)
