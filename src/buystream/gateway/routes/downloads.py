"""Downloads: a link is decided once per download and serves the bytes until it expires, or until the order is refunded,
disputed or called off. The gateway passes the bytes on from either storage (docs/decisions/0051)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import quote

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.downloads import (
    AllowedDownloads,
    DownloadBody,
    DownloadsBody,
    NewDownload,
    download_body,
)
from buystream.gateway.routes.checkout import Http, order_view, own_order
from buystream.gateway.routes.merchants import merchants_order, offer_of_own_order
from buystream.gateway.routes.site import page
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import ranges
from buystream.gateway.server.download_links import PATH, DownloadLink, read_link
from buystream.gateway.server.problems import HttpProblem, refused, slug_of
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.replies import without_body
from buystream.gateway.server.sessions import Session
from buystream.media import NoSuchMedia
from buystream.projections import order_views
from buystream.projections.downloads import DownloadView, FileView, downloads_of_order, file_by_id, why_closed
from buystream.projections.order_views import OrderView
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import AllowDownloads, StartDownload
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.reasons import order_is_none_of

HARMLESS: Final = "default-src 'none'; sandbox"
"""What a browser may do with a merchant's file, should it open it after all: nothing."""

_ENDS_LINKS: Final = {slug_of(reason) for reason in (*order_is_none_of(SOLD), "cancelled")}


@get("/v1/orders/{order_id:str}/downloads", summary="The files of one of the buyer's orders")
async def order_downloads(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> DownloadsBody:
    """Every file of its edition, with its link while there is one; none where the edition has no files."""
    order = await own_order(gateway, buyer_id, order_id)
    return DownloadsBody([_body(gateway, order_id, one) for one in await _of_order(gateway, order)])


@post(
    "/v1/orders/{order_id:str}/downloads",
    status_code=200,
    opt=asks(StartDownload),
    summary="Start a download",
)
async def start_download(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    order_id: FromPath[str],
    data: JSONBody[NewDownload],
) -> DownloadBody:
    """A link to the file's newest version. It is counted once, however often the download is interrupted and resumed
    while the link works; a repeat in that time gives the same link."""
    order = await own_order(gateway, buyer_id, order_id)
    known = _named(await _of_order(gateway, order), data.name)
    if known.reason:
        raise refused(known.reason)  # without a record of each try
    if not known.works_until_ms:
        command = StartDownload(order_id=order_id, buyer_id=buyer_id, name=data.name)
        await gateway.decide_and_show(command, actor=session.actor)
        known = _named(await _of_order(gateway, await own_order(gateway, buyer_id, order_id)), data.name)
    return _body(gateway, order_id, known)


@get("/v1/merchant/orders/{order_id:str}/downloads", summary="What an order has downloaded")
async def merchants_downloads(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], order_id: FromPath[str]
) -> DownloadsBody:
    """Without the links, which are the buyer's."""
    found = await _of_order(gateway, await merchants_order(gateway, merchant, order_id))
    return DownloadsBody([download_body(one, None) for one in found])


@put(
    "/v1/merchant/orders/{order_id:str}/downloads",
    opt=asks(AllowDownloads),
    summary="Let an order download more often",
)
async def allow_downloads(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[AllowedDownloads],
) -> DownloadsBody:
    """Each version of each file, whatever its edition allows."""
    offer_of_own_order(gateway, merchant, order_id)
    command = AllowDownloads(order_id=order_id, merchant_id=merchant.merchant_id, downloads_max=data.downloads_max)
    await gateway.decide_and_show(command, actor=actor)
    found = await _of_order(gateway, await order_view(gateway, order_id))
    return DownloadsBody([download_body(one, None) for one in found])


