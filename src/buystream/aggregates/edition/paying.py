"""How an edition decides about its orders' money: authorise → claim → capture, so that nobody is charged for nothing.
Facts of the provider are idempotent by what they say; they come in any order, any number of times. What every purchase
records is written out: `record_order` and `record_payment`, which pass fields on by a dict, take five times as long."""

from msgspec.structs import replace

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission, coding, delivering
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.ordering import cancel
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.edition.stocking import note_sell_outs
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import payment_id_of
from buystream.vocabulary.order_states import PAYABLE, PROMISED, SOLD
from buystream.vocabulary.shipping import DeliveryCharge

UNKNOWN_PAYMENT = "unknown_payment"

NEEDS_METHOD = "needs_payment_method"
"""Only what costs nothing is ordered without one."""


@decides(commands.RequestPayment)
def request_payment(edition: Edition, command: commands.RequestPayment, moment: Moment) -> Outcome:
    """The buyer pays for a held order; the hold's clock stands still while the provider works."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    asked_before = command.attempt > 0 and order.payment(payment_id_of(order.id, command.attempt)) is not None
    if order.state in PROMISED or order.state in SOLD or asked_before:
        return REPEATED
    if order.state not in PAYABLE:
        return f"order_{order.state}"
    if reason := admission.why_over(edition):
        return reason
    if any(payment.state == "requested" for payment in order.payments):
        return REPEATED
    if _attempts(order) >= moment.rules.payment_attempts_max:
        return "too_many_attempts"
    if isinstance(charge := delivering.price(edition, order, command, moment), str):
        return charge
    if delivering.total_minor(order, charge) and not command.payment_method:
        return NEEDS_METHOD
    ask(
        edition,
        order,
        moment,
        payment_method=command.payment_method,
        delivery=command.delivery,
        save=command.save,
        statement=command.statement,
        charge=charge,
    )
    return None


def ask(
    edition: Edition,
    order: Order,
    moment: Moment,
    *,
    payment_method: str,
    delivery: str,
    save: bool = False,
    off_session: bool = False,
    statement: str = "",
    charge: DeliveryCharge | None = None,
) -> None:
    """The next attempt to pay. A pledge that is charged later only saves the method now; an order that is free needs
    none."""
    campaign = edition.campaign
    total_minor = delivering.total_minor(order, charge)
    is_free = not total_minor
    setup = not is_free and campaign is not None and campaign.waits and campaign.saves_methods
    requested = events.PaymentRequested(
        originator_id=payment_id_of(order.id, len(order.payments) + 1),
        originator_version=1,
        at_ms=moment.at_ms,
        edition_id=edition.id,
        edition_version=edition.version + 1,
        order_id=order.id,
        buyer_id=order.buyer_id,
        amount_minor=total_minor,
        currency=order.currency,
        payment_method="" if is_free else payment_method,
        delivery=delivery,
        save=save and not is_free,
        fee_minor=edition.terms.fee_minor(total_minor, moment.rules),
        destination=edition.terms.account,
    )
    # Few have any of the others, and CPython calls what has more than 15 names by a dict, five times as slowly.
    if setup or off_session or statement or charge is not None:
        mode = "setup" if setup else ""
        requested = replace(requested, mode=mode, off_session=off_session, statement=statement, shipping=charge)
    moment.record(requested)


def _attempts(order: Order) -> int:
    """Attempts that the buyer made: those by the clock don't count."""
    return sum(not payment.off_session and not payment.method for payment in order.payments)


@decides(commands.RecordAuthenticationRequired)
def record_authentication_required(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordAuthenticationRequired,
    moment: Moment,
) -> Outcome:
    """The bank wants to see the buyer: the clock runs again, because now the buyer is the one to act."""
    if payment.state != "requested":
        return REPEATED
    edition.record_payment(
        events.AuthenticationRequired,
        payment,
        order,
        moment,
        url=command.url,
        hold_expires_at_ms=_clock(edition, order, payment, moment),
    )
    return None


@decides(commands.RecordDecline)
def record_decline(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordDecline,
    moment: Moment,
) -> Outcome:
    """No money from this card. The buyer may try another, a few times."""
    if not payment.open:
        return REPEATED
    edition.record_payment(
        events.PaymentDeclined,
        payment,
        order,
        moment,
        reason=command.reason,
        hold_expires_at_ms=_clock(edition, order, payment, moment),
    )
    spent = _attempts(order) >= moment.rules.payment_attempts_max
    if spent and order.state == "held" and not any(other.open for other in order.payments):
        cancel(edition, order, "payment_declined", moment)
    return None


@decides(commands.RecordAuthorisation)
def record_authorisation(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordAuthorisation,
    moment: Moment,
) -> Outcome:
    """The money is reserved: claim the stock for it, or give the money back."""
    if not payment.open and payment.state != "declined":
        return REPEATED
    _authorise(edition, payment, order, moment, command)
    return None


