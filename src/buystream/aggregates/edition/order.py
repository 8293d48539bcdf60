"""An order: one buyer's claim on units of one edition, a line for each variant."""

from typing import Final, Literal, Self

import msgspec

from buystream.aggregates.applying import appliers_of, applies
from buystream.aggregates.edition.discounts import discounts_of, moved_discounts
from buystream.aggregates.edition.fulfilment import Fulfilment, Parcel
from buystream.aggregates.edition.order_units import Lines
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.edition.ticket import Ticket, ended
from buystream.aggregates.edition.units import by_variant, exchanged, plus
from buystream.vocabulary import commands, events
from buystream.vocabulary.codes import CodeUse
from buystream.vocabulary.fulfilment import FULFILLING
from buystream.vocabulary.ids import recurring_order_id, rest_parcel_id
from buystream.vocabulary.order_states import SENT, OrderState, Served
from buystream.vocabulary.values import OrderLine, Units


class Order(msgspec.Struct, Lines, kw_only=True, gc=False, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol; its edition decides for it."""

    id: str
    version: int
    buyer_id: str
    lines: tuple[OrderLine, ...]
    currency: str
    placed_at_ms: int
    state: OrderState = "held"
    reason: str = ""
    hold_expires_at_ms: int | None = None
    payments: tuple[Payment, ...] = ()
    current: str = ""
    """The payment that the order stands by: what pledged, claimed or paid it; until then, the newest that was requested
    or authorised."""
    pledged_by: str = ""
    """The payment whose authorisation or saved method waits for the target."""
    claimed_by: str = ""
    """The payment that has the stock, and whose money moves."""
    paid_by: str = ""
    """The payment whose money moved."""
    served: Served = ""
    """How far the merchant is with what was sold; `state` says so too, unless the order is refunded or disputed."""
    given_back: bool = False
    all_owed: bool = False
    """It was refunded because its edition was cancelled."""
    returned: int = 0
    """Units that came back with a refund."""
    returned_units: Units = ()
    """The same by variant, of an order with several lines."""
    gift_id: str = ""
    """The recurring gift that it belongs to."""
    fulfilment: Fulfilment[Parcel] | None = None
    """Its parcels, unless it was shipped whole, or not at all."""
    tickets: dict[int, Ticket] = {}
    """Those of its tickets that something happened to, by their number."""
    returned_first: tuple[int, ...] = ()
    """Tickets that end first when units are refunded."""
    ordered: tuple[OrderLine, ...] = ()
    """What was ordered, if units were exchanged since; `lines` are what the buyer has instead."""
    exchanges: dict[str, events.UnitsExchanged] | None = None
    """By the name that the caller gave each."""
    code_key: str = ""
    code: CodeUse | None = None
    """What its code gave it."""
    discounts: dict[str, int] = {}
    """What its code took off each line, by variant."""

    @classmethod
    def begin(cls, event: events.OrderPlaced | events.OrderRefused) -> Self:
        """From its first event."""
        order = cls(
            id=event.originator_id,
            version=event.originator_version,
            buyer_id=event.buyer_id,
            lines=event.lines,
            currency=event.currency,
            placed_at_ms=event.at_ms,
        )
        if isinstance(event, events.OrderRefused):
            order.state, order.reason, order.code_key = "refused", event.reason, event.code_key
        else:
            order.hold_expires_at_ms, order.gift_id = event.hold_expires_at_ms, event.gift_id
            if (code := event.code) is not None:
                order.code, order.code_key = code, code.key
                order.discounts = discounts_of(event.lines, code)
        return order

    @property
    def is_limited(self) -> bool:
        """Whether it counts against its buyer's limit. Of a recurring gift only the first order does: however long it
        is given, it is one gift."""
        return not self.gift_id or self.id == recurring_order_id(self.gift_id, 1)

    def parcel(self, shipment_id: str) -> Parcel | None:
        """The parcel of that id. Of an order that was shipped whole, it is the only one."""
        if self.fulfilment is not None:
            return self.fulfilment.parcels.get(shipment_id)
        is_it = self.served in SENT and shipment_id == rest_parcel_id(self.id)
        return Parcel(begun="shipped", stage=self.served) if is_it else None

    @property
    def is_partly_sent(self) -> bool:
        """Whether some of it has left the merchant."""
        if self.fulfilment is None:
            return self.served in SENT
        return any(self.fulfilment.units(self.kept_units, FULFILLING).values())

    @property
    def returning_units(self) -> dict[str, int]:
        """The units of each line that refunds under way take back."""
        paid, lines = self.paid_payment, self.lines
        if paid is None:
            return dict.fromkeys((line.variant_id for line in lines), 0)
        if len(lines) == 1:
            return {lines[0].variant_id: paid.refunding_units}
        returning = by_variant(paid.refunding_by_variant)
        return {line.variant_id: returning.get(line.variant_id, 0) for line in lines}

    @property
    def left_to_pack(self) -> dict[str, int]:
        """The units of each line that the buyer keeps, that are in no parcel, and that no refund under way takes
        back."""
        if self.fulfilment is not None:
            left = self.fulfilment.left(self.kept_units)
        else:
            left = dict.fromkeys(self.kept_units, 0) if self.served in SENT else self.kept_units
        returning = self.returning_units
        return {variant_id: max(units - returning[variant_id], 0) for variant_id, units in left.items()}

    @property
    def stage(self) -> OrderState:
        """What it is for the merchant who serves it: a dispute that leaves part of the money changes nothing."""
        paid = self.paid_payment
        if self.state != "disputed" or paid is None or paid.is_held:
            return self.state
        return self.served or self.state

    @property
    def paid_payment(self) -> Payment | None:
        """The attempt whose money was taken."""
        return self.payment(self.paid_by) if self.paid_by else None

    @property
    def current_payment(self) -> Payment | None:
        """The attempt that the order stands by."""
        return self.payment(self.current)

    def payment(self, payment_id: str) -> Payment | None:
        """The attempt with that id."""
        for payment in self.payments:
            if payment.id == payment_id:
                return payment
        return None

    def asks_the_same(self, command: commands.PlaceOrder) -> bool:
        """Whether the command is a repeat of the one that this order came from."""
        lines = self.ordered or self.lines
        return (self.buyer_id, lines, self.code_key) == (command.buyer_id, command.lines, command.code)

    @property
    def ended_tickets(self) -> list[int]:
        """The tickets of units that came back, or are on their way, in the order in which they ended."""
        free = by_variant(self.free_units)
        gone = [line.quantity - free.get(line.variant_id, 0) for line in self.lines]
        return ended([line.quantity for line in self.lines], gone, self.returned_first)

    def has_ticket(self, number: int) -> bool:
        """Whether it has so many units."""
        return 1 <= number <= self.quantity

    def ticket(self, number: int) -> Ticket:
        """As it is now; one of a number that it has."""
        return self.tickets.get(number) or Ticket()

    def apply(self, event: events.OrderEvent) -> None:
        """Change state by an event of the order's own; never refuses."""
        self.version = event.originator_version
        if (change := _CHANGES.get(type(event))) is not None:
            change(self, event)
        if served := self.served:
            self._restate(served)

    def apply_payment(self, event: events.PaymentEvent) -> None:
        """Change state by an event of one of its payments: the hold's clock stands still while the provider works."""
        payment = self.payment(event.originator_id)
        if payment is not None:
            payment.apply(event)
        if (change := _CHANGES.get(type(event))) is not None:
            change(self, event)
        if served := self.served:
            self._restate(served)

    # By events of its own.

    @applies(events.HoldExtended)
    def _extend(self, event: events.HoldExtended) -> None:
        self.hold_expires_at_ms = event.hold_expires_at_ms

    @applies(events.OrderReclaimed)
    def _reclaim(self, _: events.OrderReclaimed) -> None:
        self.state = "held"

    @applies(events.OrderPledged)
    def _pledge(self, event: events.OrderPledged) -> None:
        self.state, self.hold_expires_at_ms = "pledged", None
        self.pledged_by = self.current = event.payment_id

    @applies(events.OrderAuthorised)
    def _claim(self, event: events.OrderAuthorised) -> None:
        self.state, self.hold_expires_at_ms = "authorised", None
        self.pledged_by, self.claimed_by, self.current = "", event.payment_id, event.payment_id

    @applies(events.OrderConfirmed)
    def _confirm(self, event: events.OrderConfirmed) -> None:
        self.served, self.paid_by, self.current = "confirmed", event.payment_id, event.payment_id

    @applies(events.OrderExpired)
    def _expire(self, _: events.OrderExpired) -> None:
        self.state, self.hold_expires_at_ms = "expired", None

    @applies(events.OrderCancelled)
    def _cancel(self, event: events.OrderCancelled) -> None:
        self.state, self.reason, self.hold_expires_at_ms = "cancelled", event.reason, None

    @applies(events.OrderShipped)
    def _ship(self, event: events.OrderShipped) -> None:
        self.served = "shipped"
        if self.fulfilment is not None:
            self.fulfilment.ship_whole(rest_parcel_id(self.id), Parcel.of_the_rest(event), event, self.kept_units)

    @applies(events.OrderDelivered)
    def _deliver(self, event: events.OrderDelivered) -> None:
        self.served = "delivered"
        if self.fulfilment is not None:
            self.fulfilment.arrive(rest_parcel_id(self.id), Parcel.of_the_rest(event), event, self.kept_units)

    @applies(events.ShipmentCreated)
    def _pack(self, event: events.ShipmentCreated) -> None:
        self.fulfilment = self.fulfilment or Fulfilment()
        self.fulfilment.parcels[event.shipment_id] = Parcel.begin(event)

    @applies(events.FulfilmentRecorded)
    def _proceed(self, event: events.FulfilmentRecorded) -> None:
        self._parcels().proceed(event, self.kept_units)

    @applies(events.UnitsReturned, events.ReturnRequested, events.ReturnRequestAnswered)
    def _take_back(self, event: events.UnitsReturned | events.ReturnRequested | events.ReturnRequestAnswered) -> None:
        self._parcels().take(event)

    @applies(events.ReturnInspected)
    def _inspect(self, event: events.ReturnInspected) -> None:
        self._parcels().note_inspection(event)
        if (paid := self.paid_payment) is not None and (refund := paid.refund_for(event.return_id)) is not None:
            refund.restock = event.restock

    @applies(events.UnitsExchanged)
    def _exchange(self, event: events.UnitsExchanged) -> None:
        self._parcels().exchange(event, self.kept_units)
        if len(self.lines) == 1:
            self._name_units()
        self.discounts = moved_discounts(self.discounts, self.lines, event)
        self.ordered = self.ordered or self.lines
        self.lines = exchanged(self.lines, event)
        self.exchanges = self.exchanges or {}
        self.exchanges[event.exchange_id] = event

    def _parcels(self) -> Fulfilment[Parcel]:
        """Its parcels; of an order that was shipped whole, the only one."""
        if self.fulfilment is None:
            name = rest_parcel_id(self.id)
            whole = self.parcel(name)
            self.fulfilment = Fulfilment(parcels={} if whole is None else {name: whole})
        return self.fulfilment

    def _name_units(self) -> None:
        """What an order with one line needn't say: which units its refunds took, and take."""
        self.returned_units = self.units_of(self.returned)
        if (paid := self.paid_payment) is not None:
            for refund in paid.refunds.values():
                refund.units = self.units_of(refund.quantity, refund.units)
            paid.refunding_by_variant = self.units_of(paid.refunding_units)

    @applies(events.OrderRefunded)
    def _give_back(self, event: events.OrderRefunded) -> None:
        self.returned += event.quantity
        self.returned_units = plus(self.returned_units, event.units, self.lines)
        self.given_back = self.given_back or event.whole
        self.reason = event.reason or self.reason
        paid = self.paid_payment
        refund = paid.refunds.get(event.refund_id) if paid is not None else None
        if refund is not None:
            refund.quantity, refund.units, refund.restock = event.quantity, event.units, event.restock
        if event.whole and paid is not None and not paid.captured_minor:
            paid.state = "refunded"  # of nothing, there is no money to tell it by

    @applies(events.TicketPassedOn, events.TicketTakenBack, events.TicketClaimed, events.AttendeeNamed)
    def _change_ticket(
        self, event: events.TicketPassedOn | events.TicketTakenBack | events.TicketClaimed | events.AttendeeNamed
    ) -> None:
        self.tickets.setdefault(event.number, Ticket()).change(event)

    @applies(events.ReturnedTicketsChosen)
    def _choose(self, event: events.ReturnedTicketsChosen) -> None:
        self.returned_first = event.numbers

    @applies(events.CodeApplied)
    def _use(self, event: events.CodeApplied) -> None:
        self.code, self.discounts = event.code, discounts_of(self.lines, event.code)

    # By events of its payments, which have changed already.

    @applies(events.PaymentRequested)
    def _request(self, event: events.PaymentRequested) -> None:
        self.payments = (*self.payments, Payment.begin(event))
        self.hold_expires_at_ms = None
        self.current, self.pledged_by = event.payment_id, ""
        if self.state == "pledged":
            self.state = "held"

    @applies(events.AuthenticationRequired, events.PaymentDeclined)
    def _run_clock(self, event: events.AuthenticationRequired | events.PaymentDeclined) -> None:
        self.hold_expires_at_ms = event.hold_expires_at_ms

    @applies(events.PaymentAuthorised, events.MethodSaved)
    def _stand_by(self, event: events.PaymentAuthorised | events.MethodSaved) -> None:
        if not (self.pledged_by or self.claimed_by):
            self.current = event.payment_id

    @applies(events.RefundFailed)
    def _keep(self, event: events.RefundFailed) -> None:
        if self.fulfilment is not None:
            self.fulfilment.note_failure(event.refund_id)
        if event.was_refunded:
            self.returned -= event.quantity
            self.returned_units = plus(self.returned_units, event.units, self.lines, times=-1)
            self.given_back = False

    def _restate(self, served: Literal["confirmed", "shipped", "delivered"]) -> None:
        """What was sold is refunded, disputed, or as far as the merchant is with it. Without its payments, as the
        `eventsourcing` library folds an order from its own events, nobody disputes it."""
        paid = self.paid_payment
        if self.given_back:
            self.state = "refunded"
        elif paid is not None and (paid.disputed or paid.is_lost):
            self.state = "disputed"
        else:
            self.state = served


_CHANGES: Final = appliers_of(Order)
