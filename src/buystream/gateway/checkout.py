"""The buyer's side of the API, after the tap: session, orders, payment, cancellation, and being forgotten."""

import asyncio

from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from buystream import events
from buystream.commands import CancelOrder, EndRecurringGift, EraseBuyer, RequestPayment, ReturnOrder
from buystream.gateway.answers import Answer
from buystream.gateway.bodies import (
    Authentication,
    ConfigBody,
    DeliveryBody,
    EditionsBody,
    MeBody,
    NewPayment,
    NewReturn,
    NewSession,
    OrderBody,
    OrdersBody,
    SessionBody,
    encode,
    order_body,
)
from buystream.gateway.naming import name_of
from buystream.gateway.problems import HttpProblem, refused
from buystream.gateway.reads import now_ms
from buystream.gateway.runtime import Gateway
from buystream.gateway.sessions import spend
from buystream.gateway.streams import Place, follow
from buystream.ids import partition_of
from buystream.projections import edition_board, order_views, people, recurring_gifts
from buystream.projections.edition_board import Board
from buystream.projections.order_views import OrderView

ORDERS_MAX = 200
BOARD_SECONDS = 0.2
"""How old a board may be, and how often a stream of boards speaks at most."""

BOARD_LOOK_SECONDS = 2.0
"""A sale opens and closes by the clock alone, without an event."""

ENDED = frozenset({"refused", "cancelled", "refunded", "delivered"})
PAYING = frozenset({"requested", "authentication_required"})

Http = Request[None, None, State]


async def buyer_id(request: Http, gateway: NamedDependency[Gateway]) -> str:
    """The buyer that the request comes from; raises HttpProblem (401)."""
    buyer = _buyer_of(request, gateway)
    if buyer is None:
        raise HttpProblem("no-session")
    return buyer


def _buyer_of(request: Http, gateway: Gateway) -> str | None:
    headers = request.headers
    return gateway.sessions.buyer_of_request(headers.get("authorization", ""), headers.get("cookie", ""))


@post("/v1/session", status_code=200, summary="Begin a session, or go on with it")
async def begin_session(
    request: Http, gateway: NamedDependency[Gateway], data: JSONBody[NewSession]
) -> Response[SessionBody]:
    """Sets the cookie, and returns the same token for `Authorization: Bearer`. A host's token counts once."""
    if data.host_token is not None:
        user = gateway.sessions.host_user(data.host_token)
        await gateway.reads.query(lambda cur: spend(cur, user))
        buyer = gateway.sessions.buyer_of_host(user)
    else:
        buyer = _buyer_of(request, gateway) or gateway.sessions.new_buyer()
    saved = await gateway.reads.query(lambda cur: people.saved_details(cur, buyer))
    token = gateway.sessions.token(buyer)
    return Response(
        SessionBody(buyer, token, saved is not None),
        headers={"Set-Cookie": gateway.sessions.set_cookie(token), "Cache-Control": "no-store"},
    )


