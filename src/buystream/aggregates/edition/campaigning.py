"""How a campaign ends by the clock, and how its pledges are settled: their money is taken, or they are given up."""

from itertools import islice
from typing import Final

from buystream.aggregates.edition import admission, paying
from buystream.aggregates.edition.campaign import Campaign
from buystream.aggregates.edition.duty import Duty
from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.ordering import give_up
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import events


def _due_ms(edition: Edition, _: str, rules: Rules) -> int | None:
    campaign = edition.campaign
    if campaign is None or edition.cancellation is not None:
        return None
    if campaign.may_settle and len(campaign.answering) <= rules.asked_at_once_max // 2:
        return 0
    if campaign.outcome or campaign.ends_at_ms is None:
        return None
    return campaign.ends_at_ms + (rules.answers_awaited_seconds * 1000 if campaign.answering else 0)


def _carry_on(edition: Edition, _: str, moment: Moment) -> None:
    campaign, due_ms = edition.campaign, _due_ms(edition, _, moment.rules)
    if campaign is None or edition.cancellation is not None:
        return
    if not campaign.outcome and campaign.ends_at_ms is not None and due_ms is not None and moment.at_ms >= due_ms > 0:
        edition.record_own(
            events.CampaignEnded,
            moment,
            outcome=campaign.outcome_now(),
            raised_minor=campaign.raised_minor,
            givers=campaign.givers,
        )
    if campaign.may_settle:
        room = max(moment.rules.asked_at_once_max - len(campaign.answering), 0)
        for order_id in list(islice(campaign.pledges, room)):
            _settle(edition, campaign, edition.orders[order_id], moment)


def _settle(edition: Edition, campaign: Campaign, order: Order, moment: Moment) -> None:
    """Take a pledge's money, or give it up."""
    payment = order.payment(order.pledged_by)
    if campaign.missed or payment is None:
        give_up(edition, order, admission.CAMPAIGN_MISSED, moment)
    elif payment.setup:
        paying.ask(edition, order, moment, payment_method=payment.method, delivery="", off_session=True)
    else:
        paying.claim(edition, payment, order, moment)


CAMPAIGN: Final = Duty(name="campaign", due_ms=_due_ms, carry_on=_carry_on)
"""A campaign ends, and its pledges are settled."""
