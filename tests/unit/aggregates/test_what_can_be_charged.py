"""What can be charged: prices, totals, fees and refunds in whole steps, between the least and the most."""

from typing import Any

import pytest

from buystream.aggregates.rules import RULES
from buystream.vocabulary import commands, events
from buystream.vocabulary.money import AMOUNT_MINOR_MAX
from buystream.vocabulary.values import RefundRule
from tests.support.examples import MERCHANT, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, place, refund, release

LEAST_USD = 50


def released(**terms: Any) -> Scenario:
    """What is decided about a release with these terms."""
    return given().when(release(**terms))


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"price_minor": 30}, "amount_too_small"),
        ({"price_minor": LEAST_USD - 1}, "amount_too_small"),
        ({"price_min_minor": 30, "price_max_minor": 5_000}, "amount_too_small"),
        ({"price_min_minor": 0, "price_max_minor": 49}, "amount_too_small"),
        ({"price_min_minor": 0, "price_max_minor": 5_000, "suggested_minor": (30, 500)}, "amount_too_small"),
        ({"currency": "GBP", "price_minor": 29}, "amount_too_small"),
        ({"currency": "HUF", "price_minor": 17_499}, "amount_too_small"),
        ({"currency": "KWD", "price_minor": 1_005}, "amount_off_step"),
        ({"currency": "OMR", "price_min_minor": 1_005, "price_max_minor": 9_000}, "amount_off_step"),
        ({"currency": "JOD", "price_min_minor": 1_000, "price_max_minor": 9_005}, "amount_off_step"),
        (
            {"currency": "TND", "price_min_minor": 2_000, "price_max_minor": 9_000, "suggested_minor": (2_505,)},
            "amount_off_step",
        ),
        ({"price_minor": AMOUNT_MINOR_MAX + 1, "limit_per_buyer": 1}, "bad_price"),
        ({"price_minor": AMOUNT_MINOR_MAX // 4 + 1, "limit_per_buyer": 4}, "bad_price"),
        ({"currency": "ISK", "price_minor": 1_000_000, "limit_per_buyer": 1}, "bad_price"),
    ],
)
def test_a_price_that_cannot_be_charged_is_refused_at_the_release(terms: dict[str, Any], reason: str) -> None:
    released(**{"suggested_minor": ()} | terms).then(expect(events.CommandRefused, reason=reason))


@pytest.mark.parametrize(
    "terms",
    [
        {"price_minor": 0},
        {"price_minor": LEAST_USD},
        {"price_min_minor": 0, "price_max_minor": 5_000, "suggested_minor": (0, 500)},
        {"currency": "ISK", "price_minor": 25_000},
        {"currency": "UGX", "price_minor": 25_001},
        {"currency": "BHD", "price_minor": 1_010},
        {"currency": "HUF", "price_minor": 17_501},
        {"price_minor": AMOUNT_MINOR_MAX, "limit_per_buyer": 1},
        {"currency": "IDR", "price_minor": 999_999_999_999, "limit_per_buyer": 1},
    ],
)
def test_a_price_at_the_very_edge_of_what_can_be_charged_is_released(terms: dict[str, Any]) -> None:
    released(**{"suggested_minor": ()} | terms).then(events.EditionReleased)


@pytest.mark.parametrize(
    ("currency", "price_minor", "reason"),
    [("KWD", 1_005, "amount_off_step"), ("USD", 30, "amount_too_small")],
)
def test_a_buyers_own_amount_that_cannot_be_charged_is_refused(currency: str, price_minor: int, reason: str) -> None:
    shop = given(release(currency=currency, price_min_minor=0, price_max_minor=9_000, suggested_minor=()))
    shop.when(place(price_minor=price_minor)).then(expect(events.OrderRefused, reason=reason))


def test_a_gift_that_repeats_gives_something_that_can_be_charged() -> None:
    shop = given(release(price_min_minor=0, price_max_minor=5_000))
    for amount_minor in (0, 30):
        start = example(commands.StartRecurringGift, amount_minor=amount_minor)
        shop.when(start).then(expect(events.CommandRefused, reason="amount_too_small"))


TERMS = example(commands.ApplyTerms, share_bps=333, fixed_minor=7)
PLACED = place(price_minor=1_010)


def test_the_platforms_fee_is_taken_in_whole_steps() -> None:
    shop = given(release(currency="KWD", price_minor=1_010, awaits_terms=True, suggested_minor=()), TERMS, PLACED)
    shop.when(pay()).then(expect(events.PaymentRequested, amount_minor=1_010, fee_minor=40))


def test_a_refund_is_for_whole_steps() -> None:
    shop = given(release(currency="KWD", price_minor=1_010, suggested_minor=()), PLACED, pay(), authorised())
    shop.given(captured(amount_minor=1_010))
    part = refund(refund_id="part-1", amount_minor=505, quantity=0)
    shop.when(part).then(expect(events.CommandRefused, reason="amount_off_step"))
    part = refund(refund_id="part-1", amount_minor=500, quantity=0)
    shop.when(part).then(expect(events.RefundRequested, amount_minor=500))


def test_the_share_that_a_buyer_gets_back_is_rounded_down_to_a_whole_step() -> None:
    rule = {"refund": RefundRule(by="buyer", share_bps=5_000)}
    shop = given(release(currency="KWD", price_minor=1_010, suggested_minor=(), **rule), PLACED, pay(), authorised())
    shop.given(captured(amount_minor=1_010)).when(example(commands.ReturnOrder, refund_id="back-1"))
    shop.then(expect(events.RefundRequested, amount_minor=500))


def test_the_fee_goes_back_in_whole_steps_that_add_up_to_it() -> None:
    shop = given(release(currency="KWD", price_minor=1_010, awaits_terms=True, suggested_minor=()), TERMS, PLACED)
    shop.given(pay(), authorised(), captured(amount_minor=1_010))
    back = []
    for number, amount_minor in enumerate((340, 340, 330)):
        part = refund(merchant_id=MERCHANT, refund_id=f"part-{number}", amount_minor=amount_minor, quantity=0)
        shop.given(part).when(example(commands.RecordRefund, refund_id=f"part-{number}", amount_minor=amount_minor))
        back += [event.fee_returned_minor for event in shop.decided if isinstance(event, events.PaymentRefunded)]
    assert back == [10, 10, 20]


def test_the_rules_say_what_can_be_charged() -> None:
    assert all(rules.currencies["KWD"].step_minor == 10 for rules in RULES.values())
