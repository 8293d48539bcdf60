"""An edition: what is on sale, how much of it there is, and every order for it. It is the consistency boundary:
stock, orders and payments of one edition are decided one after another. It is put together from parts, each of which
keeps its own state and knows which events change it; what is decided about them is in the modules above this one."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

import msgspec

from buystream.aggregates.applying import appliers_of, applies, kinds_of
from buystream.aggregates.content import content_of
from buystream.aggregates.edition.campaign import Campaign
from buystream.aggregates.edition.cancellation import Cancellation
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

Outcome = str | None
"""None: decided, the events tell. REPEATED: nothing to do. Anything else: the reason of a refusal."""


class Edition(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol."""

    id: str
    version: int
    terms: Terms
    sale: Sale
    stock: Stock
    book: OrderBook
    pace: Pace
    gifts: GiftBook
    campaign: Campaign | None = None
    cancellation: Cancellation | None = None
    content: bytes = b""
    """What it was released with: see `buystream.aggregates.content`."""
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
            stock=Stock.begin(event),
            book=OrderBook(),
            pace=Pace(),
            gifts=GiftBook(),
            campaign=campaign,
            content=content_of(event),
            timed=campaign is not None,
        )

    # What is read of its parts from outside the aggregates.

    limit_per_buyer = property(attrgetter("terms.limit_per_buyer"))
    issued = property(attrgetter("stock.issued"))
    available = property(attrgetter("stock.available"))
    held = property(attrgetter("stock.held"))
    sold = property(attrgetter("stock.sold"))
    withdrawn = property(attrgetter("stock.withdrawn"))
    sold_out = property(attrgetter("stock.sold_out"))
    taken_by_buyer = property(attrgetter("stock.taken_by_buyer"))
    refused = property(attrgetter("book.refused"))
    demand_ids = property(attrgetter("pace.demand_ids"))
    flag_ids = property(attrgetter("pace.flag_ids"))
    paused_until_ms = property(attrgetter("pace.paused_until_ms"))

    @property
    def orders(self) -> dict[str, Order]:
        """Every order, by its id."""
        return self.book.orders

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
        about, changes, whole = (_TIMED if self.timed else _UNTIMED)[type(event)]
        if about is not None:
            order = about(self.book, event)
            for part, change in changes:
                if (state := getattr(self, part)) is not None:
                    change(state, event, order)
            return
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

    @applies(events.RecurringGiftStarted)
    def _start_gift(self, event: events.RecurringGiftStarted) -> None:
        self.gifts.start(event)
        self.timed = True


class _Course(NamedTuple):
    """How an event happens to an edition: to the order that it is about, to the parts, to the edition as a whole."""

    about: Callable[[OrderBook, Any], Order] | None
    changes: tuple[tuple[str, Callable[..., None]], ...]
    whole: Callable[[Edition, Any], None] | None


def _courses(**parts: type) -> dict[type[events.Event], _Course]:
    """The course of every event of an edition that has these parts, which are named as their fields are."""
    about, whole = appliers_of(OrderBook), appliers_of(Edition)
    changes = {part: appliers_of(kind) for part, kind in parts.items()}
    return {
        kind: _Course(
            about.get(kind),
            tuple((part, change[kind]) for part, change in changes.items() if kind in change),
            whole.get(kind),
        )
        for family in (events.EditionEvent, events.OrderEvent, events.PaymentEvent)
        for kind in kinds_of(family)
    }


_UNTIMED: Final = _courses(terms=Terms, sale=Sale, stock=Stock, pace=Pace)
_TIMED: Final = _courses(
    terms=Terms,
    sale=Sale,
    stock=Stock,
    pace=Pace,
    campaign=Campaign,
    gifts=GiftBook,
    cancellation=Cancellation,
)
