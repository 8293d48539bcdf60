"""An edition: what is on sale, how much of it there is, and every order for it. It is the consistency boundary:
stock, orders and payments of one edition are decided here, one after another. Decisions refuse or record; `apply`
changes state and never refuses, because yesterday's history must load under tomorrow's stricter rules."""

from typing import Any, Self, TypeVar

import msgspec

from buystream import commands, events
from buystream.aggregates.campaign import Campaign
from buystream.aggregates.order import SOLD, Order
from buystream.aggregates.payment import Payment
from buystream.aggregates.recurring import RecurringGift

E = TypeVar("E", bound=events.EditionEvent)
OE = TypeVar("OE", bound=events.OrderEvent)
PE = TypeVar("PE", bound=events.PaymentEvent)

REPEATED = "repeated"
"""The outcome of a command that says what is known already."""

UNKNOWN_ORDER = "unknown_order"
"""Also said to those whose order it is not: it reveals nothing."""

_HAS_CLAIM = frozenset({"held", "pledged", "authorised", *SOLD})
"""States of orders that a cancelled edition has to end."""

_FIRST_OF_ORDER = (events.OrderPlaced, events.OrderRefused)

QUANTITY_MAX = 100
"""Of one order."""

HOLD_SECONDS_MAX = 7 * 24 * 3600

PAUSE_SECONDS_MAX = 24 * 3600
"""Of one buyer."""

Outcome = str | None
"""None: decided, the events tell. REPEATED: nothing to do. Anything else: the reason of a refusal."""


