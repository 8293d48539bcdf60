"""What a local time means in the merchant's time zone, or an event's: for forms, whose browser may be anywhere."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from buystream.gateway.server.problems import HttpProblem
from buystream.projections.people import MerchantView
from buystream.time_zones import Moment, NoSuchTime, UnknownTimeZone, moments


class MomentsBody(Struct, frozen=True):
    """The moments at which it is that local time in `time_zone`: two of them in the hour that repeats in autumn."""

    time_zone: str
    moments: list[Moment]


@get("/v1/merchant/moments", summary="What a local time means in the merchant's time zone")
async def merchants_moments(
    merchant: NamedDependency[MerchantView], local: FromQuery[str], time_zone: FromQuery[str | None] = None
) -> MomentsBody:
    """`local` is a date and time without a zone, such as 2027-10-31T02:30. `time_zone` is another than the merchant's,
    such as an event's."""
    there = time_zone or merchant.time_zone
    try:
        return MomentsBody(there, moments(local, there))
    except (NoSuchTime, UnknownTimeZone) as error:
        raise HttpProblem("invalid", f"{error}.") from None


ROUTES = [merchants_moments]
