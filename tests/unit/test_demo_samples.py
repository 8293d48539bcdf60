"""When the demo's concert is."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from buystream.demo.samples import TIME_ZONE, evening

ZONE = ZoneInfo(TIME_ZONE)


@pytest.mark.parametrize(
    ("now", "starts"),
    [
        ("2026-11-28T02:40", "2026-11-28T20:00"),
        ("2026-11-28T18:00", "2026-11-28T20:00"),
        ("2026-11-28T18:01", "2026-11-29T20:00"),
        ("2027-03-27T23:30", "2027-03-28T20:00"),  # the clocks go forward in between
    ],
)
def test_the_concert_is_in_the_evening_and_its_doors_are_open(now: str, starts: str) -> None:
    now_ms = int(datetime.fromisoformat(now).replace(tzinfo=ZONE).timestamp() * 1000)
    event = evening("The Boathouse", now_ms)
    assert event.starts_at_ms == int(datetime.fromisoformat(starts).replace(tzinfo=ZONE).timestamp() * 1000)
    assert event.doors_at_ms <= now_ms < event.starts_at_ms < event.ends_at_ms
