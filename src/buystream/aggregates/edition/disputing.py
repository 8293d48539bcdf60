"""How an edition takes in disputes: a buyer's bank wants money back, and decides. A dispute takes its amount and
nothing more; what the bank decided it may decide again, the other way round."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.order_states import DISPUTE_OUTCOMES


@decides(commands.RecordDispute)
def record_dispute(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordDispute,
    moment: Moment,
) -> Outcome:
    """The bank has the money until it has decided; until then it may want another amount."""
    known = payment.disputes.get(command.dispute_id)
    if known is not None and (not known.is_open or known.amount_minor == command.amount_minor):
        return REPEATED
    if payment.id != order.paid_by or not payment.captured_minor:
        return f"payment_{payment.state}"
    if not 0 < command.amount_minor <= moment.rules.amount_minor_max:
        return "wrong_amount"
    edition.record_payment(
        events.PaymentDisputed,
        payment,
        order,
        moment,
        dispute_id=command.dispute_id,
        amount_minor=command.amount_minor,
        currency=payment.currency,
        reason=command.reason,
        respond_by_ms=_as_date(command.respond_by_ms, moment.rules),
        held_minor=0 if known is None else known.held_minor,
    )
    return None


def _as_date(at_ms: int | None, rules: Rules) -> int | None:
    """The deadline, unless it is a time that no date can name: a dispute is a fact with or without one."""
    return at_ms if at_ms is not None and rules.earliest_time_ms <= at_ms <= rules.latest_time_ms else None


@decides(commands.RecordDisputeOutcome)
def record_dispute_outcome(
    edition: Edition,
    payment: Payment,
    order: Order,
    command: commands.RecordDisputeOutcome,
    moment: Moment,
) -> Outcome:
    """The bank has decided, perhaps not for the first time. News of the end may come before those of the beginning:
    then both are recorded. A dispute that is withdrawn before we knew of it never took anything."""
    if command.outcome not in DISPUTE_OUTCOMES:
        return "unknown_outcome"
    if not 0 <= command.amount_minor <= moment.rules.amount_minor_max:
        return "wrong_amount"
    known = payment.disputes.get(command.dispute_id)
    if known is None and command.outcome == "withdrawn":
        return REPEATED
    if known is not None and (known.state, known.amount_minor) == (command.outcome, command.amount_minor):
        return REPEATED
    if known is None:
        opening = commands.RecordDispute(
            payment_id=payment.id,
            dispute_id=command.dispute_id,
            amount_minor=command.amount_minor,
            reason=command.reason,
        )
        if (outcome := record_dispute(edition, payment, order, opening, moment)) is not None:
            return outcome
    before = payment.disputes[command.dispute_id]
    edition.record_payment(
        events.DisputeClosed,
        payment,
        order,
        moment,
        dispute_id=command.dispute_id,
        amount_minor=command.amount_minor,
        currency=payment.currency,
        outcome=command.outcome,
        before="" if before.state == "open" else before.state,
        held_minor=before.held_minor,
        merchant_id=edition.terms.merchant_of_receipts,
    )
    return None
