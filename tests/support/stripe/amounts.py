"""What Stripe takes as an amount (https://docs.stripe.com/currencies), written down apart from the product's table."""

from tests.support.stripe.answers import Refused

WHOLE_IN_HUNDREDTHS = {"isk", "ugx"}
THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}

LEAST = {
    "usd": 50, "aed": 200, "ars": 50, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "cop": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "idr": 50, "ils": 50, "inr": 50, "jpy": 50, "krw": 50, "mxn": 1000,
    "myr": 200, "nok": 300, "nzd": 50, "php": 50, "pln": 200, "ron": 200, "rub": 50, "sek": 300, "sgd": 50,
    "thb": 1000, "zar": 50,
}  # fmt: skip
"""In Stripe's units, for an account that is settled in the currency."""

MOST = {"idr": 999_999_999_999, "cop": 9_999_999_999, "inr": 999_999_999}
MOST_ELSEWHERE = 99_999_999


def step_of(currency: str) -> int:
    """What every amount in the currency is a multiple of."""
    if currency in WHOLE_IN_HUNDREDTHS:
        return 100
    return 10 if currency in THREE_DECIMALS else 1


def refuse_off_step(amount: int, currency: str, *, param: str = "amount") -> None:
    """Of a charge, a capture, a fee, a refund."""
    if amount % step_of(currency):
        raise Refused(
            f"Invalid {param}: {amount} is not a multiple of {step_of(currency)}, as amounts in {currency} are.",
            code="parameter_invalid_integer",
            param=param,
        )


def refuse_uncharged(amount: int, currency: str) -> None:
    """Of a charge."""
    refuse_off_step(amount, currency)
    if amount < LEAST.get(currency, step_of(currency)):
        raise Refused("Amount must convert to at least 50 cents.", code="amount_too_small", param="amount")
    if amount > MOST.get(currency, MOST_ELSEWHERE):
        raise Refused("Amount must be no more than $999,999.99", code="amount_too_large", param="amount")
