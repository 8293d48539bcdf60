"""What an edition does by the clock, unasked: a campaign ends and its pledges are settled, a recurring gift is due, a
cancelled edition gives the money back. Only a Tick carries it on, in bounded steps: what is left stands in the state,
so that it goes on after any crash, and no step asks the provider for more before it has answered."""

from collections.abc import Iterator
from itertools import islice

from buystream import commands, events
from buystream.aggregates import paying, refunding
from buystream.aggregates.campaign import Campaign
from buystream.aggregates.edition import REPEATED, UNKNOWN_ORDER, Cancellation, Edition, Outcome
from buystream.aggregates.order import SOLD, Order
from buystream.aggregates.recurring import DECLINES_MAX, INTERVAL_MONTHS
from buystream.aggregates.rules import Rules
from buystream.ids import is_of_edition, recurring_order_id

EDITION_CANCELLED = "edition_cancelled"
CAMPAIGN_MISSED = "campaign_missed"


def next_due_ms(edition: Edition, rules: Rules) -> int | None:
    """When there is something to do for the edition as a whole; a time that has passed means now."""
    if edition.cancellation is not None:
        return _cancellation_due_ms(edition, edition.cancellation, rules)
    if edition.campaign is not None:
        return _campaign_due_ms(edition.campaign, rules)
    return None


def carry_on(edition: Edition, at_ms: int, rules: Rules) -> None:
    """One bounded step of what is due."""
    if edition.cancellation is not None:
        _cancel_some(edition, edition.cancellation, at_ms, rules)
    elif edition.campaign is not None:
        _end_or_settle(edition, edition.campaign, at_ms, rules)


# A cancelled edition.


def cancel_edition(edition: Edition, command: commands.CancelEdition, at_ms: int) -> Outcome:
    """It won't take place."""
    if edition.merchant_id != command.merchant_id:
        return UNKNOWN_ORDER
    if edition.cancellation is not None:
        return REPEATED
    edition.record_own(events.EditionCancelled, at_ms, restock=command.restock, reason=command.reason)
    return None


def _cancellation_due_ms(edition: Edition, cancellation: Cancellation, rules: Rules) -> int | None:
    if cancellation.completed:
        return None
    if not cancellation.waiting:
        return None if cancellation.asked else cancellation.since_ms
    has_room = len(cancellation.asked) <= rules.asked_at_once_max // 2
    return cancellation.since_ms if has_room and next(_ready(edition, cancellation), None) else None


def _ready(edition: Edition, cancellation: Cancellation) -> Iterator[Order]:
    """Orders that can be ended now: money under way is waited for."""
    for order_id in cancellation.waiting:
        order = edition.orders[order_id]
        payment = order.paid_payment
        is_paid = order.state in SOLD and payment is not None and payment.state == "captured"
        if is_paid or order.state in ("held", "pledged"):
            yield order


def _cancel_some(edition: Edition, cancellation: Cancellation, at_ms: int, rules: Rules) -> None:
    room = rules.asked_at_once_max - len(cancellation.asked)
    for order in list(islice(_ready(edition, cancellation), room)):
        payment = order.paid_payment
        if order.state in ("held", "pledged"):
            edition.give_up(order, EDITION_CANCELLED, at_ms)
        elif payment is not None:
            refunding.ask(
                edition,
                payment,
                order,
                at_ms,
                refund_id=f"{payment.id}:cancelled",
                amount_minor=payment.refundable_minor,
                quantity=None,
                restock=cancellation.restock,
                reason=EDITION_CANCELLED,
            )
    if not cancellation.waiting and not cancellation.asked:
        edition.record_own(events.CancellationCompleted, at_ms, failed=cancellation.failed)


# A campaign.


def _campaign_due_ms(campaign: Campaign, rules: Rules) -> int | None:
    if campaign.may_settle and len(campaign.answering) <= rules.asked_at_once_max // 2:
        return 0
    if campaign.outcome or campaign.ends_at_ms is None:
        return None
    return campaign.ends_at_ms + (rules.answers_awaited_seconds * 1000 if campaign.answering else 0)


def _end_or_settle(edition: Edition, campaign: Campaign, at_ms: int, rules: Rules) -> None:
    due_ms = _campaign_due_ms(campaign, rules)
    if not campaign.outcome and campaign.ends_at_ms is not None and due_ms is not None and at_ms >= due_ms > 0:
        edition.record_own(
            events.CampaignEnded,
            at_ms,
            outcome=campaign.outcome_now(),
            raised_minor=campaign.raised_minor,
            givers=campaign.givers,
        )
    if campaign.may_settle:
        room = max(rules.asked_at_once_max - len(campaign.answering), 0)
        for order_id in list(islice(campaign.pledges, room)):
            _settle(edition, campaign, edition.orders[order_id], at_ms)


