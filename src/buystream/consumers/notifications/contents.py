"""What mails say: of each kind, from the order as it is when the mail is sent, and from what its event said."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from buystream.consumers.notifications.letters import NotCalledFor, local_time, money, say
from buystream.consumers.notifications.queueing import ANNOUNCED, EVENT_MOVED, NEW_VERSION, TICKET_CLAIMED
from buystream.projections.downloads import why_closed
from buystream.projections.order_views import NUMBER_CHARS, OrderView
from buystream.projections.parcels import SeenParcel
from buystream.vocabulary.carriers import tracking_link
from buystream.vocabulary.ids import DERIVED, rest_parcel_id, ticket_id_of
from buystream.vocabulary.values import TicketedEvent

ORDER: Final = "order"
EVENT: Final = "event"
TICKETS: Final = "tickets"
"""What goes with a mail: an order's receipt and tickets, or only its event for a calendar, or only tickets."""


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


class MailContent:
    """What is said of one kind: texts by their names in `words`."""

    def __init__(self, about: About, name: str, *texts: str, encloses: str = "") -> None:
        """`texts` are the names of the paragraphs, of that kind; `encloses` is ORDER, EVENT or TICKETS, if anything."""
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


def lines_of(view: OrderView, language: str) -> list[tuple[str, str]]:
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
        *_discount_of(view, language),
        *_delivery_of(view, language),
        (say(language, "total"), money(language, view.total_minor, view.currency)),
        (say(language, "order_number"), view.order_id.rpartition(DERIVED)[0][-NUMBER_CHARS:] or view.order_id[-8:]),
    ]


def _discount_of(view: OrderView, language: str) -> list[tuple[str, str]]:
    """What a code took off."""
    discount = view.discount
    return [] if discount is None else [(discount.label, money(language, -discount.amount_minor, view.currency))]


def _delivery_of(view: OrderView, language: str) -> list[tuple[str, str]]:
    """What delivery costs, where it has a price."""
    charge = view.shipping
    return [] if charge is None else [(charge.title, money(language, charge.amount_minor, view.currency))]


def _confirmed(about: About) -> MailContent:
    order = about.order
    if order.gift_id and not order.order_id.endswith(f"{DERIVED}1"):
        return MailContent(about, "gift", "text", "end", encloses=ORDER)
    if order.payment is not None and order.payment.off_session:
        return MailContent(about, "charged_pledge", "text", encloses=ORDER)
    texts = ["text"] if order.total_minor else ["free"]
    if order.terms is not None and order.terms.needs_address:
        texts.append("ships")
    has_downloads = order.terms is not None and order.terms.has_downloads
    content = MailContent(about, "confirmed", *texts, *(["downloads"] if has_downloads else []), encloses=ORDER)
    content.buttons += [_to_downloads(about)] if has_downloads else []
    return content


def _to_downloads(about: About) -> tuple[str, str]:
    return say(about.language, "download"), f"{about.url}/orders/{about.order.order_id}/downloads"


def _pledged(about: About) -> MailContent:
    return MailContent(about, "pledged", "text")


def _missed(about: About) -> MailContent:
    return MailContent(about, "missed", "text")


def _declined(about: About) -> MailContent:
    order = about.order
    payment = order.payment
    if payment is None or payment.payment_id != about.facts["payment_id"] or payment.state != "declined":
        raise NotCalledFor("the buyer has paid by now, or tried another card")
    if order.gift_id and payment.off_session:
        return MailContent(about, "gift_failing", "text", "todo")
    return MailContent(about, "declined", "text", "held" if order.state == "held" else "ended")


def _refunded(about: About) -> MailContent:
    return MailContent(about, "refunded", "text")


def _shipped(about: About) -> MailContent:
    """The whole order, or the rest of it: a parcel that its merchant names has a mail of its own."""
    if rest_parcel_id(about.order.order_id) not in about.order.parcels.parcels:
        raise NotCalledFor("each of its parcels has a mail of its own")
    return _on_its_way(about)


def _on_its_way(about: About) -> MailContent:
    content = MailContent(about, "shipped", "text")
    parcel = about.parcel
    if parcel is not None and parcel.carrier:
        content.rows.append((say(about.language, "carrier"), parcel.carrier))
    if parcel is not None and about.tracking:
        content.rows.append((say(about.language, "tracking"), about.tracking))
        if link := tracking_link(parcel.carrier, about.tracking):
            content.buttons.append((say(about.language, "shipped.track"), link))
    return content


def _parcel_ready(about: About) -> MailContent:
    return MailContent(about, "ready", "text")


def _delivered(about: About) -> MailContent:
    if about.order.terms is not None and not about.order.terms.needs_address:
        raise NotCalledFor("it was no parcel")
    return MailContent(about, "delivered", "text")


def _called_off(about: About) -> MailContent:
    order = about.order
    if order.terms is None or not order.terms.is_cancelled:
        raise NotCalledFor("it wasn't called off")
    return MailContent(about, "called_off", "text", "paid" if order.paid_minor else "unpaid")


def _gift_ended(about: About) -> MailContent:
    return MailContent(about, "gift_ended", "text", "todo")


def _announced(about: About) -> MailContent:
    content = MailContent(about, "announced", "about")
    content.is_announcement = True
    content.subject = content.heading = about.facts["headline"]
    content.paragraphs = [*about.facts["text"].split("\n\n"), *content.paragraphs]
    return content


def _new_version(about: About) -> MailContent:
    """To those whose downloads are open."""
    if why_closed(about.order) or about.order.terms is None or not about.order.terms.has_downloads:
        raise NotCalledFor("its downloads are closed")
    content = MailContent(about, "new_version", "text", "counted")
    content.is_announcement = True
    content.buttons.append(_to_downloads(about))
    return content


def _event_moved(about: About) -> MailContent:
    content = MailContent(about, "event_moved", "text", "calendar", encloses=EVENT)
    for row in ("now", "before"):
        event = msgspec.convert(about.facts["event" if row == "now" else "old_event"], TicketedEvent)
        when = local_time(about.language, event.starts_at_ms, event.time_zone)
        where = ", ".join(filter(None, (event.venue, *event.address.splitlines())))
        content.rows.append((content.text(row), f"{when}, {where}"))
    return content


def _ticket_claimed(about: About) -> MailContent:
    content = MailContent(about, "ticket_claimed", "text", encloses=TICKETS)
    ticket_id = ticket_id_of(about.order.order_id, about.facts["number"])
    content.buttons.append((content.text("show"), f"{about.url}/tickets/{ticket_id}"))
    return content


CONTENTS: Final[Mapping[str, Callable[[About], MailContent]]] = {
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
    EVENT_MOVED: _event_moved,
    TICKET_CLAIMED: _ticket_claimed,
}
"""By the kind of a mail. Each raises NotCalledFor when what happened since makes the mail pointless."""
