"""A statement's period begins and ends where the merchant is."""

from datetime import datetime
from zoneinfo import ZoneInfo

from buystream.gateway.routes.money import period_of
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
