"""From events to the outbox: which event calls for which mail. Rows and position are one transaction, so each event
queues its mails once, whatever crashes."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.consumers.notifications.tables import TABLES
from buystream.delivery.policy import (
    ConsumerDatabase,
    EventReader,
    Place,
    Read,
    begin_places,
    known_places,
    move_places,
    work_while_assigned,
)
from buystream.log import EVENTS, Log
from buystream.metrics import MAILS_QUEUED
from buystream.vocabulary import events
from buystream.vocabulary.ids import is_derived

POLL_SECONDS: Final = 0.25

DECLINED_PAUSE_SECONDS: Final = 120
"""Before a buyer whose card was declined gets a mail: most are still at the form, and pay by another card."""

AT_ONCE, IN_TURN = 0, 1
"""Ranks: what one buyer waits for goes before what many get."""

ANNOUNCEMENT: Final = "announcement"
"""A row of this kind is no mail: it becomes one row for each buyer, in steps."""

NEW_VERSION_PAUSE_SECONDS: Final = 600
"""Before a new version is announced: of several in a row, only the last one is."""

ANNOUNCED: Final = "announced"
NEW_VERSION: Final = "new_version"
EVENT_MOVED: Final = "event_moved"
TICKET_CLAIMED: Final = "ticket_claimed"
STOCK_ALERT: Final = "stock_alert"
FIND_ORDERS: Final = "found"
DESK_LINK: Final = "desk_link"
MEMBER_INVITED: Final = "member_invited"
TO_MEMBERS: Final = frozenset({DESK_LINK, MEMBER_INVITED})
"""Kinds of mails to the people who work for a merchant."""

WEBHOOK_FAILING: Final = "webhook_failing"
WEBHOOK_DISABLED: Final = "webhook_disabled"
TO_MERCHANTS: Final = frozenset({WEBHOOK_FAILING, WEBHOOK_DISABLED})
"""Kinds of mails that merchants get, about an endpoint of their webhooks."""

logger = logging.getLogger(__name__)


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that an event calls for: its kind, the order, gift or edition it is about, and what the event says that
    the views don't. It is due after `pause_seconds`."""

    kind: str
    about: str
    facts: dict[str, Any] = {}
    rank: int = AT_ONCE
    pause_seconds: int = 0


def confirmed(event: events.OrderConfirmed) -> Queued:
    """The order is paid: the receipt."""
    return Queued(kind="confirmed", about=event.order_id)


def sent_again(event: events.ConfirmationResent) -> Queued:
    """The merchant sends the receipt again."""
    return Queued(kind="confirmed", about=event.order_id)


def pledged(event: events.OrderPledged) -> Queued:
    """The pledge counts."""
    return Queued(kind="pledged", about=event.order_id)


def declined(event: events.PaymentDeclined) -> Queued:
    """The card was declined: what to do."""
    return Queued(
        kind="declined",
        about=event.order_id,
        facts={"payment_id": event.payment_id},
        pause_seconds=DECLINED_PAUSE_SECONDS,
    )


def cancelled(event: events.OrderCancelled) -> Queued | None:
    """A pledge to a campaign that missed its target, or what was called off before it was paid. A buyer who cancels
    needs no mail."""
    if event.reason == "campaign_missed":
        return Queued(kind="missed", about=event.order_id, rank=IN_TURN)
    if event.reason == "edition_cancelled":
        return Queued(kind="called_off", about=event.order_id, rank=IN_TURN)
    return None


def called_off(event: events.RefundRequested) -> Queued | None:
    """What was paid was called off, and is refunded; another mail says when the money is back."""
    if event.asked_by != "cancellation" or event.instead_of:
        return None
    return Queued(kind="called_off", about=event.order_id, rank=IN_TURN)


def gift_ended(event: events.RecurringGiftEnded) -> Queued | None:
    """A recurring gift ended because nothing came of it; its giver knows of the other endings."""
    if event.reason not in ("declined", "unpaid"):
        return None
    return Queued(kind="gift_ended", about=event.gift_id, facts={"buyer_id": event.buyer_id})


def announced(event: events.AnnouncementMade) -> Queued:
    """The merchant writes to all buyers: a row for each of them follows."""
    facts = {"headline": event.headline, "text": event.text}
    return Queued(kind=ANNOUNCEMENT, about=event.edition_id, facts=facts, rank=IN_TURN)


