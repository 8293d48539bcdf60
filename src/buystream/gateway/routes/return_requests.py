"""A buyer asks to send something back, and the merchant answers."""

from typing import Final

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream.gateway.routes.bodies.merchants import MerchantOrderBody
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.gateway.routes.bodies.parcels import NewReturnRequest, ReturnAnswer, units_of
from buystream.gateway.routes.checkout import Http, body_of, order_after, refuse_unknown_order
from buystream.gateway.routes.merchants import change_order
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import Session
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import AnswerReturnRequest, RequestReturn


@post(
    "/v1/orders/{order_id:str}/return-requests",
    status_code=202,
    opt=asks(RequestReturn),
    summary="Ask to send something back",
)
async def ask(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    order_id: FromPath[str],
    data: JSONBody[NewReturnRequest],
) -> OrderBody:
    """For the money, or for another variant. The merchant answers, and the order's `fulfilment.requests` says what. A
    repeat with the same `request_id` or `Idempotency-Key` asks for nothing more."""
    gateway.offer_of_order(order_id)
    await refuse_unknown_order(gateway, order_id, buyer_id=buyer_id)
    words = data.words.strip()
    command = RequestReturn(
        order_id=order_id,
        buyer_id=buyer_id,
        request_id=data.request_id or f"wish-{idempotent_name(request, gateway, buyer_id)}",
        units=units_of(data.lines),
        instead_variant_id=data.instead_variant_id,
        words=await gateway.reads.run(lambda: gateway.vault.encrypt(buyer_id, {"words": words})) if words else "",
    )
    answer = await gateway.decisions.ask(command, actor=session.actor)
    return await body_of(gateway, await order_after(gateway, answer, order_id, buyer_id=buyer_id))


@post(
    "/v1/merchant/orders/{order_id:str}/return-requests/{request_id:str}/answer",
    status_code=200,
    opt=asks(AnswerReturnRequest),
    summary="Answer a buyer who asks to send something back",
)
async def answer(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    request_id: FromPath[str],
    data: JSONBody[ReturnAnswer],
) -> MerchantOrderBody:
    """The buyer sees it at once. It can be changed until the units are back, which a return or an exchange records."""
    command = AnswerReturnRequest(
        order_id=order_id,
        merchant_id=merchant.merchant_id,
        request_id=request_id,
        accepted=data.accepted,
        reply=data.reply,
    )
    return await change_order(gateway, merchant, command, actor)


ROUTES: Final = [ask, answer]
