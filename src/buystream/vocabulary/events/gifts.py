"""Recurring gifts, in their edition."""

from typing import Annotated

from buystream.vocabulary.events.editions import EditionEvent
from buystream.vocabulary.fields import (
    AmountMinor,
    BuyerId,
    Currency,
    Delivery,
    GiftId,
    IntervalMonths,
    NextDueMs,
    PaymentMethod,
    Reason,
    meaning,
)


class RecurringGiftStarted(EditionEvent):
    """The first gift is placed with this event, the next ones when they are due."""

    gift_id: GiftId
    buyer_id: BuyerId
    amount_minor: AmountMinor
    currency: Currency
    interval_months: IntervalMonths
    payment_method: PaymentMethod
    delivery: Delivery
    next_due_ms: NextDueMs


class RecurringGiftSkipped(EditionEvent):
    """Missed gifts are skipped, so that nobody is charged for several at once: `skipped` of them, the first due at
    `first_due_ms`. Missed are gifts that were due before another that is due now, one that would follow its predecessor
    in less than half the interval, and those due while the sale is paused."""

    gift_id: GiftId
    buyer_id: BuyerId
    skipped: Annotated[int, meaning("How many gifts were skipped.", feed=True)]
    first_due_ms: Annotated[int, meaning("When the first of them was due.", feed=True)]
    next_due_ms: NextDueMs


class RecurringGiftEnded(EditionEvent):
    """The recurring gift ended. Reasons: giver, closed; declined or unpaid, when too many in a row were not paid."""

    gift_id: GiftId
    buyer_id: BuyerId
    reason: Reason
