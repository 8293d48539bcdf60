"""Time zones, for what people read and for the years of a merchant's books. The zone data is the `tzdata` package's
(pinned in constraints.txt), not the machine's. Decisions never come here: SetTimeZone carries what they need."""

from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from buystream.errors import BuystreamError
from buystream.vocabulary.commands import SetTimeZone

DEFAULT: Final = "UTC"
FIRST_YEAR: Final = 2020
YEARS: Final = 100


class UnknownTimeZone(BuystreamError):
    """There is no such IANA time zone."""


@cache
def zone(name: str) -> tzinfo:
    """The zone of that IANA name, `America/New_York`; raises UnknownTimeZone."""
    if name == DEFAULT:
        return UTC
    if name not in names():
        raise UnknownTimeZone(f"{name[:80]!r} is not a time zone: use an IANA name such as Europe/Vienna")
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@cache
def names() -> frozenset[str]:
    """All IANA names."""
    return frozenset((files("tzdata") / "zones").read_text().split()) | {DEFAULT}


def local_day(at_ms: int, time_zone: str) -> str:
    """`2026-12-31`, there."""
    return datetime.fromtimestamp(at_ms / 1000, zone(time_zone)).date().isoformat()


def start_of_ms(year: int, month: int, time_zone: str) -> int:
    """When that month begins there."""
    return int(datetime(year, month, 1, tzinfo=zone(time_zone)).timestamp() * 1000)


def set_time_zone(merchant_id: str, time_zone: str) -> SetTimeZone:
    """The command that sets a merchant's zone, with the years that decisions need; raises UnknownTimeZone."""
    starts_ms = tuple(start_of_ms(FIRST_YEAR + n, 1, time_zone) for n in range(YEARS))
    return SetTimeZone(merchant_id=merchant_id, time_zone=time_zone, first_year=FIRST_YEAR, year_starts_ms=starts_ms)


class NoSuchTime(BuystreamError):
    """There is no such local time."""


class Moment(Struct, frozen=True):
    """A moment, and how people say it where its zone is: `30 October 2027, 02:30 (second time, CET)`."""

    at_ms: int
    text: str


def moments(local: str, time_zone: str) -> list[Moment]:
    """When it is this local time (`2027-10-31T02:30`) there: once, or twice in the hour that repeats when the clocks go
    back. Raises NoSuchTime in the hour that is left out when they go forward, and for what is no time."""
    there = zone(time_zone)
    try:
        asked = datetime.strptime(f"{local}Z", "%Y-%m-%dT%H:%M%z")
        readings = dict.fromkeys(asked.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1))
        real = [utc.astimezone(there) for utc in readings if utc.astimezone(there).replace(tzinfo=UTC, fold=0) == asked]
    except (ValueError, OverflowError):
        raise NoSuchTime(f"{local[:40]!r} is not a date and a time such as 2027-10-31T02:30") from None
    if not real:
        said = f"{asked.day} {asked:%B %Y, %H:%M}"
        raise NoSuchTime(f"{said} doesn't exist in {time_zone}: the clocks go forward over it. Choose another time")
    which = ("first time, ", "second time, ") if len(real) == 2 else ("",)
    return [
        Moment(
            at_ms=int(moment.timestamp() * 1000),
            text=f"{moment.day} {moment:%B %Y, %H:%M} ({time}{moment.tzname()})",
        )
        for time, moment in zip(which, real, strict=True)
    ]
