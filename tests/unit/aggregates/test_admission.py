"""Whatever gives stock or takes money asks the same question, by whichever entrance it comes."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import RefundRule
from tests.support.examples import ANNA, BEN, EDITION, GIFT, ORDER, PRICE_MINOR, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authenticate, authorised, captured, deliver, pay, payment, place, release, ship

DAY_MS = 86_400_000
TICK = commands.Tick()
CANCEL = example(commands.CancelEdition)
PAUSE = example(commands.PauseSale)
SAVED = example(commands.RecordMethodSaved)
AT_THE_BANK = (release(), place(), pay(), authenticate())


def expired(**terms: Any) -> Scenario:
    """The hold ran out while the buyer was at the bank's page."""
    shop = given(release(**terms), place(), pay(), authenticate(), T0 + 400_000, TICK)
    return shop.and_state(ORDER, state="expired")


def campaign(days: int, **terms: Any) -> commands.ReleaseEdition:
    """All or nothing; a long one saves the methods, and charges them at its end."""
    terms = {"target_minor": PRICE_MINOR, "all_or_nothing": True, "closes_at_ms": T0 + days * DAY_MS, **terms}
    return release(**{"stock": None} | terms, kind="gift")


def gives_every_month() -> commands.StartRecurringGift:
    return example(commands.StartRecurringGift, edition_id=EDITION, gift_id=GIFT, amount_minor=PRICE_MINOR)


# Late money.


@pytest.mark.parametrize(
    "since",
    [
        [CANCEL],
        [CANCEL, TICK],
        [PAUSE],
        [example(commands.FlagVelocity, pause_seconds=3600)],
        [T0 + DAY_MS],  # closed
        [place(2, quantity=4)],  # the buyer's limit
        [place(2, quantity=4, buyer_id=BEN), place(3, quantity=3, buyer_id="by0-cara0000000000000000")],  # the stock
    ],
    ids=["cancelled", "cancellation completed", "paused", "too fast", "closed", "over limit", "sold out"],
)
def test_late_money_gets_stock_again_only_if_a_new_order_would(since: list[Any]) -> None:
    shop = expired(stock=7).given(*since)
    shop.when(authorised()).then(events.PaymentAuthorised, expect(events.VoidRequested, reason="order_expired"))
    shop.and_state(ORDER, state="expired")


def test_money_for_a_hold_of_a_cancelled_edition_is_released_at_once() -> None:
    shop = given(*AT_THE_BANK, CANCEL).when(authorised())
    shop.then(
        events.PaymentAuthorised,
        expect(events.OrderCancelled, reason="edition_cancelled"),
        expect(events.VoidRequested, reason="order_cancelled"),
    )


@pytest.mark.parametrize("since", [[PAUSE], [T0 + DAY_MS], [example(commands.FlagVelocity, pause_seconds=3600)]])
def test_who_holds_stock_may_pay_for_it_though_nobody_else_gets_any(since: list[Any]) -> None:
    shop = given(release(hold_seconds=2 * 86_400), place(), *since)
    shop.when(pay(), authorised(), captured()).then(
        events.PaymentRequested,
        *(events.PaymentAuthorised, events.OrderAuthorised),
        *(events.PaymentCaptured, events.OrderConfirmed),
    )


def test_nobody_is_charged_for_what_is_cancelled() -> None:
    given(release(), place(), CANCEL).when(pay()).then(expect(events.CommandRefused, reason="edition_cancelled"))


def test_a_capture_after_the_cancellation_is_refunded() -> None:
    shop = given(release(), place(), pay(), authorised(), CANCEL, TICK).and_state(ORDER, state="authorised")
    shop.when(captured()).then(events.PaymentCaptured, events.OrderConfirmed)
    shop.when(TICK).then(events.Ticked, expect(events.RefundRequested, amount_minor=PRICE_MINOR))


# Pledges.


def test_a_method_that_is_saved_late_gets_its_pledge_like_late_money() -> None:
    shop = given(campaign(20), place(), pay(), authenticate(), T0 + 400_000, TICK).and_state(ORDER, state="expired")
    shop.when(SAVED).then(events.MethodSaved, events.OrderReclaimed, events.OrderPledged, events.CampaignReached)


@pytest.mark.parametrize("since", [[], [TICK]])
def test_a_method_that_is_saved_after_a_cancellation_is_not_charged(since: list[Any]) -> None:
    shop = given(campaign(20), place(), pay(), authenticate(), CANCEL, *since).when(SAVED)
    assert not [event for event in shop.decided if isinstance(event, events.OrderPledged | events.PaymentRequested)]
    shop.and_state(ORDER, state="cancelled")


