"""The years of a merchant's books are its time zone's, by what the command says and by no machine's zone data."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from buystream.time_zones import UnknownTimeZone, local_day, set_time_zone, start_of_ms
from buystream.vocabulary import commands, events
from tests.support.examples import MERCHANT, example
from tests.support.scenario import Scenario, expect, given

REGISTERED = example(commands.RegisterMerchant)


def at(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def receipt(paid_at_ms: int, order: str = "ed0-a-1") -> commands.IssueReceipt:
    return example(commands.IssueReceipt, order_id=order, paid_at_ms=paid_at_ms)


def merchant_in(zone: str) -> Scenario:
    return given(REGISTERED, set_time_zone(MERCHANT, zone))


@pytest.mark.parametrize(
    ("zone", "moment", "year"),
    [
        ("America/New_York", "2026-12-31T22:30", 2026),
        ("America/New_York", "2027-01-01T00:00", 2027),
        ("Pacific/Kiritimati", "2027-01-01T00:30", 2027),
        ("Pacific/Pago_Pago", "2026-12-31T23:59", 2026),
        ("Asia/Kolkata", "2027-01-01T05:29", 2027),
        ("UTC", "2026-12-31T23:59", 2026),
    ],
)
def test_the_charitys_own_time_zone_decides_the_tax_year(zone: str, moment: str, year: int) -> None:
    merchant_in(zone).when(receipt(at(moment, zone))).then(expect(events.ReceiptIssued, year=year, number=1))


def test_a_merchant_without_a_time_zone_counts_by_utc() -> None:
    paid_at_ms = at("2026-12-31T22:30", "America/New_York")
    given(REGISTERED).when(receipt(paid_at_ms)).then(expect(events.ReceiptIssued, year=2027))


def test_receipts_keep_their_number_when_the_zone_changes_and_each_year_goes_on_counting() -> None:
    shop = merchant_in("America/New_York")
    shop.when(receipt(at("2026-12-31T22:30", "America/New_York"))).then(
        expect(events.ReceiptIssued, year=2026, number=1)
    )
    shop.when(set_time_zone(MERCHANT, "UTC")).then(expect(events.TimeZoneSet, time_zone="UTC"))
    shop.when(receipt(at("2026-12-31T22:30", "UTC"), "ed0-a-2")).then(expect(events.ReceiptIssued, year=2026, number=2))


def test_the_same_zone_again_changes_nothing_and_newer_zone_data_does() -> None:
    command = set_time_zone(MERCHANT, "America/New_York")
    shop = merchant_in("America/New_York").when(command).then(events.CommandRepeated)
    starts_ms = (command.year_starts_ms[0] + 3_600_000, *command.year_starts_ms[1:])
    newer = commands.SetTimeZone(
        merchant_id=MERCHANT, time_zone=command.time_zone, first_year=command.first_year, year_starts_ms=starts_ms
    )
    shop.when(newer).then(events.TimeZoneSet)


@pytest.mark.parametrize(
    ("first_year", "starts_ms"),
    [
        (2026, ()),
        (2026, (1_767_225_600_000,)),
        (2027, (1_767_225_600_000, 1_798_761_600_000)),
        (2026, (1_767_225_600_000, 1_767_225_600_000)),
        (0, (0, 1)),
        (2026, tuple(range(1000))),
    ],
)
def test_years_that_no_zone_has_are_refused(first_year: int, starts_ms: tuple[int, ...]) -> None:
    odd = commands.SetTimeZone(merchant_id=MERCHANT, time_zone="X", first_year=first_year, year_starts_ms=starts_ms)
    given(REGISTERED).when(odd).then(expect(events.CommandRefused, reason="bad_time_zone"))


@pytest.mark.parametrize("name", ["", "Europe", "Mars/Olympus", "../UTC", "europe/vienna", "Europe/Vienna\n"])
def test_a_name_that_is_no_iana_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownTimeZone):
        set_time_zone(MERCHANT, name)


def test_a_day_and_a_month_are_the_zones_own() -> None:
    late = at("2026-12-31T22:30", "America/New_York")
    assert (local_day(late, "America/New_York"), local_day(late, "UTC")) == ("2026-12-31", "2027-01-01")
    assert start_of_ms(2026, 4, "America/New_York") == at("2026-04-01T00:00", "America/New_York")
