"""The merchant's side of the API: editions, stock, single orders and shipping."""

import asyncio
import secrets

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream.gateway.routes.bodies.edition_pages import BODY_BYTES_MAX
from buystream.gateway.routes.bodies.editions import NewEdition, StockChange
from buystream.gateway.routes.bodies.merchants import MerchantOrderBody, Shipment, merchant_order_body
from buystream.gateway.routes.checkout import (
    Http,
    decrypted_tracking,
    fulfilment_of,
    order_after,
    order_view,
    refuse_unknown_order,
)
from buystream.gateway.routes.details import decrypted
from buystream.gateway.routes.pictures import refuse_unknown_pictures
from buystream.gateway.routes.releasing import release_command
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.idempotency import IDEMPOTENCY_KEY, idempotent_name
from buystream.gateway.server.past_moments import nothing_yet, past_ms
from buystream.gateway.server.problems import HttpProblem, refused
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.streams import Place, Watch
from buystream.projections import people
from buystream.projections.boards import MerchantBoard
from buystream.projections.edition_board import merchant_board
from buystream.projections.order_views import OrderView
from buystream.projections.people import MerchantView
from buystream.vault import BuyerIsErased
from buystream.vocabulary import events
from buystream.vocabulary.commands import (
    AddStock,
    Command,
    NameEdition,
    PauseSale,
    RecordDelivery,
    ReleaseEdition,
    ResumeSale,
    ShipOrder,
    WithdrawStock,
)
from buystream.vocabulary.ids import new_edition_id

TERMS_SECONDS = 5.0
"""How long a release waits for the merchant's terms; an edition without them opens automatically when they arrive."""


@get("/v1/merchant", summary="The merchant of this API key")
async def who(merchant: NamedDependency[MerchantView]) -> MerchantView:
    """The merchant."""
    return merchant


@post(
    "/v1/merchant/editions",
    status_code=201,
    opt=asks(NameEdition, ReleaseEdition, also=["unknown-picture"]),
    request_max_body_size=BODY_BYTES_MAX,
    summary="Release an edition",
)
async def release(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    data: JSONBody[NewEdition],
) -> MerchantBoard:
    """With an `Idempotency-Key` header, a repeat of the request releases nothing more. Editions are spread over the
    partitions, so that a merchant's hot editions don't share an owner. The answer waits for the merchant's terms, so
    that orders can be placed at once; a board with `awaits_terms` opens automatically when they arrive."""
    edition_id = await edition_id_for(request, gateway, merchant, actor)
    command = release_command(data, merchant, edition_id)
    await refuse_unknown_pictures(gateway, command.offer.page.pictures)
    return await released(gateway, command, actor)


async def released(gateway: Gateway, command: ReleaseEdition, actor: str) -> MerchantBoard:
    """The edition's board, with its merchant's terms unless they are late."""
    edition_id = command.edition_id
    with gateway.watchers.watch(edition_id) as watch:
        answer = await gateway.decide(command, actor=actor)
        applied = await _until_terms_applied(gateway, edition_id, watch)
        return await merchants_board(gateway, edition_id, applied or (answer.partition, answer.position))


async def edition_id_for(request: Http, gateway: Gateway, merchant: MerchantView, actor: str) -> str:
    """A new id; for a request that came before, the one that it was given then."""
    name = idempotent_name(request, gateway, merchant.merchant_id)
    if not request.headers.get(IDEMPOTENCY_KEY):
        return new_edition_id(secrets.randbelow(gateway.partitions))
    return await named_edition_id(gateway, merchant, name, actor)


async def named_edition_id(gateway: Gateway, merchant: MerchantView, name: str, actor: str) -> str:
    """The id that was first given under that name. That is the merchant's owner to say: a gateway knows neither how
    many partitions there were then nor what another one answers at this moment."""
    edition_id = new_edition_id(secrets.randbelow(gateway.partitions))
    command = NameEdition(merchant_id=merchant.merchant_id, request=name, edition_id=edition_id)
    event = (await gateway.decisions.ask(command, actor=actor)).event
    if isinstance(event, events.CommandRefused):
        raise refused(event.reason)
    return event.subject if isinstance(event, events.CommandRepeated) else edition_id


