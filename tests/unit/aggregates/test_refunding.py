"""Money that goes back: whole or in part, by the merchant, by the buyer within the rule, or made at the provider."""

from typing import Any

import pytest

from buystream import commands, events
from tests.support.examples import ANNA, BEN, MERCHANT, ORDER, PRICE_MINOR, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, payment, place, refund, refunded, release, ship

TERMS = example(commands.ApplyTerms)  # 5 % and 30
FEE_MINOR = PRICE_MINOR * 2 * 5 // 100 + 30


def paid(**terms: Any) -> Scenario:
    """Two pieces sold for twice the price, with a fee."""
    shop = given(commands.AdoptRules(rules_version=2), release(awaits_terms=True, **terms), TERMS)
    return shop.given(place(quantity=2), pay(), authorised(), captured(amount_minor=2 * PRICE_MINOR))


def part(refund_id: str, amount_minor: int | None, **fields: Any) -> commands.RefundOrder:
    """The merchant gives a part back."""
    return refund(refund_id=refund_id, amount_minor=amount_minor, **fields)


def done(refund_id: str, amount_minor: int) -> commands.RecordRefund:
    """The provider did."""
    return commands.RecordRefund(payment_id=payment(), refund_id=refund_id, amount_minor=amount_minor)


def returned(refund_id: str = "back-1", buyer_id: str = ANNA) -> commands.ReturnOrder:
    """The buyer gives it back."""
    return example(commands.ReturnOrder, buyer_id=buyer_id, refund_id=refund_id)


def test_a_part_of_the_money_goes_back_and_the_buyer_keeps_everything() -> None:
    shop = paid().when(part("part-1", 500)).then(expect(events.RefundRequested, amount_minor=500, quantity=0))
    shop.when(done("part-1", 500)).then(
        expect(events.PaymentRefunded, amount_minor=500, refund_id="part-1"),
        expect(events.OrderRefunded, amount_minor=500, quantity=0, whole=False),
    )
    shop.and_state(ORDER, state="confirmed", returned=0).and_state(sold=2, available=8)


def test_one_of_two_pieces_comes_back_and_goes_on_sale_again() -> None:
    shop = paid().given(part("part-1", PRICE_MINOR, quantity=1)).when(done("part-1", PRICE_MINOR))
    shop.then(events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=False))
    shop.and_state(ORDER, state="confirmed", returned=1).and_state(sold=1, available=9)


def test_the_last_of_the_money_brings_the_last_pieces_back() -> None:
    shop = paid().given(part("part-1", PRICE_MINOR, quantity=1), done("part-1", PRICE_MINOR))
    shop.when(part("part-2", None, quantity=0)).then(expect(events.RefundRequested, amount_minor=PRICE_MINOR))
    shop.when(done("part-2", PRICE_MINOR)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=True)
    )
    shop.and_state(ORDER, state="refunded").and_state(sold=0, available=10)


def test_the_same_refund_asked_for_again_changes_nothing() -> None:
    shop = paid().given(part("part-1", 500, quantity=0))
    shop.when(part("part-1", 500, quantity=0)).then(events.CommandRepeated)
    shop.when(part("part-1", 501)).then(expect(events.CommandRefused, reason="refund_id_conflict"))
    shop.given(done("part-1", 500)).when(done("part-1", 500)).then(events.CommandRepeated)


@pytest.mark.parametrize("amount_minor", [0, -1, 2 * PRICE_MINOR - 500 + 1])
def test_no_more_goes_back_than_is_left(amount_minor: int) -> None:
    shop = paid().given(part("part-1", 500, quantity=0))
    shop.when(part("part-2", amount_minor)).then(expect(events.CommandRefused, reason="bad_amount"))


@pytest.mark.parametrize("quantity", [-1, 3])
def test_no_more_pieces_come_back_than_there_are(quantity: int) -> None:
    paid().when(part("part-1", 500, quantity=quantity)).then(expect(events.CommandRefused, reason="bad_quantity"))