@get("/v1/me", summary="What is remembered about the buyer")
async def me(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> MeBody:
    """The delivery details are decrypted for the buyer only."""
    saved = await gateway.reads.query(lambda cur: people.saved_details(cur, buyer_id))
    if saved is None:
        return MeBody(buyer_id, registered=False, card_label=None, delivery=None)
    delivery = await gateway.reads.run(lambda: decrypted(gateway, buyer_id, saved.delivery))
    return MeBody(buyer_id, registered=True, card_label=saved.card_label or None, delivery=delivery)


@delete("/v1/me", summary="Be forgotten")
async def erase_me(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> Response[None]:
    """Ends the buyer's recurring gifts, takes back what is pledged and not yet charged, then deletes the buyer's key:
    nothing personal can be read any more, anywhere. Orders stay, without their person."""
    await _take_back(gateway, buyer_id)
    await gateway.reads.run(lambda: gateway.vault.erase(buyer_id))
    answer = await gateway.decisions.ask(EraseBuyer(buyer_id=buyer_id), key=buyer_id, partition=partition_of(buyer_id))
    await gateway.reads.passed(answer.partition, answer.position)
    return Response(None, status_code=204, headers={"Set-Cookie": gateway.sessions.set_cookie("")})


async def _take_back(gateway: Gateway, buyer_id: str) -> None:
    """Whoever wants to be forgotten is charged for nothing more; raises HttpProblem (503) when that isn't certain."""
    if not await gateway.views_show_the_seen(*range(gateway.partitions)):
        raise HttpProblem("unavailable", "A gift may not be shown yet. Ask again in a moment.")
    for order_id in await gateway.reads.query(lambda cur: order_views.pledges_of_buyer(cur, buyer_id)):
        # A refusal says that the campaign ended meanwhile: then the order is paid, or gone, as everybody's.
        await gateway.ask(CancelOrder(order_id=order_id, buyer_id=buyer_id), gateway.offer_of_order(order_id))
    for gift_id in await gateway.reads.query(lambda cur: recurring_gifts.running_gifts(cur, buyer_id)):
        answer = await gateway.ask(
            EndRecurringGift(gift_id=gift_id, buyer_id=buyer_id), gateway.offer_of_order(gift_id)
        )
        if isinstance(answer.event, events.CommandRefused):
            raise refused(answer.event.reason)


@get("/v1/config", summary="What the payment form needs to know")
async def config(gateway: NamedDependency[Gateway]) -> ConfigBody:
    """The provider, its public key, and the sandbox's test cards."""
    return gateway.config


@get("/v1/editions", summary="Everything on sale")
async def editions(gateway: NamedDependency[Gateway]) -> EditionsBody:
    """Boards, newest first."""
    return EditionsBody(await all_boards(gateway))


@get("/v1/editions/{edition_id:str}", summary="One edition's board")
async def edition(gateway: NamedDependency[Gateway], edition_id: FromPath[str]) -> Board:
    """Terms, price, what is left."""
    return await board_of(gateway, edition_id)


@get("/v1/editions/{edition_id:str}/stream", summary="One edition's board, live", media_type="text/event-stream")
async def edition_stream(gateway: NamedDependency[Gateway], edition_id: FromPath[str]) -> Stream:
    """Server-sent events `board`: at once, then at each change, at most 5 a second."""
    gateway.offer(edition_id)

    async def read(place: Place | None) -> bytes:
        return encode(await board_of(gateway, edition_id, place))

    return await follow(
        gateway.watchers,
        edition_id,
        event="board",
        read=read,
        pause_seconds=BOARD_SECONDS,
        every_seconds=BOARD_LOOK_SECONDS,
        always=True,
    )


@get("/v1/orders", summary="The buyer's orders")
async def orders(gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str]) -> OrdersBody:
    """Newest first."""
    await gateway.views_show_the_seen(*range(gateway.partitions))
    views = await gateway.reads.query(lambda cur: order_views.orders_of_buyer(cur, buyer_id, limit=ORDERS_MAX))
    return OrdersBody([await body_of(gateway, view) for view in views])


@get("/v1/orders/{order_id:str}", summary="One of the buyer's orders")
async def order(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> OrderBody:
    """404 also when it is somebody else's."""
    return await body_of(gateway, await own_order(gateway, buyer_id, order_id))


@get("/v1/orders/{order_id:str}/stream", summary="One of the buyer's orders, live", media_type="text/event-stream")
async def order_stream(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> Stream:
    """Server-sent events `order`: at once, then at each change, until nothing can change any more."""
    ended = False

    async def read(place: Place | None) -> bytes:
        nonlocal ended
        view = await own_order(gateway, buyer_id, order_id)
        ended = _has_ended(view)
        return encode(await body_of(gateway, view))

    return await follow(
        gateway.watchers, order_id, event="order", read=read, is_final=lambda body: ended, pause_seconds=0.05
    )


@post("/v1/orders/{order_id:str}/payment", status_code=202, summary="Pay for a held order")
async def pay(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[NewPayment],
) -> OrderBody:
    """With new details, or with one tap by what was saved. Delivery details are encrypted before they go anywhere."""
    offer = gateway.offer_of_order(order_id)
    if data.one_tap:
        if data.payment_method is not None or data.delivery is not None:
            raise HttpProblem("invalid", "Send either one_tap or payment_method and delivery, not both.")
        saved = await gateway.reads.query(lambda cur: people.saved_details(cur, buyer_id))
        if saved is None:
            raise HttpProblem("not-registered", reason="not_registered")
        method, delivery = saved.payment_method, saved.delivery
    else:
        if data.payment_method is None or data.delivery is None:
            raise HttpProblem("invalid", "payment_method and delivery are needed, or one_tap.")
        if offer.needs_address and not data.delivery.address.strip():
            raise HttpProblem("invalid", "This is sent by post: delivery needs an address.")
        where = data.delivery
        plain = {"name": where.name, "email": where.email, "address": where.address}
        method = data.payment_method
        delivery = await gateway.reads.run(lambda: gateway.vault.encrypt(buyer_id, plain))
    command = RequestPayment(
        order_id=order_id,
        buyer_id=buyer_id,
        payment_method=method,
        delivery=delivery,
        save=data.save,
        attempt=data.attempt,
    )
    answer = await gateway.ask(command, offer)
    if isinstance(answer.event, events.CommandRefused) and answer.event.reason != "unknown_order":
        raise HttpProblem("not-payable", reason="not_payable", because=answer.event.reason)
    return await body_of(gateway, await order_after(gateway, answer, order_id, buyer_id=buyer_id))


@post("/v1/orders/{order_id:str}/cancel", status_code=200, summary="Give the hold back, or take a pledge back")
async def cancel(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> OrderBody:
    """The stock is on sale again at once; a pledge counts no more, and nothing is charged."""
    offer = gateway.offer_of_order(order_id)
    answer = await gateway.ask(CancelOrder(order_id=order_id, buyer_id=buyer_id), offer)
    return await body_of(gateway, await order_after(gateway, answer, order_id, buyer_id=buyer_id))


@post("/v1/orders/{order_id:str}/return", status_code=202, summary="Give a paid order back")
async def give_back(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[NewReturn],
) -> OrderBody:
    """By the edition's rule: `returnable` of the order says whether, until when, and for how much. A repeat with the
    same `refund_id` or `Idempotency-Key` gives nothing more back."""
    offer = gateway.offer_of_order(order_id)
    refund_id = data.refund_id or f"return-{name_of(request, gateway, buyer_id)}"
    answer = await gateway.ask(ReturnOrder(order_id=order_id, buyer_id=buyer_id, refund_id=refund_id), offer)
    return await body_of(gateway, await order_after(gateway, answer, order_id, buyer_id=buyer_id))


@post("/v1/orders/{order_id:str}/authentication", status_code=202, summary="Answer the sandbox's bank")
async def authenticate(
    gateway: NamedDependency[Gateway], order_id: FromPath[str], data: JSONBody[Authentication]
) -> OrderBody:
    """What the card holder said on the bank's page. Needs no session: the bank doesn't know the shop's. The order's id,
    which nobody can guess, is what lets one in; there is no such page outside the sandbox."""
    bank = gateway.bank
    if bank is None:
        raise HttpProblem("not-found")
    gateway.offer_of_order(order_id)
    view = await gateway.reads.query(lambda cur: order_views.order(cur, order_id))
    if view is None or view.payment is None or view.payment.state != "authentication_required":
        raise HttpProblem("refused", "No payment of this order waits for its bank.", reason="not_waiting")
    payment_id = view.payment.payment_id
    await gateway.reads.run(lambda: bank.complete_authentication(payment_id, data.outcome == "approved"))
    return await body_of(gateway, view)


ROUTES = [
    begin_session,
    me,
    erase_me,
    config,
    editions,
    edition,
    edition_stream,
    orders,
    order,
    order_stream,
    pay,
    cancel,
    give_back,
    authenticate,
]


async def all_boards(gateway: Gateway) -> list[Board]:
    """The boards of all editions, newest first; shared by all who ask at about the same time."""

    async def read() -> list[Board]:
        return await gateway.reads.query(lambda cur: edition_board.boards(cur, now_ms=now_ms()))

    return await gateway.reads.shared("boards", BOARD_SECONDS, read)


async def board_of(gateway: Gateway, edition_id: str, place: Place | None = None) -> Board:
    """The board, showing the event at `place` at least unless the views are far behind. However many ask, it is read
    once per BOARD_SECONDS."""
    offer = gateway.offer(edition_id)

    async def read() -> tuple[int, Board]:
        shown = gateway.reads.reached(offer.partition)
        board = await gateway.reads.query(lambda cur: edition_board.board(cur, edition_id, now_ms=now_ms()))
        if board is None:
            raise HttpProblem("unavailable", "The edition is so new that its board isn't written yet.")
        return shown, board

    in_time = place is not None and await gateway.reads.passed(*place)
    shown, board = await gateway.reads.shared(f"board {edition_id}", BOARD_SECONDS, read)
    if place is None or shown > place[1] or not in_time:
        return board
    await asyncio.sleep(BOARD_SECONDS)  # that one was read a moment too early
    _, board = await gateway.reads.shared(f"board {edition_id}", BOARD_SECONDS, read)
    return board


async def body_of(gateway: Gateway, view: OrderView) -> OrderBody:
    """The order as its buyer sees it now; after a missed campaign, with the merchant's other projects."""
    at_ms = now_ms()
    if not view.may_choose_another:
        return order_body(view, at_ms=at_ms)
    others = await gateway.reads.query(
        lambda cur: edition_board.projects_of_merchant(cur, view.merchant_id, now_ms=at_ms)
    )
    return order_body(view, at_ms=at_ms, alternatives=[one for one in others if one.edition_id != view.edition_id])


async def own_order(gateway: Gateway, buyer_id: str, order_id: str) -> OrderView:
    """The buyer's own order; raises HttpProblem (404)."""
    in_time = await gateway.views_show_the_seen(gateway.offer_of_order(order_id).partition)
    return await _order_view(gateway, order_id, buyer_id=buyer_id, in_time=in_time)


async def order_after(gateway: Gateway, answer: Answer, order_id: str, *, buyer_id: str = "") -> OrderView:
    """The order once the views hold the answer; raises HttpProblem for a refusal."""
    if isinstance(answer.event, events.CommandRefused):
        raise refused(answer.event.reason)
    in_time = await gateway.reads.passed(answer.partition, answer.position)
    return await _order_view(gateway, order_id, buyer_id=buyer_id, in_time=in_time)


async def _order_view(gateway: Gateway, order_id: str, *, buyer_id: str, in_time: bool) -> OrderView:
    """Views that are behind (`in_time` False) can't say that there is no such order: that is 503, not 404."""
    view = await gateway.reads.query(lambda cur: order_views.order(cur, order_id))
    if view is None and not in_time:
        raise HttpProblem("unavailable", "The order's page isn't written yet. Ask again in a moment.")
    if view is None or (buyer_id and view.buyer_id != buyer_id):
        raise HttpProblem("unknown-order")
    return view


def decrypted(gateway: Gateway, buyer_id: str, delivery: str) -> DeliveryBody | None:
    """Delivery details in clear; None when there are none or the buyer's key is erased. Blocks."""
    plain = gateway.vault.decrypt(buyer_id, delivery) if delivery else None
    if plain is None:
        return None
    return DeliveryBody(plain.get("name", ""), plain.get("email", ""), plain.get("address", ""))


def _has_ended(view: OrderView) -> bool:
    if view.state == "expired":  # late money may still bring it back
        return view.payment is None or view.payment.state not in PAYING
    return view.state in ENDED
