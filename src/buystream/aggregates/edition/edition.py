"""An edition: what is on sale, how much of it there is, and every order for it. It is the consistency boundary:
stock, orders and payments of one edition are decided one after another. It is put together from parts, each of which
keeps its own state and knows which events change it; what is decided about them is in the modules above this one."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

import msgspec

from buystream.aggregates.applying import appliers_of, applies, kinds_of
from buystream.aggregates.content import content_of, digest_of, digest_of_page
from buystream.aggregates.edition.campaign import Campaign
from buystream.aggregates.edition.cancellation import Cancellation
from buystream.aggregates.edition.codes import Codes
from buystream.aggregates.edition.door import Door
from buystream.aggregates.edition.files import Files
from buystream.aggregates.edition.licences import Licences
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.order_book import OrderBook
from buystream.aggregates.edition.pace import Pace
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.edition.recurring import GiftBook, RecurringGift
from buystream.aggregates.edition.sale import Sale
from buystream.aggregates.edition.stock import Stock
from buystream.aggregates.edition.terms import Terms
from buystream.aggregates.moment import Moment
from buystream.vocabulary import events

REPEATED = "repeated"
"""The outcome of a command that says what is known already."""

UNKNOWN_EDITION = "unknown_edition"
"""Also said to merchants whose edition it is not."""

UNKNOWN_ORDER = "unknown_order"
"""Also said to those whose order it is not: it reveals nothing."""

UNKNOWN_VARIANT = "unknown_variant"
"""The edition isn't offered in it."""

Outcome = str | None
"""None: decided, the events tell. REPEATED: nothing to do. Anything else: the reason of a refusal."""


class Announced(msgspec.Struct, frozen=True, gc=False):
    """A mail to all buyers: a digest of what it says, and when it was announced."""

    digest: bytes
    at_ms: int


