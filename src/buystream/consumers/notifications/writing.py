"""Writing: from a row of the outbox and the views to a letter. Personal data is decrypted here, for this one mail."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import cursor

from buystream import postal
from buystream.consumers.notifications.addresses import AddressHashes, UnsubscribeTokens
from buystream.consumers.notifications.contents import CONTENTS, TICKETS, About, MailContent, lines_of
from buystream.consumers.notifications.letters import Attachment, Letter, NotCalledFor, Unsubscribing, day, say
from buystream.consumers.notifications.queueing import (
    EVENT_MOVED,
    FIND_ORDERS,
    STOCK_ALERT,
    TO_MEMBERS,
    TO_MERCHANTS,
)
from buystream.consumers.notifications.stock_alerts import stock_alert_letter
from buystream.consumers.notifications.taken import TakenMail, require_shown
from buystream.consumers.notifications.to_members import DeskLinks, MemberLetters
from buystream.consumers.notifications.to_merchants import letter_to_merchant
from buystream.consumers.notifications.words import DEFAULT, LANGUAGES
from buystream.projections import edition_board, order_views, people, recurring_gifts
from buystream.projections.order_views import OrderView
from buystream.projections.parcels import SeenParcel
from buystream.vocabulary.email_addresses import is_email
from buystream.vocabulary.ids import rest_parcel_id
from buystream.vocabulary.values import TicketedEvent

ORDERS_LOOKED_AT: Final = 50
_HELD: Final = """
    SELECT attendee, placed_at_ms FROM views.tickets JOIN views.orders USING (order_id)
    WHERE holder_id = %s AND attendee <> '' ORDER BY placed_at_ms DESC LIMIT %s"""
BUYERS_FOUND_MAX: Final = 10
"""Browsers and applications that one person bought with, in one mail."""


class Person(msgspec.Struct, frozen=True):
    """The buyer, in clear."""

    buyer_id: str
    name: str
    email: str
    address: postal.PostalAddress | None
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


Enclosures = Callable[[cursor, OrderView, Person, str], Enclosed]
"""Draws an order's receipt, and its tickets: what `contents.ORDER` and `contents.EVENT` say."""


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
        desk_links: DeskLinks,
    ) -> None:
        """`url` is the shop's; `link` makes one that brings a buyer's session to another browser."""
        self._vault = vault
        self._url = url
        self._enclosures = enclosures
        self._hashes = hashes
        self._tokens = tokens
        self._link = link
        self._to_members = MemberLetters(vault, desk_links, hashes, url)

    def write(self, cur: cursor, row: TakenMail, at_ms: int) -> Written:
        """The letter; raises NotShownYet, NotCalledFor, and VaultUnavailable."""
        require_shown(cur, row)
        facts: dict[str, Any] = msgspec.json.decode(row.facts)
        if row.kind == FIND_ORDERS:
            return self._found(cur, row, facts)
        if row.kind in TO_MEMBERS:
            return Written(self._to_members.write(cur, row, facts, at_ms), "", "")
        if row.kind in TO_MERCHANTS:
            details = people.legal_details(cur, facts["merchant_id"], at_ms=at_ms)
            return Written(letter_to_merchant(row.kind, facts["address"], details, url=self._url), "", "")
        if row.kind == STOCK_ALERT:
            return self._stock_alert(cur, row, facts, at_ms)
        if "announcement" in facts:
            facts |= _announcement(cur, facts["announcement"])
        view = _order_of(cur, row, facts)
        if row.kind == EVENT_MOVED:
            _require_current(cur, view, facts, at_ms)
        person = self._person(*_recipient_of(cur, view, facts))
        if facts.get("holder_id", person.buyer_id) != person.buyer_id:
            raise NotCalledFor("the ticket was passed on again")
        parcel = view.parcels.parcels.get(facts.get("shipment_id", rest_parcel_id(view.order_id)))
        about = About(view, facts, person.language, parcel, self._tracking(view.buyer_id, parcel), self._url)
        return Written(
            self._letter(cur, CONTENTS[row.kind](about), about, person, at_ms), view.merchant_id, person.buyer_id
        )

    def _letter(self, cur: cursor, content: MailContent, about: About, person: Person, at_ms: int) -> Letter:
        view, language = about.order, person.language
        details = people.legal_details(cur, view.merchant_id, at_ms=at_ms)
        enclosed = self._enclosures(cur, view, person, content.encloses) if content.encloses else Enclosed()
        if content.encloses == TICKETS and not enclosed.pictures:
            raise NotCalledFor("the ticket isn't valid any more")
        footer = [say(language, "footer", merchant=view.merchant_name)]
        if is_email(details.email):
            footer.append(say(language, "reply", merchant=view.merchant_name))
        return Letter(
            language=language,
            recipient=person.email,
            name=person.name,
            merchant=view.merchant_name,
            reply_to=details.email,
            subject=content.subject,
            heading=content.heading,
            paragraphs=[*content.paragraphs, *([say(language, "confirmed.tickets")] if enclosed.pictures else [])],
            rows=[*(lines_of(view, language) if person.buyer_id == view.buyer_id else ()), *content.rows],
            buttons=[*content.buttons, (say(language, "my_orders"), f"{self._url}/orders")],
            attachments=enclosed.files,
            pictures=enclosed.pictures,
            footer=footer,
            unsubscribe=(
                self._unsubscribing(view.merchant_id, view.merchant_name, person) if content.is_announcement else None
            ),
        )

    def _stock_alert(self, cur: cursor, row: TakenMail, facts: Mapping[str, Any], at_ms: int) -> Written:
        """To somebody who may have bought nothing."""
        board = edition_board.board(cur, row.about, now_ms=at_ms)
        if board is None or board.state in ("closed", "cancelled"):
            raise NotCalledFor("it is off sale for good")
        person = self._person(facts["buyer_id"], facts["delivery"])
        letter = stock_alert_letter(board, facts["variant_id"], person.email, person.language, url=self._url)
        letter = replace(letter, unsubscribe=self._unsubscribing(board.merchant_id, board.merchant_name, person))
        return Written(letter, board.merchant_id, "")

    def _unsubscribing(self, merchant_id: str, merchant_name: str, person: Person) -> Unsubscribing:
        token = self._tokens.of(merchant_id, self._hashes.of(person.email))
        label = say(person.language, "unsubscribe", merchant=merchant_name)
        return Unsubscribing(label, f"{self._url}/mail/unsubscribe/{token}")

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
        """The buyer's newest order with that address, or ticket that was passed on to it, if there is one."""
        bought = order_views.orders_of_buyer(cur, buyer_id, limit=ORDERS_LOOKED_AT)
        cur.execute(_HELD, (buyer_id, ORDERS_LOOKED_AT))
        for sealed, placed_at_ms in [*((view.delivery, view.placed_at_ms) for view in bought), *cur.fetchall()]:
            try:
                person = self._person(buyer_id, sealed)
            except NotCalledFor:
                continue
            if self._hashes.of(person.email) == address:
                return [(person, placed_at_ms)]
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
            postal.decoded(plain.get("address", "")),
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


def _recipient_of(cur: cursor, view: OrderView, facts: Mapping[str, Any]) -> tuple[str, str]:
    """The order's buyer, or who holds the ticket of that number now; and the text that only their key opens."""
    if "number" not in facts:
        return view.buyer_id, view.delivery
    cur.execute(
        "SELECT holder_id, attendee FROM views.tickets WHERE order_id = %s AND number = %s",
        (view.order_id, facts["number"]),
    )
    holder_id, attendee = cur.fetchone() or (None, "")
    if holder_id is None:
        raise NotCalledFor("nobody else holds this ticket any more")
    return holder_id, attendee


def _require_current(cur: cursor, view: OrderView, facts: Mapping[str, Any], at_ms: int) -> None:
    """Raises NotCalledFor when the event doesn't take place as it was moved."""
    board = edition_board.board(cur, view.edition_id, now_ms=at_ms)
    if board is None or board.event != msgspec.convert(facts["event"], TicketedEvent):
        raise NotCalledFor("it was moved again")
    if board.cancellation is not None:
        raise NotCalledFor("it was called off")


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
