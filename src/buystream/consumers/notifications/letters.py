"""Letters: what a mail says, in the buyer's language, and its form as an e-mail (RFC 5322) with text and HTML."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from importlib.resources import files

import msgspec
from babel.dates import format_date, format_time
from babel.numbers import format_currency
from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined

from buystream.consumers.notifications.words import DEFAULT, WORDS
from buystream.errors import BuystreamError
from buystream.time_zones import zone
from buystream.vocabulary.email_addresses import is_email
from buystream.vocabulary.money import decimal_of

SEVEN_BITS = SMTP.clone(cte_type="7bit")
"""Every server takes it, whatever it extends."""


class BadLetter(BuystreamError):
    """This can't be sent as it is: the address isn't one."""


class NotCalledFor(BuystreamError):
    """Nothing is to be sent; the message says why."""


class Attachment(msgspec.Struct, frozen=True):
    """A file in a mail. `kind` is its media type."""

    name: str
    kind: str
    content: bytes


class Unsubscribing(msgspec.Struct, frozen=True):
    """Where one click ends messages of this kind (RFC 8058)."""

    label: str
    url: str


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What one buyer reads."""

    language: str
    recipient: str
    name: str
    merchant: str
    subject: str
    heading: str
    paragraphs: Sequence[str]
    rows: Sequence[tuple[str, str]] = ()
    buttons: Sequence[tuple[str, str]] = ()
    attachments: Sequence[Attachment] = ()
    pictures: Sequence[Attachment] = ()
    """Shown within the mail."""
    footer: Sequence[str] = ()
    reply_to: str = ""
    unsubscribe: Unsubscribing | None = None


def say(language: str, key: str, **values: str) -> str:
    """The text in that language."""
    return WORDS.get(language, WORDS[DEFAULT])[key].format(**values)


def money(language: str, amount_minor: int, currency: str) -> str:
    """`€12.00`, or `12,00 €`."""
    return format_currency(Decimal(decimal_of(amount_minor, currency)), currency, locale=language)


def day(language: str, at_ms: int) -> str:
    """`November 27, 2026`, or `27 novembre 2026`, in UTC."""
    return format_date(datetime.fromtimestamp(at_ms / 1000, UTC).date(), format="long", locale=language)


def local_time(language: str, at_ms: int, time_zone: str) -> str:
    """`Friday, November 27, 2026, 8:00 PM`, or `vendredi 27 novembre 2026, 20:00`, there."""
    there = datetime.fromtimestamp(at_ms / 1000, zone(time_zone))
    date = format_date(there.date(), format="full", locale=language)
    return f"{date}, {format_time(there.time(), format='short', locale=language)}"


def message_id(mail_id: str, sender: str) -> str:
    """The same for the same mail, whenever it is sent; it doesn't show how many events there are."""
    digest = hashlib.blake2b(f"{sender}\n{mail_id}".encode(), digest_size=15).digest()
    domain = sender.rpartition("@")[2]
    return f"<{base64.b32encode(digest).decode().lower()}@{domain}>"


def email_of(letter: Letter, *, mail_id: str, sender: str, at_ms: int) -> bytes:
    """The mail as it goes to the server; raises BadLetter."""
    mail = EmailMessage(policy=SEVEN_BITS)
    mail["Message-ID"] = message_id(mail_id, sender)
    mail["Date"] = format_datetime(datetime.fromtimestamp(at_ms / 1000, UTC))
    mail["Subject"] = _line(letter.subject)
    mail["From"] = Address(_line(letter.merchant), addr_spec=sender)
    if not is_email(letter.recipient):
        raise BadLetter("the address isn't one that mail can be sent to")
    mail["To"] = Address(_line(letter.name), addr_spec=letter.recipient)
    if is_email(letter.reply_to):
        mail["Reply-To"] = Address(_line(letter.merchant), addr_spec=letter.reply_to)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    if letter.unsubscribe is not None:
        mail["List-Unsubscribe"] = f"<{letter.unsubscribe.url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(_rendered("letter.txt", letter))
    mail.add_alternative(_rendered("letter.html", letter), subtype="html")
    _show(mail, letter.pictures)
    for attachment in letter.attachments:
        main, _, sub = attachment.kind.partition("/")
        mail.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)
    # Of the whole mail: headers of content that are set earlier go to its first part.
    mail["Content-Language"] = letter.language
    return mail.as_bytes()


def _show(mail: EmailMessage, pictures: Sequence[Attachment]) -> None:
    """Beside the HTML, which names each by its Content-ID (RFC 2392)."""
    html = mail.get_body(("html",))
    if html is None or not pictures:
        return
    assert isinstance(html, EmailMessage)
    for picture in pictures:
        main, _, sub = picture.kind.partition("/")
        html.add_related(
            picture.content, main, sub, cid=f"<{picture.name}>", filename=picture.name, disposition="inline"
        )


def _rendered(template: str, letter: Letter) -> str:
    hello = say(letter.language, "hello", name=letter.name) if letter.name else say(letter.language, "hello.nobody")
    fields = {name: getattr(letter, name) for name in letter.__struct_fields__}
    return _templates().get_template(template).render(**fields, hello=hello)


def _line(text: str) -> str:
    """A header has one line."""
    return " ".join(text.split())


@cache
def _templates() -> Environment:
    loader: BaseLoader = FileSystemLoader(str(files("buystream.consumers.notifications") / "templates"))
    return Environment(
        loader=loader, autoescape=lambda name: bool(name and name.endswith(".html")), undefined=StrictUndefined
    )
