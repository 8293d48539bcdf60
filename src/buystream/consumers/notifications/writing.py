"""Writing: from a row of the outbox and the views to a letter. Personal data is decrypted here, for this one mail."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec
from psycopg2.extensions import cursor

from buystream.consumers.notifications.addresses import AddressHashes, UnsubscribeTokens
from buystream.consumers.notifications.letters import Attachment, Letter, NotCalledFor, Unsubscribing, day, money, say
from buystream.consumers.notifications.queueing import ANNOUNCED, FIND_ORDERS, NEW_VERSION, TO_MERCHANTS
from buystream.consumers.notifications.taken import TakenMail, require_shown
from buystream.consumers.notifications.to_merchants import letter_to_merchant
from buystream.consumers.notifications.words import DEFAULT, LANGUAGES
from buystream.projections import order_views, people, recurring_gifts
from buystream.projections.downloads import why_closed
from buystream.projections.order_views import NUMBER_CHARS, OrderView
from buystream.projections.parcels import SeenParcel
from buystream.vocabulary.carriers import tracking_link
from buystream.vocabulary.ids import DERIVED, rest_parcel_id

ORDERS_LOOKED_AT: Final = 50
BUYERS_FOUND_MAX: Final = 10
"""Browsers and applications that one person bought with, in one mail."""


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


class Enclosed(msgspec.Struct, frozen=True):
    """What goes with the confirmation of an order: files, and pictures that the mail shows."""

    files: Sequence[Attachment] = ()
    pictures: Sequence[Attachment] = ()


Enclosures = Callable[[cursor, OrderView, Person], Enclosed]
"""Draws an order's receipt, and its tickets."""


class Written(msgspec.Struct, frozen=True):
    """A letter, whose merchant it is, and to whom."""

    letter: Letter
    merchant_id: str
    buyer_id: str


class LetterWriter:
    """Writes letters."""

    def __init__(
        self,
        *,
        vault: Keys,
        url: str,
        enclosures: Enclosures,
        hashes: AddressHashes,
        tokens: UnsubscribeTokens,
        link: Callable[[str], str],
    ) -> None:
        """`url` is the shop's; `link` makes one that brings a buyer's session to another browser."""
        self._vault = vault
        self._url = url
        self._enclosures = enclosures
        self._hashes = hashes
        self._tokens = tokens
        self._link = link

    def write(self, cur: cursor, row: TakenMail, at_ms: int) -> Written:
        """The letter; raises NotShownYet, NotCalledFor, and VaultUnavailable."""
        require_shown(cur, row)
        facts: dict[str, Any] = msgspec.json.decode(row.facts)
        if row.kind == FIND_ORDERS:
            return self._found(cur, row, facts)
        if row.kind in TO_MERCHANTS:
            details = people.legal_details(cur, facts["merchant_id"], at_ms=at_ms)
            return Written(letter_to_merchant(row.kind, facts["address"], details, url=self._url), "", "")
        if row.kind in (ANNOUNCED, NEW_VERSION):
            facts |= _announcement(cur, facts["announcement"])
        view = _order_of(cur, row, facts)
        person = self._person(view.buyer_id, view.delivery)
        parcel = view.parcels.parcels.get(facts.get("shipment_id", rest_parcel_id(view.order_id)))
        about = About(view, facts, person.language, parcel, self._tracking(view.buyer_id, parcel), self._url)
        return Written(
            self._letter(cur, CONTENTS[row.kind](about), about, person, at_ms), view.merchant_id, view.buyer_id
        )

    def _letter(self, cur: cursor, content: "Content", about: "About", person: Person, at_ms: int) -> Letter:
        view, language = about.order, person.language
        details = people.legal_details(cur, view.merchant_id, at_ms=at_ms)
        enclosed = self._enclosures(cur, view, person) if content.encloses else Enclosed()
        footer = [say(language, "footer", merchant=view.merchant_name)]
        if details.email:
            footer.append(say(language, "reply", merchant=view.merchant_name))
        unsubscribe = None
        if content.is_announcement:
            token = self._tokens.of(view.merchant_id, self._hashes.of(person.email))
            label = say(language, "unsubscribe", merchant=view.merchant_name)
            unsubscribe = Unsubscribing(label, f"{self._url}/mail/unsubscribe/{token}")
        return Letter(
            language=language,
            recipient=person.email,
            name=person.name,
            merchant=view.merchant_name,
            reply_to=details.email,
            subject=content.subject,
            heading=content.heading,
            paragraphs=[*content.paragraphs, *([say(language, "confirmed.tickets")] if enclosed.pictures else [])],
            rows=[*_lines_of(view, language), *content.rows],
            buttons=[*content.buttons, (say(language, "my_orders"), f"{self._url}/orders")],
            attachments=enclosed.files,
            pictures=enclosed.pictures,
            footer=footer,
            unsubscribe=unsubscribe,
        )

    def _found(self, cur: cursor, row: TakenMail, facts: Mapping[str, Any]) -> Written:
        """Links to the orders of everybody with this address."""
        language = facts["language"]
        address = bytes.fromhex(row.about)
        found = [
            (person, placed_at_ms)
            for buyer_id in _buyers_at(cur, address)
            for person, placed_at_ms in self._newest(cur, buyer_id, address)
        ]
        if not found:
            raise NotCalledFor("nobody has bought with this address")
        shop = urlsplit(self._url).hostname or ""
        labels = [say(language, "found.link_of", day=day(language, placed_at_ms)) for _, placed_at_ms in found]
        if len(labels) == 1:
            labels = [say(language, "found.link")]
        links = [self._link(person.buyer_id) for person, _ in found]
        letter = Letter(
            language=language,
            recipient=found[0][0].email,
            name=found[0][0].name,
            merchant=shop,
            subject=say(language, "found.subject", shop=shop),
            heading=say(language, "found.heading"),
            paragraphs=[say(language, "found.text"), say(language, "found.not_you")],
            buttons=list(zip(labels, links, strict=True)),
            footer=[say(language, "found.footer", shop=shop)],
        )
        return Written(letter, "", "")

    def _newest(self, cur: cursor, buyer_id: str, address: bytes) -> list[tuple[Person, int]]:
        """The buyer's newest order with that address, if there is one."""
        for view in order_views.orders_of_buyer(cur, buyer_id, limit=ORDERS_LOOKED_AT):
            try:
                person = self._person(buyer_id, view.delivery)
            except NotCalledFor:
                continue
            if self._hashes.of(person.email) == address:
                return [(person, view.placed_at_ms)]
        return []

    def _tracking(self, buyer_id: str, parcel: SeenParcel | None) -> str:
        plain = self._vault.decrypt(buyer_id, parcel.tracking) if parcel is not None and parcel.tracking else None
        return plain.get("tracking", "") if plain else ""

    def _person(self, buyer_id: str, delivery: str) -> Person:
        if not delivery:
            raise NotCalledFor("the buyer gave no address")
        plain = self._vault.decrypt(buyer_id, delivery)
        if plain is None:
            raise NotCalledFor("the buyer is erased")
        if not plain.get("email"):
            raise NotCalledFor("the buyer gave no address")
        language = plain.get("language", DEFAULT)
        return Person(
            buyer_id,
            plain.get("name", ""),
            plain["email"],
            plain.get("address", ""),
            language if language in LANGUAGES else DEFAULT,
        )