class Cancellation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is left to do after an edition was cancelled. `waiting` are orders to cancel or refund, oldest first;
    `asked` are the refunds that the provider owes an answer, so that a long list never fills its queue."""

    restock: bool
    since_ms: int
    waiting: dict[str, bool] = {}
    asked: set[str] = set()
    failed: int = 0
    completed: bool = False

    def note_payment(self, event: events.PaymentEvent) -> None:
        """A refund of one of its orders was asked for, or failed for good."""
        match event:
            case events.RefundRequested(reason="edition_cancelled"):
                self.waiting.pop(event.order_id, None)
                self.asked.add(event.refund_id)
            case events.PaymentDisputed(order_id=order_id):  # its bank decides about that money
                self.waiting.pop(order_id, None)
            case events.DisputeClosed(order_id=order_id, outcome="won"):
                self.waiting[order_id] = True
            case events.RefundFailed(refund_id=refund_id) if refund_id in self.asked:
                self.asked.remove(refund_id)
                self.failed += 1


class Edition(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol and CollectEventsProtocol. At every version
    `available + held + sold + withdrawn = issued`, none of them negative, unless the edition is unlimited: then
    `issued` and `available` are None."""

    id: str
    version: int
    merchant_id: str
    currency: str
    price_min_minor: int
    price_max_minor: int
    limit_per_buyer: int
    hold_seconds: int
    opens_at_ms: int | None = None
    closes_at_ms: int | None = None
    issued: int | None = None
    available: int | None = None
    held: int = 0
    sold: int = 0
    withdrawn: int = 0
    paused: bool = False
    sold_out: bool = False
    taken_by_buyer: dict[str, int] = {}
    """Held or sold, by buyer id."""
    orders: dict[str, Order] = {}
    change_ids: set[str] = set()
    """Stock changes, demand reports and velocity flags that were counted already."""
    paused_until_ms: dict[str, int] = {}
    """By buyer id, in the order of their last pause; some may be over."""
    awaits_terms: bool = False
    account: str = ""
    fee_share_bps: int = 0
    fee_fixed_minor: int = 0
    refund_by: str = "merchant"
    refund_until_ms: int | None = None
    refund_share_bps: int = 10_000
    refund_restock: bool = True
    receipts: bool = False
    campaign: Campaign | None = None
    recurring: dict[str, RecurringGift] = {}
    cancellation: Cancellation | None = None
    timed: bool = False
    """Whether the edition does something by the clock: see `buystream.aggregates.agenda`."""
    pending: list[events.Event] = []

    @classmethod
    def begin(cls, event: events.EditionReleased) -> Self:
        """From its first event."""
        return cls(
            id=event.originator_id,
            version=event.originator_version,
            merchant_id=event.merchant_id,
            currency=event.currency,
            price_min_minor=event.price_min_minor,
            price_max_minor=event.price_max_minor,
            limit_per_buyer=event.limit_per_buyer,
            hold_seconds=event.hold_seconds,
            opens_at_ms=event.opens_at_ms,
            closes_at_ms=event.closes_at_ms,
            issued=event.stock,
            available=event.stock,
            awaits_terms=event.awaits_terms,
            refund_by=event.refund_by,
            refund_until_ms=event.refund_until_ms,
            refund_share_bps=event.refund_share_bps,
            refund_restock=event.refund_restock,
            receipts=event.receipts,
            campaign=Campaign.begin(event) if event.target_minor is not None else None,
            timed=event.target_minor is not None,
        )

    # Decisions: placing and giving up orders.

    def place_order(self, command: commands.PlaceOrder, at_ms: int) -> None:
        """First come, first served: hold stock for a new order id, or refuse it with the reason."""
        reason = self.why_not(command, at_ms)
        if reason:
            self.record(
                events.OrderRefused(
                    originator_id=command.order_id,
                    originator_version=1,
                    at_ms=at_ms,
                    edition_id=self.id,
                    edition_version=self.version + 1,
                    buyer_id=command.buyer_id,
                    merchant_id=self.merchant_id,
                    quantity=command.quantity,
                    price_minor=command.price_minor,
                    currency=self.currency,
                    reason=reason,
                    available=self.available,
                    device=command.device,
                    network=command.network,
                )
            )
            return
        self.record(
            events.OrderPlaced(
                originator_id=command.order_id,
                originator_version=1,
                at_ms=at_ms,
                edition_id=self.id,
                edition_version=self.version + 1,
                buyer_id=command.buyer_id,
                merchant_id=self.merchant_id,
                quantity=command.quantity,
                price_minor=command.price_minor,
                currency=self.currency,
                hold_expires_at_ms=at_ms + self.hold_seconds * 1000,
                device=command.device,
                network=command.network,
            )
        )
        self.note_sell_out(at_ms)

    def why_not(self, command: commands.PlaceOrder, at_ms: int) -> str:
        """The reason to refuse this order now, or nothing."""
        if self.cancellation is not None:
            return "cancelled"
        if self.awaits_terms:
            return "not_open"
        if not self.price_min_minor <= command.price_minor <= self.price_max_minor:
            return "wrong_price"
        if self.opens_at_ms is not None and at_ms < self.opens_at_ms:
            return "not_open"
        if self.closes_at_ms is not None and at_ms >= self.closes_at_ms:
            return "closed"
        if self.paused:
            return "paused"
        if at_ms < self.paused_until_ms.get(command.buyer_id, 0):
            return "too_fast"
        if not self.within_limit(command.buyer_id, command.quantity):
            return "over_limit"
        if not self.in_stock(command.quantity):
            return "sold_out"
        return ""

    def within_limit(self, buyer_id: str, quantity: int) -> bool:
        """Whether the buyer may take so many more."""
        return 0 < quantity <= QUANTITY_MAX and self.taken_by_buyer.get(buyer_id, 0) + quantity <= self.limit_per_buyer

    def in_stock(self, quantity: int) -> bool:
        """Whether so many can be taken."""
        return self.available is None or quantity <= self.available

    def cancel_order(self, command: commands.CancelOrder, at_ms: int) -> Outcome:
        """The buyer gives the hold back, while no money is reserved for it."""
        order = self.orders.get(command.order_id)
        if order is None or order.buyer_id != command.buyer_id:
            return UNKNOWN_ORDER
        if order.state == "cancelled":
            return REPEATED
        if order.state not in ("held", "pledged"):
            return f"order_{order.state}"
        self.give_up(order, "buyer", at_ms)
        return None

    def give_up(self, order: Order, reason: str, at_ms: int) -> None:
        """End an order that holds stock, and give back what its pledge reserved."""
        payment = order.last_payment
        if order.state == "pledged" and payment is not None and payment.state == "authorised":
            self.record_payment(events.VoidRequested, payment, order, at_ms, reference=payment.reference, reason=reason)
        self.cancel(order, reason, at_ms)

    def cancel(self, order: Order, reason: str, at_ms: int) -> None:
        """End an order that holds stock."""
        self.record_order(events.OrderCancelled, order, at_ms, quantity=order.quantity, reason=reason)
        self.note_release(at_ms)

    def expire(self, order: Order, at_ms: int) -> None:
        """The hold ran out."""
        self.record_order(events.OrderExpired, order, at_ms, quantity=order.quantity)
        self.note_release(at_ms)

    def extend_hold(self, order: Order, hold_expires_at_ms: int, at_ms: int) -> None:
        """An outage of ours expires nobody."""
        self.record_order(events.HoldExtended, order, at_ms, hold_expires_at_ms=hold_expires_at_ms)

    def ship_order(self, command: commands.ShipOrder, at_ms: int) -> Outcome:
        """The parcel left."""
        order = self.orders.get(command.order_id)
        if order is None or self.merchant_id != command.merchant_id:
            return UNKNOWN_ORDER
        if order.state in ("shipped", "delivered"):
            return REPEATED
        if order.state != "confirmed":
            return f"order_{order.state}"
        self.record_order(events.OrderShipped, order, at_ms, carrier=command.carrier, tracking=command.tracking)
        return None

    def apply_terms(self, command: commands.ApplyTerms, at_ms: int) -> Outcome:
        """The first terms stay: what was agreed at the release doesn't change under a sale."""
        if not self.awaits_terms:
            return REPEATED
        self.record_own(
            events.TermsApplied,
            at_ms,
            terms_id=command.terms_id,
            account=command.account,
            fee_share_bps=command.fee_share_bps,
            fee_fixed_minor=command.fee_fixed_minor,
        )
        return None

    def fee_minor(self, amount_minor: int) -> int:
        """What the platform keeps of a payment; the half of a minor unit is the merchant's."""
        if not amount_minor:
            return 0
        return min(amount_minor, amount_minor * self.fee_share_bps // 10_000 + self.fee_fixed_minor)

    def record_delivery(self, command: commands.RecordDelivery, at_ms: int) -> Outcome:
        """The parcel arrived, or the ticket was used."""
        order = self.orders.get(command.order_id)
        if order is None or self.merchant_id != command.merchant_id:
            return UNKNOWN_ORDER
        if order.state == "delivered":
            return REPEATED
        if order.state not in SOLD:
            return f"order_{order.state}"
        self.record_order(events.OrderDelivered, order, at_ms)
        return None

    # Decisions: the sale and its stock.

    def pause(self, at_ms: int) -> Outcome:
        """No orders for a while."""
        if self.paused:
            return REPEATED
        self.record_own(events.SalePaused, at_ms)
        return None

    def resume(self, at_ms: int) -> Outcome:
        """Orders again."""
        if not self.paused:
            return REPEATED
        self.record_own(events.SaleResumed, at_ms)
        return None

    def add_stock(self, command: commands.AddStock, at_ms: int) -> Outcome:
        """Issue more."""
        if command.change_id in self.change_ids:
            return REPEATED
        if self.available is None:
            return "unlimited"
        if command.quantity <= 0:
            return "bad_quantity"
        self.record_own(events.StockAdded, at_ms, change_id=command.change_id, quantity=command.quantity)
        self.note_release(at_ms)
        return None

    def withdraw_stock(self, command: commands.WithdrawStock, at_ms: int) -> Outcome:
        """Take unsold stock off the sale; what is held or sold stays its buyer's."""
        if command.change_id in self.change_ids:
            return REPEATED
        if self.available is None:
            return "unlimited"
        if not 0 < command.quantity <= self.available:
            return "bad_quantity"
        self.record_own(events.StockWithdrawn, at_ms, change_id=command.change_id, quantity=command.quantity)
        self.note_sell_out(at_ms)
        return None

    def record_demand(self, command: commands.RecordDemand, at_ms: int) -> Outcome:
        """Count what gateways refused from the latch; never an order."""
        if command.demand_id in self.change_ids:
            return REPEATED
        self.record_own(
            events.DemandRecorded,
            at_ms,
            demand_id=command.demand_id,
            clicks=command.clicks,
            quantity=command.quantity,
        )
        return None

    def flag_velocity(self, command: commands.FlagVelocity, at_ms: int) -> Outcome:
        """Pause a buyer who is too fast. A pause may be prolonged, never cut short."""
        if command.flag_id in self.change_ids:
            return REPEATED
        if not 0 < command.pause_seconds <= PAUSE_SECONDS_MAX:
            return "bad_pause"
        until_ms = at_ms + command.pause_seconds * 1000
        self.record_own(
            events.BuyerPaused,
            at_ms,
            flag_id=command.flag_id,
            buyer_id=command.buyer_id,
            until_ms=max(until_ms, self.paused_until_ms.get(command.buyer_id, 0)),
            measure=command.measure,
            attempts=command.attempts,
            window_seconds=command.window_seconds,
        )
        return None

    def note_sell_out(self, at_ms: int) -> None:
        """Set the latch when nothing is available."""
        if self.available == 0 and not self.sold_out:
            self.record_own(events.EditionSoldOut, at_ms)

    def note_release(self, at_ms: int) -> None:
        """Lift the latch when there is stock again."""
        if self.sold_out and self.available:
            self.record_own(events.StockReleased, at_ms, available=self.available)

    # Recording.

    def record_own(self, kind: type[E], at_ms: int, **fields: Any) -> E:
        """Record an event of the edition's own."""
        event = kind(originator_id=self.id, originator_version=self.version + 1, at_ms=at_ms, **fields)
        self.record(event)
        return event

    def record_order(self, kind: type[OE], order: Order, at_ms: int, **fields: Any) -> OE:
        """Record an event of one of its orders."""
        event = kind(
            originator_id=order.id,
            originator_version=order.version + 1,
            at_ms=at_ms,
            edition_id=self.id,
            edition_version=self.version + 1,
            **fields,
        )
        self.record(event)
        return event

    def record_payment(self, kind: type[PE], payment: Payment, order: Order, at_ms: int, **fields: Any) -> PE:
        """Record an event of one of its payments."""
        event = kind(
            originator_id=payment.id,
            originator_version=payment.version + 1,
            at_ms=at_ms,
            edition_id=self.id,
            edition_version=self.version + 1,
            order_id=order.id,
            **fields,
        )
        self.record(event)
        return event

    def record(self, event: events.Event) -> None:
        """What was decided happens at once."""
        self.apply(event)
        self.pending.append(event)

    def collect_events(self) -> list[events.Event]:
        """What was decided since the last call."""
        collected, self.pending = self.pending, []
        return collected

    # State.

    def apply(self, event: events.Event) -> None:
        """Change state by any event of the edition, its orders or their payments; never refuses."""
        if isinstance(event, events.OrderEvent):
            self.version = event.edition_version
            self._apply_order(event)
        elif isinstance(event, events.PaymentEvent):
            self.version = event.edition_version
            self.orders[event.order_id].apply_payment(event)
            if self.timed:
                self._note_payment(event)
        else:
            self.version = event.originator_version
            self._apply_own(event)

    def _apply_order(self, event: events.OrderEvent) -> None:
        if isinstance(event, _FIRST_OF_ORDER):
            self.orders[event.originator_id] = order = Order.begin(event)
        else:
            order = self.orders[event.originator_id]
            order.apply(event)
        match event:
            case events.OrderPlaced() | events.OrderReclaimed():
                self._move_available(-order.quantity)
                self.held += order.quantity
                self._take(order, order.quantity)
            case events.OrderConfirmed():
                self.held -= order.quantity
                self.sold += order.quantity
            case events.OrderExpired() | events.OrderCancelled():
                self.held -= order.quantity
                self._move_available(order.quantity)
                self._take(order, -order.quantity)
            case events.OrderRefunded():
                self.sold -= event.quantity
                self._take(order, -event.quantity)
                if event.restock:
                    self._move_available(event.quantity)
                else:
                    self.withdrawn += event.quantity
        if self.timed:
            self._note_order(event, order)

    def _apply_own(self, event: events.Event) -> None:
        match event:
            case events.SalePaused():
                self.paused = True
            case events.SaleResumed():
                self.paused = False
            case events.StockAdded():
                self.change_ids.add(event.change_id)
                self.issued = (self.issued or 0) + event.quantity
                self._move_available(event.quantity)
            case events.StockWithdrawn():
                self.change_ids.add(event.change_id)
                self.withdrawn += event.quantity
                self._move_available(-event.quantity)
            case events.DemandRecorded():
                self.change_ids.add(event.demand_id)
            case events.BuyerPaused():
                self.change_ids.add(event.flag_id)
                self._pause_buyer(event)
            case events.EditionSoldOut():
                self.sold_out = True
            case events.StockReleased():
                self.sold_out = False
            case events.TermsApplied():
                self.awaits_terms, self.account = False, event.account
                self.fee_share_bps, self.fee_fixed_minor = event.fee_share_bps, event.fee_fixed_minor
            case events.EditionCancelled():
                waiting = {order.id: True for order in self.orders.values() if order.state in _HAS_CLAIM}
                self.cancellation = Cancellation(restock=event.restock, since_ms=event.at_ms, waiting=waiting)
                self.timed = True
            case events.CancellationCompleted():
                if self.cancellation is not None:
                    self.cancellation.completed = True
            case events.CampaignReached() | events.CampaignEnded():
                if self.campaign is not None:
                    self.campaign.apply(event)
            case events.RecurringGiftStarted():
                self.recurring[event.gift_id] = RecurringGift.begin(event)
                self.timed = True
            case events.RecurringGiftEnded():
                self.recurring[event.gift_id].ended = event.reason

    def _note_order(self, event: events.OrderEvent, order: Order) -> None:
        """What an order's news mean for what the edition does by the clock."""
        if self.campaign is not None:
            self.campaign.note_order(event, order)
        if isinstance(event, events.OrderPlaced) and event.gift_id:
            self.recurring[event.gift_id].note_placed(event)
        elif order.gift_id:
            self.recurring[order.gift_id].note_order(event)
        if self.cancellation is not None:
            if isinstance(event, events.OrderRefunded):
                self.cancellation.asked.discard(event.refund_id)
            if order.state not in _HAS_CLAIM:
                self.cancellation.waiting.pop(order.id, None)

    def _note_payment(self, event: events.PaymentEvent) -> None:
        order = self.orders[event.order_id]
        if self.campaign is not None:
            self.campaign.note_payment(event)
        if order.gift_id and isinstance(event, events.PaymentDeclined):
            self.recurring[order.gift_id].declines += 1
        if self.cancellation is not None:
            self.cancellation.note_payment(event)

    def _pause_buyer(self, event: events.BuyerPaused) -> None:
        """The oldest pauses that are over are forgotten, so that there are never many more than running ones."""
        pauses = self.paused_until_ms
        while pauses and pauses[oldest := next(iter(pauses))] <= event.at_ms:
            del pauses[oldest]
        pauses.pop(event.buyer_id, None)
        pauses[event.buyer_id] = event.until_ms

    def _move_available(self, quantity: int) -> None:
        if self.available is not None:
            self.available += quantity

    def _take(self, order: Order, quantity: int) -> None:
        taken = self.taken_by_buyer.get(order.buyer_id, 0) + quantity
        if taken:
            self.taken_by_buyer[order.buyer_id] = taken
        else:
            self.taken_by_buyer.pop(order.buyer_id, None)
