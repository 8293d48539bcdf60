"""Prices of a variant for a while."""

from typing import Annotated, Final

from litestar import put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from buystream.gateway.routes.bodies.fields import Amount, AtMs, Request, Stock, VariantId
from buystream.gateway.routes.merchants import change_edition
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.refusals import asks
from buystream.projections.boards import MerchantBoard
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import SetPriceTiers
from buystream.vocabulary.values import PriceTier


class NewTier(Request, frozen=True, kw_only=True):
    """A price before `until_ms`, and while fewer than `units` are held or sold; one of them at least."""

    price_minor: Amount
    units: Stock | None = None
    until_ms: AtMs | None = None


class NewTiers(Request, frozen=True, kw_only=True):
    """The tiers of a variant, instead of those that it has: the first that applies counts, and after them the variant's
    own price. None: that price at once."""

    variant_id: VariantId = ""
    tiers: Annotated[tuple[NewTier, ...], Meta(max_length=10)]


@put(
    "/v1/merchant/editions/{edition_id:str}/price-tiers", opt=asks(SetPriceTiers), summary="Set a variant's price tiers"
)
async def set_price_tiers(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[NewTiers],
) -> MerchantBoard:
    """What is held or paid keeps its price. Who saw another one is refused as `wrong_price`, and pays nothing."""
    tiers = tuple(PriceTier(price_minor=one.price_minor, units=one.units, until_ms=one.until_ms) for one in data.tiers)
    command = SetPriceTiers(edition_id=edition_id, variant_id=data.variant_id, tiers=tiers)
    return await change_edition(gateway, merchant, command, actor)


ROUTES: Final = [set_price_tiers]
