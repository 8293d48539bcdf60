"""The merchant's figures: now, live, at a past moment; and what changed between two."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from buystream.gateway.routes.bodies.fields import encode
from buystream.gateway.routes.checkout import Http, client_of
from buystream.gateway.routes.merchants import past_moments
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.key_holders import KeyHolder, has_ended
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.streams import Place, Subject, Viewer, follow
from buystream.projections import merchant_dashboard
from buystream.projections.merchant_dashboard import Dashboard
from buystream.projections.past_boards import Changes, SaleSpan, changes_between, past_dashboard, sale_spans
from buystream.projections.people import MerchantView

DASHBOARD_SECONDS = 1.0


class SalesBody(Struct, frozen=True):
    """One for each edition that was clicked on."""

    sales: list[SaleSpan]


@get("/v1/merchant/dashboard", summary="The merchant's figures")
async def dashboard(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    as_of: FromQuery[str | None] = None,
) -> Dashboard:
    """Stock, clicks, sales, revenue, refusals; with `as_of`, as they were at that time in ISO 8601. Without an offset
    it is a time in the merchant's zone. `as_of_ms` is the moment that the figures are of."""
    if as_of is None:
        return await _dashboard(gateway, merchant)
    (at_ms,) = await past_moments(gateway, merchant, as_of)
    return await gateway.reads.query(lambda cur: past_dashboard(cur, merchant.merchant_id, at_ms=at_ms))


@get("/v1/merchant/dashboard/changes", summary="What changed between two moments")
async def dashboard_changes(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    from_: Annotated[str, QueryParameter(name="from")],
    to: FromQuery[str],
) -> Changes:
    """`from` and `to` are times in ISO 8601, as `as_of` is: which figures differ, and how many events of each type
    happened after `from` and up to `to`."""
    from_ms, to_ms = await past_moments(gateway, merchant, from_, to)
    if from_ms >= to_ms:
        raise HttpProblem("bad-period")
    return await gateway.reads.query(
        lambda cur: changes_between(cur, merchant.merchant_id, from_ms=from_ms, to_ms=to_ms)
    )


@get("/v1/merchant/dashboard/stream", summary="The merchant's figures, live", media_type="text/event-stream")
async def dashboard_stream(
    request: Http, gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder]
) -> Stream:
    """Server-sent events `dashboard`, about one a second, until the key or the session ends."""
    merchant = holder.merchant

    def is_revoked() -> bool:
        return has_ended(gateway, holder)

    async def read(place: Place | None) -> bytes:
        if is_revoked():
            raise HttpProblem("wrong-key")
        return encode(await _dashboard(gateway, merchant))

    figures = Subject(topic=merchant.merchant_id, event="dashboard", read=read, is_final=is_revoked, always=True)
    return await follow(
        gateway.watchers,
        figures,
        viewer=Viewer(client_of(request), merchant.merchant_id),
        every_seconds=DASHBOARD_SECONDS,
    )


@get("/v1/merchant/dashboard/sales", summary="When the merchant's editions sold")
async def dashboard_sales(gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView]) -> SalesBody:
    """Which stretches of the past are worth a look with `as_of`, the newest first."""
    return SalesBody(await gateway.reads.query(lambda cur: sale_spans(cur, merchant.merchant_id)))


ROUTES = [dashboard, dashboard_changes, dashboard_sales, dashboard_stream]


async def _dashboard(gateway: Gateway, merchant: MerchantView) -> Dashboard:
    async def read() -> Dashboard:
        return await gateway.reads.query(
            lambda cur: merchant_dashboard.dashboard(cur, merchant.merchant_id, now_ms=now_ms())
        )

    return await gateway.reads.shared(f"dashboard {merchant.merchant_id}", DASHBOARD_SECONDS / 2, read)
