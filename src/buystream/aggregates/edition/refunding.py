"""How an edition decides about money that goes back: refunds, whole or in part, by the merchant, by the buyer within
the edition's rule, or made at the provider. What is under way is subtracted before more is granted, and each refund
takes the units that it was granted. Disputes, which a bank decides, are in `disputing`."""

from typing import Any

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission, delivering, packing, ticketing
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.payment import Payment, Refund
from buystream.aggregates.edition.stocking import note_releases, note_sell_outs
from buystream.aggregates.edition.units import at_most, by_variant, named, total
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import repeated_refund_id
from buystream.vocabulary.money import OFF_STEP, Currency, whole_steps
from buystream.vocabulary.order_states import REFUNDABLE, RETURNABLE
from buystream.vocabulary.values import Units


@decides(commands.RefundOrder)
def refund_order(edition: Edition, command: commands.RefundOrder, moment: Moment) -> Outcome:
    """The merchant gives money back."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    paid = order.paid_payment
    if paid is None:
        return f"order_{order.state}"
    if (known := paid.refund_for(command.refund_id)) is not None and not _may_be_tried_again(known, command.refund_id):
        return REPEATED if _asks_the_same(command, order, paid.refunds[command.refund_id]) else "refund_id_conflict"
    if order.state == "refunded" and not (command.refund_id and paid.refundable_minor):
        return "order_refunded" if command.refund_id else REPEATED
    if order.state not in REFUNDABLE:
        return f"order_{order.state}"
    currency = edition.terms.charges_in(moment.rules)
    left_minor = whole_steps(paid.refundable_minor, currency)  # a dispute needn't be a whole step
    asked = _asked_units(command, order)
    amount_minor = command.amount_minor
    if amount_minor is None:
        worth_minor = _worth_minor(edition, command, order, asked, left_minor)
        if worth_minor is None:
            return "amount_needed"
        amount_minor = whole_steps(worth_minor, currency)  # nor need the share of a discount
    if not 0 <= amount_minor <= paid.refundable_minor or (amount_minor == 0 and paid.captured_minor):
        return "bad_amount"
    if amount_minor % currency.step_minor:
        return OFF_STEP
    if isinstance(asked, str):
        return asked
    is_last = amount_minor == left_minor or (asked is None and command.amount_minor is None)
    units = _granted(command, order, paid, asked, is_last=is_last)
    if isinstance(units, str):
        return units
    ask(
        edition,
        paid,
        order,
        moment,
        refund_id=command.refund_id,
        amount_minor=amount_minor,
        units=units,
        restock=command.restock,
        keep_fee=command.keep_fee,
        asked_by="merchant",
        reason=command.reason,
    )
    return None


def _may_be_tried_again(refund: Refund, refund_id: str) -> bool:
    """A refund that failed is requested again: under the same name if the caller gave none, or if it failed after it
    had succeeded; otherwise under a new one, because a name's first outcome stays its outcome."""
    return refund.state == "failed" and (not refund_id or refund.was_refunded)


def _asks_the_same(command: commands.RefundOrder, order: Order, known: Refund) -> bool:
    """Without a name any whole refund is the one whole refund, no matter who made it."""
    if command.amount_minor not in (None, known.amount_minor):
        return False
    units = order.units_of(known.quantity, known.units)
    return not command.refund_id or (
        known.asked_by == "merchant"
        and command.quantity in (None, known.quantity)
        and (not command.units or named(command.units, order.lines, units) == units)
        and (command.restock, command.keep_fee) == (known.restock, known.keep_fee)
    )


def _asked_units(command: commands.RefundOrder, order: Order) -> Units | str | None:
    """The units that the merchant names, None when it leaves that open, or the reason of a refusal."""
    free, quantity = order.free_units, command.quantity
    if command.units:
        units = named(command.units, order.lines, free) if quantity is None else None
        return "bad_quantity" if units is None else units
    if quantity is None:
        return None
    if not 0 <= quantity <= order.free:
        return "bad_quantity"
    if quantity == order.free:
        return free
    return order.units_of(quantity) if len(order.lines) == 1 else "lines_needed" if quantity else ()


def _worth_minor(
    edition: Edition, command: commands.RefundOrder, order: Order, asked: Units | str | None, left_minor: int
) -> int | None:
    """What goes back when no amount is given: what the named lines cost, or all that is left. None when less is left
    than they cost, or nothing would be left for the others: nobody can tell what was meant."""
    if not command.units or asked is None or isinstance(asked, str) or asked == order.free_units or not left_minor:
        return delivering.whole_minor(edition, order, left_minor)
    worth_minor = order.worth_minor(asked)
    return worth_minor if worth_minor < left_minor else None