def test_a_cancelled_campaign_charges_nobody_at_its_end() -> None:
    shop = given(campaign(20), place(), pay(), SAVED, CANCEL).when(TICK, at_ms=T0 + 20 * DAY_MS)
    assert not [event for event in shop.decided if isinstance(event, events.PaymentRequested)]
    shop.and_state(ORDER, state="cancelled")


# Recurring gifts.


def test_nobody_is_charged_for_a_recurring_gift_while_the_sale_is_paused() -> None:
    gift = release(kind="gift", stock=None, closes_at_ms=None)
    shop = given(gift, gives_every_month(), PAUSE).when(TICK, at_ms=T0 + 32 * DAY_MS)
    shop.then(events.Ticked, expect(events.RecurringGiftSkipped, gift_id=GIFT, skipped=1))
    shop.given(example(commands.ResumeSale)).when(TICK).then(events.Ticked)
    shop.when(TICK, at_ms=T0 + 63 * DAY_MS).then(events.Ticked, events.OrderPlaced, events.PaymentRequested)


@pytest.mark.parametrize("since", [[CANCEL], [T0 + 33 * DAY_MS]])
def test_a_recurring_gift_ends_with_what_it_is_given_to(since: list[Any]) -> None:
    gift = release(kind="gift", stock=None, closes_at_ms=T0 + 33 * DAY_MS)
    shop = given(gift, gives_every_month(), T0 + 32 * DAY_MS, *since).when(TICK)
    [ended] = [event for event in shop.decided if isinstance(event, events.RecurringGiftEnded)]
    assert ended.reason == "closed"


# Stock, and what is done with it.


def test_a_campaign_that_missed_its_target_gets_no_stock_and_does_not_go_on_sale_again() -> None:
    missing = campaign(3, stock=1, target_minor=PRICE_MINOR + 1)
    shop = given(missing, place(), pay(), authorised()).when(TICK, at_ms=T0 + 3 * DAY_MS)
    pledge_ends = events.CampaignEnded, events.VoidRequested, events.OrderCancelled
    shop.then(events.Ticked, *pledge_ends).and_state(available=1, sold_out=True)
    shop.when(example(commands.AddStock)).then(expect(events.CommandRefused, reason="closed"))


def test_a_cancelled_edition_gets_no_stock_and_does_not_go_on_sale_again() -> None:
    shop = given(release(stock=1), place(), CANCEL)
    shop.when(example(commands.AddStock)).then(expect(events.CommandRefused, reason="cancelled"))
    shop.when(TICK)
    assert not [event for event in shop.decided if isinstance(event, events.StockReleased)]
    shop.given(PAUSE).when(example(commands.ResumeSale)).then(expect(events.CommandRefused, reason="cancelled"))


@pytest.mark.parametrize("serve", [ship(), deliver()])
def test_what_goes_back_because_of_a_cancellation_is_neither_shipped_nor_used(serve: commands.Command) -> None:
    shop = given(release(), place(), pay(), authorised(), captured(), CANCEL)
    shop.when(serve).then(expect(events.CommandRefused, reason="cancelled"))


def test_a_parcel_that_left_before_the_cancellation_may_arrive_after_it() -> None:
    shop = given(release(), place(), pay(), authorised(), captured(), ship(), CANCEL)
    shop.when(deliver()).then(events.OrderDelivered)


@pytest.mark.parametrize(("serve", "served"), [(ship(), events.OrderShipped), (deliver(), events.OrderDelivered)])
def test_units_whose_return_is_under_way_are_neither_shipped_nor_used(
    serve: commands.Command, served: type[events.Event]
) -> None:
    asked = example(commands.ReturnOrder, buyer_id=ANNA, refund_id="back-1")
    shop = given(release(refund=RefundRule(by="buyer")), place(), pay(), authorised(), captured(), asked)
    shop.when(serve).then(expect(events.CommandRefused, reason="return_under_way"))
    failure = example(commands.RecordRefundFailure, payment_id=payment(), refund_id="back-1")
    shop.given(failure).when(serve).then(served)


def test_of_several_units_those_that_stay_may_be_shipped() -> None:
    asked = example(commands.RefundOrder, refund_id="part-1", amount_minor=PRICE_MINOR, quantity=1)
    shop = given(release(), place(quantity=2), pay(), authorised(), captured(amount_minor=2 * PRICE_MINOR), asked)
    shop.when(ship()).then(events.OrderShipped)
