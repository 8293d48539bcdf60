"""What a page watches, live: boards of editions and the buyer's orders, in one stream however many there are. Over
HTTP/1.1 a browser opens six connections per host, all its tabs together."""

from collections.abc import Awaitable, Iterable
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from buystream.gateway.routes.bodies.editions import LiveBody
from buystream.gateway.routes.bodies.fields import encode
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.gateway.routes.checkout import body_of, buyer_of, client_of, own_order
from buystream.gateway.routes.editions import BOARD_SECONDS, board_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.streams import HEARTBEAT_SECONDS, Place, Subject, Viewer, follow
from buystream.projections.order_views import OrderView
from buystream.vocabulary.order_states import AT_THE_BANK, FINAL

SUBJECTS_MAX: Final = 50
"""Of each kind, in one request."""

BOARD_LOOK_SECONDS: Final = 2.0
"""A sale opens and closes by the clock alone, without an event."""

ORDER_PAUSE_SECONDS: Final = 0.05

Http = Request[None, None, State]
Ids = Annotated[str, QueryParameter(pattern=rf"^[^,]*(,[^,]*){{0,{SUBJECTS_MAX - 1}}}$")]
"""Ids with commas between them: a parameter is there once."""

T = TypeVar("T")


@get("/v1/live", summary="Boards and the buyer's orders, together")
async def live(request: Http, gateway: NamedDependency[Gateway], edition: Ids = "", order: Ids = "") -> LiveBody:
    """The current state of each `edition` and each `order` in the query: for pages whose streams don't get through."""
    editions, orders = _distinct(edition), _distinct(order)
    buyer_id = _buyer_for(request, gateway, orders)
    boards = await _found(board_of(gateway, one) for one in editions)
    bodies = await _found(_body(gateway, buyer_id, one) for one in orders)
    known = {found.edition_id for found in boards} | {found.order_id for found in bodies}
    return LiveBody(boards, bodies, [one for one in (*editions, *orders) if one not in known])


@get("/v1/live/stream", summary="The same, live", media_type="text/event-stream")
async def live_stream(request: Http, gateway: NamedDependency[Gateway], edition: Ids = "", order: Ids = "") -> Stream:
    """Server-sent events `board`, `order` and `missing`: each subject at once, then at each change. A different set of
    subjects needs another request."""
    editions, orders = _distinct(edition), _distinct(order)
    buyer_id = _buyer_for(request, gateway, orders)
    subjects = [_board_subject(gateway, one) for one in editions]
    subjects += [_order_subject(request, gateway, buyer_id, one) for one in orders]
    seconds = BOARD_LOOK_SECONDS if editions else HEARTBEAT_SECONDS
    return await follow(
        gateway.watchers, *subjects, viewer=_viewer(request, gateway), every_seconds=seconds, missing=True
    )


@get("/v1/editions/{edition_id:str}/stream", summary="One edition's board, live", media_type="text/event-stream")
async def edition_stream(request: Http, gateway: NamedDependency[Gateway], edition_id: FromPath[str]) -> Stream:
    """Server-sent events `board`: at once, then at each change, at most 5 a second."""
    subject = _board_subject(gateway, edition_id)
    return await follow(gateway.watchers, subject, viewer=_viewer(request, gateway), every_seconds=BOARD_LOOK_SECONDS)


@get("/v1/orders/{order_id:str}/stream", summary="One of the buyer's orders, live", media_type="text/event-stream")
async def order_stream(
    request: Http, gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> Stream:
    """Server-sent events `order`: at once, then at each change, until the order can no longer change or the session
    ends."""
    subject = _order_subject(request, gateway, buyer_id, order_id)
    return await follow(gateway.watchers, subject, viewer=Viewer(client_of(request), buyer_id))


ROUTES = [live, live_stream, edition_stream, order_stream]


def _viewer(request: Http, gateway: Gateway) -> Viewer:
    return Viewer(client_of(request), buyer_of(request, gateway) or "")


def _distinct(ids: str) -> list[str]:
    return list(dict.fromkeys(one for one in ids.split(",") if one))


def _buyer_for(request: Http, gateway: Gateway, orders: list[str]) -> str:
    """The buyer who asks; boards are public, orders are not."""
    buyer_id = buyer_of(request, gateway)
    if orders and buyer_id is None:
        raise HttpProblem("no-session")
    return buyer_id or ""


def _board_subject(gateway: Gateway, edition_id: str) -> Subject:
    async def read(place: Place | None) -> bytes:
        return encode(await board_of(gateway, edition_id, place))

    return Subject(topic=edition_id, event="board", read=read, pause_seconds=BOARD_SECONDS, always=True)


def _order_subject(request: Http, gateway: Gateway, buyer_id: str, order_id: str) -> Subject:
    is_ended = False

    def is_signed_out() -> bool:
        return buyer_of(request, gateway) != buyer_id

    async def read(place: Place | None) -> bytes:
        nonlocal is_ended
        if is_signed_out():
            raise HttpProblem("no-session")
        view = await own_order(gateway, buyer_id, order_id)
        is_ended = _has_ended(view)
        return encode(await body_of(gateway, view))

    return Subject(
        topic=order_id,
        event="order",
        read=read,
        is_final=lambda: is_ended or is_signed_out(),
        pause_seconds=ORDER_PAUSE_SECONDS,
    )


async def _body(gateway: Gateway, buyer_id: str, order_id: str) -> OrderBody:
    return await body_of(gateway, await own_order(gateway, buyer_id, order_id))


async def _found(readings: Iterable[Awaitable[T]]) -> list[T]:
    """Those that exist; the rest are left out."""
    found = []
    for reading in readings:
        try:
            found.append(await reading)
        except HttpProblem as problem:
            if problem.status != HTTPStatus.NOT_FOUND:
                raise
    return found


def _has_ended(view: OrderView) -> bool:
    if view.state == "expired":  # late money may still bring it back
        return view.payment is None or view.payment.state not in AT_THE_BANK
    return view.state in FINAL
