"""The merchant's side of the API: editions, stock, orders, shipping, and the live dashboard."""

import hashlib
import secrets

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from buystream import events
from buystream.commands import (
    AddStock,
    Command,
    PauseSale,
    ReleaseEdition,
    ResumeSale,
    ShipOrder,
    WithdrawStock,
)
from buystream.gateway.bodies import (
    MerchantOrderBody,
    MerchantOrdersBody,
    NewEdition,
    Shipment,
    StockChange,
    encode,
    merchant_order_body,
)
from buystream.gateway.catalogue import Offer
from buystream.gateway.checkout import Http, board_of, decrypted, order_after
from buystream.gateway.problems import HttpProblem, refused
from buystream.gateway.reads import now_ms
from buystream.gateway.runtime import Gateway
from buystream.gateway.streams import Place, follow
from buystream.ids import ALPHABET
from buystream.keys import api_key_hash
from buystream.money import MINOR_DIGITS
from buystream.projections import merchant_dashboard, order_views, people
from buystream.projections.edition_board import Board
from buystream.projections.merchant_dashboard import Dashboard
from buystream.projections.order_views import OrderView
from buystream.projections.people import Merchant

ORDERS_PAGE_MAX = 100
DASHBOARD_SECONDS = 1.0
IDEMPOTENCY_KEY = "idempotency-key"
IDEMPOTENCY_KEY_CHARS_MAX = 200


async def merchant(request: Http, gateway: NamedDependency[Gateway]) -> Merchant:
    """The merchant whose API key came with the request; raises HttpProblem (401)."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise HttpProblem("wrong-key")
    key_hash = api_key_hash(key.strip())
    found = await gateway.reads.query(lambda cur: people.merchant_by_key_hash(cur, key_hash))
    if found is None:
        raise HttpProblem("wrong-key")
    return found


@get("/v1/merchant", summary="Whose key this is")
async def who(merchant: NamedDependency[Merchant]) -> Merchant:
    """The merchant."""
    return merchant


@post("/v1/merchant/editions", status_code=201, summary="Put something on sale")
async def release(
    request: Http, gateway: NamedDependency[Gateway], merchant: NamedDependency[Merchant], data: JSONBody[NewEdition]
) -> Board:
    """With an `Idempotency-Key` header, a repeat of the request releases nothing more. Editions are spread over the
    partitions, so that a merchant's hot editions don't share an owner."""
    name = request_name(request, gateway, merchant)
    partition = int.from_bytes(name[10:].encode(), "big") % gateway.partitions
    edition_id = f"ed{partition}-{name[:10]}"
    command = _release_command(data, merchant, edition_id)
    answer = await gateway.decisions.ask(command, key=edition_id, partition=partition)
    if isinstance(answer.event, events.CommandRefused):
        raise refused(answer.event.reason)
    return await board_of(gateway, edition_id, (answer.partition, answer.position))


@post("/v1/merchant/editions/{edition_id:str}/pause", status_code=200, summary="Take no orders for a while")
async def pause(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[Merchant], edition_id: FromPath[str]
) -> Board:
    """Holds go on; new orders are refused as `paused`."""
    return await _change(gateway, merchant, PauseSale(edition_id=edition_id), edition_id)


@post("/v1/merchant/editions/{edition_id:str}/resume", status_code=200, summary="Take orders again")
async def resume(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[Merchant], edition_id: FromPath[str]
) -> Board:
    """The end of a pause."""
    return await _change(gateway, merchant, ResumeSale(edition_id=edition_id), edition_id)


@post("/v1/merchant/editions/{edition_id:str}/stock", status_code=200, summary="Issue more, or withdraw")
async def change_stock(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[Merchant],
    edition_id: FromPath[str],
    data: JSONBody[StockChange],
) -> Board:
    """With an `Idempotency-Key` header, a repeat of the request changes nothing more."""
    change_id = request_name(request, gateway, merchant)
    if data.add is not None and data.withdraw is None:
        command: Command = AddStock(edition_id=edition_id, change_id=change_id, quantity=data.add)
    elif data.withdraw is not None and data.add is None:
        command = WithdrawStock(edition_id=edition_id, change_id=change_id, quantity=data.withdraw)
    else:
        raise HttpProblem("invalid", "Send either add or withdraw.")
    return await _change(gateway, merchant, command, edition_id)


@get("/v1/merchant/orders", summary="The merchant's orders, page by page")
async def merchant_orders(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[Merchant],
    after: FromQuery[str | None] = None,
    limit: FromQuery[int] = ORDERS_PAGE_MAX,
) -> MerchantOrdersBody:
    """Newest first, with the buyers' delivery details. `next` of one page is `after` for the next."""
    if not 1 <= limit <= ORDERS_PAGE_MAX:
        raise HttpProblem("invalid", f"limit must be 1 to {ORDERS_PAGE_MAX}.")
    if after is not None:
        gateway.offer_of_order(after)
    views = await gateway.reads.query(
        lambda cur: order_views.orders_of_merchant(cur, merchant.merchant_id, after=after, limit=limit)
    )
    bodies = await gateway.reads.run(lambda: [seen_by_merchant(gateway, view) for view in views])
    return MerchantOrdersBody(bodies, views[-1].order_id if len(views) == limit else None)


@post("/v1/merchant/orders/{order_id:str}/ship", status_code=200, summary="The parcel left")
async def ship(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[Merchant],
    order_id: FromPath[str],
    data: JSONBody[Shipment],
) -> MerchantOrderBody:
    """The buyer sees carrier and number at once."""
    command = ShipOrder(
        order_id=order_id, merchant_id=merchant.merchant_id, carrier=data.carrier, tracking=data.tracking
    )
    return await change_order(gateway, merchant, command, order_id)