def _authorise(
    edition: Edition,
    payment: Payment,
    order: Order,
    moment: Moment,
    fact: commands.RecordAuthorisation,
) -> None:
    moment.record(
        events.PaymentAuthorised(
            originator_id=payment.id,
            originator_version=payment.version + 1,
            at_ms=moment.at_ms,
            edition_id=edition.id,
            edition_version=edition.version + 1,
            order_id=order.id,
            buyer_id=payment.buyer_id,
            reference=fact.reference,
            card_label=fact.card_label,
            reusable_method=fact.reusable_method,
            delivery=payment.delivery,
            off_session=payment.off_session,
        )
    )
    if not _holds(edition, order, moment):
        void(edition, payment, order, moment)
    elif edition.campaign is not None and edition.campaign.waits:
        pledge(edition, payment, order, moment)
    else:
        claim(edition, payment, order, moment)


def void(edition: Edition, payment: Payment, order: Order, moment: Moment) -> None:
    """The order is no longer available: the reservation is released."""
    edition.record_payment(
        events.VoidRequested,
        payment,
        order,
        moment,
        reference=payment.reference,
        reason=f"order_{order.state}",
    )


def _holds(edition: Edition, order: Order, moment: Moment) -> bool:
    """Whether the order has stock for money that has just come. One whose hold ran out gets it again if a new order
    would; one that may not be paid any more is ended."""
    if order.state == "expired" and not coding.why_not_again(edition, order, moment):
        _reclaim(edition, order, moment)
    if order.state == "held" and (reason := admission.why_over(edition)):
        cancel(edition, order, reason, moment)
    return order.state == "held"


def _reclaim(edition: Edition, order: Order, moment: Moment) -> None:
    """All of its units are held again."""
    edition.record_order(
        events.OrderReclaimed,
        order,
        moment,
        quantity=order.quantity,
        variant_id=order.variant_id,
        units=order.units,
    )
    note_sell_outs(edition, order.lines, moment)


def claim(edition: Edition, payment: Payment, order: Order, moment: Moment) -> None:
    """The stock is this payment's, and its money may move."""
    moment.record(
        events.OrderAuthorised(
            originator_id=order.id,
            originator_version=order.version + 1,
            at_ms=moment.at_ms,
            edition_id=edition.id,
            edition_version=edition.version + 1,
            payment_id=payment.id,
            reference=payment.reference,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
        )
    )


def pledge(edition: Edition, payment: Payment, order: Order, moment: Moment) -> None:
    """The gift counts, and waits for the target."""
    edition.record_order(
        events.OrderPledged,
        order,
        moment,
        payment_id=payment.id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        buyer_id=order.buyer_id,
    )
    note_target(edition, moment)


def note_target(edition: Edition, moment: Moment) -> None:
    """Say once that the target is reached."""
    campaign = edition.campaign
    if campaign is not None and not campaign.reached and campaign.raised_minor >= campaign.terms.target_minor:
        edition.record_own(events.CampaignReached, moment, raised_minor=campaign.raised_minor)


@decides(commands.RecordMethodSaved)
def record_method_saved(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordMethodSaved,
    moment: Moment,
) -> Outcome:
    """A pledge whose method is charged when the target is reached."""
    if not payment.setup or not (payment.open or payment.state == "declined"):
        return REPEATED
    edition.record_payment(
        events.MethodSaved,
        payment,
        order,
        moment,
        buyer_id=payment.buyer_id,
        reference=command.reference,
        reusable_method=command.reusable_method,
        card_label=command.card_label,
        delivery=payment.delivery,
    )
    if not _holds(edition, order, moment):
        return None  # no money was reserved, so there is nothing to release
    if edition.campaign is not None and edition.campaign.waits:
        pledge(edition, payment, order, moment)
    else:
        ask(
            edition, order, moment, payment_method=payment.method, delivery="", off_session=True
        )  # the campaign ended meanwhile, and reached its target
    return None


def _clock(edition: Edition, order: Order, payment: Payment, moment: Moment) -> int | None:
    """When the hold runs out, once this payment waits for the buyer again; None while it doesn't run."""
    busy = any(other.state == "requested" for other in order.payments if other is not payment)
    if order.state != "held" or busy:
        return None
    hold_ms = edition.terms.hold_seconds * 1000
    if payment.off_session:
        return moment.at_ms + moment.rules.away_hold_seconds * 1000
    ceiling_ms = order.placed_at_ms + max(hold_ms, moment.rules.hold_ceiling_seconds * 1000)
    rest_ms = min(hold_ms, moment.rules.hold_rest_seconds * 1000)
    return max(min(moment.at_ms + hold_ms, ceiling_ms), moment.at_ms + rest_ms)
