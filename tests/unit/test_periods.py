"""A statement's period begins and ends where the merchant is."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from buystream.gateway.routes.money import period_of
from buystream.gateway.server.problems import HttpProblem
from buystream.projections.statements import Period

ZONE = "America/New_York"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


def test_a_month_is_the_merchants_own_also_when_the_clocks_change_in_it() -> None:
    assert period_of("2026-03", None, None, 0, ZONE) == Period(at("2026-03-01T00:00"), at("2026-04-01T00:00"))
    assert period_of("2026-12", None, None, 0, ZONE) == Period(at("2026-12-01T00:00"), at("2027-01-01T00:00"))


def test_without_a_period_it_is_the_month_that_it_is_there() -> None:
    late = at("2026-12-31T22:30")
    assert period_of(None, None, None, late, ZONE) == period_of("2026-12", None, None, 0, ZONE)


def test_dates_are_the_zones_unless_they_say_otherwise() -> None:
    assert period_of(None, "2026-12-31", "2027-01-01T00:00:00+00:00", 0, ZONE) == Period(
        at("2026-12-31T00:00"), at("2026-12-31T19:00")
    )


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("0001-01-01T00:00:00+14:00", "2026-01-01"),
        ("0001-01-01T00:00:00+00:00", "2026-01-01"),
        ("2026-01-01", "9999-12-31T23:59:59-12:00"),
        ("9999-12-31T23:00:00-14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_moment_that_the_calendar_there_cannot_name_is_refused(from_: str, to: str) -> None:
    with pytest.raises(HttpProblem) as refusal:
        period_of(None, from_, to, 0, ZONE)
    assert refusal.value.slug == "bad-period"
