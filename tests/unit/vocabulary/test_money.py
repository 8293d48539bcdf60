"""Money is an integer of minor units and a currency."""

import pytest

from buystream.vocabulary.money import (
    CURRENCIES,
    BadAmount,
    UnknownCurrency,
    chargeable_words,
    currency_of,
    decimal_of,
    format_money,
    minor_digits,
    minor_of,
    tax_minor,
    why_not_charge,
)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "written"),
    [
        (2400, "USD", "24.00 USD"),
        (5, "EUR", "0.05 EUR"),
        (0, "GBP", "0.00 GBP"),
        (-150, "USD", "-1.50 USD"),
        (-5, "USD", "-0.05 USD"),
        (2400, "JPY", "2400 JPY"),
        (2400, "KWD", "2.400 KWD"),
        (99_999_999, "USD", "999999.99 USD"),
    ],
)
def test_money_is_written_with_its_currencys_digits(amount_minor: int, currency: str, written: str) -> None:
    assert format_money(amount_minor, currency) == written


@pytest.mark.parametrize("currency", ["", "usd", "XXX", "DOGE"])
def test_an_unknown_currency_is_an_error_that_names_the_known_ones(currency: str) -> None:
    with pytest.raises(UnknownCurrency, match="USD"):
        minor_digits(currency)


@pytest.mark.parametrize(
    ("gross_minor", "tax_bps", "tax"),
    [(11_900, 1900, 1900), (100, 1900, 16), (1, 10_000, 1), (999, 0, 0)],
)
def test_the_tax_that_a_price_includes_is_rounded_half_up(gross_minor: int, tax_bps: int, tax: int) -> None:
    assert tax_minor(gross_minor, tax_bps) == tax


@pytest.mark.parametrize(("text", "currency", "minor"), [("0.30", "USD", 30), ("5", "JPY", 5), ("0.005", "KWD", 5)])
def test_an_amount_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert minor_of(text, currency) == minor
    assert minor_of(decimal_of(minor, currency), currency) == minor


@pytest.mark.parametrize("text", ["0.305", "-1", "NaN", "Infinity", "a", "", "1e12"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(BadAmount):
        minor_of(text, "USD")


@pytest.mark.parametrize(
    ("currency", "amount_minor", "reason"),
    [
        ("USD", 0, ""),
        ("USD", 49, "amount_too_small"),
        ("USD", 50, ""),
        ("USD", 99_999_999, ""),
        ("USD", 100_000_000, "amount_too_large"),
        ("JPY", 50, ""),
        ("ISK", 999_999, ""),
        ("ISK", 1_000_000, "amount_too_large"),
        ("KWD", 1_005, "amount_off_step"),
        ("KWD", 1_010, ""),
        ("INR", 999_999_999, ""),
    ],
)
def test_an_amount_is_charged_in_whole_steps_between_the_least_and_the_most(
    currency: str, amount_minor: int, reason: str
) -> None:
    assert why_not_charge(amount_minor, currency_of(currency)) == reason


@pytest.mark.parametrize(
    ("reason", "currency", "words"),
    [
        ("amount_off_step", "KWD", "Amounts in KWD are multiples of 0.010 KWD."),
        ("amount_too_small", "USD", "The smallest amount that can be charged is 0.50 USD."),
        ("amount_too_large", "JPY", "The largest amount that can be charged is 99999999 JPY."),
    ],
)
def test_a_refused_amount_is_answered_with_what_can_be_charged(reason: str, currency: str, words: str) -> None:
    assert chargeable_words(reason, currency) == words


@pytest.mark.parametrize("code", CURRENCIES)
def test_the_least_and_the_most_of_a_currency_can_be_charged(code: str) -> None:
    currency = CURRENCIES[code]
    assert why_not_charge(currency.least_minor, currency) == why_not_charge(currency.most_minor, currency) == ""
    assert currency.digits in (0, 2, 3)
