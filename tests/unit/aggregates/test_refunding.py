"""Money that goes back: whole or in part, by the merchant, by the buyer within the rule, or made at the provider."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import RefundRule
from tests.support.examples import ANNA, BEN, MERCHANT, ORDER, PRICE_MINOR, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, payment, place, refund, refunded, release, ship

TERMS = example(commands.ApplyTerms)  # 5 % and 30
FEE_MINOR = PRICE_MINOR * 2 * 5 // 100 + 30


def paid(**terms: Any) -> Scenario:
    """Two units sold for twice the price, with a fee."""
    shop = given(commands.AdoptRules(rules_version=2), release(awaits_terms=True, **terms), TERMS)
    return shop.given(place(quantity=2), pay(), authorised(), captured(amount_minor=2 * PRICE_MINOR))


def part(refund_id: str, amount_minor: int | None, **fields: Any) -> commands.RefundOrder:
    """The merchant gives a part back."""
    return refund(refund_id=refund_id, amount_minor=amount_minor, **fields)


def done(refund_id: str, amount_minor: int) -> commands.RecordRefund:
    """The provider did."""
    return commands.RecordRefund(payment_id=payment(), refund_id=refund_id, amount_minor=amount_minor)


def returned(refund_id: str = "back-1", buyer_id: str = ANNA) -> commands.ReturnOrder:
    """The buyer returns it."""
    return example(commands.ReturnOrder, buyer_id=buyer_id, refund_id=refund_id)


def test_a_part_of_the_money_goes_back_and_the_buyer_keeps_everything() -> None:
    shop = paid().when(part("part-1", 500)).then(expect(events.RefundRequested, amount_minor=500, quantity=0))
    shop.when(done("part-1", 500)).then(
        expect(events.PaymentRefunded, amount_minor=500, refund_id="part-1"),
        expect(events.OrderRefunded, amount_minor=500, quantity=0, whole=False),
    )
    shop.and_state(ORDER, state="confirmed", returned=0).and_state(sold=2, available=8)


def test_one_of_two_units_is_returned_and_goes_on_sale_again() -> None:
    shop = paid().given(part("part-1", PRICE_MINOR, quantity=1)).when(done("part-1", PRICE_MINOR))
    shop.then(events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=False))
    shop.and_state(ORDER, state="confirmed", returned=1).and_state(sold=1, available=9)


def test_the_last_of_the_money_returns_the_last_units() -> None:
    shop = paid().given(part("part-1", PRICE_MINOR, quantity=1), done("part-1", PRICE_MINOR))
    shop.when(part("part-2", None, quantity=0)).then(expect(events.RefundRequested, amount_minor=PRICE_MINOR))
    shop.when(done("part-2", PRICE_MINOR)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=True)
    )
    shop.and_state(ORDER, state="refunded").and_state(sold=0, available=10)


def test_the_same_refund_requested_again_changes_nothing() -> None:
    shop = paid().given(part("part-1", 500, quantity=0))
    shop.when(part("part-1", 500, quantity=0)).then(events.CommandRepeated)
    shop.when(part("part-1", 501)).then(expect(events.CommandRefused, reason="refund_id_conflict"))
    shop.given(done("part-1", 500)).when(done("part-1", 500)).then(events.CommandRepeated)


@pytest.mark.parametrize("amount_minor", [0, -1, 2 * PRICE_MINOR - 500 + 1])
def test_no_more_goes_back_than_is_left(amount_minor: int) -> None:
    shop = paid().given(part("part-1", 500, quantity=0))
    shop.when(part("part-2", amount_minor)).then(expect(events.CommandRefused, reason="bad_amount"))


@pytest.mark.parametrize("quantity", [-1, 3])
def test_no_more_units_are_returned_than_there_are(quantity: int) -> None:
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


def test_the_platform_keeps_its_fee_on_request() -> None:
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


def test_a_whole_refund_that_failed_gets_a_new_name_automatically() -> None:
    failure = example(commands.RecordRefundFailure, refund_id="", amount_minor=2 * PRICE_MINOR)
    shop = paid().given(refund(), failure)
    shop.when(refund()).then(expect(events.RefundRequested, refund_id=f"{payment()}~r2"))


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


def test_a_buyer_returns_an_order_by_the_rule() -> None:
    shop = paid(refund=RefundRule(by="buyer", until_ms=T0 + 1000, share_bps=9_000, restock=True))
    shop.when(returned()).then(
        expect(events.RefundRequested, amount_minor=2 * PRICE_MINOR * 9 // 10, quantity=2, reason="returned")
    )
    shop.when(returned()).then(events.CommandRepeated)
    shop.when(done("back-1", 2 * PRICE_MINOR * 9 // 10)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=2, whole=True, restock=True)
    )
    shop.and_state(ORDER, state="refunded").and_state(sold=0, available=10)


def test_after_its_deadline_an_order_cannot_be_returned() -> None:
    shop = paid(refund=RefundRule(by="buyer", until_ms=T0 + 1000))
    shop.when(returned(), at_ms=T0 + 1000).then(expect(events.CommandRefused, reason="too_late"))


def test_what_is_shipped_goes_back_through_the_merchant() -> None:
    shop = paid(refund=RefundRule(by="buyer")).given(ship())
    shop.when(returned()).then(expect(events.CommandRefused, reason="order_shipped"))


@pytest.mark.parametrize(
    ("terms", "buyer_id", "reason"),
    [
        ({}, ANNA, "not_returnable"),
        ({"refund": RefundRule(by="buyer")}, BEN, "unknown_order"),
        ({"refund": RefundRule(by="buyer", share_bps=0)}, ANNA, "not_returnable"),
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


# What is under way.


def failed(refund_id: str, amount_minor: int = PRICE_MINOR) -> commands.RecordRefundFailure:
    """The bank didn't take it."""
    return example(commands.RecordRefundFailure, refund_id=refund_id, amount_minor=amount_minor)


