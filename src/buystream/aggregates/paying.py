"""How an edition decides about its orders' money: authorise → claim → capture, so that nobody is charged for nothing.
Facts of the provider are idempotent by what they say; they come in any order, any number of times."""

from typing import Any, TypeVar

from buystream import commands, events
from buystream.aggregates.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.order import SOLD, Order
from buystream.aggregates.payment import Payment
from buystream.aggregates.rules import Rules
from buystream.ids import payment_id_of

P = TypeVar("P", bound=events.PaymentEvent)

UNKNOWN_PAYMENT = "unknown_payment"


def request_payment(edition: Edition, command: commands.RequestPayment, at_ms: int, rules: Rules) -> Outcome:
    """The buyer pays for a held order; the hold's clock stands still while the provider works."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    if order.state == "authorised" or order.state in SOLD or 0 < command.attempt <= len(order.payments):
        return REPEATED
    if order.state != "held":
        return f"order_{order.state}"
    last = order.last_payment
    if last is not None and last.state == "requested":
        return REPEATED
    if len(order.payments) >= rules.payment_attempts_max:
        return "too_many_attempts"
    edition.record(
        events.PaymentRequested(
            originator_id=payment_id_of(order.id, len(order.payments) + 1),
            originator_version=1,
            at_ms=at_ms,
            edition_id=edition.id,
            edition_version=edition.version + 1,
            order_id=order.id,
            buyer_id=order.buyer_id,
            amount_minor=order.total_minor,
            currency=order.currency,
            payment_method=command.payment_method,
            delivery=command.delivery,
            save=command.save,
        )
    )
    return None


def record_authentication_required(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordAuthenticationRequired,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The bank wants to see the buyer: the clock runs again, because now the buyer is the one to act."""
    if payment.state != "requested":
        return REPEATED
    _record(
        events.AuthenticationRequired,
        edition,
        payment,
        order,
        at_ms,
        url=command.url,
        hold_expires_at_ms=_clock(edition, order, payment, at_ms, rules),
    )
    return None


