"""How Stripe counts money: https://docs.stripe.com/currencies. The one place where our minor units (ISO 4217) become
Stripe's, and back: an amount on its way to or from Stripe's API or its elements passes through here."""

from typing import Final

from buystream.vocabulary.money import CURRENCIES, minor_digits

DECIMALS: Final = 2
"""Of every currency that isn't named below. ISK and UGX lost their decimals, and Stripe keeps two for them, which must
be 00. HUF and TWD are charged with decimals, and only paid out without."""

NO_DECIMALS: Final = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
        *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
THREE_DECIMALS: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Their last digit must be 0."""


def decimals_of(currency: str) -> int:
    """How many decimals Stripe's amounts in the currency have."""
    if currency in NO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else DECIMALS


def to_stripe(amount_minor: int, currency: str) -> int:
    """`25_000, "ISK"` becomes `2_500_000`; raises UnknownCurrency."""
    return _rescaled(amount_minor, minor_digits(currency), decimals_of(currency))


def from_stripe(amount: int, currency: str) -> int:
    """`2_500_000, "isk"` becomes `25_000`. What a bank disputes needn't be a whole amount: it is rounded, half up.
    An amount in a currency that we don't sell in stays as it is."""
    code = currency.upper()
    return _rescaled(amount, decimals_of(code), minor_digits(code)) if code in CURRENCIES else amount


def more_decimals() -> dict[str, int]:
    """How many decimals Stripe's amounts have beyond ours, by the currencies where they differ."""
    return {code: more for code in CURRENCIES if (more := decimals_of(code) - minor_digits(code))}


def _rescaled(amount: int, digits: int, wanted: int) -> int:
    if wanted >= digits:
        factor: int = 10 ** (wanted - digits)
        return amount * factor
    divisor: int = 10 ** (digits - wanted)
    return (2 * amount + divisor) // (2 * divisor)