def _settle(edition: Edition, campaign: Campaign, order: Order, at_ms: int) -> None:
    """Take a pledge's money, or give it up."""
    payment = order.last_payment
    if campaign.missed or payment is None:
        edition.give_up(order, CAMPAIGN_MISSED, at_ms)
    elif payment.setup:
        paying.ask(edition, order, at_ms, payment_method=payment.method, delivery="", off_session=True)
    else:
        paying.claim(edition, payment, order, at_ms)


# Recurring gifts.


def start_recurring_gift(edition: Edition, command: commands.StartRecurringGift, at_ms: int) -> Outcome:
    """The first gift now, the next ones when they are due."""
    known = edition.recurring.get(command.gift_id)
    if known is not None:
        same = (known.buyer_id, known.amount_minor) == (command.buyer_id, command.amount_minor)
        return REPEATED if same else "gift_id_conflict"
    if not is_of_edition(command.gift_id, edition.id):
        return "gift_id_conflict"
    if command.interval_months not in INTERVAL_MONTHS:
        return "bad_interval"
    if edition.campaign is not None and edition.campaign.all_or_nothing:
        return "not_recurring"
    first = commands.PlaceOrder(
        order_id=recurring_order_id(command.gift_id, 1),
        edition_id=edition.id,
        buyer_id=command.buyer_id,
        quantity=1,
        price_minor=command.amount_minor,
    )
    if reason := edition.why_not(first, at_ms):
        return reason
    edition.record_own(
        events.RecurringGiftStarted,
        at_ms,
        gift_id=command.gift_id,
        buyer_id=command.buyer_id,
        amount_minor=command.amount_minor,
        currency=edition.currency,
        interval_months=command.interval_months,
        payment_method=command.payment_method,
        delivery=command.delivery,
        next_due_ms=at_ms,
    )
    _give(edition, command.gift_id, at_ms, off_session=False)
    return None


def end_recurring_gift(edition: Edition, command: commands.EndRecurringGift, at_ms: int) -> Outcome:
    """The giver stops; a gift that is being paid goes on."""
    gift = edition.recurring.get(command.gift_id)
    if gift is None or gift.buyer_id != command.buyer_id:
        return "unknown_gift"
    if gift.ended:
        return REPEATED
    _end(edition, command.gift_id, "giver", at_ms)
    return None


def give_again(edition: Edition, gift_id: str, at_ms: int) -> None:
    """The next gift is due."""
    gift = edition.recurring[gift_id]
    closed = edition.closes_at_ms is not None and at_ms >= edition.closes_at_ms
    if gift.declines >= DECLINES_MAX:
        _end(edition, gift_id, "declined", at_ms)
    elif closed or edition.cancellation is not None or not edition.in_stock(1):
        _end(edition, gift_id, "closed", at_ms)
    else:
        _give(edition, gift_id, at_ms, off_session=True)


def _give(edition: Edition, gift_id: str, at_ms: int, *, off_session: bool) -> None:
    gift = edition.recurring[gift_id]
    order_id = recurring_order_id(gift_id, gift.placed + 1)
    edition.record(
        events.OrderPlaced(
            originator_id=order_id,
            originator_version=1,
            at_ms=at_ms,
            edition_id=edition.id,
            edition_version=edition.version + 1,
            buyer_id=gift.buyer_id,
            merchant_id=edition.merchant_id,
            quantity=1,
            price_minor=gift.amount_minor,
            currency=edition.currency,
            hold_expires_at_ms=at_ms + edition.hold_seconds * 1000,
            gift_id=gift_id,
            next_due_ms=gift.following_due_ms,
        )
    )
    edition.note_sell_out(at_ms)
    paying.ask(
        edition,
        edition.orders[order_id],
        at_ms,
        payment_method=gift.payment_method,
        delivery=gift.delivery,
        off_session=off_session,
    )


def _end(edition: Edition, gift_id: str, reason: str, at_ms: int) -> None:
    buyer_id = edition.recurring[gift_id].buyer_id
    edition.record_own(events.RecurringGiftEnded, at_ms, gift_id=gift_id, buyer_id=buyer_id, reason=reason)
