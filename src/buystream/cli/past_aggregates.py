"""Aggregates as they were, for a command: folded from the log's own table, or from the history that a projector keeps
of a log on Kafka."""

from collections import Counter
from typing import Any

from buystream.aggregates.buyer import Buyer
from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.merchant import Merchant
from buystream.database import one_transaction
from buystream.log import Log
from buystream.log.postgres import PostgresLog
from buystream.projections.differences import shown
from buystream.projections.engine.history import LogHistory, TableHistory, past, repository
from buystream.projections.engine.until import Until
from buystream.projections.past_orders import IN_HISTORY, ON_THE_LOG, events_of_orders
from buystream.time_zones import DEFAULT
from buystream.vocabulary import events
from buystream.vocabulary.codec import read_event, type_of
from buystream.vocabulary.ids import home_of


class Past:
    """Of one shop."""

    def __init__(self, dsn: str, log: Log) -> None:
        is_own = isinstance(log, PostgresLog)
        self._dsn = dsn
        self._streams = ON_THE_LOG if is_own else IN_HISTORY
        self._recorder = LogHistory(dsn) if is_own else TableHistory(dsn)
        self._repository = repository(self._recorder)

    def state(self, about: str, until: Until) -> Any:
        """What it was then, as JSON has it; None when it wasn't there yet."""
        _, home = home_of(about)
        if about == home:
            kind = {"ed": Edition, "me": Merchant, "by": Buyer}[about[:2]]
            found: Any = past(self._repository, kind, about, until=until)
        elif "." in about:
            found = past(self._repository, Payment, about, until=until)
        else:
            found = self._order(about, until)
        if found is None:
            return None
        return _edition(found) if isinstance(found, Edition) else shown(found)

    def happened(self, about: str, after: Until, until: Until) -> "Counter[str]":
        """How many events of each type happened to it in between."""
        between = (one for one in self._events(about, until) if not after.includes(one))
        return Counter(type_of(one) for one in between)

    def zone_of(self, about: str) -> str | None:
        """The time zone of the merchant that it is, or is of; None when there is none."""
        _, home = home_of(about)
        if home.startswith("ed"):
            released = self._recorder.select_events(home, lte=1)
            event = read_event(released[0].state) if released else None
            home = event.merchant_id if isinstance(event, events.EditionReleased) else ""
        merchant = past(self._repository, Merchant, home) if home.startswith("me") else None
        return None if merchant is None else merchant.time_zone or DEFAULT

    def _order(self, order_id: str, until: Until) -> Order | None:
        order: Order | None = None
        for event in self._events(order_id, until):
            match event:
                case events.OrderPlaced() | events.OrderRefused():
                    order = Order.begin(event)
                case events.PaymentEvent() if order is not None:
                    order.apply_payment(event)
                case events.OrderEvent() if order is not None:
                    order.apply(event)
        return order

    def _events(self, about: str, until: Until) -> list[events.Event]:
        _, home = home_of(about)
        if about == home or "." in about:
            found = [read_event(stored.state) for stored in self._recorder.select_events(about)]
        else:
            with one_transaction(self._dsn, "as of") as cur:
                found = events_of_orders(cur, self._streams, [about], at_ms=until.at_ms).get(about, [])
        return [event for event in found if until.includes(event)]


def _edition(edition: Edition) -> dict[str, Any]:
    """Its orders and gifts are counted by their states: each has a past of its own."""
    parts = ("id", "version", "terms", "sale", "stocks", "campaign", "cancellation")
    return {part: shown(getattr(edition, part)) for part in parts} | {
        "orders": dict(Counter(order.state for order in edition.orders.values())),
        "recurring_gifts": dict(Counter(gift.ended or "running" for gift in edition.recurring.values())),
    }
