"""Writing: from a row of the outbox and the views to a letter. Personal data is decrypted here, for this one mail."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
from psycopg2.extensions import cursor

from buystream.consumers.notifications.letters import Attachment, Letter, money, say
from buystream.consumers.notifications.words import DEFAULT, LANGUAGES
from buystream.errors import BuystreamError
from buystream.projections import order_views, people
from buystream.projections.order_views import NUMBER_CHARS, OrderView
from buystream.projections.shown import position_of
from buystream.vocabulary.ids import DERIVED


class NotShownYet(BuystreamError):
    """The views don't show the event yet."""


class NotCalledFor(BuystreamError):
    """Nothing is to be sent; the message says why."""


class TakenMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail of the outbox that is taken."""

    mail_id: str
    kind: str
    about: str
    facts: str
    partition: int
    position: int
    attempts: int
    doubts: int


class Person(msgspec.Struct, frozen=True):
    """The buyer, in clear."""

    buyer_id: str
    name: str
    email: str
    address: str
    language: str


class Keys(Protocol):
    """Where the buyers' keys are."""

    def decrypt(self, buyer_id: str, text: str) -> dict[str, str] | None:
        """What was encrypted for this buyer; None after an erasure."""
        ...


Receipts = Callable[[cursor, OrderView, Person], Attachment | None]
"""Draws the receipt of an order; None while there is none."""


class Written(msgspec.Struct, frozen=True):
    """A letter, whose merchant it is, and to whom."""

    letter: Letter
    merchant_id: str
    buyer_id: str


class LetterWriter:
    """Writes letters about orders."""

    def __init__(self, *, vault: Keys, url: str, receipts: Receipts) -> None:
        """`url` is the shop's."""
        self._vault = vault
        self._url = url
        self._receipts = receipts

    def write(self, cur: cursor, row: TakenMail, at_ms: int) -> Written:
        """The letter; raises NotShownYet, NotCalledFor, and VaultUnavailable."""
        if position_of(cur, row.partition) <= row.position:
            raise NotShownYet(f"the views don't show event {row.position} of partition {row.partition} yet")
        view = order_views.order(cur, row.about)
        if view is None:
            raise NotCalledFor("there is no such order")
        person = self._person(view)
        facts: dict[str, Any] = msgspec.json.decode(row.facts)
        content = CONTENTS[row.kind](About(view, facts, person.language, at_ms))
        details = people.legal_details(cur, view.merchant_id, at_ms=at_ms)
        receipt = self._receipts(cur, view, person) if content.with_receipt else None
        letter = Letter(
            language=person.language,
            recipient=person.email,
            name=person.name,
            merchant=view.merchant_name,
            reply_to=details.email,
            subject=content.text("subject"),
            heading=content.text("heading"),
            paragraphs=content.paragraphs,
            rows=[*_lines_of(view, person.language), *content.rows],
            buttons=[*content.buttons, (say(person.language, "my_orders"), f"{self._url}/orders")],
            attachments=[receipt] if receipt else [],
        )
        return Written(letter, view.merchant_id, view.buyer_id)

    def _person(self, view: OrderView) -> Person:
        if not view.delivery:
            raise NotCalledFor("the buyer gave no address")
        plain = self._vault.decrypt(view.buyer_id, view.delivery)
        if plain is None:
            raise NotCalledFor("the buyer is erased")
        if not plain.get("email"):
            raise NotCalledFor("the buyer gave no address")
        language = plain.get("language", DEFAULT)
        return Person(
            view.buyer_id,
            plain.get("name", ""),
            plain["email"],
            plain.get("address", ""),
            language if language in LANGUAGES else DEFAULT,
        )


class About(msgspec.Struct, frozen=True):
    """What a mail is about, at the moment of sending: the order, and what its event said."""

    order: OrderView
    facts: Mapping[str, Any]
    language: str
    at_ms: int

    def values(self) -> dict[str, str]:
        """What texts have places for."""
        order = self.order
        amount_minor = int(self.facts.get("amount_minor", order.total_minor))
        return {
            "title": order.title,
            "merchant": order.merchant_name,
            "total": money(self.language, order.total_minor, order.currency),
            "amount": money(self.language, amount_minor, order.currency),
        }


class Content:
    """What is said of one kind: texts by their names in `words`."""

    def __init__(self, about: About, name: str, *texts: str, with_receipt: bool = False) -> None:
        """`texts` are the names of the paragraphs, of that kind."""
        self._about = about
        self._name = name
        self.with_receipt = with_receipt
        self.paragraphs = [self.text(text) for text in texts]
        self.rows: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []

    def text(self, name: str) -> str:
        """One of them, filled in."""
        return say(self._about.language, f"{self._name}.{name}", **self._about.values())


def _lines_of(view: OrderView, language: str) -> list[tuple[str, str]]:
    """What was ordered."""
    return [
        (view.title, f"{view.quantity} × {money(language, view.price_minor, view.currency)}"),
        (say(language, "total"), money(language, view.total_minor, view.currency)),
        (say(language, "order_number"), view.order_id.rpartition(DERIVED)[0][-NUMBER_CHARS:] or view.order_id[-8:]),
    ]


def _confirmed(about: About) -> Content:
    order = about.order
    if order.gift_id and not order.order_id.endswith(f"{DERIVED}1"):
        return Content(about, "gift", "text", "end", with_receipt=True)
    if order.payment is not None and order.payment.off_session:
        return Content(about, "charged_pledge", "text", with_receipt=True)
    texts = ["text"] if order.total_minor else ["free"]
    if order.terms is not None and order.terms.needs_address:
        texts.append("ships")
    return Content(about, "confirmed", *texts, with_receipt=bool(order.total_minor))


def _pledged(about: About) -> Content:
    return Content(about, "pledged", "text")


def _missed(about: About) -> Content:
    return Content(about, "missed", "text")


def _declined(about: About) -> Content:
    order = about.order
    payment = order.payment
    if payment is None or payment.payment_id != about.facts["payment_id"] or payment.state != "declined":
        raise NotCalledFor("the buyer has paid by now, or tried another card")
    if order.gift_id and payment.off_session:
        return Content(about, "gift_failing", "text", "todo")
    return Content(about, "declined", "text", "held" if order.state == "held" else "ended")


def _refunded(about: About) -> Content:
    return Content(about, "refunded", "text")


def _shipped(about: About) -> Content:
    content = Content(about, "shipped", "text")
    if about.order.carrier:
        content.rows.append((say(about.language, "carrier"), about.order.carrier))
    return content


def _delivered(about: About) -> Content:
    if about.order.terms is not None and not about.order.terms.needs_address:
        raise NotCalledFor("it was no parcel")
    return Content(about, "delivered", "text")


CONTENTS: Final[Mapping[str, Callable[[About], Content]]] = {
    "confirmed": _confirmed,
    "pledged": _pledged,
    "missed": _missed,
    "declined": _declined,
    "refunded": _refunded,
    "shipped": _shipped,
    "delivered": _delivered,
}
"""By the kind of a mail. Each raises NotCalledFor when what happened since makes the mail pointless."""
