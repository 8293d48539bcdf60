"""A buyer who finds an edition sold out may ask for a mail when there is stock again."""

from typing import Literal

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from buystream.gateway.routes.bodies.fields import EmailAddress, Request, VariantId
from buystream.gateway.routes.checkout import Http, client_of, language_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import Session
from buystream.vocabulary.commands import RequestStockAlert


class StockAlertWish(Request, frozen=True, kw_only=True):
    """Where the mail goes. `consent`: the person has agreed to get it."""

    email: EmailAddress
    consent: Literal[True]
    variant_id: VariantId = ""


class StockAlertBody(Struct, frozen=True):
    """What happens next, for people."""

    detail: str


@post(
    "/v1/editions/{edition_id:str}/stock-alerts",
    status_code=202,
    opt=asks(RequestStockAlert),
    summary="A mail when there is stock again",
)
async def request_stock_alert(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    edition_id: FromPath[str],
    data: JSONBody[StockAlertWish],
) -> StockAlertBody:
    """One mail, in the order of the requests, to no more people than there are units. It reserves nothing. The address
    is encrypted with the buyer's own key."""
    gateway.offer(edition_id)
    gateway.rates.alert(client_of(request), buyer_id)
    plain = {"email": data.email, "language": language_of(request)}
    delivery = await gateway.reads.run(lambda: gateway.vault.encrypt(buyer_id, plain))
    command = RequestStockAlert(edition_id=edition_id, variant_id=data.variant_id, buyer_id=buyer_id, delivery=delivery)
    await gateway.decide(command, actor=session.actor)
    return StockAlertBody("You get a mail when there is stock again. Nothing is reserved.")


ROUTES = [request_stock_alert]
