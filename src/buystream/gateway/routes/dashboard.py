"""The merchant's figures, asked for or live."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Stream

from buystream.gateway.routes.bodies.fields import encode
from buystream.gateway.routes.checkout import Http, client_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.streams import Place, Subject, Viewer, follow
from buystream.projections import merchant_dashboard
from buystream.projections.merchant_dashboard import Dashboard
from buystream.projections.people import MerchantView

DASHBOARD_SECONDS = 1.0


@get("/v1/merchant/dashboard", summary="The merchant's figures")
async def dashboard(gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView]) -> Dashboard:
    """Stock, clicks, sales, revenue, refusals."""
    return await _dashboard(gateway, merchant)


@get("/v1/merchant/dashboard/stream", summary="The merchant's figures, live", media_type="text/event-stream")
async def dashboard_stream(
    request: Http, gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder]
) -> Stream:
    """Server-sent events `dashboard`, about one a second, until the key is revoked."""
    merchant = holder.merchant

    def is_revoked() -> bool:
        return gateway.catalogue.is_revoked(holder.key_hash)

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


ROUTES = [dashboard, dashboard_stream]


async def _dashboard(gateway: Gateway, merchant: MerchantView) -> Dashboard:
    async def read() -> Dashboard:
        return await gateway.reads.query(
            lambda cur: merchant_dashboard.dashboard(cur, merchant.merchant_id, now_ms=now_ms())
        )

    return await gateway.reads.shared(f"dashboard {merchant.merchant_id}", DASHBOARD_SECONDS / 2, read)
