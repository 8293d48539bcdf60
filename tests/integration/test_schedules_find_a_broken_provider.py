"""The schedules are worth something: each of these breakages of the provider is found by a wave of them."""

import pytest

from tests.support.schedules.provider import Breakage
from tests.support.schedules.wave import wave_at_work
from tests.support.stripe.wall import Wall

BROKEN_LIVES = range(1, 19)


@pytest.mark.parametrize("breakage", ["no key", "fresh keys", "an unknown capture is a failure"])
def test_the_schedules_find_a_provider_that_is_broken(database_url: str, wall: Wall, breakage: Breakage) -> None:
    with wave_at_work(database_url, wall, BROKEN_LIVES, breakage=breakage) as wave:
        assert wave.run()