def test_the_fee_goes_back_in_proportion_and_adds_up() -> None:
    shop = paid()
    back = []
    for number, amount_minor in enumerate((1000, 3333, 2 * PRICE_MINOR - 4333)):
        shop.given(part(f"part-{number}", amount_minor, quantity=0)).when(done(f"part-{number}", amount_minor))
        event = shop.decided[0]
        assert isinstance(event, events.PaymentRefunded)
        back.append(event.fee_returned_minor)
    assert sum(back) == FEE_MINOR
    assert back[0] == FEE_MINOR * 1000 // (2 * PRICE_MINOR)


def test_the_platform_keeps_its_fee_when_told_to() -> None:
    shop = paid().given(part("part-1", None, keep_fee=True)).when(done("part-1", 2 * PRICE_MINOR))
    shop.then(expect(events.PaymentRefunded, fee_returned_minor=0), events.OrderRefunded)


def test_a_refund_made_at_the_provider_is_a_fact() -> None:
    shop = (
        paid()
        .when(done("re_1", 500))
        .then(expect(events.PaymentRefunded, refund_id="re_1"), expect(events.OrderRefunded, quantity=0, whole=False))
    )
    shop.when(done("re_1", 500)).then(events.CommandRepeated)
    shop.when(done("re_2", 2 * PRICE_MINOR)).then(expect(events.CommandRefused, reason="wrong_amount"))


def test_a_refund_that_the_bank_did_not_take_is_tried_again_under_another_name() -> None:
    failure = example(commands.RecordRefundFailure, refund_id="part-1", amount_minor=500)
    shop = paid().given(part("part-1", 500, quantity=0))
    shop.when(failure).then(expect(events.RefundFailed, was_refunded=False, amount_minor=500))
    shop.when(failure, part("part-1", 500, quantity=0)).then(events.CommandRepeated, events.CommandRepeated)
    shop.when(part("part-2", 500, quantity=0)).then(expect(events.RefundRequested, refund_id="part-2"))


def test_a_whole_refund_that_failed_gets_a_new_name_by_itself() -> None:
    failure = example(commands.RecordRefundFailure, refund_id="", amount_minor=2 * PRICE_MINOR)
    shop = paid().given(refund(), failure)
    shop.when(refund()).then(expect(events.RefundRequested, refund_id=f"{payment()}:r2"))