@get("/v1/merchant/dashboard", summary="The merchant's figures")
async def dashboard(gateway: NamedDependency[Gateway], merchant: NamedDependency[Merchant]) -> Dashboard:
    """Stock, clicks, sales, revenue, refusals."""
    return await _dashboard(gateway, merchant)


@get("/v1/merchant/dashboard/stream", summary="The merchant's figures, live", media_type="text/event-stream")
async def dashboard_stream(gateway: NamedDependency[Gateway], merchant: NamedDependency[Merchant]) -> Stream:
    """Server-sent events `dashboard`, about one a second."""

    async def read(place: Place | None) -> bytes:
        return encode(await _dashboard(gateway, merchant))

    return await follow(
        gateway.watchers,
        merchant.merchant_id,
        event="dashboard",
        read=read,
        every_seconds=DASHBOARD_SECONDS,
        always=True,
    )


ROUTES = [
    who,
    release,
    pause,
    resume,
    change_stock,
    merchant_orders,
    ship,
    dashboard,
    dashboard_stream,
]


def own_offer(gateway: Gateway, merchant: Merchant, offer: Offer, slug: str) -> Offer:
    """The offer, if it is the merchant's; raises HttpProblem (404)."""
    if offer.merchant_id != merchant.merchant_id:
        raise HttpProblem(slug)
    return offer


async def _change(gateway: Gateway, merchant: Merchant, command: Command, edition_id: str) -> Board:
    offer = own_offer(gateway, merchant, gateway.offer(edition_id), "unknown-edition")
    answer = await gateway.ask(command, offer)
    if isinstance(answer.event, events.CommandRefused):
        raise refused(answer.event.reason)
    return await board_of(gateway, edition_id, (answer.partition, answer.position))


async def change_order(gateway: Gateway, merchant: Merchant, command: Command, order_id: str) -> MerchantOrderBody:
    """The merchant's order after the command; raises HttpProblem for a refusal."""
    offer = own_offer(gateway, merchant, gateway.offer_of_order(order_id), "unknown-order")
    view = await order_after(gateway, await gateway.ask(command, offer), order_id)
    return await gateway.reads.run(lambda: seen_by_merchant(gateway, view))


async def _dashboard(gateway: Gateway, merchant: Merchant) -> Dashboard:
    async def read() -> Dashboard:
        return await gateway.reads.query(
            lambda cur: merchant_dashboard.dashboard(cur, merchant.merchant_id, now_ms=now_ms())
        )

    return await gateway.reads.shared(f"dashboard {merchant.merchant_id}", DASHBOARD_SECONDS / 2, read)


def seen_by_merchant(gateway: Gateway, view: OrderView) -> MerchantOrderBody:
    """The order with its buyer's details in clear. Blocks."""
    return merchant_order_body(view, decrypted(gateway, view.buyer_id, view.delivery))


def request_name(request: Http, gateway: Gateway, merchant: Merchant) -> str:
    """20 characters that name what this request makes: the same for a repeat with its Idempotency-Key, else random."""
    key = request.headers.get(IDEMPOTENCY_KEY, "")
    if len(key) > IDEMPOTENCY_KEY_CHARS_MAX:
        raise HttpProblem("invalid", f"Idempotency-Key has more than {IDEMPOTENCY_KEY_CHARS_MAX} characters.")
    if not key:
        return "".join(secrets.choice(ALPHABET) for _ in range(20))
    said = f"{merchant.merchant_id}\n{request.url.path}\n{key}".encode()
    number = int.from_bytes(hashlib.blake2b(said, key=gateway.naming_key, digest_size=16).digest(), "big")
    return "".join(ALPHABET[(number >> (5 * i)) & 31] for i in range(20))


def _release_command(data: NewEdition, merchant: Merchant, edition_id: str) -> ReleaseEdition:
    low = data.price_minor if data.price_minor is not None else data.price_min_minor
    high = data.price_minor if data.price_minor is not None else data.price_max_minor
    if low is None or high is None or low > high:
        raise HttpProblem("invalid", "Send price_minor, or price_min_minor and a price_max_minor not below it.")
    if data.price_minor is not None and (data.price_min_minor, data.price_max_minor) != (None, None):
        raise HttpProblem("invalid", "Send either price_minor or both bounds, not all of them.")
    if any(not low <= amount <= high for amount in data.suggested_minor):
        raise HttpProblem("invalid", "suggested_minor must lie within the price's bounds.")
    if data.opens_at_ms is not None and data.closes_at_ms is not None and data.opens_at_ms >= data.closes_at_ms:
        raise HttpProblem("invalid", "closes_at_ms must be after opens_at_ms.")
    currency = data.currency or merchant.currency
    if currency not in MINOR_DIGITS:
        raise HttpProblem("invalid", f"currency must be one of {', '.join(sorted(MINOR_DIGITS))}.")
    return ReleaseEdition(
        edition_id=edition_id,
        merchant_id=merchant.merchant_id,
        title=data.title,
        currency=currency,
        price_min_minor=low,
        price_max_minor=high,
        stock=data.stock,
        limit_per_buyer=data.limit_per_buyer,
        hold_seconds=data.hold_seconds,
        description=data.description,
        kind=data.kind,
        image=data.image or data.kind,
        suggested_minor=data.suggested_minor,
        opens_at_ms=data.opens_at_ms,
        closes_at_ms=data.closes_at_ms,
        needs_address=data.needs_address,
    )