def test_each_refund_takes_the_units_that_it_was_granted_whichever_is_answered_first() -> None:
    shop = paid().given(part("part-1", PRICE_MINOR, quantity=1))
    shop.when(part("part-2", None)).then(expect(events.RefundRequested, amount_minor=PRICE_MINOR, quantity=1))
    shop.when(done("part-2", PRICE_MINOR)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=False)
    )
    shop.given(failed("part-1")).and_state(ORDER, state="confirmed", returned=1, kept=1)
    shop.when(part("part-3", None)).then(expect(events.RefundRequested, amount_minor=PRICE_MINOR, quantity=1))
    shop.when(done("part-3", PRICE_MINOR)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=True)
    )


def test_what_is_under_way_is_not_granted_again() -> None:
    shop = paid().given(part("part-1", PRICE_MINOR, quantity=1))
    shop.when(part("part-2", PRICE_MINOR, quantity=2)).then(expect(events.CommandRefused, reason="bad_quantity"))
    shop.when(part("part-2", PRICE_MINOR + 1)).then(expect(events.CommandRefused, reason="bad_amount"))


def test_a_refund_made_at_the_provider_leaves_units_under_way_alone() -> None:
    shop = paid().given(part("part-1", PRICE_MINOR, quantity=1))
    shop.when(done("re_1", PRICE_MINOR)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=False)
    )
    shop.when(done("part-1", PRICE_MINOR)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=True)
    )


def test_some_of_the_units_need_an_amount() -> None:
    shop = paid().when(part("part-1", None, quantity=1)).then(expect(events.CommandRefused, reason="amount_needed"))
    shop.when(part("part-1", None, quantity=2)).then(expect(events.RefundRequested, amount_minor=2 * PRICE_MINOR))


def free() -> Scenario:
    """Two tickets for nothing."""
    sold = (place(quantity=2, price_minor=0), pay(), authorised(), captured(amount_minor=0))
    return given(release(price_minor=0), *sold)


def test_one_of_two_free_tickets_goes_back() -> None:
    shop = free().when(part("part-1", None, quantity=1)).then(expect(events.RefundRequested, quantity=1))
    shop.when(done("part-1", 0)).then(events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=False))
    shop.and_state(ORDER, state="confirmed", kept=1).and_state(sold=1, available=9)
    shop.given(part("part-2", None), done("part-2", 0)).and_state(ORDER, state="refunded").and_state(sold=0)


def test_of_free_tickets_none_goes_back_twice() -> None:
    shop = free().given(part("part-1", None, quantity=2))
    shop.when(part("part-2", None)).then(expect(events.CommandRefused, reason="bad_quantity"))
    free().when(part("part-1", None, quantity=0)).then(expect(events.CommandRefused, reason="bad_quantity"))


def test_news_of_a_refund_that_come_before_those_of_the_capture_are_no_repeat() -> None:
    shop = given(release(), place(), pay(), authorised())
    shop.when(done("re_1", 500)).then(expect(events.CommandRefused, reason="payment_authorised"))


def test_a_whole_refund_at_the_provider_is_of_what_was_captured() -> None:
    reserved = (release(), place(), pay(), authorised(), captured(amount_minor=PRICE_MINOR - 500))
    shop = given(commands.AdoptRules(rules_version=2), *reserved).when(done("", PRICE_MINOR - 500))
    shop.then(events.PaymentRefunded, expect(events.OrderRefunded, quantity=1, whole=True))


