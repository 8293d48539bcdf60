"""Money as the pages read and write it: by the shop's table of currencies, whatever the browser's own says. The pages'
modules run in the Node.js that comes with Playwright."""

import json
import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable

from buystream.gateway.pages import currency_module
from buystream.vocabulary.money import AMOUNT_REASONS, CURRENCIES, chargeable_words, decimal_of, why_not_charge

MODULES = Path(str(files("buystream.gateway"))) / "static" / "buystream"


def evaluated(expression: str, *, locale: str = "en_US") -> Any:
    """What the expression over money.js is, for a reader of that locale."""
    program = f"""import * as it from {json.dumps((MODULES / "money.js").as_uri())};
    console.log(JSON.stringify({expression}));"""
    node = str(compute_driver_executable()[0])
    env = {**os.environ, "LC_ALL": f"{locale}.UTF-8"}
    done = subprocess.run(
        [node, "--input-type=module", "-e", program], env=env, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_the_pages_have_the_shops_table_of_currencies() -> None:
    assert currency_module.MODULE.read_text(encoding="utf-8") == currency_module.text()


def test_the_browser_writes_an_amount_with_the_digits_that_the_shop_writes() -> None:
    written = evaluated(f"{json.dumps(sorted(CURRENCIES))}.map((code) => it.money(1234560, code))")
    for code, text in zip(sorted(CURRENCIES), written, strict=True):
        assert re.sub(r"[^\d.]", "", text) == decimal_of(1234560, code), code


def test_the_browser_reads_what_a_person_typed_with_the_shops_digits() -> None:
    typed = {"HUF": "2500", "ISK": "25000", "JPY": "500", "KWD": "1.01", "USD": "12,50", "TWD": "100"}
    read = evaluated(f"Object.entries({json.dumps(typed)}).map(([code, text]) => it.parseMoney(text, code))")
    assert read == [250_000, 25_000, 500, 1_010, 1_250, 10_000]
    assert (
        evaluated("[it.parseMoney('1.5', 'JPY'), it.parseMoney('1.005', 'USD'), it.parseMoney('x', 'USD')]")
        == [None] * 3
    )


def test_the_browser_refuses_the_amounts_that_the_shop_refuses() -> None:
    asked = [
        (code, amount_minor)
        for code, currency in CURRENCIES.items()
        for amount_minor in (0, 1, 1_005, currency.least_minor - 1, currency.least_minor, currency.most_minor + 10)
    ]
    why = evaluated(f"{json.dumps(asked)}.map(([code, minor]) => it.whyNotCharge(minor, code))")
    for (code, amount_minor), words in zip(asked, why, strict=True):
        reason = why_not_charge(amount_minor, CURRENCIES[code])
        assert (reason in AMOUNT_REASONS) == bool(words), (code, amount_minor, words)
        assert not reason or words.split()[:3] == chargeable_words(reason, code).split()[:3]


@pytest.mark.parametrize(
    ("locale", "home", "written"),
    [("en_US", "USD", "$25.00"), ("en_CA", "CAD", "$25.00"), ("en_AU", "AUD", "$25.00"), ("es_MX", "MXN", "$25.00")],
)
def test_a_dollar_sign_alone_is_the_readers_own_currency_only(locale: str, home: str, written: str) -> None:
    dollars = ["AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD", "USD"]
    texts = evaluated(f"{json.dumps(dollars)}.map((code) => it.money(2500, code))", locale=locale)
    assert len(set(texts)) == len(dollars)
    assert [code for code, text in zip(dollars, texts, strict=True) if text == written] == [home]


def test_an_unknown_currency_is_an_error_and_never_a_guess() -> None:
    assert "RangeError" in evaluated(
        "(() => { try { return it.money(1, 'XXX') } catch (error) { return String(error) } })()"
    )