@get("/orders/{order_id:str}/downloads", include_in_schema=False)
async def downloads_page(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> Response[str]:
    """The files of an order, for its buyer."""
    return page("downloads.html", order=await own_order(gateway, buyer_id, order_id))


@get(
    PATH + "{token:str}/{name:str}",
    opt=asks(also={*_ENDS_LINKS, "bad-link", "unknown-file", "no-such-range", "other-bytes"}),
    summary="Download a file",
)
async def download_file(
    request: Http, gateway: NamedDependency[Gateway], token: FromPath[str], name: FromPath[str]
) -> Response[Any]:
    """The bytes that the link is about, or the range of them that the client wants. It needs no key but the link."""
    file = await _linked(gateway, token)
    etag = f'"{file.sha256}"'
    part = ranges.part_of(request.headers, size_bytes=file.size_bytes, etag=etag)
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Last-Modified": _http_date(file.added_at_ms),
        "Content-Disposition": _saved_as(file.name),
        "Content-Security-Policy": HARMLESS,
        "Cache-Control": "private, no-store",
        "Cross-Origin-Resource-Policy": "same-site",
    }
    if part.status in (ranges.OK, ranges.PARTIAL):
        headers["Content-Length"] = str(part.end - part.start)
        if part.status == ranges.PARTIAL:
            headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{file.size_bytes}"
        chunks = await _bytes(gateway, file, part)
        return Stream(chunks, status_code=part.status, media_type=file.media_type, headers=headers)
    if part.status == ranges.NOT_SATISFIABLE:
        raise HttpProblem("no-such-range", headers={"Content-Range": f"bytes */{file.size_bytes}"})
    if part.status == ranges.PRECONDITION_FAILED:
        raise HttpProblem("other-bytes", headers={"ETag": etag})
    return without_body(part.status, headers)


ROUTES: Final = [
    *(order_downloads, start_download, downloads_page, download_file),
    *(merchants_downloads, allow_downloads),
]


async def _of_order(gateway: Gateway, order: OrderView) -> list[DownloadView]:
    return await gateway.reads.query(lambda cur: downloads_of_order(cur, order, now_ms=now_ms()))


def _named(found: list[DownloadView], name: str) -> DownloadView:
    """Raises HttpProblem (404)."""
    for one in found:
        if one.file.name == name:
            return one
    raise HttpProblem("unknown-file")


def _body(gateway: Gateway, order_id: str, view: DownloadView) -> DownloadBody:
    if not view.works_until_ms:
        return download_body(view, None)
    link = DownloadLink(order_id, view.file.file_id, view.works_until_ms)
    return download_body(view, gateway.public_url.rstrip("/") + link.path(gateway.download_key, view.file.name))


async def _linked(gateway: Gateway, token: str) -> FileView:
    """The file of a link that works now; raises HttpProblem (401, 404, 409)."""
    link = read_link(gateway.download_key, token)
    if link is None or link.works_until_ms <= now_ms():
        raise HttpProblem("bad-link")
    offer = gateway.offer_of_order(link.order_id)
    await gateway.views_show_the_seen(offer.partition)

    def read(cur: cursor) -> tuple[OrderView | None, FileView | None]:
        return order_views.order(cur, link.order_id), file_by_id(cur, offer.edition_id, link.file_id)

    order, file = await gateway.reads.query(read)
    if order is None or file is None:
        raise HttpProblem("unknown-file")
    if gateway.catalogue.is_erased(order.buyer_id):
        raise HttpProblem("bad-link")
    if reason := why_closed(order):
        raise refused(reason)
    return file


async def _bytes(gateway: Gateway, file: FileView, part: ranges.FilePart) -> AsyncIterator[bytes]:
    try:
        return await gateway.media.read(f"{file.edition_id}/{file.file_id}", part.start, part.end)
    except NoSuchMedia:
        raise HttpProblem("unknown-file", "The shop has lost this file. Ask the merchant to upload it again.") from None


def _saved_as(name: str) -> str:
    """RFC 6266, with a name for clients that don't know RFC 8187; no name of a file has quotation marks."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _http_date(at_ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC), usegmt=True)
