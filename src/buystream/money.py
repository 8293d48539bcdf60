"""Money: an integer of minor units plus an ISO 4217 currency; never a float."""

from decimal import Decimal, InvalidOperation

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


class BadAmount(BuystreamError):
    """The text is not an amount of the currency."""


def format_money(amount_minor: int, currency: str) -> str:
    """`2400, "USD"` becomes `24.00 USD`."""
    return f"{decimal_of(amount_minor, currency)} {currency}"


def decimal_of(amount_minor: int, currency: str) -> str:
    """`-2400, "USD"` becomes `-24.00`: exact, for machines and spreadsheets."""
    digits = minor_digits(currency)
    if digits == 0:
        return str(amount_minor)
    whole, rest = divmod(abs(amount_minor), 10**digits)
    return f"{'-' if amount_minor < 0 else ''}{whole}.{rest:0{digits}d}"


def minor_of(text: str, currency: str) -> int:
    """`"0.30", "USD"` becomes `30`; raises BadAmount for what is negative, too precise or no number."""
    digits = minor_digits(currency)
    try:
        amount = Decimal(text) * 10**digits
    except InvalidOperation:
        raise BadAmount(f"{text!r} is not an amount of money") from None
    if not amount.is_finite() or amount < 0 or amount != int(amount) or amount > AMOUNT_MINOR_MAX:
        raise BadAmount(f"{text!r} is not an amount in {currency}, which has {digits} digits after the point")
    return int(amount)


def tax_minor(gross_minor: int, tax_bps: int) -> int:
    """The tax that a price includes, at `tax_bps` (100 are 1 %) of the price without it; half a minor unit is rounded
    up."""
    whole = 10_000 + tax_bps
    return (2 * gross_minor * tax_bps + whole) // (2 * whole)
