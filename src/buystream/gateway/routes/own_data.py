"""Everything that the shop holds about a buyer, in one JSON file, and the erasure that removes it."""

from litestar import Response, delete, get
from litestar.di import NamedDependency
from msgspec import Struct, to_builtins
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.gifts import GiftBody, gift_body
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.gateway.routes.bodies.payments import DeliveryBody
from buystream.gateway.routes.checkout import body_of, card_label_of
from buystream.gateway.routes.details import decrypted
from buystream.gateway.routes.receipts import Receipt, receipt_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import own_pages_only
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import Session
from buystream.projections import order_views, people, recurring_gifts
from buystream.vocabulary.commands import CancelOrder, EndRecurringGift, EraseBuyer
from buystream.vocabulary.placements import Placement

EVERYTHING = 1_000_000
"""No buyer has that many orders."""


class SavedBody(Struct, frozen=True):
    """What is saved for one-tap payment."""

    card_label: str
    delivery: DeliveryBody | None


class OwnOrder(Struct, frozen=True):
    """An order with the delivery details given for it, its receipt once it is paid, and where the click came from, if
    that is known."""

    order: OrderBody
    delivery: DeliveryBody | None
    receipt: Receipt | None
    placement: Placement | None


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


@delete(
    "/v1/me",
    guards=[own_pages_only],
    opt=asks(EraseBuyer, EndRecurringGift, quietly=[CancelOrder]),
    summary="Erase the buyer",
)
async def erase_me(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], session: NamedDependency[Session]
) -> Response[None]:
    """Ends the buyer's recurring gifts, withdraws pledges that have not been charged, then deletes the buyer's key:
    after that nothing personal can be read anywhere, and the sessions on all devices end. The payment provider deletes
    what it saved soon afterwards. Orders are kept, without personal data."""
    await _take_back(gateway, session)
    if await gateway.reads.query(lambda cur: _is_anybody(cur, buyer_id)):
        command = EraseBuyer(buyer_id=buyer_id)
        answer = await gateway.decisions.ask(command, actor=session.actor)
        await gateway.reads.run(lambda: gateway.vault.erase(buyer_id))
        await gateway.reads.passed(answer.partition, answer.position)
    return Response(None, status_code=204, headers={"Set-Cookie": gateway.sessions.set_cookie("")})


def _is_anybody(cur: cursor, buyer_id: str) -> bool:
    """Whether there is anything to erase. The log keeps no erasure for a session that never did anything."""
    return bool(
        order_views.orders_of_buyer(cur, buyer_id, limit=1)
        or people.saved_details(cur, buyer_id)
        or recurring_gifts.gifts_of_buyer(cur, buyer_id)
    )


async def _take_back(gateway: Gateway, session: Session) -> None:
    """Withdraws pledges: a buyer who asks for erasure is not charged again. Raises HttpProblem (503) when that isn't
    certain."""
    buyer_id = session.buyer_id
    if not await gateway.views_show_the_seen(*range(gateway.partitions)):
        raise HttpProblem("unavailable", "A gift may not be shown yet. Ask again in a moment.")
    for order_id in await gateway.reads.query(lambda cur: order_views.pledges_of_buyer(cur, buyer_id)):
        # A refusal says that the campaign ended meanwhile: then the order is paid, or gone, as for everyone.
        await gateway.decisions.ask(CancelOrder(order_id=order_id, buyer_id=buyer_id), actor=session.actor)
    for gift_id in await gateway.reads.query(lambda cur: recurring_gifts.running_gifts(cur, buyer_id)):
        await gateway.decide(EndRecurringGift(gift_id=gift_id, buyer_id=buyer_id), actor=session.actor)


ROUTES = [own_data, erase_me]


async def _saved(gateway: Gateway, buyer_id: str, saved: people.SavedDetails) -> SavedBody:
    delivery = await gateway.reads.run(lambda: decrypted(gateway, buyer_id, saved.delivery))
    card_label = await gateway.reads.run(lambda: card_label_of(gateway, buyer_id, saved.card_label))
    return SavedBody(card_label, delivery)


async def _order(gateway: Gateway, view: order_views.OrderView) -> OwnOrder:
    delivery = await gateway.reads.run(lambda: decrypted(gateway, view.buyer_id, view.delivery))
    receipt = await receipt_of(gateway, view) if view.paid_minor else None
    return OwnOrder(await body_of(gateway, view), delivery, receipt, view.placement)
