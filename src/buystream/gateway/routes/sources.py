"""Where a merchant's buyers came from, and what came of it."""

from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from buystream.gateway.pages.spreadsheets import Number, table
from buystream.gateway.routes.merchants import own_edition, past_moments
from buystream.gateway.routes.money import period_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.projections.attribution import MINUTE_MS, PlacementFigures, placement_figures
from buystream.projections.people import MerchantView
from buystream.vocabulary.money import decimal_of

COLUMNS = (
    *("source", "campaign", "post", "app", "currency"),
    *("impressions", "clicks", "held", "paid", "refused", "expired", "revenue", "conversion"),
)

By = Literal["source", "placement"]
From = Annotated[str | None, QueryParameter(name="from")]


class SourcesBody(Struct, frozen=True, kw_only=True):
    """Where clicks came from, the one with the most paid orders first; per currency. `from_ms` and `to_ms` (exclusive)
    are the whole minutes that were counted; null: from the beginning, until now. An empty `source`: nobody knows."""

    edition_id: str | None
    from_ms: int | None
    to_ms: int | None
    sources: list[PlacementFigures]


@get("/v1/merchant/sources", summary="Where buyers came from")
async def sources(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    edition: FromQuery[str | None] = None,
    by: FromQuery[By] = "source",
    from_: From = None,
    to: FromQuery[str | None] = None,
    as_of: FromQuery[str | None] = None,
) -> SourcesBody:
    """Of one `edition` or of all, `by` source or by placement (with campaigns and posts). `from` and `to` are dates or
    times in ISO 8601, in the merchant's time zone unless they name another; `to` itself is excluded. With `as_of`, what
    was known then. Times are rounded to whole minutes. At most 200 placements; what came of others is the source
    `other`."""
    return await _read(gateway, merchant, edition, by, from_, to, as_of)


@get("/v1/merchant/sources.csv", summary="Where buyers came from, for spreadsheets", media_type="text/csv")
async def sources_table(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    edition: FromQuery[str | None] = None,
    by: FromQuery[By] = "placement",
    from_: From = None,
    to: FromQuery[str | None] = None,
    as_of: FromQuery[str | None] = None,
) -> Stream:
    """The same as CSV."""
    body = await _read(gateway, merchant, edition, by, from_, to, as_of)

    async def after(last: PlacementFigures | None) -> list[PlacementFigures]:
        return body.sources if last is None else []

    return await table("sources.csv", COLUMNS, after, _cells)


ROUTES = [sources, sources_table]


async def _read(
    gateway: Gateway,
    merchant: MerchantView,
    edition: str | None,
    by: By,
    from_: str | None,
    to: str | None,
    as_of: str | None,
) -> SourcesBody:
    if edition is not None:
        own_edition(gateway, merchant, edition)
    from_ms, to_ms = await _minutes(gateway, merchant, from_, to, as_of)
    found = await gateway.reads.query(
        lambda cur: placement_figures(
            cur, merchant.merchant_id, edition_id=edition, from_ms=from_ms, to_ms=to_ms, by_source=by == "source"
        )
    )
    return SourcesBody(edition_id=edition, from_ms=from_ms, to_ms=to_ms, sources=found)


async def _minutes(
    gateway: Gateway, merchant: MerchantView, from_: str | None, to: str | None, as_of: str | None
) -> tuple[int | None, int | None]:
    """The beginnings of the first minute that counts and of the first one that doesn't; raises HttpProblem (422)."""
    from_ms = to_ms = None
    if from_ is not None or to is not None:
        period = period_of(None, from_, to, now_ms(), merchant.time_zone)
        from_ms, to_ms = period.from_ms, period.to_ms
    if as_of is not None:
        (at_ms,) = await past_moments(gateway, merchant, as_of)
        to_ms = at_ms + 1 if to_ms is None else min(to_ms, at_ms + 1)
    else:
        await gateway.views_show_the_seen(*range(gateway.partitions))
    from_ms = None if from_ms is None else from_ms // MINUTE_MS * MINUTE_MS
    to_ms = None if to_ms is None else -(-to_ms // MINUTE_MS) * MINUTE_MS
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise HttpProblem("bad-period")
    return from_ms, to_ms


def _cells(one: PlacementFigures) -> list[object]:
    counts = (one.impressions, one.clicks, one.held, one.paid, one.refused, one.expired)
    return [
        *(one.source, one.campaign, one.post, one.app, one.currency),
        *(Number(count) for count in counts),
        Number(decimal_of(one.revenue_minor, one.currency)),
        Number(f"{one.conversion:.4f}"),
    ]
