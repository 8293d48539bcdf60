"""What a local time means in a time zone."""

import pytest

from buystream.time_zones import NoSuchTime, UnknownTimeZone, moments

BERLIN = "Europe/Berlin"


def test_an_ordinary_time_is_one_moment_and_names_its_zone() -> None:
    [moment] = moments("2027-07-01T12:00", BERLIN)
    assert (moment.at_ms, moment.text) == (1_814_436_000_000, "1 July 2027, 12:00 (CEST)")


def test_in_the_repeated_hour_both_moments_can_be_meant() -> None:
    first, second = moments("2027-10-31T02:30", BERLIN)
    assert first.text == "31 October 2027, 02:30 (first time, CEST)"
    assert second.text == "31 October 2027, 02:30 (second time, CET)"
    assert second.at_ms - first.at_ms == 3_600_000


def test_the_hour_that_is_left_out_has_no_moment() -> None:
    with pytest.raises(NoSuchTime, match="the clocks go forward over it"):
        moments("2027-03-28T02:30", BERLIN)
    assert [moment.text for moment in moments("2027-03-28T03:00", BERLIN)] == ["28 March 2027, 03:00 (CEST)"]


def test_a_zone_that_does_not_exist_is_refused() -> None:
    for name in ("Europe/Atlantis", "Factory"):
        with pytest.raises(UnknownTimeZone):
            moments("2027-01-01T00:00", name)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2027-02-30T10:00", "2027-01-01", "0001-01-01T00:00", "9999-12-31T23:59"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(NoSuchTime):
        moments(text, "Asia/Tokyo" if text < "5" else "America/New_York")
