"""How an edition decides about recurring gifts. The first one is placed at once, the next ones by the clock."""

from typing import Final, Literal

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission, paying
from buystream.aggregates.edition.duty import Duty
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_VARIANT, Edition, Outcome
from buystream.aggregates.edition.stocking import note_sell_out
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import is_mintable, recurring_order_id
from buystream.vocabulary.money import TOO_SMALL
from buystream.vocabulary.placements import Placement
from buystream.vocabulary.values import PLAIN, OrderLine


def start_recurring_gift(edition: Edition, command: commands.StartRecurringGift, moment: Moment) -> Outcome:
    """The first gift now, the next ones when they are due."""
    known = edition.recurring.get(command.gift_id)
    if known is not None:
        return REPEATED if known.asks_the_same(command) else "gift_id_conflict"
    if not is_mintable(command.gift_id, edition.id):
        return "gift_id_conflict"
    if command.interval_months not in moment.rules.gift_interval_months:
        return "bad_interval"
    if edition.campaign is not None and edition.campaign.terms.all_or_nothing:
        return "not_recurring"
    if PLAIN not in edition.stocks:
        return UNKNOWN_VARIANT
    first = (OrderLine(quantity=1, price_minor=command.amount_minor),)
    reason, _ = admission.why_not(edition, moment, buyer_id=command.buyer_id, lines=first, vouched=command.vouched)
    if not command.amount_minor:
        return TOO_SMALL  # a gift that is free needs no repeating
    if reason:
        return reason
    edition.record_own(
        events.RecurringGiftStarted,
        moment,
        gift_id=command.gift_id,
        buyer_id=command.buyer_id,
        amount_minor=command.amount_minor,
        currency=edition.terms.currency,
        interval_months=command.interval_months,
        payment_method=command.payment_method,
        delivery=command.delivery,
        next_due_ms=moment.at_ms,
    )
    _give(edition, command.gift_id, moment, off_session=False, save=command.save, placement=command.placement)
    return None


@decides(commands.EndRecurringGift)
def end_recurring_gift(edition: Edition, command: commands.EndRecurringGift, moment: Moment) -> Outcome:
    """The giver stops; a gift that is being paid continues."""
    gift = edition.recurring.get(command.gift_id)
    if gift is None or gift.buyer_id != command.buyer_id:
        return "unknown_gift"
    if gift.ended:
        return REPEATED
    _end(edition, command.gift_id, "giver", moment)
    return None


def _give_again(edition: Edition, gift_id: str, moment: Moment) -> None:
    """The next gift is due."""
    gift = edition.recurring[gift_id]
    reason = admission.why_not_on_sale(edition, moment.at_ms)
    if gift.unpaid >= moment.rules.gift_unpaid_max:
        _end(edition, gift_id, _why_unpaid(edition, gift_id, gift.placed), moment)
    elif reason in ("cancelled", "closed") or not edition.stocks[PLAIN].has(1):
        _end(edition, gift_id, "closed", moment)
    elif reason:  # paused: who gives every month isn't charged while nobody else can give
        _skip(edition, gift_id, gift.due(moment.at_ms), moment)
    else:
        _skip(edition, gift_id, gift.missed(moment.at_ms), moment)
        if gift.next_due_ms <= moment.at_ms:
            _give(edition, gift_id, moment, off_session=True)


def _skip(edition: Edition, gift_id: str, missed: int, moment: Moment) -> None:
    """Leave out the next gifts: after an outage nobody is charged for several at once."""
    gift = edition.recurring[gift_id]
    if missed:
        edition.record_own(
            events.RecurringGiftSkipped,
            moment,
            gift_id=gift_id,
            buyer_id=gift.buyer_id,
            skipped=missed,
            first_due_ms=gift.next_due_ms,
            next_due_ms=gift.due_ms(missed),
        )


def _why_unpaid(edition: Edition, gift_id: str, number: int) -> Literal["declined", "unpaid"]:
    """Whether the bank said no to the last gift, or waited for a giver who never came."""
    last = edition.orders[recurring_order_id(gift_id, number)].current_payment
    return "declined" if last is not None and last.state == "declined" else "unpaid"


def _give(
    edition: Edition,
    gift_id: str,
    moment: Moment,
    *,
    off_session: bool,
    save: bool = False,
    placement: Placement | None = None,
) -> None:
    """Only the first gift is a click that came from somewhere."""
    gift = edition.recurring[gift_id]
    order_id = recurring_order_id(gift_id, gift.placed + 1)
    moment.record(
        events.OrderPlaced(
            originator_id=order_id,
            originator_version=1,
            at_ms=moment.at_ms,
            edition_id=edition.id,
            edition_version=edition.version + 1,
            buyer_id=gift.buyer_id,
            merchant_id=edition.terms.merchant_id,
            lines=(OrderLine(quantity=1, price_minor=gift.amount_minor),),
            currency=edition.terms.currency,
            hold_expires_at_ms=moment.at_ms + edition.terms.hold_seconds * 1000,
            gift_id=gift_id,
            next_due_ms=gift.following_due_ms,
            placement=placement,
        )
    )
    note_sell_out(edition, edition.stocks[PLAIN], moment)
    paying.ask(
        edition,
        edition.orders[order_id],
        moment,
        payment_method=gift.payment_method,
        delivery=gift.delivery,
        save=save,
        off_session=off_session,
    )


def _end(edition: Edition, gift_id: str, reason: str, moment: Moment) -> None:
    buyer_id = edition.recurring[gift_id].buyer_id
    edition.record_own(events.RecurringGiftEnded, moment, gift_id=gift_id, buyer_id=buyer_id, reason=reason)


def _due_ms(edition: Edition, gift_id: str, _: Rules) -> int | None:
    gift = edition.gifts.gifts[gift_id]
    return None if gift.ended else gift.next_due_ms


GIFT: Final = Duty(name="gift", due_ms=_due_ms, carry_on=_give_again)
"""The next gift of a recurring one is due."""
