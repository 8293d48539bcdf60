"""Time zones, for what people read and for the years of a merchant's books. The zone data is the `tzdata` package's
(pinned in constraints.txt), not the machine's. Decisions never come here: SetTimeZone carries what they need."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
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
    """All IANA names but the one that stands for no zone at all."""
    return frozenset((files("tzdata") / "zones").read_text().split()) - {"Factory"} | {DEFAULT}


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


def moment_ms(text: str, time_zone: str | None) -> int:
    """The moment that a text in ISO 8601 names, in milliseconds since 1970: with an offset, or else as people say it in
    that zone. Raises NoSuchTime: unreadable, without an offset where no zone is known, left out or repeated by the
    zone's clocks."""
    try:
        # In a query a plus sign may arrive as the space that it stands for there.
        said = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text.strip()))
        if said.tzinfo is None:
            if time_zone is None:
                raise NoSuchTime(f"{text[:40]!r} doesn't say its time zone: write {said.isoformat()}Z or add +01:00")
            said = _only_reading(said, time_zone)
        utc = said.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NoSuchTime(f"{text[:40]!r} is not a time such as 2027-10-31T20:15:00+01:00") from None
    return int((utc - _EPOCH) / timedelta(milliseconds=1))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOST_PLUS: Final = re.compile(r"([T ]\S+) (\d\d:?\d\d)$")


def _only_reading(said: datetime, time_zone: str) -> datetime:
    """The local time in the zone, if it occurs there exactly once."""
    there = zone(time_zone)
    readings = [said.replace(tzinfo=there, fold=fold) for fold in (0, 1)]
    real = [one for one in readings if one.astimezone(UTC).astimezone(there).replace(tzinfo=None, fold=0) == said]
    offsets = {one.utcoffset() for one in real}
    if not real:
        raise NoSuchTime(f"{said.isoformat()} doesn't exist in {time_zone}: the clocks go forward over it")
    if len(offsets) > 1:
        which = " or ".join(one.isoformat() for one in real)
        raise NoSuchTime(f"{said.isoformat()} occurs twice in {time_zone}: write {which}")
    return real[0]
