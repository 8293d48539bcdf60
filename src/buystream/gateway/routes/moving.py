"""What a merchant changes of an edition that is on sale: its event moves, or delivery costs something else."""

from typing import Final

from litestar import put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import convert
from msgspec.structs import replace

from buystream.gateway.routes.bodies.editions import ChangedShipping, MovedEvent
from buystream.gateway.routes.merchants import change_edition, own_edition
from buystream.gateway.routes.releasing import known_zone
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import refused
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections.boards import MerchantBoard
from buystream.projections.edition_board import merchant_board
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import ChangeShipping, MoveEvent
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.values import TicketedEvent


@put("/v1/merchant/editions/{edition_id:str}/event", opt=asks(MoveEvent), summary="Move an event")
async def move(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[MovedEvent],
) -> MerchantBoard:
    """Tickets that were sold keep their codes and admit at the new time. Doors and end that aren't sent keep their
    distance from the start; place and time zone that aren't sent stay."""
    offer = own_edition(gateway, merchant, edition_id)
    await gateway.views_show_the_seen(offer.partition)
    board = await gateway.reads.query(lambda cur: merchant_board(cur, edition_id, now_ms=now_ms()))
    if board is None or board.event is None:
        raise refused("no_event")
    command = MoveEvent(edition_id=edition_id, event=moved(board.event, data))
    return await change_edition(gateway, merchant, command, actor)


@put("/v1/merchant/editions/{edition_id:str}/shipping", opt=asks(ChangeShipping), summary="Change what delivery costs")
async def change_shipping(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[ChangedShipping],
) -> MerchantBoard:
    """For orders that are placed from now on: what was ordered before, paid or not, keeps its prices. Whether refunds
    include delivery stays as it was released."""
    offer = own_edition(gateway, merchant, edition_id)
    if offer.shipping is None:
        raise refused("no_delivery_price")
    named = {name: getattr(data, name) for name in data.__struct_fields__}
    shipping = convert(named | {"refunds_delivery": offer.shipping.refunds_delivery}, Shipping, from_attributes=True)
    command = ChangeShipping(edition_id=edition_id, shipping=shipping)
    return await change_edition(gateway, merchant, command, actor)


ROUTES: Final = [move, change_shipping]


def moved(old: TicketedEvent, data: MovedEvent) -> TicketedEvent:
    """The event as it will be; raises HttpProblem (422)."""
    later_ms = data.starts_at_ms - old.starts_at_ms
    return replace(
        old,
        starts_at_ms=data.starts_at_ms,
        doors_at_ms=old.doors_at_ms + later_ms if data.doors_at_ms is None else data.doors_at_ms,
        ends_at_ms=old.ends_at_ms + later_ms if data.ends_at_ms is None else data.ends_at_ms,
        venue=data.venue or old.venue,
        address=old.address if data.address is None else data.address,
        time_zone=known_zone(data.time_zone or old.time_zone),
    )