def new_version(event: events.FileAdded) -> Queued | None:
    """There is a new version of a file: a row for each buyer follows, unless there is a newer one by then."""
    if not event.announced:
        return None
    facts = {"to_each": NEW_VERSION, "file": event.name, "version": event.version}
    return Queued(
        kind=ANNOUNCEMENT,
        about=event.edition_id,
        facts=facts,
        rank=IN_TURN,
        pause_seconds=NEW_VERSION_PAUSE_SECONDS,
    )


def ticket_claimed(event: events.TicketClaimed) -> Queued | None:
    """Somebody accepted a ticket that was passed on, and perhaps left an address."""
    if not event.attendee:
        return None
    return Queued(
        kind=TICKET_CLAIMED, about=event.order_id, facts={"number": event.number, "holder_id": event.buyer_id}
    )


def event_moved(event: events.EventMoved) -> Queued:
    """The event takes place at another time or place: a row for each buyer and each holder of a ticket follows."""
    facts = {"to_each": EVENT_MOVED, "event": event.event, "old_event": event.old_event}
    return Queued(kind=ANNOUNCEMENT, about=event.edition_id, facts=facts, rank=IN_TURN)


def stock_alert(event: events.StockAlertDue) -> Queued:
    """There is stock again of what this buyer waits for. The address is a ciphertext of the buyer's key."""
    facts = {"buyer_id": event.buyer_id, "delivery": event.delivery, "variant_id": event.variant_id}
    return Queued(kind=STOCK_ALERT, about=event.edition_id, facts=facts)


def member_invited(event: events.MemberInvited) -> Queued:
    """Somebody is invited to work for a merchant. The address is a ciphertext of the member's key."""
    facts = {"merchant_id": event.merchant_id, "contact": event.contact, "role": event.role, "until_ms": event.until_ms}
    return Queued(kind=MEMBER_INVITED, about=event.member_id, facts=facts)


def refunded(event: events.OrderRefunded) -> Queued:
    """Money is on its way back; or there was none, and what was free was called off."""
    if not event.amount_minor:
        return Queued(kind="called_off", about=event.order_id, rank=IN_TURN)
    facts = {"amount_minor": event.amount_minor, "currency": event.currency}
    rank = IN_TURN if is_derived(event.refund_id) else AT_ONCE  # a cancellation refunds everyone
    return Queued(kind="refunded", about=event.order_id, facts=facts, rank=rank)


def shipped(event: events.OrderShipped) -> Queued:
    """The parcel is on its way."""
    return Queued(kind="shipped", about=event.order_id)


def parcel_news(event: events.ShipmentCreated | events.FulfilmentRecorded) -> Queued | None:
    """One of several parcels is on its way, or waits to be collected."""
    kind = {"shipped": "parcel_shipped", "ready_for_pickup": "parcel_ready"}.get(event.stage)
    return Queued(kind=kind, about=event.order_id, facts={"shipment_id": event.shipment_id}) if kind else None


def delivered(event: events.OrderDelivered) -> Queued:
    """The parcel arrived."""
    return Queued(kind="delivered", about=event.order_id)


QUEUED: Final[Mapping[type[events.Event], Callable[[Any], Queued | None]]] = {
    events.OrderConfirmed: confirmed,
    events.ConfirmationResent: sent_again,
    events.OrderPledged: pledged,
    events.PaymentDeclined: declined,
    events.OrderCancelled: cancelled,
    events.OrderRefunded: refunded,
    events.OrderShipped: shipped,
    events.ShipmentCreated: parcel_news,
    events.FulfilmentRecorded: parcel_news,
    events.OrderDelivered: delivered,
    events.RefundRequested: called_off,
    events.RecurringGiftEnded: gift_ended,
    events.AnnouncementMade: announced,
    events.EventMoved: event_moved,
    events.StockAlertDue: stock_alert,
    events.FileAdded: new_version,
    events.TicketClaimed: ticket_claimed,
    events.MemberInvited: member_invited,
}
"""What each event calls for."""

_QUEUE = """
    INSERT INTO mail.outbox (mail_id, kind, about, facts, partition, position, rank, due_at) VALUES %s
    ON CONFLICT DO NOTHING"""