def _order_of(cur: cursor, row: TakenMail, facts: Mapping[str, Any]) -> OrderView:
    """The order that the mail is about, or the newest one of a recurring gift."""
    if row.kind == "gift_ended":
        gift = recurring_gifts.gift(cur, row.about, buyer_id=facts["buyer_id"])
        view = gift.last if gift else None
    else:
        view = order_views.order(cur, row.about)
    if view is None:
        raise NotCalledFor("there is no such order")
    return view


def _announcement(cur: cursor, mail_id: str) -> dict[str, Any]:
    cur.execute("SELECT facts FROM mail.outbox WHERE mail_id = %s", (mail_id,))
    found = cur.fetchone()
    if found is None:
        raise NotCalledFor("the announcement is forgotten")
    said: dict[str, Any] = msgspec.json.decode(found[0])
    return said


def _buyers_at(cur: cursor, address: bytes) -> list[str]:
    cur.execute(
        "SELECT buyer_id FROM mail.known_address WHERE address = %s ORDER BY since DESC, buyer_id LIMIT %s",
        (address, BUYERS_FOUND_MAX),
    )
    return [buyer_id for (buyer_id,) in cur]


class About(msgspec.Struct, frozen=True):
    """What a mail is about, at the moment of sending: the order, and what its event said."""

    order: OrderView
    facts: Mapping[str, Any]
    language: str
    parcel: SeenParcel | None
    tracking: str
    url: str
    """The shop's."""

    def values(self) -> dict[str, str]:
        """What texts have places for."""
        order = self.order
        amount_minor = int(self.facts.get("amount_minor", order.total_minor))
        return {
            "title": order.title,
            "merchant": order.merchant_name,
            "total": money(self.language, order.total_minor, order.currency),
            "amount": money(self.language, amount_minor, order.currency),
            "file": str(self.facts.get("file", "")),
            "version": str(self.facts.get("version", "")),
        }


