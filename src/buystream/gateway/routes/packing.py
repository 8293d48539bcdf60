"""What a merchant's packing table needs: which orders wait, and pick lists, packing slips and labels to print. Buyers'
names and addresses are decrypted for the answer only, which nobody may keep."""

from typing import Annotated, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta
from msgspec.structs import replace
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.fields import Request
from buystream.gateway.routes.bodies.merchants import MerchantOrdersBody
from buystream.gateway.routes.merchants import own_edition, seen_by_merchant
from buystream.gateway.routes.receipts import Drawing
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.inline_files import inline_file
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.parcel_sheets import Layout, Print, picked, slips_of
from buystream.postal import decoded, label_lines
from buystream.projections import order_views, people
from buystream.projections.order_views import OrderView
from buystream.projections.packing import Queue, queue_page
from buystream.projections.people import LegalDetails, MerchantView
from buystream.time_zones import local_day

PAGE_MAX: Final = 100
PRINTED_MAX: Final = 300
"""Orders of one file, which takes some seconds to draw."""

PICKED_MAX: Final = 10_000
"""Orders of one pick list, which has a row for each variant only."""

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
PrintLimit = Annotated[int | None, QueryParameter(ge=1, le=PICKED_MAX)]
Skip = Annotated[int, QueryParameter(ge=0, le=23)]


class NewPrint(Request, frozen=True, kw_only=True):
    """Print these orders. `layout` is about labels: how many are on a sheet of A4, or one of 100 by 150 mm; `skip`
    labels of the first sheet are used already."""

    kind: Print
    orders: Annotated[tuple[str, ...], Meta(min_length=1, max_length=PRINTED_MAX)]
    layout: Layout = "3x8"
    skip: Annotated[int, Meta(ge=0, le=23)] = 0


@get("/v1/merchant/editions/{edition_id:str}/packing", summary="Orders to pack, or on their way")
async def queue(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    edition_id: FromPath[str],
    queue: FromQuery[Queue] = "to_pack",
    after: FromQuery[str | None] = None,
    limit: Limit = PAGE_MAX,
) -> MerchantOrdersBody:
    """The oldest first. `to_pack` has units in no parcel; `packed` waits for its carrier or its buyer; `on_the_way` has
    left and not arrived; `asked_back` are requests of buyers that aren't settled, and `came_back` goods that somebody
    is to look at. A page may be short, and `next` still lead on."""
    views, following = await queued(gateway, merchant, edition_id, queue, after=after, limit=limit)
    bodies = await gateway.reads.run(lambda: [seen_by_merchant(gateway, view) for view in views])
    return MerchantOrdersBody(bodies, following)


@get(
    "/v1/merchant/editions/{edition_id:str}/packing.pdf",
    summary="Print what is to be packed",
    media_type="application/pdf",
)
async def print_queue(
    gateway: NamedDependency[Gateway],
    drawing: NamedDependency[Drawing],
    merchant: NamedDependency[MerchantView],
    edition_id: FromPath[str],
    kind: FromQuery[Print],
    queue: FromQuery[Queue] = "to_pack",
    layout: FromQuery[Layout] = "3x8",
    skip: Skip = 0,
    after: FromQuery[str | None] = None,
    limit: PrintLimit = None,
) -> Response[bytes]:
    """A pick list of up to 10,000 orders; packing slips or address labels of up to 300. Where there are more, a `Link`
    header with rel="next" is where to go on."""
    most = PICKED_MAX if kind == "pick-list" else PRINTED_MAX
    if limit is not None and limit > most:
        raise HttpProblem("invalid", f"One file has {kind} of at most {most} orders. Print the others with after.")
    views, following = await queued(gateway, merchant, edition_id, queue, after=after, limit=limit or most)
    wish = NewPrint(kind=kind, orders=("",), layout=layout, skip=skip)
    answer = await _printed(gateway, drawing, merchant, wish, views)
    if following is not None:
        path = f"/v1/merchant/editions/{edition_id}/packing.pdf?kind={kind}&queue={queue}&layout={layout}"
        answer.headers["Link"] = f'<{path}&after={following}>; rel="next"'
    return answer