_ROW = "(%s, %s, %s, %s, %s, %s, %s, now() + %s * interval '1 second')"
_FIND = """
    INSERT INTO mail.outbox (mail_id, kind, about, facts, partition, position, rank)
    VALUES (%s, %s, %s, %s, 0, -1, %s)"""
CONSUMER: Final = "notifications"


class Queueing:
    """Reads the events of the partitions that are assigned to this process."""

    def __init__(self, log: Log, *, dsn: str) -> None:
        self._log = log
        self._database = ConsumerDatabase(dsn, TABLES)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        try:
            work_while_assigned(self._log, CONSUMER, stop, self._work)
        finally:
            self._database.close()

    def _work(self, partitions: frozenset[int], ended: Callable[[], bool]) -> None:
        with self._database.transaction() as cur:
            places = self._places(cur)
        starts = {partition: places.get(partition, Place()) for partition in partitions}
        reader = EventReader(self._log, CONSUMER, starts, wanted=(*QUEUED, events.BuyerErased))
        at = {partition: place.position for partition, place in starts.items()}
        stop = threading.Event()  # paces: many events are one transaction
        try:
            while not ended():
                if reads := reader.poll(timeout_seconds=0.5):
                    self._queue(reads, at)
                    stop.wait(POLL_SECONDS)
        finally:
            reader.close()

    def _places(self, cur: cursor) -> dict[int, Place]:
        """Where to read on. A role that is new begins at the end of the log, so that nobody gets mail about the past; a
        partition that was added since is new itself, and read from its beginning."""
        places = known_places(cur, CONSUMER)
        missing = [partition for partition in range(self._log.partitions) if partition not in places]
        if not missing:
            return places
        begins = {partition: 0 if places else self._log.end(EVENTS, partition) for partition in missing}
        begin_places(cur, CONSUMER, begins)
        if not places:
            past = sum(begins.values())
            logger.info("notifications begin now: the %d events that are on the log send nothing", past)
        return known_places(cur, CONSUMER)

    def _queue(self, reads: Iterable[Read], at: dict[int, int]) -> None:
        rows: list[tuple[Any, ...]] = []
        erased: list[str] = []
        ends: dict[int, Place] = {}
        for record, head, event in reads:
            ends[record.partition] = Place(record.position + 1, int(head.sequence) + 1)
            if isinstance(event, events.BuyerErased):
                erased.append(event.buyer_id)
            if mail := _called_for(event):
                facts = msgspec.json.encode(mail.facts).decode()
                at_event = (record.partition, record.position)
                mail_id = f"{mail.kind}.{head.id}"
                rows.append((mail_id, mail.kind, mail.about, facts, *at_event, mail.rank, mail.pause_seconds))
        with self._database.transaction() as cur:
            # Rows and positions are lost together, and then queued again.
            cur.execute("SET LOCAL synchronous_commit = off")
            move_places(cur, CONSUMER, at, ends)
            if rows:
                execute_values(cur, _QUEUE, rows, template=_ROW, page_size=1_000)
            if erased:
                cur.execute("DELETE FROM mail.known_address WHERE buyer_id = ANY(%s)", (erased,))
        at.update({partition: place.position for partition, place in ends.items()})
        MAILS_QUEUED.inc(len(rows))


def _called_for(event: events.Event | None) -> Queued | None:
    calls = QUEUED.get(type(event)) if event is not None else None
    return calls(event) if calls else None


def ask_for_link(cur: cursor, kind: str, mail_id: str, address: bytes, language: str) -> None:
    """Queue a mail to the owner of this address, a keyed hash: with links to their orders, FIND_ORDERS, or to the desk,
    DESK_LINK."""
    facts = msgspec.json.encode({"language": language}).decode()
    cur.execute(_FIND, (mail_id, kind, address.hex(), facts, AT_ONCE))


def tell_merchant(cur: cursor, kind: str, endpoint_id: str, *, merchant_id: str, address: str, at_ms: int) -> None:
    """Queue a mail of one of TO_MERCHANTS about the webhooks' endpoint at this `address`; once for that time."""
    facts = msgspec.json.encode({"merchant_id": merchant_id, "address": address}).decode()
    cur.execute(f"{_FIND} ON CONFLICT DO NOTHING", (f"{kind}.{endpoint_id}.{at_ms}", kind, endpoint_id, facts, AT_ONCE))
