"""How an edition decides about money that goes back: refunds, whole or in part, by the merchant, by the buyer within
the edition's rule, or made at the provider; and disputes, which a bank decides."""

from typing import Final

from buystream import commands, events
from buystream.aggregates.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.order import SOLD, Order
from buystream.aggregates.payment import Payment, Refund
from buystream.aggregates.rules import Rules

OUTCOMES: Final = frozenset({"won", "lost"})


def refund_order(edition: Edition, command: commands.RefundOrder, at_ms: int, rules: Rules) -> Outcome:
    """The merchant gives money back."""
    order = edition.orders.get(command.order_id)
    if order is None or edition.merchant_id != command.merchant_id:
        return UNKNOWN_ORDER
    paid = order.paid_payment
    known = paid.refunds.get(command.refund_id) if paid is not None else None
    refund_id = command.refund_id
    if paid is not None and known is not None and known.state == "failed" and not refund_id:
        refund_id, known = f"{paid.id}:r{len(paid.refunds) + 1}", None  # the provider would repeat the failure
    if known is not None:
        return REPEATED if command.amount_minor in (None, known.amount_minor) else "refund_id_conflict"
    if order.state == "refunded":
        return REPEATED if not command.refund_id else "order_refunded"
    if order.state not in SOLD:
        return f"order_{order.state}"
    if paid is None:
        return "not_paid"
    amount_minor = paid.refundable_minor if command.amount_minor is None else command.amount_minor
    if not 0 <= amount_minor <= paid.refundable_minor or (amount_minor == 0 and paid.captured_minor):
        return "bad_amount"
    if command.quantity is not None and not 0 <= command.quantity <= _free(order, paid):
        return "bad_quantity"
    ask(
        edition,
        paid,
        order,
        at_ms,
        refund_id=refund_id,
        amount_minor=amount_minor,
        quantity=0 if command.quantity is None and amount_minor < paid.refundable_minor else command.quantity,
        restock=command.restock,
        keep_fee=command.keep_fee,
        reason=command.reason,
    )
    return None


def return_order(edition: Edition, command: commands.ReturnOrder, at_ms: int, rules: Rules) -> Outcome:
    """The buyer gives the whole order back, as long as the edition's rule allows it and before it is shipped."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    paid = order.paid_payment
    if paid is not None and command.refund_id in paid.refunds:
        return REPEATED
    if order.state != "confirmed" or paid is None:
        return f"order_{order.state}"
    if edition.refund_by != "buyer":
        return "not_returnable"
    if edition.refund_until_ms is not None and at_ms >= edition.refund_until_ms:
        return "too_late"
    quantity, amount_minor = _free(order, paid), paid.refundable_minor * edition.refund_share_bps // 10_000
    if not quantity or (paid.captured_minor and not amount_minor):
        return "not_returnable"  # among others, while an earlier return is on its way
    ask(
        edition,
        paid,
        order,
        at_ms,
        refund_id=command.refund_id,
        amount_minor=amount_minor,
        quantity=quantity,
        restock=edition.refund_restock,
        reason="returned",
    )
    return None


def ask(
    edition: Edition,
    paid: Payment,
    order: Order,
    at_ms: int,
    *,
    refund_id: str,
    amount_minor: int,
    quantity: int | None,
    restock: bool,
    keep_fee: bool = False,
    reason: str = "",
) -> None:
    """Ask the provider for a refund."""
    edition.record_payment(
        events.RefundRequested,
        paid,
        order,
        at_ms,
        reference=paid.reference,
        amount_minor=amount_minor,
        currency=paid.currency,
        restock=restock,
        refund_id=refund_id,
        quantity=quantity,
        keep_fee=keep_fee,
        destination=paid.destination,
        reason=reason,
    )


def record_refund(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordRefund,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The money went back; the stock goes on sale again or is withdrawn, as the merchant chose. A refund that was made
    at the provider, without us, is a fact like any other: its stock is withdrawn."""
    if payment.state not in ("captured", "refund_requested", "refunded"):
        return REPEATED
    refund = payment.refunds.get(command.refund_id)
    if refund is None and not command.refund_id:
        if payment.state == "refunded":
            return REPEATED
        refund = Refund(amount_minor=payment.amount_minor, state="failed")
    if refund is not None and refund.state == "refunded":
        return REPEATED
    if refund is None:
        refund = Refund(amount_minor=command.amount_minor, quantity=0, state="failed")
    was_asked = refund.state == "requested"  # then its amount is set aside already
    if command.amount_minor != refund.amount_minor or not (was_asked or _is_left(payment, refund)):
        return "wrong_amount"
    edition.record_payment(
        events.PaymentRefunded,
        payment,
        order,
        at_ms,
        amount_minor=command.amount_minor,
        currency=payment.currency,
        refund_id=command.refund_id,
        fee_returned_minor=0 if refund.keep_fee else payment.fee_returned_with(command.amount_minor),
    )
    _let_go(edition, payment, order, refund, command.refund_id, at_ms)
    return None