@post(
    "/v1/merchant/packing.pdf",
    status_code=200,
    opt=asks(also=["unknown-order"]),
    summary="Print these orders",
    media_type="application/pdf",
)
async def print_orders(
    gateway: NamedDependency[Gateway],
    drawing: NamedDependency[Drawing],
    merchant: NamedDependency[MerchantView],
    data: JSONBody[NewPrint],
) -> Response[bytes]:
    """In their order. Those that aren't the merchant's, or were never paid, are refused together."""
    partitions = {gateway.offer_of_order(order_id).partition for order_id in data.orders}
    await gateway.views_show_the_seen(*partitions)
    found = {
        view.order_id: view for view in await gateway.reads.query(lambda cur: order_views.orders(cur, data.orders))
    }
    views = [found[order_id] for order_id in data.orders if order_id in found]
    if len(views) < len(data.orders) or any(one.merchant_id != merchant.merchant_id or not one.served for one in views):
        raise HttpProblem("unknown-order")
    return await _printed(gateway, drawing, merchant, data, views)


ROUTES: Final = [queue, print_queue, print_orders]


async def queued(
    gateway: Gateway, merchant: MerchantView, edition_id: str, queue: Queue, *, after: str | None, limit: int
) -> tuple[list[OrderView], str | None]:
    """A page of the queue, and where to go on; raises HttpProblem."""
    offer = own_edition(gateway, merchant, edition_id)
    if after is not None:
        gateway.offer_of_order(after)
    await gateway.views_show_the_seen(offer.partition)

    def read(cur: cursor) -> tuple[list[OrderView], str | None]:
        return queue_page(cur, edition_id, merchant.merchant_id, queue, after=after, limit=limit)

    return await gateway.reads.query(read)


async def _printed(
    gateway: Gateway, drawing: Drawing, merchant: MerchantView, wish: NewPrint, views: list[OrderView]
) -> Response[bytes]:
    at_ms = now_ms()
    seller = await gateway.reads.query(lambda cur: people.legal_details(cur, merchant.merchant_id, at_ms=at_ms))
    pdf = await drawing.drawn(gateway, lambda: _drawn(gateway, merchant, seller, wish, views, at_ms))
    return inline_file(pdf, f"{wish.kind}.pdf")


def _drawn(
    gateway: Gateway,
    merchant: MerchantView,
    seller: LegalDetails,
    wish: NewPrint,
    views: list[OrderView],
    at_ms: int,
) -> bytes:
    """Blocks."""
    from buystream.gateway.pages.parcel_prints import PrintJob, printed  # as for receipts: fonts take long to load

    def day(time_ms: int) -> str:
        return local_day(time_ms, merchant.time_zone)

    job = PrintJob(kind=wish.kind, made_at_ms=at_ms, merchant_name=merchant.name)
    if wish.kind == "pick-list":
        count = "1 order" if len(views) == 1 else f"{len(views):,} orders"
        return printed(replace(job, rows=tuple(picked(views)), note=f"{count}, {day(at_ms)}"))
    slips = tuple(slips_of(views, addresses=_addresses(gateway, views), day=day))
    if wish.kind == "labels":
        return printed(replace(job, slips=slips, layout=wish.layout, skip=wish.skip))
    under_the_name = "\n".join(filter(None, (seller.address, seller.email)))
    return printed(replace(job, slips=slips, seller=under_the_name, return_hint=_return_hint(gateway, seller)))


def _addresses(gateway: Gateway, views: list[OrderView]) -> dict[str, tuple[str, ...]]:
    """The lines of each order's label; none after an erasure, and where nothing is sent. Blocks."""
    details = gateway.vault.decrypt_many([(view.buyer_id, view.delivery) for view in views])
    return {
        view.order_id: _lines(plain or {}, from_country=_sent_from(gateway, view))
        for view, plain in zip(views, details, strict=True)
    }


def _sent_from(gateway: Gateway, view: OrderView) -> str:
    """The country, in two letters; "" where it isn't known."""
    offer = gateway.catalogue.offer(view.edition_id)
    return "" if offer is None or offer.shipping is None else offer.shipping.ships_from


def _lines(plain: dict[str, str], *, from_country: str) -> tuple[str, ...]:
    address = decoded(plain.get("address", ""))
    return () if address is None else tuple(label_lines(address, from_country, recipient=plain.get("name", "")))


def _return_hint(gateway: Gateway, seller: LegalDetails) -> str:
    write = f", or write to {seller.email}" if seller.email else ""
    return f"Something isn't right? Find your order at {gateway.public_url.rstrip('/')}/orders{write}."
