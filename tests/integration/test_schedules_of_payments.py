"""Whatever the provider does to us: nobody pays twice, nobody pays for nothing, every refund once, and in the end the
ledger equals the provider's. Each schedule is made from its seed; `BUYSTREAM_SCHEDULE=<seed>` runs it alone."""

import os
from collections.abc import Sequence

import pytest

from tests.support.schedules.wave import by_seed, wave_at_work
from tests.support.stripe.wall import Wall
from tests.support.thorough import THOROUGH

SCHEDULES = 200 if THOROUGH else 50
PER_WAVE = 25


def waves() -> list[Sequence[int]]:
    """The seeds of each wave."""
    if alone := os.environ.get("BUYSTREAM_SCHEDULE"):
        return [[int(alone)]]
    return [range(first, first + PER_WAVE) for first in range(1, SCHEDULES + 1, PER_WAVE)]


@pytest.mark.parametrize("seeds", waves(), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_the_ledger_equals_the_providers_in_every_schedule(database_url: str, wall: Wall, seeds: Sequence[int]) -> None:
    with wave_at_work(database_url, wall, seeds) as wave:
        found = by_seed(wave.run(), seeds)
    told = "\n".join(f"BUYSTREAM_SCHEDULE={seed}: {finding}" for seed in found for finding in found[seed])
    assert not found, told
