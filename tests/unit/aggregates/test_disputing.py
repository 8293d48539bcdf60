"""Disputes: a buyer's bank wants money back, and decides, perhaps more than once. A dispute takes its amount, and
nothing more."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from tests.support.examples import ORDER, PRICE_MINOR, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, deliver, pay, payment, place, refund, release, ship

FOUR_MINOR = 4 * PRICE_MINOR


def sold(**terms: Any) -> Scenario:
    """Four units."""
    return given(release(**terms), place(quantity=4), pay(), authorised(), captured(amount_minor=FOUR_MINOR))


def opened(amount_minor: int = FOUR_MINOR, dispute_id: str = "dp_1") -> commands.RecordDispute:
    """The bank wants it."""
    return example(commands.RecordDispute, amount_minor=amount_minor, dispute_id=dispute_id)


def closed(outcome: str, amount_minor: int = FOUR_MINOR, dispute_id: str = "dp_1") -> commands.RecordDisputeOutcome:
    """The bank has decided."""
    return example(commands.RecordDisputeOutcome, amount_minor=amount_minor, dispute_id=dispute_id, outcome=outcome)


def refundable(shop: Scenario) -> int:
    return shop.order().payments[0].refundable_minor


def test_a_disputed_order_is_neither_shipped_nor_refunded() -> None:
    shop = sold().when(opened()).then(expect(events.PaymentDisputed, dispute_id="dp_1", reason="fraudulent"))
    shop.and_state(ORDER, state="disputed").and_state(sold=4)
    shop.when(ship(), refund()).then(
        expect(events.CommandRefused, reason="order_disputed"), expect(events.CommandRefused, reason="order_disputed")
    )
    shop.when(opened()).then(events.CommandRepeated)


@pytest.mark.parametrize("outcome", ["won", "withdrawn"])
def test_a_dispute_that_takes_nothing_restores_the_orders_state(outcome: str) -> None:
    shop = sold().given(ship(), opened()).when(closed(outcome)).then(expect(events.DisputeClosed, outcome=outcome))
    shop.and_state(ORDER, state="shipped")
    assert refundable(shop) == FOUR_MINOR
    shop.when(closed(outcome)).then(events.CommandRepeated)


def test_an_order_whose_money_is_lost_stays_disputed() -> None:
    shop = sold().given(opened()).when(closed("lost")).then(expect(events.DisputeClosed, outcome="lost"))
    shop.and_state(ORDER, state="disputed").when(ship()).then(expect(events.CommandRefused, reason="order_disputed"))


def test_a_lost_dispute_takes_its_amount_and_nothing_more() -> None:
    shop = sold().given(opened(PRICE_MINOR), closed("lost", PRICE_MINOR)).and_state(ORDER, state="confirmed")
    assert refundable(shop) == 3 * PRICE_MINOR
    shop.when(ship()).then(events.OrderShipped)
    shop.when(refund(refund_id="rest", amount_minor=3 * PRICE_MINOR + 1)).then(
        expect(events.CommandRefused, reason="bad_amount")
    )
    shop.when(refund(refund_id="rest")).then(expect(events.RefundRequested, amount_minor=3 * PRICE_MINOR, quantity=4))
    done = example(commands.RecordRefund, refund_id="rest", amount_minor=3 * PRICE_MINOR)
    shop.when(done).then(events.PaymentRefunded, expect(events.OrderRefunded, quantity=4, whole=True))


def test_several_disputes_take_their_amounts() -> None:
    shop = sold().given(opened(PRICE_MINOR, "a"), opened(PRICE_MINOR, "b"), closed("lost", PRICE_MINOR, "a"))
    shop.and_state(ORDER, state="disputed")
    shop.given(closed("lost", PRICE_MINOR, "b")).and_state(ORDER, state="confirmed")
    assert refundable(shop) == 2 * PRICE_MINOR
    shop.given(opened(2 * PRICE_MINOR, "c"), closed("lost", 2 * PRICE_MINOR, "c")).and_state(ORDER, state="disputed")
    assert refundable(shop) == 0


def test_an_order_is_shipped_and_used_while_a_bank_decides_about_a_part_of_its_money() -> None:
    shop = sold().given(opened(PRICE_MINOR)).and_state(ORDER, state="disputed")
    shop.when(refund(refund_id="rest")).then(expect(events.CommandRefused, reason="order_disputed"))
    shop.when(ship()).then(events.OrderShipped).and_state(ORDER, state="disputed", served="shipped")
    shop.when(ship()).then(events.CommandRepeated)
    shop.when(deliver()).then(events.OrderDelivered)
    shop.when(deliver()).then(events.CommandRepeated)
    shop.given(closed("won", PRICE_MINOR)).and_state(ORDER, state="delivered")


def test_several_disputes_that_have_all_the_money_together_stop_the_order() -> None:
    shop = sold().given(opened(PRICE_MINOR, "a"), opened(3 * PRICE_MINOR, "b"))
    shop.when(ship()).then(expect(events.CommandRefused, reason="order_disputed"))
    shop.given(closed("lost", PRICE_MINOR, "a"))
    shop.when(ship()).then(expect(events.CommandRefused, reason="order_disputed"))
    shop.given(closed("won", 3 * PRICE_MINOR, "b")).when(ship()).then(events.OrderShipped)


def test_a_dispute_about_what_a_refund_left_stops_the_order() -> None:
    shop = sold().given(refund(refund_id="part", amount_minor=3 * PRICE_MINOR, quantity=3))
    shop.given(example(commands.RecordRefund, refund_id="part", amount_minor=3 * PRICE_MINOR), opened(PRICE_MINOR))
    shop.when(ship()).then(expect(events.CommandRefused, reason="order_disputed"))


def test_a_dispute_may_take_more_than_was_paid() -> None:
    shop = sold().given(opened(FOUR_MINOR + 1500), closed("lost", FOUR_MINOR + 1500))
    assert refundable(shop) == 0
    shop.when(closed("won", FOUR_MINOR + 1500)).then(expect(events.DisputeClosed, returned_minor=FOUR_MINOR + 1500))
    assert refundable(shop) == FOUR_MINOR


def test_a_dispute_that_is_lost_and_then_won_returns_the_money() -> None:
    shop = sold().given(opened(), closed("lost")).when(closed("won"))
    shop.then(expect(events.DisputeClosed, before="lost", returned_minor=FOUR_MINOR, lost_minor=-FOUR_MINOR))
    shop.and_state(ORDER, state="confirmed")
    assert refundable(shop) == FOUR_MINOR


def test_a_dispute_that_is_won_and_then_lost_takes_the_money_after_all() -> None:
    shop = sold().given(opened(), closed("won")).when(closed("lost"))
    shop.then(expect(events.DisputeClosed, before="won", returned_minor=-FOUR_MINOR, lost_minor=FOUR_MINOR))
    shop.and_state(ORDER, state="disputed")
    assert refundable(shop) == 0


def test_the_bank_may_decide_on_another_amount_than_it_held() -> None:
    shop = sold().given(opened(2 * PRICE_MINOR)).when(closed("lost", PRICE_MINOR))
    shop.then(expect(events.DisputeClosed, returned_minor=PRICE_MINOR, lost_minor=PRICE_MINOR))
    assert refundable(shop) == 3 * PRICE_MINOR


def test_a_bank_may_want_another_amount_while_it_decides() -> None:
    shop = sold().given(opened(PRICE_MINOR)).when(opened(3 * PRICE_MINOR))
    shop.then(expect(events.PaymentDisputed, amount_minor=3 * PRICE_MINOR, held_minor=PRICE_MINOR))
    assert refundable(shop) == PRICE_MINOR
    shop.when(opened(3 * PRICE_MINOR)).then(events.CommandRepeated)
    shop.when(closed("lost", 2 * PRICE_MINOR)).then(
        expect(events.DisputeClosed, held_minor=3 * PRICE_MINOR, returned_minor=PRICE_MINOR)
    )
    shop.when(opened(PRICE_MINOR)).then(events.CommandRepeated)
    assert refundable(shop) == 2 * PRICE_MINOR


def test_news_of_the_end_may_come_before_those_of_the_beginning() -> None:
    shop = sold().when(closed("lost")).then(events.PaymentDisputed, events.DisputeClosed)
    shop.when(opened()).then(events.CommandRepeated)


def test_what_was_withdrawn_before_we_knew_of_it_never_took_anything() -> None:
    sold().when(closed("withdrawn")).then(events.CommandRepeated)


@pytest.mark.parametrize("amount_minor", [0, -1])
def test_a_dispute_takes_an_amount(amount_minor: int) -> None:
    sold().when(opened(amount_minor)).then(expect(events.CommandRefused, reason="wrong_amount"))
    sold().when(closed("lost", -1)).then(expect(events.CommandRefused, reason="wrong_amount"))


def test_nothing_is_disputed_before_it_is_paid() -> None:
    given(release(), place(), pay()).when(opened()).then(expect(events.CommandRefused, reason="payment_requested"))


def test_a_refund_that_was_under_way_is_counted_beside_the_dispute() -> None:
    asked = refund(refund_id="part-1", amount_minor=PRICE_MINOR, quantity=1)
    shop = sold().given(asked, opened(2 * PRICE_MINOR), closed("lost", 2 * PRICE_MINOR))
    assert refundable(shop) == PRICE_MINOR
    done = example(commands.RecordRefund, payment_id=payment(), refund_id="part-1", amount_minor=PRICE_MINOR)
    shop.when(done).then(events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=False))
    assert refundable(shop) == PRICE_MINOR


def test_what_is_won_back_after_the_rest_was_refunded_can_be_refunded_too() -> None:
    shop = sold().given(opened(PRICE_MINOR), closed("lost", PRICE_MINOR), refund(refund_id="rest"))
    shop.given(example(commands.RecordRefund, refund_id="rest", amount_minor=3 * PRICE_MINOR))
    shop.and_state(ORDER, state="refunded").when(refund(refund_id="more"))
    shop.then(expect(events.CommandRefused, reason="order_refunded"))
    shop.given(closed("won", PRICE_MINOR)).when(refund(refund_id="more"))
    shop.then(expect(events.RefundRequested, amount_minor=PRICE_MINOR, quantity=0))


def test_a_campaign_counts_what_banks_took_and_returned() -> None:
    gift = release(kind="gift", target_minor=10 * FOUR_MINOR, stock=None)
    shop = given(gift, place(quantity=4), pay(), authorised(), captured(amount_minor=FOUR_MINOR), opened())
    campaign = shop.edition().campaign
    assert campaign is not None
    assert campaign.raised_minor == FOUR_MINOR
    shop.given(closed("lost"))
    assert campaign.raised_minor == 0
    shop.given(closed("won"))
    assert campaign.raised_minor == FOUR_MINOR


def test_what_a_dispute_leaves_is_refunded_in_whole_steps_of_the_currency() -> None:
    """A bank may dispute what can't be charged: 1.235 KWD of 4 times 1.500 KWD."""
    shop = given(release(currency="KWD", price_minor=1_500, suggested_minor=()), place(quantity=4, price_minor=1_500))
    shop.given(pay(), authorised(), captured(amount_minor=6_000), opened(1_235), closed("lost", 1_235))
    shop.when(refund(refund_id="rest"))
    shop.then(expect(events.RefundRequested, amount_minor=4_760, quantity=4))
