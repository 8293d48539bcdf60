"""Money is an integer of minor units and a currency."""

import pytest

from buystream.money import BadAmount, UnknownCurrency, decimal_of, format_money, minor_digits, minor_of, tax_minor


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
