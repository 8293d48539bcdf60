"""A row of `orders`, and what each event does to it: folded in memory, written once per batch by `order_views`."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from buystream.projections import order_lines
from buystream.projections.order_lines import AskedRefund, KeptLine
from buystream.projections.parcels import OfParcels, parcels_column, parcels_in
from buystream.vocabulary import events
from buystream.vocabulary.events import Event
from buystream.vocabulary.order_states import OrderState, Served
from buystream.vocabulary.placements import Placement


class Row(msgspec.Struct, gc=False):
    """A row of `orders`, its fields in the order of the columns."""

    order_id: str
    edition_id: str
    merchant_id: str
    buyer_id: str
    variant_id: str
    """Of an order with one line; `price_minor` too."""
    quantity: int
    price_minor: int | None
    currency: str
    placed_at_ms: int
    version: int
    state: OrderState
    reason: str | None = None
    hold_expires_at_ms: int | None = None
    gift_id: str | None = None
    lines: str = ""
    """Of an order with several: see `buystream.projections.order_lines`."""
    source: str = ""
    """Where the click came from, as are the next three: see `buystream.vocabulary.placements`."""
    campaign: str = ""
    post: str = ""
    app: str = ""
    code: str = ""
    """What its code gave it, as JSON; nothing where it used none."""
    payment_id: str | None = None
    payment_state: str | None = None
    payment_reason: str | None = None
    authentication_url: str | None = None
    carrier: str | None = None
    tracking: str | None = None
    delivery: str = ""
    refunded_minor: int = 0
    restocked: bool = False
    paid_minor: int = 0
    returned: int = 0
    dispute: str | None = None
    served: Served = ""
    given_back: bool = False
    disputed_minor: int = 0
    lost_minor: int = 0
    reference: str | None = None
    payment_off_session: bool = False
    payment_chosen: bool = False
    disputes_open: int = 0
    attempts: int = 0
    """Payments that the buyer tried: as `buystream.aggregates.edition.paying` counts them."""
    unanswered: str = ""
    """Ids of payments that the provider has said nothing about, with spaces between them."""
    return_asked: bool = False
    """The buyer asked to return something."""
    refunding: str = ""
    """Refunds on their way: a JSON object of what they take (see `refunds_asked`) by refund id, or nothing."""
    parcels: str = ""
    """As JSON: see `buystream.projections.parcels`."""
    charges: str = ""
    """What delivery costs by each payment, as a JSON object by payment id; nothing where it has no price."""
    deliveries: str = ""
    """Where each payment would have the order sent, as a JSON object by payment id, while several try to pay it."""

    @property
    def placement(self) -> Placement | None:
        """Where the click came from, if that is known."""
        if not (self.source or self.campaign or self.post or self.app):
            return None
        return Placement(source=self.source, campaign=self.campaign, post=self.post, app=self.app)

    @property
    def kept_units(self) -> dict[str, int]:
        """As `buystream.aggregates.edition.order.Order.kept_units`."""
        return {line.variant_id: line.quantity - line.returned for line in self.kept_lines()}

    @property
    def refunds_asked(self) -> dict[str, AskedRefund]:
        """The refunds on their way, by id."""
        return order_lines.decode_refunds(self.refunding) if self.refunding else {}

    def kept_lines(self) -> list[KeptLine]:
        """All lines, from the row's own columns where there is one."""
        if self.lines:
            return order_lines.decode(self.lines)
        discount_minor = order_lines.discount_in(self.code)
        return [KeptLine(self.variant_id, self.quantity, self.price_minor or 0, self.returned, 0, discount_minor)]

    def restate(self) -> None:
        """What was sold is refunded, disputed, or as far as the merchant is with it: as the order decides it."""
        if not self.served:
            return
        if self.given_back:
            self.state = "refunded"
        elif self.disputes_open or 0 < self.paid_minor - self.refunded_minor <= self.lost_minor:
            self.state = "disputed"
        else:
            self.state = self.served

    @property
    def stage(self) -> OrderState:
        """As `buystream.aggregates.edition.order.Order.stage`."""
        is_held = 0 < self.paid_minor - self.refunded_minor <= self.disputed_minor
        return self.state if self.state != "disputed" or is_held else self.served or self.state

    def note_refunds(self, asked: dict[str, AskedRefund]) -> None:
        """These are on their way now."""
        self.refunding = order_lines.encode(asked) if asked else ""


def change(row: Row, event: Event) -> None:
    """Let it happen to the order. Only events of `CHANGES` do anything to it."""
    if isinstance(event, events.PaymentEvent):
        _count(row, event)
    CHANGES[type(event)](row, event)
    row.restate()
    row.version = event.edition_version  # type: ignore[attr-defined]


def _count(row: Row, event: events.PaymentEvent) -> None:
    """Which payments the provider owes a first word about, and how many the buyer tried."""
    unanswered = [payment_id for payment_id in row.unanswered.split() if payment_id != event.payment_id]
    if isinstance(event, events.PaymentRequested):
        unanswered.append(event.payment_id)
        row.attempts += not event.off_session
    elif isinstance(event, events.MethodSaved):
        row.attempts -= bool(event.reusable_method)
    row.unanswered = " ".join(unanswered)


