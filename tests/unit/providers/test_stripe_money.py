"""Stripe counts some currencies in other units than ISO 4217."""

import pytest

from buystream.providers.stripe_money import from_stripe, more_decimals, to_stripe
from buystream.vocabulary.money import CURRENCIES


@pytest.mark.parametrize(
    ("amount_minor", "currency", "at_stripe"),
    [
        (2_400, "USD", 2_400),
        (25_000, "ISK", 2_500_000),
        (25_000, "UGX", 2_500_000),
        (25_000, "JPY", 25_000),
        (250_050, "HUF", 250_050),
        (250_050, "TWD", 250_050),
        (1_010, "KWD", 1_010),
        (0, "ISK", 0),
    ],
)
def test_an_amount_becomes_stripes_and_ours_again(amount_minor: int, currency: str, at_stripe: int) -> None:
    assert to_stripe(amount_minor, currency) == at_stripe
    assert from_stripe(at_stripe, currency.lower()) == amount_minor


@pytest.mark.parametrize(("disputed", "amount_minor"), [(123_449, 1_234), (123_450, 1_235), (123_500, 1_235), (49, 0)])
def test_what_a_bank_disputes_is_rounded_to_a_whole_krona(disputed: int, amount_minor: int) -> None:
    assert from_stripe(disputed, "isk") == amount_minor


@pytest.mark.parametrize("code", CURRENCIES)
def test_the_table_of_currencies_holds_what_stripe_takes(code: str) -> None:
    from tests.support.stripe.amounts import LEAST, MOST, MOST_ELSEWHERE, step_of

    currency, name = CURRENCIES[code], code.lower()
    assert to_stripe(currency.step_minor, code) == step_of(name)
    assert to_stripe(currency.least_minor, code) >= LEAST.get(name, 1)
    assert to_stripe(currency.most_minor, code) <= MOST.get(name, MOST_ELSEWHERE)


def test_a_page_knows_where_stripes_elements_count_differently() -> None:
    assert more_decimals() == {"ISK": 2, "UGX": 2}


def test_an_amount_in_a_currency_that_we_do_not_sell_in_stays_as_it_is() -> None:
    assert from_stripe(12_345, "xof") == 12_345
