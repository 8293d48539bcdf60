"""What mails say in each language, and their form as e-mails."""

import string
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from buystream.consumers.notifications.addresses import AddressHashes, BadToken, UnsubscribeTokens
from buystream.consumers.notifications.letters import (
    Attachment,
    BadLetter,
    Letter,
    Unsubscribing,
    email_of,
    message_id,
    money,
)
from buystream.consumers.notifications.queueing import QUEUED
from buystream.consumers.notifications.words import EN, WORDS
from buystream.vocabulary import events
from tests.support.examples import T0, example

LETTER = Letter(
    language="fr",
    recipient="anna@example.org",
    name="Anna Müller",
    merchant="Café <Nuit>",
    subject="Votre commande : Ciel & étoiles",
    heading="Merci",
    paragraphs=["Portes à <b>19 h</b>."],
    rows=[("Total", "12,00 €")],
    buttons=[("Voir", "https://shop.example/orders")],
    footer=["À bientôt"],
)


def sent(**changes: Any) -> EmailMessage:
    letter = Letter(**{name: getattr(LETTER, name) for name in Letter.__struct_fields__} | changes)
    mail = message_from_bytes(
        email_of(letter, mail_id="confirmed.0-7", sender="orders@shop.example", at_ms=T0), policy=default
    )
    assert isinstance(mail, EmailMessage)
    return mail


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", WORDS)
def test_each_language_has_every_text_with_the_same_places(language: str) -> None:
    assert {key: places(text) for key, text in WORDS[language].items()} == {
        key: places(text) for key, text in EN.items()
    }


def test_a_mail_has_its_text_in_two_forms_and_only_the_html_is_escaped() -> None:
    mail = sent(attachments=[Attachment("receipt.pdf", "application/pdf", b"%PDF")])
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Portes à <b>19 h</b>." in plain.get_content()
    assert "Portes à &lt;b&gt;19 h&lt;/b&gt;." in html.get_content()
    assert mail["Subject"] == LETTER.subject
    assert mail["From"].addresses[0].display_name == LETTER.merchant
    assert [part.get_filename() for part in mail.iter_attachments()] == ["receipt.pdf"]


def test_a_mail_passes_any_server() -> None:
    content = email_of(LETTER, mail_id="confirmed.0-7", sender="orders@shop.example", at_ms=T0)
    assert content.isascii()
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_no_text_adds_a_header() -> None:
    mail = sent(subject="Hello\r\nBcc: all@example.org", name="Anna\nCc: all@example.org", merchant="A\r\n\r\nB")
    assert mail["Bcc"] is None
    assert mail["Cc"] is None
    assert mail["Subject"] == "Hello Bcc: all@example.org"


@pytest.mark.parametrize("recipient", ["no address", "a@b@c.example", "anna@exa\nmple.org", "", "a..b@x.yy", "é@x.yy"])
def test_what_is_no_address_is_not_written_to(recipient: str) -> None:
    with pytest.raises(BadLetter):
        sent(recipient=recipient)


def test_a_mail_goes_out_without_a_reply_to_that_is_no_address() -> None:
    assert sent(reply_to="x")["Reply-To"] is None
    assert sent(reply_to="desk@nuit.example")["Reply-To"].addresses[0].addr_spec == "desk@nuit.example"


def test_the_same_mail_has_the_same_id_at_each_try_and_no_other_mail_has() -> None:
    assert sent()["Message-ID"] == sent()["Message-ID"] == message_id("confirmed.0-7", "orders@shop.example")
    assert message_id("confirmed.0-8", "orders@shop.example") != message_id("confirmed.0-7", "orders@shop.example")


def test_one_click_ends_what_is_not_about_an_order() -> None:
    assert sent()["List-Unsubscribe"] is None
    mail = sent(unsubscribe=Unsubscribing("No more", "https://shop.example/mail/unsubscribe/x"))
    assert mail["List-Unsubscribe"] == "<https://shop.example/mail/unsubscribe/x>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("language", "currency", "written"),
    [("en", "EUR", "€12.34"), ("fr", "EUR", "12,34\xa0€"), ("en", "JPY", "¥1,234"), ("fr", "USD", "12,34\xa0$US")],
)
def test_money_is_written_as_the_language_writes_it(language: str, currency: str, written: str) -> None:
    assert money(language, 1234, currency) == written


def test_an_unsubscribe_link_is_nobody_elses() -> None:
    tokens, hashes = UnsubscribeTokens(b"a" * 32), AddressHashes(b"a" * 32)
    token = tokens.of("me0-n1ghtsky00", hashes.of("anna@example.org"))
    assert tokens.read(token) == ("me0-n1ghtsky00", hashes.of(" Anna@Example.org"))
    for forged in (token.replace("me0", "me1"), token[:-1], "", "a.b.c", UnsubscribeTokens(b"b" * 32).of("me0", b"x")):
        with pytest.raises(BadToken):
            tokens.read(forged)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (example(events.OrderCancelled, reason="buyer"), None),
        (example(events.OrderCancelled, reason="campaign_missed"), "missed"),
        (example(events.OrderCancelled, reason="edition_cancelled"), "called_off"),
        (example(events.OrderRefunded, amount_minor=0), "called_off"),
        (example(events.OrderRefunded, amount_minor=100), "refunded"),
        (example(events.RefundRequested, asked_by="merchant"), None),
        (example(events.RefundRequested, asked_by="cancellation", instead_of=None), "called_off"),
        (example(events.RefundRequested, asked_by="cancellation", instead_of="refund-1"), None),
        (example(events.RecurringGiftEnded, reason="giver"), None),
        (example(events.RecurringGiftEnded, reason="declined"), "gift_ended"),
    ],
)
def test_an_event_calls_for_a_mail_when_there_is_news_in_it(event: events.Event, kind: str | None) -> None:
    mail = QUEUED[type(event)](event)
    assert (mail.kind if mail else None) == kind


def test_a_picture_is_shown_in_the_html_that_names_it() -> None:
    mail = sent(pictures=[Attachment("ticket-1.png", "image/png", b"\x89PNG")])
    html = mail.get_body(("html",))
    assert html is not None
    assert 'src="cid:ticket-1.png"' in html.get_content()
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<ticket-1.png>"
    assert picture.get_payload(decode=True) == b"\x89PNG"
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "Portes" in plain.get_content()
