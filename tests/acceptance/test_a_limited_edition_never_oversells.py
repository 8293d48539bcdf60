"""The promise, kept by a real crowd against a real shop: not one ticket too many, nothing doubled, the books closed."""

import json
from math import ceil

from tests.support.patience import patient
from tests.support.shop_process import buystream

KEYS = {
    "answered", "held", "confirmed", "declined", "refused", "expired", "available", "oversold", "duplicates_sent",
    "duplicate_orders", "answered_per_s", "p50_ms", "p99_ms", "audit",
}  # fmt: skip


def test_three_hundred_buyers_want_sixty_tickets() -> None:
    rush = buystream(
        "demo", "--headless", "--buyers", "300", "--stock", "60", "--json", "--hold-seconds", str(ceil(patient(3)))
    )
    assert rush.returncode == 0, rush.stderr
    result = json.loads(rush.stdout.splitlines()[-1])
    assert set(result) == KEYS
    assert result["audit"] is True
    assert result["answered"] == 300
    assert (result["oversold"], result["duplicate_orders"]) == (0, 0)
    assert result["held"] == result["confirmed"] + result["declined"] + result["expired"]
    assert result["confirmed"] + result["available"] == 60
    assert result["answered"] == result["held"] + result["refused"]
    assert result["duplicates_sent"] == 60
    # Fewer than the crowd's tenths (30), because most of these were refused; never none.
    assert 0 < result["declined"] <= 30
    assert 0 < result["expired"] <= 30
    assert 0 < result["p50_ms"] <= result["p99_ms"]


def test_everyone_gets_one_when_there_is_enough() -> None:
    rush = buystream(
        "demo", "--headless", "--buyers", "50", "--stock", "80", "--json", "--hold-seconds", str(ceil(patient(6)))
    )
    assert rush.returncode == 0, rush.stderr
    result = json.loads(rush.stdout.splitlines()[-1])
    assert (result["held"], result["refused"]) == (50, 0)
    assert (result["confirmed"], result["declined"], result["expired"]) == (40, 5, 5)
    assert result["available"] == 40
