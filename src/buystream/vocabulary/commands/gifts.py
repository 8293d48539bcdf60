"""Recurring gifts."""

from typing import Annotated

from buystream.vocabulary.actors import BUYER, SYSTEM
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import (
    BY_CLIENT,
    AmountMinor,
    BuyerId,
    Delivery,
    EditionId,
    GiftId,
    IntervalMonths,
    PaymentMethod,
    Save,
    Vouched,
)
from buystream.vocabulary.placements import PlacedFrom
from buystream.vocabulary.reasons import TO_BUYERS


@asked(
    BUYER,
    about="gift_id",
    refusals=[*TO_BUYERS, "unknown_edition", "gift_id_conflict", "bad_interval", "not_recurring"],
)
class StartRecurringGift(Command):
    """Give this amount now and at each interval, charged to a saved payment method, or with `save` to one that the
    first payment saves. `gift_id` has the form of an order id of the edition."""

    gift_id: Annotated[GiftId, BY_CLIENT]
    edition_id: EditionId
    buyer_id: BuyerId
    amount_minor: AmountMinor
    interval_months: IntervalMonths
    payment_method: PaymentMethod
    delivery: Delivery
    vouched: Vouched = False
    save: Save = False
    placement: PlacedFrom = None


@asked(BUYER, SYSTEM, about="gift_id", refusals=["unknown_gift"])
class EndRecurringGift(Command):
    """End a recurring gift."""

    gift_id: GiftId
    buyer_id: BuyerId
