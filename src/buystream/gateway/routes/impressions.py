"""Buttons say that a visitor saw them. Programs that look at links for previews run no script, so they don't count."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from buystream.gateway.routes.bodies.fields import EditionId, Request
from buystream.gateway.routes.bodies.orders import ClickFrom, placement_of
from buystream.gateway.routes.checkout import Http, client_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.refusals import asks


class Impression(Request, frozen=True, kw_only=True):
    """A visitor saw an edition's button. `placement` is as an order has it."""

    edition_id: EditionId
    placement: ClickFrom | None = None


@post(
    "/v1/impressions",
    status_code=204,
    opt=asks(also=["unknown-edition"]),
    summary="Count that a button was seen",
)
async def impression(request: Http, gateway: NamedDependency[Gateway], data: JSONBody[Impression]) -> None:
    """Counted, and nothing is kept of who saw it. More than people can see from one network isn't counted, and answered
    in the same way."""
    gateway.offer(data.edition_id)
    if gateway.rates.sees(client_of(request)):
        placement = placement_of(data.placement, dict(request.scope["headers"]), "")
        gateway.impressions.add(data.edition_id, placement)


ROUTES = [impression]
