"""Links that name what to buy, for posts, mails, posters and assistants; and what a page shows of one."""

from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from buystream.gateway.pages.permalinks import BadPermalink, destination, items_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.placements import SOURCE, came_from
from buystream.gateway.server.replies import without_body

FALLBACK: Final = "/"
"""Where a link leads that can't be read."""


@get("/buy/{items:str}", summary="A link that names what to buy", status_code=303)
async def buy_permalink(
    request: Request[Any, Any, Any], gateway: NamedDependency[Gateway], items: FromPath[str]
) -> Response[None]:
    """Leads to the page of what it names, with variants and quantities chosen. Orders nothing."""
    return _redirect(request, items, gateway.public_url)


@get("/buy", summary="A link without items", status_code=303)
async def bare_permalink(request: Request[Any, Any, Any], gateway: NamedDependency[Gateway]) -> Response[None]:
    """Leads to `continue_to`, or to the shop's first page."""
    return _redirect(request, "", gateway.public_url)


ROUTES = [buy_permalink, bare_permalink]


def _referred(request: Request[Any, Any, Any], query: list[tuple[str, str]], own: str) -> list[tuple[str, str]]:
    """The network that led here, for a link that names no source: the page after this one can't see it."""
    names = {name.removeprefix("/").removeprefix("attribution/") for name, _ in query}
    came = came_from(request, own)
    return [] if names & set(SOURCE) or not came.source else [(SOURCE[0], came.source)]


def _redirect(request: Request[Any, Any, Any], items: str, own: str) -> Response[None]:
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query += _referred(request, query, own)
    try:
        path = destination(items_of(items) if items else [], query)
    except BadPermalink:
        path = FALLBACK
    headers = {"Location": path, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return without_body(303, headers)