async def _until_terms_applied(gateway: Gateway, edition_id: str, watch: Watch) -> Place | None:
    """Where the newest event about the edition is, if any came."""
    loop = asyncio.get_running_loop()
    until = loop.time() + TERMS_SECONDS
    newest: Place | None = None
    while gateway.offer(edition_id).awaits_terms and (left := until - loop.time()) > 0:
        if gateway.watchers.closing:
            break
        newest = (await watch.changed(left)).get(edition_id) or newest
    return newest


@post("/v1/merchant/editions/{edition_id:str}/pause", status_code=200, opt=asks(PauseSale), summary="Pause an edition")
async def pause(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
) -> MerchantBoard:
    """Existing holds continue; new orders are refused as `paused`."""
    return await change_edition(gateway, merchant, PauseSale(edition_id=edition_id), actor)


@post(
    "/v1/merchant/editions/{edition_id:str}/resume", status_code=200, opt=asks(ResumeSale), summary="Resume an edition"
)
async def resume(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
) -> MerchantBoard:
    """Ends a pause."""
    return await change_edition(gateway, merchant, ResumeSale(edition_id=edition_id), actor)


@post(
    "/v1/merchant/editions/{edition_id:str}/stock",
    status_code=200,
    opt=asks(AddStock, WithdrawStock),
    summary="Add or withdraw stock",
)
async def change_stock(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[StockChange],
) -> MerchantBoard:
    """With an `Idempotency-Key` header, a repeat of the request changes nothing more."""
    change_id = idempotent_name(request, gateway, merchant.merchant_id)
    change = {"edition_id": edition_id, "change_id": change_id, "variant_id": data.variant_id}
    if data.add is not None and data.withdraw is None:
        command: AddStock | WithdrawStock = AddStock(quantity=data.add, **change)
    elif data.withdraw is not None and data.add is None:
        command = WithdrawStock(quantity=data.withdraw, **change)
    else:
        raise HttpProblem("invalid", "Send either add or withdraw.")
    return await change_edition(gateway, merchant, command, actor)


@get("/v1/merchant/orders/{order_id:str}", summary="One of the merchant's orders")
async def merchant_order(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], order_id: FromPath[str]
) -> MerchantOrderBody:
    """With its buyer's delivery details."""
    view = await merchants_order(gateway, merchant, order_id)
    return await gateway.reads.run(lambda: seen_by_merchant(gateway, view))


@post("/v1/merchant/orders/{order_id:str}/ship", status_code=200, opt=asks(ShipOrder), summary="Mark as shipped")
async def ship(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[Shipment],
) -> MerchantOrderBody:
    """The buyer sees the carrier and the number at once. The number can lead to an address, so it is encrypted like
    one, and not kept for an erased buyer."""
    view = await merchants_order(gateway, merchant, order_id)
    tracking = await gateway.reads.run(lambda: encrypted_tracking(gateway, view.buyer_id, data.tracking))
    command = ShipOrder(order_id=order_id, merchant_id=merchant.merchant_id, carrier=data.carrier, tracking=tracking)
    return await change_order(gateway, merchant, command, actor)


@post(
    "/v1/merchant/orders/{order_id:str}/deliver",
    status_code=200,
    opt=asks(RecordDelivery),
    summary="Mark as delivered or used",
)
async def deliver(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
) -> MerchantOrderBody:
    """Also marks a ticket as used, which never shipped. The buyer can no longer return a delivered order."""
    command = RecordDelivery(order_id=order_id, merchant_id=merchant.merchant_id)
    return await change_order(gateway, merchant, command, actor)


ROUTES = [
    who,
    release,
    pause,
    resume,
    change_stock,
    merchant_order,
    ship,
    deliver,
]


