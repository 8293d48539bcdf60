"""The merchant packs and sends: parcels of an order, and what happens to each."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream.gateway.routes.bodies.merchants import MerchantOrderBody
from buystream.gateway.routes.bodies.parcels import NewFulfilmentEvent, NewShipment
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.merchants import change_order, encrypted_tracking, merchants_order
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.refusals import asks
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import CreateShipment, RecordFulfilment
from buystream.vocabulary.values import LineUnits


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
        contents=tuple(LineUnits(variant_id=one.variant_id, quantity=one.quantity) for one in data.lines),
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


ROUTES = [create_shipment, record_fulfilment]