def record_decline(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordDecline,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """No money from this card. The buyer may try another, a few times."""
    if not payment.open:
        return REPEATED
    _record(
        events.PaymentDeclined,
        edition,
        payment,
        order,
        at_ms,
        reason=command.reason,
        hold_expires_at_ms=_clock(edition, order, payment, at_ms, rules),
    )
    spent = len(order.payments) >= rules.payment_attempts_max
    if spent and order.state == "held" and not any(other.open for other in order.payments):
        edition.cancel(order, "payment_declined", at_ms)
    return None


def record_authorisation(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordAuthorisation,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The money is reserved: claim the stock for it, or give the money back."""
    if not payment.open and payment.state != "declined":
        return REPEATED
    _authorise(edition, payment, order, at_ms, command)
    return None


def _authorise(
    edition: Edition, payment: Payment, order: Order, at_ms: int, fact: commands.RecordAuthorisation
) -> None:
    _record(
        events.PaymentAuthorised,
        edition,
        payment,
        order,
        at_ms,
        buyer_id=payment.buyer_id,
        reference=fact.reference,
        card_label=fact.card_label,
        reusable_method=fact.reusable_method,
        delivery=payment.delivery,
    )
    if order.state == "expired" and _can_reclaim(edition, order):
        edition.record_order(events.OrderReclaimed, order, at_ms, quantity=order.quantity)
        edition.note_sell_out(at_ms)
    if order.state != "held":
        _record(
            events.VoidRequested,
            edition,
            payment,
            order,
            at_ms,
            reference=payment.reference,
            reason=f"order_{order.state}",
        )
        return
    edition.record_order(
        events.OrderAuthorised,
        order,
        at_ms,
        payment_id=payment.id,
        reference=payment.reference,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )


def _can_reclaim(edition: Edition, order: Order) -> bool:
    """Late money gets its stock if there still is some, within the buyer's limit."""
    return edition.in_stock(order.quantity) and edition.within_limit(order.buyer_id, order.quantity)


def record_capture(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordCapture,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The money moved: sold."""
    if payment.state in ("captured", "refund_requested", "refunded"):
        return REPEATED
    if payment.state != "authorised" or order.state != "authorised":
        return f"payment_{payment.state}"
    if command.amount_minor != payment.amount_minor:
        return "wrong_amount"
    _record(
        events.PaymentCaptured,
        edition,
        payment,
        order,
        at_ms,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )
    edition.record_order(
        events.OrderConfirmed,
        order,
        at_ms,
        payment_id=payment.id,
        buyer_id=order.buyer_id,
        quantity=order.quantity,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )
    return None


def record_capture_failure(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordCaptureFailure,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The reserved money can't be had any more: nothing is sold, nobody is charged."""
    if payment.state != "authorised":
        return REPEATED
    _record(events.PaymentFailed, edition, payment, order, at_ms, reason=command.reason)
    if order.state == "authorised":
        edition.cancel(order, "payment_failed", at_ms)
    return None


def record_void(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordVoid,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The reservation is gone, by our wish or by the provider's (it lets reservations lapse). One that the provider
    gives up before it was made is a decline: the buyer may try another card."""
    if payment.open:
        declined = commands.RecordDecline(payment_id=payment.id, reason="voided_by_provider")
        return record_decline(edition, payment, order, declined, at_ms, rules)
    if payment.state not in ("voiding", "authorised"):
        return REPEATED
    lapsed = payment.state == "authorised"
    _record(events.PaymentVoided, edition, payment, order, at_ms)
    if lapsed and order.state == "authorised":
        edition.cancel(order, "payment_failed", at_ms)
    return None


def refund_order(edition: Edition, command: commands.RefundOrder, at_ms: int, rules: Rules) -> Outcome:
    """The merchant gives all the money back."""
    order = edition.orders.get(command.order_id)
    if order is None or edition.merchant_id != command.merchant_id:
        return UNKNOWN_ORDER
    if order.state == "refunded":
        return REPEATED
    if order.state not in SOLD:
        return f"order_{order.state}"
    paid = next((payment for payment in order.payments if payment.state in ("captured", "refund_requested")), None)
    if paid is None:
        return "not_paid"
    if paid.state == "refund_requested":
        return REPEATED
    _record(
        events.RefundRequested,
        edition,
        paid,
        order,
        at_ms,
        reference=paid.reference,
        amount_minor=paid.amount_minor,
        currency=paid.currency,
        restock=command.restock,
    )
    return None


def record_refund(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordRefund,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The money went back; the stock goes on sale again or is withdrawn, as the merchant chose."""
    if payment.state not in ("captured", "refund_requested"):
        return REPEATED
    if command.amount_minor != payment.amount_minor:
        return "wrong_amount"
    restock = payment.restock
    _record(
        events.PaymentRefunded,
        edition,
        payment,
        order,
        at_ms,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )
    edition.record_order(
        events.OrderRefunded,
        order,
        at_ms,
        quantity=order.quantity,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        restock=restock,
    )
    edition.note_release(at_ms)
    return None


def _record(kind: type[P], edition: Edition, payment: Payment, order: Order, at_ms: int, **fields: Any) -> P:
    event = kind(
        originator_id=payment.id,
        originator_version=payment.version + 1,
        at_ms=at_ms,
        edition_id=edition.id,
        edition_version=edition.version + 1,
        order_id=order.id,
        **fields,
    )
    edition.record(event)
    return event


def _clock(edition: Edition, order: Order, payment: Payment, at_ms: int, rules: Rules) -> int | None:
    """When the hold runs out, once this payment waits for the buyer again; None while it doesn't run."""
    busy = any(other.state == "requested" for other in order.payments if other is not payment)
    if order.state != "held" or busy:
        return None
    hold_ms = edition.hold_seconds * 1000
    ceiling_ms = order.placed_at_ms + max(hold_ms, rules.hold_ceiling_seconds * 1000)
    rest_ms = min(hold_ms, rules.hold_rest_seconds * 1000)
    return max(min(at_ms + hold_ms, ceiling_ms), at_ms + rest_ms)