class Content:
    """What is said of one kind: texts by their names in `words`."""

    def __init__(self, about: About, name: str, *texts: str, encloses: bool = False) -> None:
        """`texts` are the names of the paragraphs, of that kind."""
        self._about = about
        self._name = name
        self.encloses = encloses
        self.is_announcement = False
        self.subject = self.text("subject")
        self.heading = self.text("heading")
        self.paragraphs = [self.text(text) for text in texts]
        self.rows: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []

    def text(self, name: str) -> str:
        """One of them, filled in."""
        return say(self._about.language, f"{self._name}.{name}", **self._about.values())


def _lines_of(view: OrderView, language: str) -> list[tuple[str, str]]:
    """What was ordered."""
    several = len(view.lines) > 1
    return [
        *(
            (
                f"{view.title}: {line.title}" if several and line.title else view.title,
                f"{line.quantity} × {money(language, line.price_minor, view.currency)}",
            )
            for line in view.lines
        ),
        (say(language, "total"), money(language, view.total_minor, view.currency)),
        (say(language, "order_number"), view.order_id.rpartition(DERIVED)[0][-NUMBER_CHARS:] or view.order_id[-8:]),
    ]


def _confirmed(about: About) -> Content:
    order = about.order
    if order.gift_id and not order.order_id.endswith(f"{DERIVED}1"):
        return Content(about, "gift", "text", "end", encloses=True)
    if order.payment is not None and order.payment.off_session:
        return Content(about, "charged_pledge", "text", encloses=True)
    texts = ["text"] if order.total_minor else ["free"]
    if order.terms is not None and order.terms.needs_address:
        texts.append("ships")
    has_downloads = order.terms is not None and order.terms.has_downloads
    content = Content(about, "confirmed", *texts, *(["downloads"] if has_downloads else []), encloses=True)
    content.buttons += [_to_downloads(about)] if has_downloads else []
    return content


def _to_downloads(about: About) -> tuple[str, str]:
    return say(about.language, "download"), f"{about.url}/orders/{about.order.order_id}/downloads"


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
    """The whole order, or the rest of it: a parcel that its merchant names has a mail of its own."""
    if rest_parcel_id(about.order.order_id) not in about.order.parcels.parcels:
        raise NotCalledFor("each of its parcels has a mail of its own")
    return _on_its_way(about)


def _on_its_way(about: About) -> Content:
    content = Content(about, "shipped", "text")
    parcel = about.parcel
    if parcel is not None and parcel.carrier:
        content.rows.append((say(about.language, "carrier"), parcel.carrier))
    if parcel is not None and about.tracking:
        content.rows.append((say(about.language, "tracking"), about.tracking))
        if link := tracking_link(parcel.carrier, about.tracking):
            content.buttons.append((say(about.language, "shipped.track"), link))
    return content


def _parcel_ready(about: About) -> Content:
    return Content(about, "ready", "text")


def _delivered(about: About) -> Content:
    if about.order.terms is not None and not about.order.terms.needs_address:
        raise NotCalledFor("it was no parcel")
    return Content(about, "delivered", "text")


def _called_off(about: About) -> Content:
    order = about.order
    if order.terms is None or not order.terms.is_cancelled:
        raise NotCalledFor("it wasn't called off")
    return Content(about, "called_off", "text", "paid" if order.paid_minor else "unpaid")


def _gift_ended(about: About) -> Content:
    return Content(about, "gift_ended", "text", "todo")


def _announced(about: About) -> Content:
    content = Content(about, "announced", "about")
    content.is_announcement = True
    content.subject = content.heading = about.facts["headline"]
    content.paragraphs = [*about.facts["text"].split("\n\n"), *content.paragraphs]
    return content


def _new_version(about: About) -> Content:
    """To those whose downloads are open."""
    if why_closed(about.order) or about.order.terms is None or not about.order.terms.has_downloads:
        raise NotCalledFor("its downloads are closed")
    content = Content(about, "new_version", "text", "counted")
    content.is_announcement = True
    content.buttons.append(_to_downloads(about))
    return content


CONTENTS: Final[Mapping[str, Callable[[About], Content]]] = {
    "confirmed": _confirmed,
    "pledged": _pledged,
    "missed": _missed,
    "declined": _declined,
    "refunded": _refunded,
    "shipped": _shipped,
    "parcel_shipped": _on_its_way,
    "parcel_ready": _parcel_ready,
    "delivered": _delivered,
    "called_off": _called_off,
    "gift_ended": _gift_ended,
    ANNOUNCED: _announced,
    NEW_VERSION: _new_version,
}
"""By the kind of a mail. Each raises NotCalledFor when what happened since makes the mail pointless."""
