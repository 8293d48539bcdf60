"""How an edition decides about money that was reserved for an order: it moved, it couldn't be had, or it was
released. Written out as in `paying`."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import paying
from buystream.aggregates.edition.edition import REPEATED, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.ordering import cancel
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.money import whole_steps
from buystream.vocabulary.order_states import PROMISED, TAKEN


@decides(commands.RecordCapture)
def record_capture(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordCapture,
    moment: Moment,
) -> Outcome:
    """The money moved: sold. Money that moved after its order was given up goes back, as a reservation would."""
    if payment.state in TAKEN:
        return REPEATED
    if payment.state in ("failed", "voided") and payment.reference:
        paying.void(edition, payment, order, moment)
        return None
    if payment.state != "authorised" or order.claimed_by != payment.id:
        return f"payment_{payment.state}"
    taken_minor = command.amount_minor
    whole = taken_minor == payment.amount_minor
    if not whole and not (moment.rules.partial_captures and 0 < taken_minor < payment.amount_minor):
        return "wrong_amount"
    fee_minor = payment.fee_minor
    if not whole:
        fee_minor = whole_steps(fee_minor * taken_minor // payment.amount_minor, edition.terms.charges_in(moment.rules))
    moment.record(
        events.PaymentCaptured(
            originator_id=payment.id,
            originator_version=payment.version + 1,
            at_ms=moment.at_ms,
            edition_id=edition.id,
            edition_version=edition.version + 1,
            order_id=order.id,
            amount_minor=taken_minor,
            currency=payment.currency,
            fee_minor=fee_minor,
        )
    )
    moment.record(
        events.OrderConfirmed(
            originator_id=order.id,
            originator_version=order.version + 1,
            at_ms=moment.at_ms,
            edition_id=edition.id,
            edition_version=edition.version + 1,
            payment_id=payment.id,
            buyer_id=order.buyer_id,
            quantity=order.quantity,
            variant_id=order.variant_id,
            units=order.units,
            amount_minor=taken_minor,
            currency=payment.currency,
            merchant_id=edition.terms.merchant_of_receipts if taken_minor else "",
        )
    )
    paying.note_target(edition, moment)
    return None


@decides(commands.RecordCaptureFailure)
def record_capture_failure(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordCaptureFailure,
    moment: Moment,
) -> Outcome:
    """The reserved money can't be had any more: nothing is sold, nobody is charged."""
    if payment.state != "authorised":
        return REPEATED
    edition.record_payment(events.PaymentFailed, payment, order, moment, reason=command.reason)
    if order.state in PROMISED:
        cancel(edition, order, "payment_failed", moment)
    return None


@decides(commands.RecordVoid)
def record_void(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordVoid,
    moment: Moment,
) -> Outcome:
    """The reservation is gone, by our wish or by the provider's (it lets reservations lapse). One that the provider
    gives up before it was made is a decline: the buyer may try another card."""
    if payment.open:
        declined = commands.RecordDecline(payment_id=payment.id, reason="voided_by_provider")
        return paying.record_decline(edition, payment, order, declined, moment)
    if payment.state not in ("voiding", "authorised"):
        return REPEATED
    lapsed = payment.state == "authorised"
    edition.record_payment(events.PaymentVoided, payment, order, moment)
    if lapsed and order.state in PROMISED:
        cancel(edition, order, "payment_failed", moment)
    return None