class Edition(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol."""

    id: str
    version: int
    terms: Terms
    sale: Sale
    stocks: dict[str, Stock]
    """By the id of the variant; a plain edition has one, with an empty id."""
    book: OrderBook
    pace: Pace
    gifts: GiftBook
    campaign: Campaign | None = None
    cancellation: Cancellation | None = None
    door: Door | None = None
    files: Files | None = None
    licences: Licences | None = None
    content: bytes = b""
    """What it was released with: see `buystream.aggregates.content`."""
    described: bytes = b""
    """A digest of its newest description, by which a repeat is recognised."""
    archived: bool = False
    announced: dict[str, Announced] = {}
    """By the id that the merchant gave each announcement, the oldest first."""
    alerts: dict[str, dict[str, str]] = {}
    """By variant: the buyers who wait for stock, the first first, with where their mail goes."""
    timed: bool = False
    """Whether the edition does something by the clock: see `buystream.aggregates.agenda`."""

    @classmethod
    def begin(cls, event: events.EditionReleased) -> Self:
        """From its first event."""
        campaign = Campaign.begin(event)
        return cls(
            id=event.originator_id,
            version=event.originator_version,
            terms=Terms.begin(event),
            sale=Sale.begin(event),
            stocks={variant.variant_id: Stock.begin(variant) for variant in event.offer.variants},
            book=OrderBook(),
            pace=Pace(),
            gifts=GiftBook(),
            campaign=campaign,
            licences=_licences_of(event),
            content=content_of(event),
            timed=campaign is not None,
        )

    # What is read of its parts from outside the aggregates.

    issued = property(lambda edition: _total(edition, "issued"))
    available = property(lambda edition: _total(edition, "available"))
    held = property(lambda edition: _total(edition, "held"))
    sold = property(lambda edition: _total(edition, "sold"))
    withdrawn = property(lambda edition: _total(edition, "withdrawn"))
    sold_out = property(lambda edition: all(stock.sold_out for stock in edition.stocks.values()))
    refused = property(attrgetter("book.refused"))
    demand_ids = property(attrgetter("pace.demand_ids"))
    report_ids = property(attrgetter("pace.report_ids"))
    flag_ids = property(attrgetter("pace.flag_ids"))
    paused_until_ms = property(attrgetter("pace.paused_until_ms"))

    @property
    def orders(self) -> dict[str, Order]:
        """Every order, by its id."""
        return self.book.orders

    def sold_by(self, merchant_id: str, order_id: str) -> Order | None:
        """The order, if it is of an edition of this merchant's. For anyone else there is none: that reveals nothing."""
        return self.book.orders.get(order_id) if self.terms.merchant_id == merchant_id else None

    @property
    def recurring(self) -> dict[str, RecurringGift]:
        """Every recurring gift, by its id."""
        return self.gifts.gifts

    # Recording what was decided.

    def record_own(self, kind: type[events.EditionEvent], moment: Moment, **fields: Any) -> None:
        """An event of the edition's own."""
        moment.record(kind(originator_id=self.id, originator_version=self.version + 1, at_ms=moment.at_ms, **fields))

    def record_order(self, kind: type[events.OrderEvent], order: Order, moment: Moment, **fields: Any) -> None:
        """An event of one of its orders."""
        moment.record(
            kind(
                originator_id=order.id,
                originator_version=order.version + 1,
                at_ms=moment.at_ms,
                edition_id=self.id,
                edition_version=self.version + 1,
                **fields,
            )
        )

    def record_payment(
        self, kind: type[events.PaymentEvent], payment: Payment, order: Order, moment: Moment, **fields: Any
    ) -> None:
        """An event of one of its payments."""
        moment.record(
            kind(
                originator_id=payment.id,
                originator_version=payment.version + 1,
                at_ms=moment.at_ms,
                edition_id=self.id,
                edition_version=self.version + 1,
                order_id=order.id,
                **fields,
            )
        )

    # State.

    def apply(self, event: events.EditionEvent | events.OrderEvent | events.PaymentEvent) -> None:
        """Change state by any event of the edition, its orders or their payments; never refuses, because yesterday's
        history must load under tomorrow's stricter rules."""
        self.version = event.edition_version
        about, stocks, is_part, changes, whole = (_TIMED if self.timed else _UNTIMED)[type(event)]
        if about is not None:
            order = about(self.book, event)
            if stocks is not None:
                moved = event.moved if is_part else order.lines  # type: ignore[union-attr]
                for one in moved:
                    stocks(self.stocks[one.variant_id], event, order, one.quantity)
            for part, change in changes:
                if (state := getattr(self, part)) is not None:
                    change(state, event, order)
            return
        if stocks is not None:
            stocks(self.stocks[event.variant_id], event)  # type: ignore[union-attr]
        for part, change in changes:
            if (state := getattr(self, part)) is not None:
                change(state, event)
        if whole is not None:
            whole(self, event)

    @applies(events.EditionCancelled)
    def _cancel(self, event: events.EditionCancelled) -> None:
        self.cancellation = Cancellation(restock=event.restock, since_ms=event.at_ms)
        self.timed = True

    @applies(events.CancellationContinued, events.CancellationCompleted)
    def _continue(self, event: events.CancellationContinued | events.CancellationCompleted) -> None:
        if self.cancellation is not None:
            self.cancellation.proceed(event, self.book)

    @applies(events.EditionDescribed)
    def _describe(self, event: events.EditionDescribed) -> None:
        self.described = digest_of_page(event)

    @applies(events.EditionArchived)
    def _archive(self, event: events.EditionArchived) -> None:
        self.archived = event.archived

    @applies(events.AnnouncementMade)
    def _announce(self, event: events.AnnouncementMade) -> None:
        self.announced[event.announcement_id] = Announced(digest_of(event.headline, event.text), event.at_ms)

    @applies(events.StockAlertRequested)
    def _await_stock(self, event: events.StockAlertRequested) -> None:
        self.alerts.setdefault(event.variant_id, {})[event.buyer_id] = event.delivery

    @applies(events.StockAlertDue)
    def _alert(self, event: events.StockAlertDue) -> None:
        self.alerts.get(event.variant_id, {}).pop(event.buyer_id, None)

    @applies(events.DoorEvent)
    def _pass_the_door(self, event: events.DoorEvent) -> None:
        if self.door is None:
            self.door = Door()
        self.door.apply(event)

    @applies(events.CodeCreated)
    def _create_code(self, event: events.CodeCreated) -> None:
        if self.book.codes is None:
            self.book.codes = Codes()
        self.book.codes.create(event)

    @applies(events.CodeDisabled)
    def _disable_code(self, event: events.CodeDisabled) -> None:
        if self.book.codes is not None:
            self.book.codes.by_id[event.code_id].disabled = event.disabled

    @applies(events.FileAdded)
    def _add_file(self, event: events.FileAdded) -> None:
        if self.files is None:
            self.files = Files()
        self.files.add(event)

    @applies(events.FileRemoved)
    def _remove_file(self, event: events.FileRemoved) -> None:
        if self.files is not None:
            self.files.remove(event)

    @applies(events.RecurringGiftStarted)
    def _start_gift(self, event: events.RecurringGiftStarted) -> None:
        self.gifts.start(event)
        self.timed = True


def _licences_of(event: events.EditionReleased) -> Licences | None:
    terms = event.offer.licences
    return None if terms is None else Licences(activations_max=terms.activations_max)


def _total(edition: Edition, name: str) -> int | None:
    """Of all variants together; None when one is unlimited."""
    counts = [getattr(stock, name) for stock in edition.stocks.values()]
    return None if None in counts else sum(counts)


class _Course(NamedTuple):
    """How an event happens to an edition: to the order that it is about, to the stock of its variants, to the other
    parts, to the edition as a whole. `is_part`: it says which of the order's units it moves; otherwise all."""

    about: Callable[[OrderBook, Any], Order] | None
    stocks: Callable[..., None] | None
    is_part: bool
    changes: tuple[tuple[str, Callable[..., None]], ...]
    whole: Callable[[Edition, Any], None] | None


def _courses(**parts: type) -> dict[type[events.Event], _Course]:
    """The course of every event of an edition that has these parts, which are named as their fields are."""
    about, stocks, whole = appliers_of(OrderBook), appliers_of(Stock), appliers_of(Edition)
    changes = {part: appliers_of(kind) for part, kind in parts.items()}
    return {
        kind: _Course(
            about.get(kind),
            stocks.get(kind),
            kind in (events.OrderRefunded, events.RefundFailed, events.ReturnInspected, events.UnitsExchanged),
            tuple((part, change[kind]) for part, change in changes.items() if kind in change),
            whole.get(kind),
        )
        for family in (events.EditionEvent, events.OrderEvent, events.PaymentEvent)
        for kind in kinds_of(family)
    }


_UNTIMED: Final = _courses(terms=Terms, sale=Sale, pace=Pace, files=Files, licences=Licences)
_TIMED: Final = _courses(
    terms=Terms,
    sale=Sale,
    pace=Pace,
    files=Files,
    licences=Licences,
    campaign=Campaign,
    gifts=GiftBook,
    cancellation=Cancellation,
)