def changed_order(event: Event) -> str | None:
    """The order that the event changes, if any."""
    if type(event) not in CHANGES:
        return None
    return event.order_id if isinstance(event, events.PaymentEvent) else event.originator_id


CHANGES: Final[dict[type[Event], Callable[[Row, Any], None]]] = {}
"""Every event that changes an order's row, and how."""

C = TypeVar("C", bound=Callable[..., None])


def _changed_by(*kinds: type[Event]) -> Callable[[C], C]:
    def marked(change: C) -> C:
        CHANGES.update(dict.fromkeys(kinds, change))
        return change

    return marked


@_changed_by(events.HoldExtended)
def _hold_extended(row: Row, event: events.HoldExtended) -> None:
    row.hold_expires_at_ms = event.hold_expires_at_ms


@_changed_by(events.OrderReclaimed)
def _reclaimed(row: Row, event: events.OrderReclaimed) -> None:
    row.state = "held"


@_changed_by(events.OrderAuthorised)
def _authorised(row: Row, event: events.OrderAuthorised) -> None:
    row.state, row.hold_expires_at_ms, row.payment_chosen, row.deliveries = "authorised", None, True, ""


@_changed_by(events.OrderConfirmed)
def _confirmed(row: Row, event: events.OrderConfirmed) -> None:
    row.served = "confirmed"


@_changed_by(events.OrderExpired)
def _expired(row: Row, event: events.OrderExpired) -> None:
    row.state, row.hold_expires_at_ms = "expired", None


@_changed_by(events.OrderCancelled)
def _cancelled(row: Row, event: events.OrderCancelled) -> None:
    row.state, row.reason, row.hold_expires_at_ms = "cancelled", event.reason, None


@_changed_by(events.OrderShipped)
def _shipped(row: Row, event: events.OrderShipped) -> None:
    row.served, row.carrier, row.tracking = "shipped", event.carrier, event.tracking
    _change_parcels(row, event)


@_changed_by(events.OrderDelivered)
def _delivered(row: Row, event: events.OrderDelivered) -> None:
    row.served = "delivered"
    _change_parcels(row, event)


@_changed_by(
    *(events.ShipmentCreated, events.FulfilmentRecorded, events.UnitsReturned, events.ReturnInspected),
    *(events.ReturnRequested, events.ReturnRequestAnswered),
)
def _change_parcels(row: Row, event: OfParcels) -> None:
    parcels = parcels_in(row.parcels)
    parcels.change(event, row.kept_units, row.served)
    row.parcels = parcels_column(parcels)


@_changed_by(events.UnitsExchanged)
def _exchanged(row: Row, event: events.UnitsExchanged) -> None:
    _change_parcels(row, event)
    lines, asked = row.kept_lines(), row.refunds_asked
    if not row.lines:  # what an order with one line needn't say
        for one in asked.values():
            one.units = {row.variant_id: one.quantity} if one.quantity else {}
        row.note_refunds(asked)
    row.lines = order_lines.encode(order_lines.exchanged(lines, event))
    row.variant_id, row.price_minor = "", None


@_changed_by(events.OrderPledged)
def _pledged(row: Row, event: events.OrderPledged) -> None:
    row.state, row.hold_expires_at_ms, row.payment_chosen, row.deliveries = "pledged", None, True, ""


@_changed_by(events.OrderRefunded)
def _refunded(row: Row, event: events.OrderRefunded) -> None:
    row.refunded_minor, row.restocked = row.refunded_minor + event.amount_minor, event.restock
    row.returned += event.quantity
    if event.units:
        row.lines = order_lines.after(row.lines, event.units, 1)
    row.given_back = row.given_back or event.whole
    row.reason = event.reason or row.reason
    if event.whole and not row.paid_minor:
        row.payment_state = "refunded"  # of nothing, there is no money to tell it by


@_changed_by(events.RefundRequested)
def _refund_requested(row: Row, event: events.RefundRequested) -> None:
    row.return_asked = row.return_asked or event.asked_by == "buyer"
    units = {one.variant_id: one.quantity for one in event.units}
    row.note_refunds(
        {**row.refunds_asked, event.refund_id: AskedRefund(event.amount_minor, event.quantity or 0, units)}
    )
    _payment_moves(row, event, "refund_requested")


@_changed_by(events.PaymentRefunded)
def _payment_refunded(row: Row, event: events.PaymentRefunded) -> None:
    _refund_answered(row, event, refunded_minor=row.refunded_minor + event.amount_minor)


@_changed_by(events.RefundFailed)
def _refund_failed(row: Row, event: events.RefundFailed) -> None:
    parcels = parcels_in(row.parcels)
    parcels.note_failure(event.refund_id)
    row.parcels = parcels_column(parcels)
    if event.was_refunded:
        row.refunded_minor -= event.amount_minor
        row.returned -= event.quantity
        if event.units:
            row.lines = order_lines.after(row.lines, event.units, -1)
        row.given_back = False
    _refund_answered(row, event, refunded_minor=row.refunded_minor)


