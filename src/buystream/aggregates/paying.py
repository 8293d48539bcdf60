"""How an edition decides about its orders' money: authorise → claim → capture, so that nobody is charged for nothing.
Facts of the provider are idempotent by what they say; they come in any order, any number of times."""

from buystream import commands, events
from buystream.aggregates.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.order import SOLD, Order
from buystream.aggregates.payment import TAKEN, Payment
from buystream.aggregates.rules import Rules
from buystream.ids import payment_id_of

UNKNOWN_PAYMENT = "unknown_payment"


def request_payment(edition: Edition, command: commands.RequestPayment, at_ms: int, rules: Rules) -> Outcome:
    """The buyer pays for a held order; the hold's clock stands still while the provider works."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    if order.state in ("authorised", "pledged") or order.state in SOLD or 0 < command.attempt <= len(order.payments):
        return REPEATED
    if order.state != "held":
        return f"order_{order.state}"
    last = order.last_payment
    if last is not None and last.state == "requested":
        return REPEATED
    if _attempts(order) >= rules.payment_attempts_max:
        return "too_many_attempts"
    ask(edition, order, at_ms, payment_method=command.payment_method, delivery=command.delivery, save=command.save)
    return None


def ask(
    edition: Edition,
    order: Order,
    at_ms: int,
    *,
    payment_method: str,
    delivery: str,
    save: bool = False,
    off_session: bool = False,
) -> None:
    """The next attempt to pay. A pledge that is charged later only saves the method now."""
    campaign = edition.campaign
    setup = campaign is not None and campaign.waits and campaign.saves_methods
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
            payment_method=payment_method,
            delivery=delivery,
            save=save,
            fee_minor=edition.fee_minor(order.total_minor),
            destination=edition.account,
            mode="setup" if setup else "",
            off_session=off_session,
        )
    )


def _attempts(order: Order) -> int:
    """Attempts that the buyer made: those by the clock don't count."""
    return sum(not payment.off_session and not payment.method for payment in order.payments)


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
    edition.record_payment(
        events.AuthenticationRequired,
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
    edition.record_payment(
        events.PaymentDeclined,
        payment,
        order,
        at_ms,
        reason=command.reason,
        hold_expires_at_ms=_clock(edition, order, payment, at_ms, rules),
    )
    spent = _attempts(order) >= rules.payment_attempts_max
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
    edition.record_payment(
        events.PaymentAuthorised,
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
    if order.state == "held" and edition.campaign is not None and edition.campaign.missed:
        edition.cancel(order, "campaign_missed", at_ms)
    if order.state != "held":
        edition.record_payment(
            events.VoidRequested,
            payment,
            order,
            at_ms,
            reference=payment.reference,
            reason=f"order_{order.state}",
        )
    elif edition.campaign is not None and edition.campaign.waits:
        pledge(edition, payment, order, at_ms)
    else:
        claim(edition, payment, order, at_ms)


def claim(edition: Edition, payment: Payment, order: Order, at_ms: int) -> None:
    """The stock is this payment's, and its money may move."""
    edition.record_order(
        events.OrderAuthorised,
        order,
        at_ms,
        payment_id=payment.id,
        reference=payment.reference,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )


def pledge(edition: Edition, payment: Payment, order: Order, at_ms: int) -> None:
    """The gift counts, and waits for the target."""
    edition.record_order(
        events.OrderPledged,
        order,
        at_ms,
        payment_id=payment.id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )
    note_target(edition, at_ms)


def note_target(edition: Edition, at_ms: int) -> None:
    """Say once that the target is reached."""
    campaign = edition.campaign
    if campaign is not None and not campaign.reached and campaign.raised_minor >= campaign.target_minor:
        edition.record_own(events.CampaignReached, at_ms, raised_minor=campaign.raised_minor)


def record_method_saved(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordMethodSaved,
    at_ms: int,
    rules: Rules,
) -> Outcome:
    """A pledge whose method is charged when the target is reached."""
    if not payment.setup or not (payment.open or payment.state == "declined"):
        return REPEATED
    edition.record_payment(
        events.MethodSaved,
        payment,
        order,
        at_ms,
        buyer_id=payment.buyer_id,
        reference=command.reference,
        reusable_method=command.reusable_method,
        card_label=command.card_label,
        delivery=payment.delivery,
    )
    if order.state != "held" or edition.campaign is None:
        return None  # given up meanwhile: no money was reserved, so there is nothing to give back
    if edition.campaign.missed:
        edition.cancel(order, "campaign_missed", at_ms)
    elif edition.campaign.waits:
        pledge(edition, payment, order, at_ms)
    else:
        ask(
            edition, order, at_ms, payment_method=payment.method, delivery="", off_session=True
        )  # the campaign ended meanwhile, and reached its target
    return None


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
    if payment.state in TAKEN:
        return REPEATED
    if payment.state != "authorised" or order.state != "authorised":
        return f"payment_{payment.state}"
    taken_minor = command.amount_minor
    whole = taken_minor == payment.amount_minor
    if not whole and not (rules.partial_captures and 0 < taken_minor < payment.amount_minor):
        return "wrong_amount"
    fee_minor = payment.fee_minor if whole else payment.fee_minor * taken_minor // payment.amount_minor
    edition.record_payment(
        events.PaymentCaptured,
        payment,
        order,
        at_ms,
        amount_minor=taken_minor,
        currency=payment.currency,
        fee_minor=fee_minor,
    )
    edition.record_order(
        events.OrderConfirmed,
        order,
        at_ms,
        payment_id=payment.id,
        buyer_id=order.buyer_id,
        quantity=order.quantity,
        amount_minor=taken_minor,
        currency=payment.currency,
        merchant_id=edition.merchant_id if edition.receipts and taken_minor else "",
    )
    note_target(edition, at_ms)
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
    edition.record_payment(events.PaymentFailed, payment, order, at_ms, reason=command.reason)
    if order.state in ("authorised", "pledged"):
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
    edition.record_payment(events.PaymentVoided, payment, order, at_ms)
    if lapsed and order.state in ("authorised", "pledged"):
        edition.cancel(order, "payment_failed", at_ms)
    return None


def _clock(edition: Edition, order: Order, payment: Payment, at_ms: int, rules: Rules) -> int | None:
    """When the hold runs out, once this payment waits for the buyer again; None while it doesn't run."""
    busy = any(other.state == "requested" for other in order.payments if other is not payment)
    if order.state != "held" or busy:
        return None
    hold_ms = edition.hold_seconds * 1000
    if payment.off_session:
        return at_ms + rules.away_hold_seconds * 1000
    ceiling_ms = order.placed_at_ms + max(hold_ms, rules.hold_ceiling_seconds * 1000)
    rest_ms = min(hold_ms, rules.hold_rest_seconds * 1000)
    return max(min(at_ms + hold_ms, ceiling_ms), at_ms + rest_ms)
