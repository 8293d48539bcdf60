"""The merchant packs and sends: parcels of an order, and what happens to each."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream.gateway.routes.bodies.merchants import MerchantOrderBody
from buystream.gateway.routes.bodies.parcels import (
    Inspection,
    NewExchange,
    NewFulfilmentEvent,
    NewGoodsReturn,
    NewShipment,
    units_of,
)
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.merchants import change_order, encrypted_tracking, merchants_order
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.refusals import asks
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import (
    CreateShipment,
    ExchangeUnits,
    InspectReturn,
    RecordFulfilment,
    RecordReturn,
)


@post(
    "/v1/merchant/orders/{order_id:str}/shipments",
    status_code=200,
    opt=asks(CreateShipment),
    summary="Pack units of an order in a parcel",
)
async def create_shipment(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[NewShipment],
) -> MerchantOrderBody:
    """An order may have many parcels. It is shipped once every unit that its buyer keeps is on its way. A repeat with
    the same `shipment_id` or `Idempotency-Key` packs nothing more."""
    view = await merchants_order(gateway, merchant, order_id)
    tracking = await gateway.reads.run(lambda: encrypted_tracking(gateway, view.buyer_id, data.tracking))
    command = CreateShipment(
        order_id=order_id,
        merchant_id=merchant.merchant_id,
        shipment_id=data.shipment_id or idempotent_name(request, gateway, merchant.merchant_id),
        contents=units_of(data.lines),
        stage=data.stage,
        carrier=data.carrier,
        tracking=tracking,
    )
    return await change_order(gateway, merchant, command, actor)


@post(
    "/v1/merchant/orders/{order_id:str}/shipments/{shipment_id:str}/events",
    status_code=200,
    opt=asks(RecordFulfilment),
    summary="Record what happened to a parcel",
)
async def record_fulfilment(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    shipment_id: FromPath[str],
    data: JSONBody[NewFulfilmentEvent],
) -> MerchantOrderBody:
    """Events are only added, never changed. The order is delivered once every parcel has arrived. With an
    `Idempotency-Key` header, a repeat records nothing more."""
    view = await merchants_order(gateway, merchant, order_id)
    tracking = await gateway.reads.run(lambda: encrypted_tracking(gateway, view.buyer_id, data.tracking))
    command = RecordFulfilment(
        order_id=order_id,
        merchant_id=merchant.merchant_id,
        shipment_id=shipment_id,
        fulfilment_id=idempotent_name(request, gateway, merchant.merchant_id),
        stage=data.stage,
        carrier=data.carrier,
        tracking=tracking,
    )
    return await change_order(gateway, merchant, command, actor)


@post(
    "/v1/merchant/orders/{order_id:str}/returns",
    status_code=200,
    opt=asks(RecordReturn),
    summary="Record units that came back",
)
async def record_return(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[NewGoodsReturn],
) -> MerchantOrderBody:
    """Their money is refunded; what was paid for the order stays as it was, and the refund stands beside it. With an
    `Idempotency-Key` header, a repeat returns nothing more."""
    command = RecordReturn(
        order_id=order_id,
        merchant_id=merchant.merchant_id,
        return_id=f"goods-{idempotent_name(request, gateway, merchant.merchant_id)}",
        units=units_of(data.lines),
        goods=data.goods,
        amount_minor=data.amount_minor,
        reason=data.reason,
    )
    return await change_order(gateway, merchant, command, actor)


@post(
    "/v1/merchant/orders/{order_id:str}/returns/{return_id:str}/inspection",
    status_code=200,
    opt=asks(InspectReturn),
    summary="Say what becomes of goods that came back",
)
async def inspect_return(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    return_id: FromPath[str],
    data: JSONBody[Inspection],
) -> MerchantOrderBody:
    """For a return whose goods wait for it, once their money is back."""
    command = InspectReturn(
        order_id=order_id, merchant_id=merchant.merchant_id, return_id=return_id, restock=data.restock
    )
    return await change_order(gateway, merchant, command, actor)


@post(
    "/v1/merchant/orders/{order_id:str}/exchanges",
    status_code=200,
    opt=asks(ExchangeUnits),
    summary="Exchange units for another variant",
)
async def exchange(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[NewExchange],
) -> MerchantOrderBody:
    """At the price that was paid; another price is refused as `price_differs`. The new units wait to be packed. With an
    `Idempotency-Key` header, a repeat exchanges nothing more."""
    command = ExchangeUnits(
        order_id=order_id,
        merchant_id=merchant.merchant_id,
        exchange_id=idempotent_name(request, gateway, merchant.merchant_id),
        variant_id=data.variant_id,
        instead_variant_id=data.instead_variant_id,
        quantity=data.quantity,
        restock=data.restock,
        reason=data.reason,
    )
    return await change_order(gateway, merchant, command, actor)


ROUTES = [create_shipment, record_fulfilment, record_return, inspect_return, exchange]