def _granted(
    command: commands.RefundOrder,
    order: Order,
    paid: Payment,
    asked: Units | None,
    *,
    is_last: bool,
) -> Units | str:
    """The units that come back with the money, or the reason of a refusal. The last of the money brings the last units
    back; of a free order, any part may be returned."""
    free = order.free_units
    if not paid.captured_minor:
        return (free if asked is None else asked) or "bad_quantity"
    if asked and not command.units and asked != free and command.amount_minor is None:
        return "amount_needed"
    return free if is_last else asked or ()


@decides(commands.ReturnOrder)
def return_order(edition: Edition, command: commands.ReturnOrder, moment: Moment) -> Outcome:
    """The buyer gives the order back, or some of its units, as long as the edition's rule allows it and before it is
    shipped."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    paid = order.paid_payment
    known = paid.refund_for(command.refund_id) if paid is not None else None
    if known is not None and paid is not None and paid.refunds[command.refund_id].asked_by != "buyer":
        return "refund_id_conflict"
    if known is not None and not _may_be_tried_again(known, command.refund_id):
        return REPEATED
    if order.state not in RETURNABLE or paid is None:
        return f"order_{order.state}"
    if order.is_partly_sent:
        return "order_shipped"
    if admission.why_over(edition):
        return "cancelled"  # everything goes back, not only the rule's share
    terms = edition.terms
    if wrong := terms.refund.why_not(moment.at_ms):
        return wrong
    free, units = order.free_units, ticketing.returnable_units(edition, order)
    if free and not units:
        return ticketing.TICKET_USED
    if command.units and free:
        units = named(command.units, order.lines, free) or ()
        if not units:
            return "bad_quantity"
    share_minor = terms.refund.share_of(_returned_minor(edition, order, paid, units, whole=units == free))
    amount_minor = whole_steps(share_minor, terms.charges_in(moment.rules))
    if not units or (paid.captured_minor and not amount_minor):
        return "not_returnable"  # among others, while an earlier return is on its way
    if wrong := ticketing.spare_used(edition, order, units, moment):
        return wrong
    ask(
        edition,
        paid,
        order,
        moment,
        refund_id=command.refund_id,
        amount_minor=amount_minor,
        units=units,
        restock=terms.refund.restock,
        asked_by="buyer",
        reason="returned",
    )
    return None


def _returned_minor(edition: Edition, order: Order, paid: Payment, units: Units, *, whole: bool) -> int:
    """The money of what a buyer returns, before the rule's share is taken of it: all that is left. Of a part, and of
    the rest after a part, it is what the units cost: what stays of the other units is the merchant's. What delivery
    cost goes back with the last units, unless the terms keep it."""
    keeps = delivering.is_kept(edition, order)
    if whole and not keeps and not any(refund.asked_by == "buyer" for refund in paid.refunds.values()):
        return paid.refundable_minor
    charge = delivering.charged(order)
    with_last_minor = charge.amount_minor if charge is not None and whole and not keeps else 0
    return min(order.worth_minor(units) + with_last_minor, paid.refundable_minor)


def ask(
    edition: Edition,
    paid: Payment,
    order: Order,
    moment: Moment,
    *,
    refund_id: str,
    amount_minor: int,
    units: Units,
    restock: bool,
    asked_by: str,
    keep_fee: bool = False,
    reason: str = "",
) -> None:
    """Ask the provider for a refund. One that was requested before, and failed, gets a new id: under the old one the
    provider would repeat the failure."""
    is_new = refund_id not in paid.refunds
    edition.record_payment(
        events.RefundRequested,
        paid,
        order,
        moment,
        reference=paid.reference,
        amount_minor=amount_minor,
        currency=paid.currency,
        restock=restock,
        refund_id=refund_id if is_new else repeated_refund_id(paid.id, len(paid.refunds) + 1),
        quantity=total(units),
        units=_by_variant(order, units),
        keep_fee=keep_fee,
        destination=paid.destination,
        asked_by=asked_by,
        reason=reason,
        instead_of=None if is_new else _last_id_for(paid, refund_id),
    )


def _by_variant(order: Order, units: Units) -> Units:
    """What events say: a quantity is enough where there is one line."""
    return units if len(order.lines) > 1 else ()


def _last_id_for(paid: Payment, refund_id: str) -> str:
    again = paid.refunds[refund_id].again
    return refund_id if again is None else again


@decides(commands.RecordRefund)
def record_refund(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordRefund,
    moment: Moment,
) -> Outcome:
    """The money went back; the stock goes on sale again or is withdrawn, as the merchant chose. A refund that was made
    at the provider, without us, is a fact like any other: its stock is withdrawn."""
    if payment.id != order.paid_by:
        # What was taken although its order was given up goes back whole: neither movement is in our books.
        return REPEATED if payment.state in ("voiding", "voided", "failed") else f"payment_{payment.state}"
    refund = payment.refunds.get(command.refund_id)
    if refund is None and not command.refund_id:
        if payment.state == "refunded":
            return REPEATED
        refund = Refund(amount_minor=payment.captured_minor, state="failed")
    if refund is not None and refund.state == "refunded":
        return REPEATED
    if refund is None:
        refund = Refund(amount_minor=command.amount_minor, state="failed")
    currency = edition.terms.charges_in(moment.rules)
    was_asked = refund.state == "requested"  # then its amount and its units are set aside already
    if command.amount_minor != refund.amount_minor or not (was_asked or _is_left(payment, refund)):
        return "wrong_amount"
    edition.record_payment(
        events.PaymentRefunded,
        payment,
        order,
        moment,
        amount_minor=command.amount_minor,
        currency=payment.currency,
        refund_id=command.refund_id,
        fee_returned_minor=0 if refund.keep_fee else payment.fee_returned_with(command.amount_minor, currency),
    )
    units = order.units_of(refund.quantity, refund.units)
    if not was_asked:
        free = order.free_units
        units = free if payment.left_minor <= 0 else at_most(units, by_variant(free))
    give_back(
        edition,
        payment,
        order,
        moment,
        refund_id=command.refund_id,
        amount_minor=command.amount_minor,
        units=units,
        restock=refund.restock,
    )
    return None


def give_back(
    edition: Edition,
    payment: Payment,
    order: Order,
    moment: Moment,
    *,
    refund_id: str,
    units: Units,
    restock: bool,
    amount_minor: int = 0,
    reason: str = "",
) -> None:
    """The units come back: with their money, or without when a bank has it. The order is returned as a whole with its
    last unit; one without units, with the last of its money."""
    quantity = total(units)
    last_money = payment.captured_minor <= payment.refunded_minor + payment.lost_minor
    edition.record_order(
        events.OrderRefunded,
        order,
        moment,
        quantity=quantity,
        amount_minor=amount_minor,
        currency=payment.currency,
        restock=restock,
        whole=not order.given_back and quantity == order.kept and (quantity > 0 or last_money),
        refund_id=refund_id,
        merchant_id=edition.terms.merchant_of_receipts,
        reason=reason,
        variant_id=order.variant_id,
        units=_by_variant(order, units),
    )
    note_releases(edition, units, moment)
    packing.follow(edition, order, moment)


@decides(commands.RecordRefundFailure)
def record_refund_failure(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordRefundFailure,
    moment: Moment,
) -> Outcome:
    """The buyer's bank didn't take it, at once or days later. What a refund that had succeeded returned is reversed
    with it."""
    refund = payment.refunds.get(command.refund_id)
    if refund is None:
        return "unknown_refund"
    if refund.state == "failed":
        return REPEATED
    if refund.state == "requested":
        taken_again: dict[str, Any] = {}
    else:
        taken_again = _taken_again(edition, payment, order, refund, edition.terms.charges_in(moment.rules))
    edition.record_payment(
        events.RefundFailed,
        payment,
        order,
        moment,
        refund_id=command.refund_id,
        amount_minor=refund.amount_minor,
        currency=payment.currency,
        reason=command.reason,
        **taken_again,
        variant_id=order.variant_id,
    )
    note_sell_outs(edition, order.lines, moment)
    return None


def _taken_again(
    edition: Edition, payment: Payment, order: Order, refund: Refund, currency: Currency
) -> dict[str, Any]:
    """What becomes of a refund that had succeeded. The units are the buyer's again: out of what was withdrawn with
    them, or out of what is still on sale. Of a cancelled edition nobody gets any."""
    units = () if admission.why_over(edition) else order.units_of(refund.quantity, refund.units)
    if refund.restock:
        units = at_most(units, {variant_id: stock.available for variant_id, stock in edition.stocks.items()})
    quantity = total(units)
    return {
        "was_refunded": True,
        "fee_returned_minor": _fee_taken_again(payment, refund, currency),
        "quantity": quantity,
        "units": _by_variant(order, units),
        "from_stock": refund.restock,
        "missing": refund.quantity - quantity,
        "was_whole": order.given_back,
        "merchant_id": edition.terms.merchant_of_receipts,
    }


def _fee_taken_again(payment: Payment, refund: Refund, currency: Currency) -> int:
    """The fee that belongs to what is back after all, so that what stays returned fits what stays refunded, whichever
    of several refunds fails first."""
    if not payment.captured_minor:
        return 0
    stays_minor = payment.refunded_minor - refund.amount_minor
    return max(payment.fee_returned_minor - payment.fee_of(stays_minor, currency), 0)


def _is_left(payment: Payment, refund: Refund) -> bool:
    return 0 < refund.amount_minor <= payment.left_minor or refund.amount_minor == payment.captured_minor == 0