def _refund_answered(row: Row, event: events.PaymentRefunded | events.RefundFailed, *, refunded_minor: int) -> None:
    asked = row.refunds_asked
    asked.pop(event.refund_id, None)
    row.note_refunds(asked)
    answered = "refunded" if 0 < row.paid_minor <= refunded_minor else "captured"
    _payment_moves(row, event, "refund_requested" if asked else answered)


@_changed_by(events.PaymentCaptured)
def _captured(row: Row, event: events.PaymentCaptured) -> None:
    row.paid_minor = event.amount_minor
    _payment_moves(row, event, "captured")


@_changed_by(events.PaymentDisputed)
def _disputed(row: Row, event: events.PaymentDisputed) -> None:
    row.dispute, row.disputes_open = "open", row.disputes_open + (not event.held_minor)
    row.disputed_minor += event.taken_minor


@_changed_by(events.DisputeClosed)
def _dispute_closed(row: Row, event: events.DisputeClosed) -> None:
    row.disputes_open -= not event.before
    row.dispute = "open" if row.disputes_open else event.outcome
    row.disputed_minor -= event.returned_minor
    row.lost_minor += event.lost_minor


@_changed_by(events.PaymentRequested)
def _payment_requested(row: Row, event: events.PaymentRequested) -> None:
    row.hold_expires_at_ms = None
    _note_delivery(row, event)
    if event.shipping is not None:
        row.charges = order_lines.encode({**order_lines.charges_in(row.charges), event.payment_id: event.shipping})
    if row.state == "pledged":
        row.state = "held"
    row.payment_id, row.payment_state, row.payment_chosen = event.originator_id, "requested", False
    row.payment_off_session = event.off_session
    row.payment_reason = row.authentication_url = None


def _note_delivery(row: Row, event: events.PaymentRequested) -> None:
    if not event.delivery:
        return  # a pledge's charge comes without
    if row.payment_id is not None and row.delivery not in ("", event.delivery):
        known = order_lines.deliveries_in(row.deliveries) or {row.payment_id: row.delivery}
        row.deliveries = order_lines.encode({**known, event.payment_id: event.delivery})
    row.delivery = event.delivery


@_changed_by(events.AddressChanged)
def _address_changed(row: Row, event: events.AddressChanged) -> None:
    row.delivery = event.delivery


@_changed_by(events.AuthenticationRequired)
def _authentication_required(row: Row, event: events.AuthenticationRequired) -> None:
    row.hold_expires_at_ms = event.hold_expires_at_ms
    if _payment_moves(row, event, "authentication_required"):
        row.authentication_url = event.url


@_changed_by(events.PaymentAuthorised)
def _payment_authorised(row: Row, event: events.PaymentAuthorised) -> None:
    _choose(row, event, off_session=event.off_session)
    if _payment_moves(row, event, "authorised"):
        row.reference = event.reference


@_changed_by(events.MethodSaved)
def _method_saved(row: Row, event: events.MethodSaved) -> None:
    _choose(row, event, off_session=False)
    _payment_moves(row, event, "method_saved")


def _choose(row: Row, event: events.PaymentAuthorised | events.MethodSaved, *, off_session: bool) -> None:
    """The payment that was authorised last is shown, until one has pledged or claimed the order. The order goes where
    its buyer said with that payment, by which delivery was priced."""
    if row.payment_chosen:
        return
    if row.deliveries:
        row.delivery = order_lines.deliveries_in(row.deliveries).get(event.payment_id, row.delivery)
    if row.payment_id != event.originator_id:
        row.payment_id, row.payment_off_session = event.originator_id, off_session


@_changed_by(events.PaymentDeclined)
def _declined(row: Row, event: events.PaymentDeclined) -> None:
    row.hold_expires_at_ms = event.hold_expires_at_ms
    if _payment_moves(row, event, "declined"):
        row.payment_reason = event.reason


@_changed_by(events.PaymentFailed)
def _failed(row: Row, event: events.PaymentFailed) -> None:
    if _payment_moves(row, event, "failed"):
        row.payment_reason = event.reason


@_changed_by(events.VoidRequested)
def _voiding(row: Row, event: events.VoidRequested) -> None:
    if _payment_moves(row, event, "voiding"):
        row.payment_reason = event.reason


def _payment_moves(row: Row, event: events.PaymentEvent, state: str) -> bool:
    """News of another attempt than the one that is shown are not for the view."""
    if row.payment_id != event.originator_id:
        return False
    row.payment_state, row.payment_reason, row.authentication_url = state, None, None
    return True


@_changed_by(events.PaymentVoided)
def _voided(row: Row, event: events.PaymentVoided) -> None:
    _payment_moves(row, event, "voided")


@_changed_by(events.CodeApplied)
def _code_applied(row: Row, event: events.CodeApplied) -> None:
    row.code = order_lines.encode(event.code)
    if row.lines:
        row.lines = order_lines.with_code(row.lines, event.code)