def _let_go(edition: Edition, payment: Payment, order: Order, refund: Refund, refund_id: str, at_ms: int) -> None:
    """The pieces come back with the money: all of them with the last of it."""
    all_money = payment.refunded_minor >= payment.captured_minor
    quantity = order.kept if all_money or refund.quantity is None else min(refund.quantity, order.kept)
    edition.record_order(
        events.OrderRefunded,
        order,
        at_ms,
        quantity=quantity,
        amount_minor=refund.amount_minor,
        currency=payment.currency,
        restock=refund.restock,
        whole=quantity == order.kept,
        refund_id=refund_id,
        merchant_id=edition.merchant_id if edition.receipts else "",
    )
    edition.note_release(at_ms)


def record_refund_failure(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordRefundFailure,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The buyer's bank didn't take it, at once or days later. Pieces that came back already stay where they are."""
    refund = payment.refunds.get(command.refund_id)
    if refund is None:
        return "unknown_refund"
    if refund.state == "failed":
        return REPEATED
    was_refunded = refund.state == "refunded"
    edition.record_payment(
        events.RefundFailed,
        payment,
        order,
        at_ms,
        refund_id=command.refund_id,
        amount_minor=refund.amount_minor,
        currency=payment.currency,
        reason=command.reason,
        was_refunded=was_refunded,
        fee_returned_minor=_fee_taken_again(payment, refund) if was_refunded else 0,
    )
    return None


def _fee_taken_again(payment: Payment, refund: Refund) -> int:
    """The fee that belongs to what is back after all, so that what stays returned fits what stays refunded."""
    if refund.keep_fee or not payment.captured_minor:
        return 0
    stays_minor = payment.refunded_minor - refund.amount_minor
    return max(payment.fee_returned_minor - payment.fee_minor * stays_minor // payment.captured_minor, 0)


def record_dispute(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordDispute,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The bank has the money until it has decided."""
    if command.dispute_id in payment.disputes:
        return REPEATED
    if not payment.captured_minor:
        return f"payment_{payment.state}"
    edition.record_payment(
        events.PaymentDisputed,
        payment,
        order,
        at_ms,
        dispute_id=command.dispute_id,
        amount_minor=command.amount_minor,
        currency=payment.currency,
        reason=command.reason,
        respond_by_ms=command.respond_by_ms,
    )
    return None


def record_dispute_outcome(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordDisputeOutcome,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """The bank has decided. News of the end may come before those of the beginning: then both are recorded."""
    if command.outcome not in OUTCOMES:
        return "unknown_outcome"
    if payment.disputes.get(command.dispute_id, "open") != "open":
        return REPEATED
    opening = commands.RecordDispute(
        payment_id=payment.id,
        dispute_id=command.dispute_id,
        amount_minor=command.amount_minor,
        reason=command.reason,
    )
    outcome = record_dispute(edition, payment, order, opening, at_ms, rules)
    if outcome not in (None, REPEATED):
        return outcome
    edition.record_payment(
        events.DisputeClosed,
        payment,
        order,
        at_ms,
        dispute_id=command.dispute_id,
        amount_minor=command.amount_minor,
        currency=payment.currency,
        outcome=command.outcome,
    )
    return None


def _is_left(payment: Payment, refund: Refund) -> bool:
    return 0 < refund.amount_minor <= payment.refundable_minor or not payment.captured_minor


def _free(order: Order, paid: Payment) -> int:
    """Pieces that no running refund takes back already."""
    running = [refund for refund in paid.refunds.values() if refund.state == "requested"]
    return max(order.kept - sum(refund.quantity or 0 for refund in running), 0)