async def past_moments(gateway: Gateway, merchant: MerchantView, *texts: str) -> list[int]:
    """The moments, none of them before the merchant's history begins, once the views show them. Raises HttpProblem."""
    moments_ms = [past_ms(text, merchant.time_zone) for text in texts]
    first_ms = await gateway.reads.query(lambda cur: people.registered_at_ms(cur, merchant.merchant_id))
    if first_ms is None or min(moments_ms) < first_ms:
        raise nothing_yet(first_ms or 0)
    await gateway.views_show_the_past(*range(gateway.partitions))
    return moments_ms


def own_offer(gateway: Gateway, merchant: MerchantView, offer: Listing, slug: str) -> Listing:
    """The offer, if it is the merchant's; raises HttpProblem (404)."""
    if offer.merchant_id != merchant.merchant_id:
        raise HttpProblem(slug)
    return offer


def own_edition(gateway: Gateway, merchant: MerchantView, edition_id: str) -> Listing:
    """The merchant's edition; raises HttpProblem (404)."""
    return own_offer(gateway, merchant, gateway.offer(edition_id), "unknown-edition")


def offer_of_own_order(gateway: Gateway, merchant: MerchantView, order_id: str) -> Listing:
    """The edition that the merchant's order is of; raises HttpProblem (404)."""
    return own_offer(gateway, merchant, gateway.offer_of_order(order_id), "unknown-order")


async def change_edition(gateway: Gateway, merchant: MerchantView, command: Command, actor: str) -> MerchantBoard:
    """The merchant's own edition after the command about it; raises HttpProblem for a refusal."""
    edition_id = getattr(command, command.about)
    own_edition(gateway, merchant, edition_id)
    answer = await gateway.decide(command, actor=actor)
    return await merchants_board(gateway, edition_id, (answer.partition, answer.position))


async def merchants_board(gateway: Gateway, edition_id: str, place: Place) -> MerchantBoard:
    """The merchant's own edition, showing at least the event at `place` unless the views are far behind."""
    await gateway.reads.passed(*place)
    board = await gateway.reads.query(lambda cur: merchant_board(cur, edition_id, now_ms=now_ms()))
    if board is None:
        raise HttpProblem("unavailable", "The edition is so new that its board isn't written yet.")
    return board


async def change_order(gateway: Gateway, merchant: MerchantView, command: Command, actor: str) -> MerchantOrderBody:
    """The merchant's order after the command about it; raises HttpProblem for a refusal."""
    order_id = getattr(command, command.about)
    offer_of_own_order(gateway, merchant, order_id)
    await refuse_unknown_order(gateway, order_id)
    view = await order_after(gateway, await gateway.decisions.ask(command, actor=actor), order_id)
    return await gateway.reads.run(lambda: seen_by_merchant(gateway, view))


async def merchants_order(gateway: Gateway, merchant: MerchantView, order_id: str) -> OrderView:
    """The merchant's own order; raises HttpProblem (404)."""
    offer = offer_of_own_order(gateway, merchant, order_id)
    await gateway.views_show_the_seen(offer.partition)
    return await order_view(gateway, order_id)


def encrypted_tracking(gateway: Gateway, buyer_id: str, tracking: str) -> str:
    """A ciphertext under the buyer's key; "" where there is no number, or the buyer is erased. Blocks."""
    if not tracking:
        return ""
    try:
        return gateway.vault.encrypt(buyer_id, {"tracking": tracking})
    except BuyerIsErased:
        return ""


def seen_by_merchant(gateway: Gateway, view: OrderView) -> MerchantOrderBody:
    """The order with its buyer's details in clear. Blocks."""
    buyer = decrypted(gateway, view.buyer_id, view.delivery)
    is_erased = gateway.catalogue.is_erased(view.buyer_id)
    return merchant_order_body(
        view,
        buyer=buyer,
        tracking=decrypted_tracking(gateway, view),
        fulfilment=fulfilment_of(gateway, view),
        is_erased=is_erased,
    )
