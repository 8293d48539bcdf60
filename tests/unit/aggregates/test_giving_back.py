"""A return while another one is on its way, and campaigns whose money moved or whose pledge was nothing."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import RefundRule
from tests.support.examples import BEN, EDITION, PRICE_MINOR, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, cancel, captured, pay, payment, place, refund, refunded, release

DAY_MS = 86_400_000
PAID = (place(), pay(), authorised(), captured())
TICK = example(commands.Tick)


def give_back(refund_id: str) -> commands.ReturnOrder:
    return example(commands.ReturnOrder, refund_id=refund_id)


def campaign(**terms: Any) -> commands.ReleaseEdition:
    """All or nothing, within two days."""
    terms = {"target_minor": 2 * PRICE_MINOR, "all_or_nothing": True, "closes_at_ms": T0 + 2 * DAY_MS, **terms}
    return release(stock=None, **terms)


def raised(shop: Scenario) -> tuple[int, int]:
    counted = shop.edition().campaign
    assert counted is not None
    return counted.raised_minor, counted.givers


@pytest.mark.parametrize("price_minor", [PRICE_MINOR, 0])
def test_a_return_in_progress_cannot_be_requested_again_under_another_name(price_minor: int) -> None:
    """With a share below 10 000 something is left each time: asking again would take that too."""
    paid = (
        *(place(price_minor=price_minor), pay(), authorised(), captured(amount_minor=price_minor)),
        give_back("return-1"),
    )
    shop = given(release(price_minor=price_minor, refund=RefundRule(by="buyer", share_bps=5_000)), *paid)
    shop.when(give_back("return-1")).then(events.CommandRepeated)
    shop.when(give_back("return-2")).then(expect(events.CommandRefused, reason="not_returnable"))


def test_a_campaign_whose_money_moved_stays_reached_whatever_goes_back() -> None:
    both = [
        command
        for number, buyer_id in ((1, {}), (2, {"buyer_id": BEN}))
        for command in (place(number, **buyer_id), pay(number, **buyer_id), authorised(number))
    ]
    shop = given(campaign(), *both).when(TICK)
    shop.given(captured(1), captured(2), refund(1, restock=False))
    shop.given(example(commands.RecordRefund, payment_id=payment(1), amount_minor=PRICE_MINOR, refund_id=""))
    assert raised(shop) == (PRICE_MINOR, 1)
    shop.when(TICK, at_ms=T0 + 2 * DAY_MS).then(events.Ticked, expect(events.CampaignEnded, outcome="reached"))


def test_a_pledge_cannot_be_withdrawn_once_the_target_is_reached_and_the_others_are_charged() -> None:
    one, other = [place(1), pay(1), authorised(1)], [place(2, buyer_id=BEN), pay(2, buyer_id=BEN), authorised(2)]
    given(campaign(), *one).when(cancel(1)).then(events.VoidRequested, events.OrderCancelled)

    shop = given(campaign(), *one, *other)
    shop.when(cancel(2, buyer_id=BEN)).then(expect(events.CommandRefused, reason="target_reached"))
    assert raised(shop) == (2 * PRICE_MINOR, 2)
    shop.when(TICK).then(events.Ticked, events.OrderAuthorised, events.OrderAuthorised)


def test_a_given_campaign_without_conditions_says_what_it_came_to() -> None:
    shop = given(campaign(all_or_nothing=False, target_minor=PRICE_MINOR), *PAID, refund(restock=False), refunded())
    shop.when(TICK, at_ms=T0 + 2 * DAY_MS).then(events.Ticked, expect(events.CampaignEnded, outcome="missed"))


def test_a_pledge_of_nothing_counts_as_a_giver_until_it_is_taken_back() -> None:
    shop = given(campaign(price_min_minor=0), place(price_minor=0), pay(), authorised())
    assert raised(shop) == (0, 1)
    shop.when(cancel()).then(events.VoidRequested, expect(events.OrderCancelled, reason="buyer"))
    assert raised(shop) == (0, 0)
    assert shop.edition(EDITION).held == 0
