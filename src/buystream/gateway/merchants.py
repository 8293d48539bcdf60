"""The merchant's side of the API: editions, stock, orders, shipping, and the live dashboard."""

import asyncio

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
    NewRefundRule,
    Shipment,
    StockChange,
    encode,
    merchant_order_body,
)
from buystream.gateway.catalogue import Offer
from buystream.gateway.checkout import Http, board_of, decrypted, order_after
from buystream.gateway.naming import name_of
from buystream.gateway.problems import HttpProblem, refused
from buystream.gateway.reads import now_ms
from buystream.gateway.runtime import Gateway
from buystream.gateway.streams import Place, Watch, follow
from buystream.keys import api_key_hash
from buystream.money import MINOR_DIGITS
from buystream.projections import merchant_dashboard, order_views, people
from buystream.projections.edition_board import Board
from buystream.projections.merchant_dashboard import Dashboard
from buystream.projections.order_views import OrderView
from buystream.projections.people import Merchant

ORDERS_PAGE_MAX = 100
DASHBOARD_SECONDS = 1.0
TERMS_SECONDS = 5.0
"""So long a release waits for the merchant's terms; an edition that got none yet opens by itself when they come."""


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
    partitions, so that a merchant's hot editions don't share an owner. The answer waits for the merchant's terms, so
    that orders can be taken at once; a board that says `awaits_terms` opens by itself when they come."""
    name = name_of(request, gateway, merchant.merchant_id)
    partition = int.from_bytes(name[10:].encode(), "big") % gateway.partitions
    edition_id = f"ed{partition}-{name[:10]}"
    command = _release_command(data, merchant, edition_id)
    with gateway.watchers.watch(edition_id) as watch:
        answer = await gateway.decisions.ask(command, key=edition_id, partition=partition)
        if isinstance(answer.event, events.CommandRefused):
            raise refused(answer.event.reason)
        await _until_terms_applied(gateway, edition_id, watch)
        return await board_of(gateway, edition_id, watch.place or (answer.partition, answer.position))


async def _until_terms_applied(gateway: Gateway, edition_id: str, watch: Watch) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + TERMS_SECONDS
    while gateway.offer(edition_id).awaits_terms and (left := until - loop.time()) > 0:
        if gateway.watchers.closing:
            return
        await watch.changed(left)


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
    change_id = name_of(request, gateway, merchant.merchant_id)
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
    _check_terms(data)
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
        awaits_terms=True,
        tax_bps=data.tax_bps,
        tax_label=data.tax_label,
        refund_by=data.refund.by,
        refund_until_ms=data.refund.until_ms,
        refund_share_bps=data.refund.share_bps,
        refund_restock=data.refund.restock,
        target_minor=data.target_minor,
        all_or_nothing=data.all_or_nothing,
        if_missed=data.if_missed,
        receipts=data.kind == "gift" if data.receipts is None else data.receipts,
    )


def _check_terms(data: NewEdition) -> None:
    """What the owner would refuse too, said in words; raises HttpProblem (422)."""
    if data.tax_bps and not data.tax_label.strip():
        raise HttpProblem("invalid", "Name the tax, VAT for example: tax_label goes with tax_bps.", reason="bad_tax")
    if data.refund.by == "merchant" and data.refund != NewRefundRule(restock=data.refund.restock):
        detail = "refund.until_ms and share_bps are about returns by the buyer: send refund.by buyer with them."
        raise HttpProblem("invalid", detail, reason="bad_refund_rule")
    if data.all_or_nothing and (data.target_minor is None or data.closes_at_ms is None):
        detail = "All or nothing is decided at a date, by a target: send target_minor and closes_at_ms."
        raise HttpProblem("invalid", detail, reason="bad_target")
    if data.target_minor is not None and data.target_minor < 1:
        raise HttpProblem("invalid", "target_minor must be at least 1.", reason="bad_target")
    if data.if_missed == "choose" and not data.all_or_nothing:
        detail = "if_missed is about campaigns that are all or nothing."
        raise HttpProblem("invalid", detail, reason="bad_target")
