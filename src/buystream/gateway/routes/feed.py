"""A merchant's events over HTTP, for those who can take neither Kafka nor webhooks: page after page, with a long poll
at the end."""

import asyncio
from typing import Annotated, Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from buystream.gateway.routes.checkout import Http, client_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.feed_pages import BadCursor, FeedPage, cursor_of, places_of
from buystream.gateway.server.key_holders import KeyHolder, has_ended
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.streams import Viewer

WAIT_SECONDS_MAX: Final = 25
LOOK_SECONDS: Final = 1.0
"""How often a waiting request looks whether its merchant has new editions, and whether its key still works."""


class FeedBody(Struct, frozen=True):
    """Events in the form that webhooks have. `cursor` is where the next page begins: send it as `after`. With `more`
    there may be others at once; a page may be empty all the same."""

    events: list[Any]
    cursor: str
    more: bool


@get("/v1/feed", summary="The merchant's events, in pages")
async def feed(
    request: Http,
    gateway: NamedDependency[Gateway],
    holder: NamedDependency[KeyHolder],
    after: Annotated[str, QueryParameter(max_length=8_000)] = "",
    wait: Annotated[int, QueryParameter(ge=0, le=WAIT_SECONDS_MAX)] = 0,
) -> FeedBody:
    """From the first event on, or after a cursor, or with after=now from now on. Events of one edition are in order,
    and none is left out. With `wait`, an answer without events comes after that many seconds at the earliest."""
    viewer = Viewer(client_of(request), holder.merchant.merchant_id)
    if wait and (problem := gateway.watchers.why_no_room(viewer)):
        raise problem
    try:
        places = places_of(after, gateway.read_positions())
    except BadCursor:
        raise HttpProblem("bad-cursor") from None
    page = await gateway.feed_page(holder.merchant.merchant_id, places)
    if wait and not page.events:
        with gateway.watchers.counted(viewer):
            page = await _waited(gateway, holder, page, wait)
    return FeedBody(page.events, cursor_of(page.places), page.more)


ROUTES = [feed]


async def _waited(gateway: Gateway, holder: KeyHolder, page: FeedPage, wait_seconds: int) -> FeedPage:
    """The first page with events; or the last one when the time is up."""
    merchant_id, now = holder.merchant.merchant_id, asyncio.get_running_loop().time
    until = now() + wait_seconds
    while not page.events and now() < until and not gateway.watchers.closing:
        editions = gateway.catalogue.editions_of(merchant_id)
        with gateway.watchers.watch(*editions) as watch:
            page = await gateway.feed_page(merchant_id, page.places)
            while not (page.events or page.more) and now() < until:
                changed = await watch.changed(min(LOOK_SECONDS, until - now()))
                if has_ended(gateway, holder):
                    raise HttpProblem("wrong-key")
                if changed or gateway.catalogue.editions_of(merchant_id) != editions:
                    break
    return page
