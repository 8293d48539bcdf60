"""Everything that the shop holds about a buyer, in one JSON file: offered before an erasure, which removes it."""

from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import Struct, to_builtins
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.gifts import GiftBody, gift_body
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.gateway.routes.bodies.payments import DeliveryBody
from buystream.gateway.routes.checkout import body_of, card_label_of, decrypted
from buystream.gateway.routes.receipts import Receipt, receipt_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import own_pages_only
from buystream.gateway.server.reads import now_ms
from buystream.projections import order_views, people, recurring_gifts

EVERYTHING = 1_000_000
"""No buyer has that many orders."""


class SavedBody(Struct, frozen=True):
    """What is saved for one-tap payment."""

    card_label: str
    delivery: DeliveryBody | None


class OwnOrder(Struct, frozen=True):
    """An order with the delivery details given for it, and its receipt once it is paid."""

    order: OrderBody
    delivery: DeliveryBody | None
    receipt: Receipt | None


class OwnData(Struct, frozen=True, kw_only=True):
    """All of it, decrypted. `made_at_ms` is when the file was created."""

    buyer_id: str
    made_at_ms: int
    saved: SavedBody | None
    orders: list[OwnOrder]
    gifts: list[GiftBody]


@get("/v1/me/data", guards=[own_pages_only], summary="All data held about the buyer")
async def own_data(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> Response[object]:
    """A file to keep: after an erasure nobody can read this data here any more."""
    await gateway.views_show_the_seen(*range(gateway.partitions))

    def read(
        cur: cursor,
    ) -> tuple[people.SavedDetails | None, list[order_views.OrderView], list[recurring_gifts.GiftView]]:
        return (
            people.saved_details(cur, buyer_id),
            order_views.orders_of_buyer(cur, buyer_id, limit=EVERYTHING),
            recurring_gifts.gifts_of_buyer(cur, buyer_id),
        )

    saved, orders, gifts = await gateway.reads.query(read)
    at_ms = now_ms()
    data = OwnData(
        buyer_id=buyer_id,
        made_at_ms=at_ms,
        saved=None if saved is None else await _saved(gateway, buyer_id, saved),
        orders=[await _order(gateway, view) for view in orders],
        gifts=[gift_body(view, at_ms=at_ms) for view in gifts],
    )
    headers = {"Content-Disposition": 'attachment; filename="my-data.json"', "Cache-Control": "no-store"}
    return Response(to_builtins(data), headers=headers)


ROUTES = [own_data]


async def _saved(gateway: Gateway, buyer_id: str, saved: people.SavedDetails) -> SavedBody:
    delivery = await gateway.reads.run(lambda: decrypted(gateway, buyer_id, saved.delivery))
    card_label = await gateway.reads.run(lambda: card_label_of(gateway, buyer_id, saved.card_label))
    return SavedBody(card_label, delivery)


async def _order(gateway: Gateway, view: order_views.OrderView) -> OwnOrder:
    delivery = await gateway.reads.run(lambda: decrypted(gateway, view.buyer_id, view.delivery))
    receipt = await receipt_of(gateway, view) if view.paid_minor else None
    return OwnOrder(await body_of(gateway, view), delivery, receipt)
