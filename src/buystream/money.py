"""Money: an integer of minor units plus an ISO 4217 currency; never a float."""

from buystream.errors import BuystreamError

AMOUNT_MINOR_MAX = 99_999_999
"""The largest amount one charge may have (Stripe's limit of eight digits), in minor units."""

MINOR_DIGITS = {
    "AUD": 2, "BHD": 3, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CNY": 2, "CZK": 2, "DKK": 2, "EUR": 2,
    "GBP": 2, "HKD": 2, "HUF": 2, "INR": 2, "ISK": 0, "JPY": 0, "KRW": 0, "KWD": 3, "MXN": 2, "NOK": 2,
    "NZD": 2, "PLN": 2, "SEK": 2, "SGD": 2, "TND": 3, "USD": 2, "VND": 0, "ZAR": 2,
}  # fmt: skip
"""Digits after the decimal point, by currency (ISO 4217)."""


class UnknownCurrency(BuystreamError):
    """The currency is not one that buystream sells in."""


def minor_digits(currency: str) -> int:
    """How many digits the currency has after its decimal point; raises UnknownCurrency."""
    try:
        return MINOR_DIGITS[currency]
    except KeyError:
        known = ", ".join(sorted(MINOR_DIGITS))
        raise UnknownCurrency(f"{currency!r} is not a currency we sell in; use one of {known}") from None


def format_money(amount_minor: int, currency: str) -> str:
    """`2400, "USD"` becomes `24.00 USD`."""
    digits = minor_digits(currency)
    if digits == 0:
        return f"{amount_minor} {currency}"
    whole, rest = divmod(abs(amount_minor), 10**digits)
    return f"{'-' if amount_minor < 0 else ''}{whole}.{rest:0{digits}d} {currency}"