# What fails after it had succeeded.


@pytest.mark.parametrize("restock", [True, False])
def test_a_refund_that_fails_days_later_returns_its_units_to_the_buyer(restock: bool) -> None:
    shop = paid(stock=2).given(part("part-1", PRICE_MINOR, quantity=1, restock=restock), done("part-1", PRICE_MINOR))
    taken_again = expect(events.RefundFailed, was_refunded=True, quantity=1, missing=0, from_stock=restock)
    sold_out_again = [events.EditionSoldOut] if restock else []
    shop.when(failed("part-1")).then(taken_again, *sold_out_again)
    shop.and_state(ORDER, state="confirmed", kept=2).and_state(sold=2, available=0, withdrawn=0)


def test_units_that_were_sold_to_others_meanwhile_are_missing() -> None:
    shop = paid(stock=2).given(refund(refund_id="all"), done("all", 2 * PRICE_MINOR), place(2, buyer_id=BEN))
    shop.when(failed("all", 2 * PRICE_MINOR)).then(
        expect(events.RefundFailed, was_refunded=True, was_whole=True, quantity=1, missing=1), events.EditionSoldOut
    )
    shop.and_state(ORDER, state="confirmed", kept=1).and_state(held=1, sold=1, available=0)


@pytest.mark.parametrize("first", ["", "all"])
@pytest.mark.parametrize("again", ["", "all", "other"])
def test_a_refund_that_failed_days_later_is_requested_again_under_any_name(first: str, again: str) -> None:
    shop = paid().given(refund(refund_id=first), done(first, 2 * PRICE_MINOR), failed(first, 2 * PRICE_MINOR))
    shop.when(refund(refund_id=again))
    [asked] = shop.decided
    assert isinstance(asked, events.RefundRequested)
    assert (asked.amount_minor, asked.quantity) == (2 * PRICE_MINOR, 2)
    assert asked.refund_id != first
    shop.when(refund(refund_id=again)).then(events.CommandRepeated)
    shop.when(done(asked.refund_id, 2 * PRICE_MINOR)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, quantity=2, whole=True)
    )
    shop.when(refund(refund_id=again)).then(events.CommandRepeated)


def test_a_return_that_failed_days_later_is_requested_again() -> None:
    shop = paid(refund=RefundRule(by="buyer")).given(returned(), done("back-1", 2 * PRICE_MINOR), failed("back-1"))
    shop.when(returned()).then(expect(events.RefundRequested, quantity=2, instead_of="back-1"))
    shop.when(returned()).then(events.CommandRepeated)


def test_an_order_without_units_is_returned_with_the_last_of_its_money() -> None:
    """Its units were sold to others after its refund, which then failed."""
    shop = paid(stock=2).given(refund(refund_id="all"), done("all", 2 * PRICE_MINOR))
    shop.given(place(2, buyer_id=BEN, quantity=2), failed("all")).and_state(ORDER, state="confirmed", kept=0)
    shop.when(ship()).then(expect(events.CommandRefused, reason="return_under_way"))
    shop.given(part("a", PRICE_MINOR), done("a", PRICE_MINOR)).and_state(ORDER, state="confirmed")
    shop.given(part("b", PRICE_MINOR), done("b", PRICE_MINOR)).and_state(ORDER, state="refunded")


def test_only_the_merchants_own_orders_are_refunded() -> None:
    shop = paid().when(refund(merchant_id="me0-other00000"))
    shop.then(expect(events.CommandRefused, reason="unknown_order"))
    assert MERCHANT != "me0-other00000"
    shop.when(refunded(amount_minor=2 * PRICE_MINOR)).then(events.PaymentRefunded, events.OrderRefunded)


@pytest.mark.parametrize("failing", [("kept", "rest"), ("rest", "kept")])
def test_of_refunds_that_all_failed_days_later_no_fee_stays_returned(failing: tuple[str, str]) -> None:
    one_minor = 2 * PRICE_MINOR // 3
    shop = paid().given(part("kept", one_minor, quantity=0, keep_fee=True), done("kept", one_minor))
    shop.given(part("rest", None), done("rest", 2 * PRICE_MINOR - one_minor))
    shop.given(*[example(commands.RecordRefundFailure, refund_id=refund_id) for refund_id in failing])
    money = shop.order(ORDER).paid_payment
    assert money is not None
    assert (money.refunded_minor, money.fee_returned_minor) == (0, 0)
