"""The table of currencies as the pages have it: a JavaScript module, written by `python -m
buystream.gateway.pages.currency_module`. A browser's own table (Intl) knows other digits for some currencies."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from buystream.providers.stripe_money import more_decimals
from buystream.vocabulary.money import CURRENCIES, Currency

MODULE: Final = Path(str(files("buystream.gateway") / "static" / "buystream" / "currencies.js"))


def text() -> str:
    """The module's source."""
    lines = [f"  {code}: {_literal(currency)}," for code, currency in sorted(CURRENCIES.items())]
    more = ", ".join(f"{code}: {decimals}" for code, decimals in sorted(more_decimals().items()))
    return "\n".join(
        [
            "// What can be charged, by currency, in minor units.",
            "// Written by `python -m buystream.gateway.pages.currency_module`.",
            "export const CURRENCIES = {",
            *lines,
            "};",
            "",
            "/** How many decimals Stripe's amounts have beyond ours. */",
            f"export const STRIPE_MORE_DECIMALS = {{ {more} }};",
            "",
        ]
    )


def _literal(it: Currency) -> str:
    return f"{{ digits: {it.digits}, step: {it.step_minor}, least: {it.least_minor}, most: {it.most_minor} }}"


if __name__ == "__main__":
    MODULE.write_text(text(), encoding="utf-8")
