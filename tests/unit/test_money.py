"""Money is an integer of minor units and a currency."""

import pytest

from buystream.money import UnknownCurrency, format_money, minor_digits


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