def test_a_refund_that_comes_back_days_later_is_the_merchants_money_again() -> None:
    shop = paid().given(part("part-1", 500, quantity=0), done("part-1", 500))
    before = shop.order().payments[0]
    assert before.refunded_minor == 500
    shop.when(example(commands.RecordRefundFailure, refund_id="part-1", amount_minor=500)).then(
        expect(events.RefundFailed, was_refunded=True, fee_returned_minor=FEE_MINOR * 500 // (2 * PRICE_MINOR))
    )
    after = shop.order().payments[0]
    assert (after.refunded_minor, after.fee_returned_minor, after.state) == (0, 0, "captured")


# The buyer's own return.


def test_a_buyer_gives_an_order_back_by_the_rule() -> None:
    shop = paid(refund_by="buyer", refund_until_ms=T0 + 1000, refund_share_bps=9_000, refund_restock=True)
    shop.when(returned()).then(
        expect(events.RefundRequested, amount_minor=2 * PRICE_MINOR * 9 // 10, quantity=2, reason="returned")
    )
    shop.when(returned()).then(events.CommandRepeated)
    shop.when(done("back-1", 2 * PRICE_MINOR * 9 // 10)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=2, whole=True, restock=True)
    )
    shop.and_state(ORDER, state="refunded").and_state(sold=0, available=10)


def test_too_late_is_too_late() -> None:
    shop = paid(refund_by="buyer", refund_until_ms=T0 + 1000)
    shop.when(returned(), at_ms=T0 + 1000).then(expect(events.CommandRefused, reason="too_late"))


def test_what_is_shipped_goes_back_through_the_merchant() -> None:
    shop = paid(refund_by="buyer").given(ship())
    shop.when(returned()).then(expect(events.CommandRefused, reason="order_shipped"))


@pytest.mark.parametrize(
    ("terms", "buyer_id", "reason"),
    [
        ({}, ANNA, "not_returnable"),
        ({"refund_by": "buyer"}, BEN, "unknown_order"),
        ({"refund_by": "buyer", "refund_share_bps": 0}, ANNA, "not_returnable"),
    ],
)
def test_a_return_is_refused(terms: dict[str, Any], buyer_id: str, reason: str) -> None:
    paid(**terms).when(returned(buyer_id=buyer_id)).then(expect(events.CommandRefused, reason=reason))


# Partial captures.


def test_less_than_was_reserved_may_be_taken() -> None:
    shop = given(commands.AdoptRules(rules_version=2), release(awaits_terms=True), TERMS, place(), pay(), authorised())
    shop.when(captured(amount_minor=PRICE_MINOR - 500)).then(
        expect(events.PaymentCaptured, amount_minor=PRICE_MINOR - 500, fee_minor=255 * (PRICE_MINOR - 500) // 4500),
        expect(events.OrderConfirmed, amount_minor=PRICE_MINOR - 500),
    )
    shop.when(refund()).then(expect(events.RefundRequested, amount_minor=PRICE_MINOR - 500))


def test_more_than_was_reserved_is_never_taken() -> None:
    shop = given(commands.AdoptRules(rules_version=2), release(), place(), pay(), authorised())
    shop.when(captured(amount_minor=PRICE_MINOR + 1)).then(expect(events.CommandRefused, reason="wrong_amount"))


def test_by_the_first_rules_a_partial_capture_is_refused() -> None:
    shop = given(release(), place(), pay(), authorised())
    shop.when(captured(amount_minor=PRICE_MINOR - 1)).then(expect(events.CommandRefused, reason="wrong_amount"))


# Disputes.

OPENED = example(commands.RecordDispute)
WON, LOST = (example(commands.RecordDisputeOutcome, outcome=outcome) for outcome in ("won", "lost"))


def test_a_disputed_order_is_neither_shipped_nor_refunded() -> None:
    shop = paid().when(OPENED).then(expect(events.PaymentDisputed, dispute_id="dp_1", reason="fraudulent"))
    shop.and_state(ORDER, state="disputed").and_state(sold=2)
    shop.when(ship(), refund()).then(
        expect(events.CommandRefused, reason="order_disputed"), expect(events.CommandRefused, reason="order_disputed")
    )
    shop.when(OPENED).then(events.CommandRepeated)


def test_a_dispute_that_is_won_gives_the_order_back_its_state() -> None:
    shop = paid().given(ship(), OPENED).when(WON).then(expect(events.DisputeClosed, outcome="won"))
    shop.and_state(ORDER, state="shipped")
    shop.when(LOST).then(events.CommandRepeated)


def test_a_dispute_that_is_lost_leaves_it_disputed() -> None:
    paid().given(OPENED).when(LOST).then(expect(events.DisputeClosed, outcome="lost")).and_state(
        ORDER, state="disputed"
    )


def test_news_of_the_end_may_come_before_those_of_the_beginning() -> None:
    shop = paid().when(LOST).then(events.PaymentDisputed, events.DisputeClosed)
    shop.when(OPENED).then(events.CommandRepeated)


def test_nothing_is_disputed_before_it_is_paid() -> None:
    given(release(), place(), pay()).when(OPENED).then(expect(events.CommandRefused, reason="payment_requested"))


def test_only_the_merchants_own_orders_are_refunded() -> None:
    shop = paid().when(refund(merchant_id="me0-other00000"))
    shop.then(expect(events.CommandRefused, reason="unknown_order"))
    assert MERCHANT != "me0-other00000"
    shop.when(refunded(amount_minor=2 * PRICE_MINOR)).then(events.PaymentRefunded, events.OrderRefunded)
