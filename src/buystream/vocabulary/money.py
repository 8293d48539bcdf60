"""Money: an integer of minor units plus an ISO 4217 currency; never a float."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from buystream.errors import BuystreamError


class Currency(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What can be charged in a currency, in its minor units: nothing at all, or a multiple of `step_minor` between
    `least_minor` and `most_minor`."""

    digits: int
    """After the decimal point (ISO 4217, https://www.iso.org/iso-4217-currency-codes.html)."""
    step_minor: int = 1
    least_minor: int
    most_minor: int


AMOUNT_MINOR_MAX: Final = 99_999_999
"""The largest amount that one charge may have in most currencies: eight digits."""


def _listed(digits: int, least: str, *, most_minor: int = AMOUNT_MINOR_MAX, step_minor: int = 1) -> Currency:
    return Currency(
        digits=digits,
        step_minor=step_minor,
        least_minor=int(Decimal(least) * 10**digits),
        most_minor=most_minor,
    )


CURRENCIES: Final[Mapping[str, Currency]] = {
    "AED": _listed(2, "2.00"),
    "AUD": _listed(2, "0.50"),
    "BHD": _listed(3, "0.200", step_minor=10, most_minor=99_999_990),
    "BRL": _listed(2, "0.50"),
    "CAD": _listed(2, "0.50"),
    "CHF": _listed(2, "0.50"),
    "CLP": _listed(0, "500"),
    "CNY": _listed(2, "4.00"),
    "COP": _listed(2, "0.50", most_minor=9_999_999_999),
    "CZK": _listed(2, "15.00"),
    "DKK": _listed(2, "2.50"),
    "EUR": _listed(2, "0.50"),
    "GBP": _listed(2, "0.30"),
    "HKD": _listed(2, "4.00"),
    "HUF": _listed(2, "175.00"),
    "IDR": _listed(2, "0.50", most_minor=999_999_999_999),
    "ILS": _listed(2, "0.50"),
    "INR": _listed(2, "0.50", most_minor=999_999_999),
    "ISK": _listed(0, "70", most_minor=999_999),
    "JOD": _listed(3, "0.360", step_minor=10, most_minor=99_999_990),
    "JPY": _listed(0, "50"),
    "KRW": _listed(0, "50"),
    "KWD": _listed(3, "0.160", step_minor=10, most_minor=99_999_990),
    "MXN": _listed(2, "10.00"),
    "MYR": _listed(2, "2.00"),
    "NOK": _listed(2, "3.00"),
    "NZD": _listed(2, "0.50"),
    "OMR": _listed(3, "0.200", step_minor=10, most_minor=99_999_990),
    "PHP": _listed(2, "0.50"),
    "PLN": _listed(2, "2.00"),
    "RON": _listed(2, "2.00"),
    "SEK": _listed(2, "3.00"),
    "SGD": _listed(2, "0.50"),
    "THB": _listed(2, "10.00"),
    "TND": _listed(3, "1.600", step_minor=10, most_minor=99_999_990),
    "TWD": _listed(2, "17.00"),
    "UGX": _listed(0, "2000", most_minor=999_999),
    "USD": _listed(2, "0.50"),
    "VND": _listed(0, "14000"),
    "ZAR": _listed(2, "0.50"),
}
"""Every currency that buystream sells in. The limits are those of Stripe (https://docs.stripe.com/currencies), so that
what the sandbox sells can also be sold for real. The least amount is the one that Stripe publishes for an account that
is settled in the currency, or about 0.50 USD where it publishes none; an account that is settled in another currency
may be refused more. The most is what every payment method takes: eight digits as Stripe counts, more in COP, IDR and
INR. `buystream.providers.stripe_money` has Stripe's own way of counting."""

ANY_AMOUNT_MINOR_MAX: Final = max(currency.most_minor for currency in CURRENCIES.values())
"""No currency's largest amount is above this."""

OFF_STEP: Final = "amount_off_step"
TOO_SMALL: Final = "amount_too_small"
TOO_LARGE: Final = "amount_too_large"
AMOUNT_REASONS: Final = frozenset({OFF_STEP, TOO_SMALL, TOO_LARGE})


def why_not_charge(amount_minor: int, currency: Currency) -> str:
    """The reason why the amount can't be charged; "" when it can, or is nothing."""
    if amount_minor % currency.step_minor:
        return OFF_STEP
    if 0 < amount_minor < currency.least_minor:
        return TOO_SMALL
    return TOO_LARGE if amount_minor > currency.most_minor else ""


def whole_steps(amount_minor: int, currency: Currency) -> int:
    """The amount, rounded down to one that can be charged or refunded: shares and fees are."""
    return amount_minor - amount_minor % currency.step_minor


class UnknownCurrency(BuystreamError):
    """The currency is not one that buystream sells in."""


def currency_of(code: str) -> Currency:
    """The currency with that ISO 4217 code; raises UnknownCurrency."""
    try:
        return CURRENCIES[code]
    except KeyError:
        known = ", ".join(sorted(CURRENCIES))
        raise UnknownCurrency(f"{code!r} is not a currency we sell in; use one of {known}") from None


def minor_digits(code: str) -> int:
    """How many digits the currency has after its decimal point; raises UnknownCurrency."""
    return currency_of(code).digits


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
    if not amount.is_finite() or amount < 0 or amount != int(amount) or amount > currency_of(currency).most_minor:
        raise BadAmount(f"{text!r} is not an amount in {currency}, which has {digits} digits after the point")
    return int(amount)


def chargeable_words(reason: str, currency: str) -> str:
    """Why an amount of the currency can't be charged, and what can: for one of AMOUNT_REASONS."""
    limits = currency_of(currency)
    if reason == OFF_STEP:
        return f"Amounts in {currency} are multiples of {format_money(limits.step_minor, currency)}."
    if reason == TOO_SMALL:
        return f"The smallest amount that can be charged is {format_money(limits.least_minor, currency)}."
    return f"The largest amount that can be charged is {format_money(limits.most_minor, currency)}."


def tax_minor(gross_minor: int, tax_bps: int) -> int:
    """The tax that a price includes, at `tax_bps` (100 are 1 %) of the price without it; half a minor unit is rounded
    up."""
    whole = 10_000 + tax_bps
    return (2 * gross_minor * tax_bps + whole) // (2 * whole)
