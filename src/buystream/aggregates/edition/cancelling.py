"""How an edition is cancelled: all orders are ended, and everyone is refunded, by the clock."""

from itertools import islice
from typing import Final

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission, refunding
from buystream.aggregates.edition.cancellation import CANCELLATION, Cancellation
from buystream.aggregates.edition.duty import Duty
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_EDITION, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.ordering import give_up
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import cancellation_refund_id, repeated_refund_id


@decides(commands.CancelEdition)
def cancel_edition(edition: Edition, command: commands.CancelEdition, moment: Moment) -> Outcome:
    """It won't take place."""
    if edition.terms.merchant_id != command.merchant_id:
        return UNKNOWN_EDITION
    if edition.cancellation is not None:
        return REPEATED if edition.cancellation.restock == command.restock else "cancelled"
    edition.record_own(events.EditionCancelled, moment, restock=command.restock, reason=command.reason)
    return None


def _due_ms(edition: Edition, _: str, rules: Rules) -> int | None:
    cancellation = edition.cancellation
    if cancellation is None or len(cancellation.asked) > rules.asked_at_once_max // 2:
        return None
    is_told = cancellation.completed and cancellation.failed_told == len(cancellation.failed)
    looks_on = cancellation.looked_at < len(edition.book.placed)
    if cancellation.ready or looks_on or (cancellation.is_idle and not is_told):
        return cancellation.since_ms
    return None


def _carry_on(edition: Edition, _: str, moment: Moment) -> None:
    cancellation, rules = edition.cancellation, moment.rules
    if cancellation is None:
        return
    room = rules.asked_at_once_max - len(cancellation.asked)
    placed = len(edition.book.placed)
    looks_on = len(cancellation.ready) < room and cancellation.looked_at < placed
    if looks_on or (cancellation.completed and cancellation.ready):
        looked_at = min(cancellation.looked_at + rules.looked_at_per_tick_max, placed)
        edition.record_own(events.CancellationContinued, moment, looked_at=looked_at)
    for order_id in list(islice(cancellation.ready, max(room, 0))):
        _end_order(edition, cancellation, edition.orders[order_id], moment)
    if cancellation.is_idle and cancellation.looked_at == placed:
        edition.record_own(events.CancellationCompleted, moment, failed=len(cancellation.failed))


CANCEL: Final = Duty(name="cancellation", due_ms=_due_ms, carry_on=_carry_on)
"""A cancelled edition ends its orders and refunds everyone."""


def _end_order(edition: Edition, cancellation: Cancellation, order: Order, moment: Moment) -> None:
    """Release what is held, refund what is paid, and take back units whose money a bank has."""
    payment = order.paid_payment
    if payment is None:
        give_up(edition, order, admission.EDITION_CANCELLED, moment)
        return
    refund_id = cancellation_refund_id(payment.id)
    if refund_id in payment.refunds:
        refund_id = repeated_refund_id(payment.id, len(payment.refunds) + 1)
    if payment.refundable_minor or not payment.captured_minor:
        refunding.ask(
            edition,
            payment,
            order,
            moment,
            refund_id=refund_id,
            amount_minor=payment.refundable_minor,
            units=order.free_units,
            restock=cancellation.restock,
            asked_by=CANCELLATION,
            reason=admission.EDITION_CANCELLED,
        )
    else:
        refunding.give_back(
            edition,
            payment,
            order,
            moment,
            refund_id=refund_id,
            units=order.free_units,
            restock=cancellation.restock,
            reason=admission.EDITION_CANCELLED,
        )
