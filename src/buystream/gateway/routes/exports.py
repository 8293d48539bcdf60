"""Files of a merchant's orders, guests and what is to be packed: of any size, now or as of a moment."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from psycopg2.extensions import cursor

from buystream.consumers.search.words import number_word
from buystream.gateway.pages.sheets import Form, NextPage, Row, SheetColumn, sheet
from buystream.gateway.routes.bodies.tickets import GuestBody
from buystream.gateway.routes.guests import guests_page
from buystream.gateway.routes.merchants import own_edition, past_moments
from buystream.gateway.routes.order_lists import WANTED_ORDERS, Wanted, found_ids
from buystream.gateway.routes.packing import queued
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.refusals import asks
from buystream.postal import PostalAddress, decoded
from buystream.projections import order_export, order_lines
from buystream.projections.order_export import ROWS_AT_ONCE, Place, Titles
from buystream.projections.order_rows import Row as OrderRow
from buystream.projections.order_views import OrderView
from buystream.projections.packing import Queue
from buystream.projections.people import MerchantView

ADDRESS: Final = ("company", "street", "postal_code", "city", "district", "region", "country")
ORDER_COLUMNS: Final = (
    *(
        SheetColumn("number"),
        SheetColumn("order_id"),
        SheetColumn("placed_utc", "moment"),
        SheetColumn("edition_id"),
        SheetColumn("items"),
    ),
    *(
        SheetColumn("quantity", "integer"),
        SheetColumn("currency"),
        SheetColumn("discount", "amount"),
        SheetColumn("delivery", "amount"),
        SheetColumn("total", "amount"),
    ),
    *(SheetColumn("paid", "amount"), SheetColumn("refunded", "amount"), SheetColumn("state"), SheetColumn("reason")),
    *(SheetColumn("source"), SheetColumn("campaign"), SheetColumn("post")),
    *(SheetColumn("name"), SheetColumn("email"), *map(SheetColumn, ADDRESS)),
    *(SheetColumn("carrier"), SheetColumn("tracking")),
)
GUEST_COLUMNS: Final = (
    *(
        SheetColumn("name"),
        SheetColumn("ticket_id"),
        SheetColumn("order_number"),
        SheetColumn("ticket", "integer"),
        SheetColumn("variant"),
    ),
    *(SheetColumn("state"), SheetColumn("passed_on"), SheetColumn("blocked"), SheetColumn("inside")),
)
PACKING_COLUMNS: Final = (
    *(
        SheetColumn("number"),
        SheetColumn("order_id"),
        SheetColumn("placed_utc", "moment"),
        SheetColumn("variant_id"),
        SheetColumn("item"),
    ),
    *(SheetColumn("units", "integer"), SheetColumn("name"), SheetColumn("email"), *map(SheetColumn, ADDRESS)),
)
GUEST_PAGE: Final = 200
PACKING_PAGE: Final = 500

_REFUSES: Final = asks(also=["not-implemented"])
"""Parquet, where its library isn't installed."""

FormChosen = Annotated[Form, QueryParameter(name="form")]


class _Sealed(NamedTuple):
    """What is a ciphertext of an order: its delivery details and its tracking number."""

    buyer_id: str
    delivery: str
    tracking: str


@get(
    "/v1/merchant/exports/orders",
    dependencies=WANTED_ORDERS,
    opt=_REFUSES,
    summary="Orders as a file: CSV, XLSX or Parquet",
)
async def export_orders(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    wanted: NamedDependency[Wanted],
    form: FormChosen = "csv",
) -> Stream:
    """Newest first: all, those that `GET /v1/merchant/orders` finds with the same words and filters, or all as of a
    moment. Amounts are decimals in CSV and XLSX, and minor units in Parquet. Names are there until their buyer is
    erased, as of the past as well."""
    await gateway.views_show_the_seen(*range(gateway.partitions))
    names = await gateway.reads.query(lambda cur: order_export.titles(cur, merchant.merchant_id))
    if wanted.as_of is not None:
        (at_ms,) = await past_moments(gateway, merchant, wanted.as_of)

        def read(cur: cursor, after: Place | None) -> list[OrderRow]:
            return order_export.past_page(cur, merchant.merchant_id, gateway.order_streams, at_ms=at_ms, after=after)
    elif wanted.is_search:

        def read(cur: cursor, after: Place | None) -> list[OrderRow]:
            last = after[1] if after else None
            ids = found_ids(gateway, cur, merchant, wanted, after=last, limit=ROWS_AT_ONCE)
            return order_export.named(cur, merchant.merchant_id, ids)
    else:

        def read(cur: cursor, after: Place | None) -> list[OrderRow]:
            return order_export.page(cur, merchant.merchant_id, after=after)

    return await sheet(form, "orders", ORDER_COLUMNS, _pages(gateway, read, names))


@get(
    "/v1/merchant/editions/{edition_id:str}/exports/guests",
    opt=_REFUSES,
    summary="An edition's guest list as a file",
)
async def export_guests(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    edition_id: FromPath[str],
    form: FormChosen = "csv",
) -> Stream:
    """Every ticket that was sold, whatever became of it."""
    own_edition(gateway, merchant, edition_id)

    async def page(after: str | None) -> tuple[list[Row], str | None]:
        found, following = await guests_page(gateway, edition_id, after=after, limit=GUEST_PAGE)
        return [_guest_row(one) for one in found], following

    return await sheet(form, "guests", GUEST_COLUMNS, _filled(page))


@get(
    "/v1/merchant/editions/{edition_id:str}/exports/packing",
    opt=_REFUSES,
    summary="What is to be packed, as a file",
)
async def export_packing(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    edition_id: FromPath[str],
    form: FormChosen = "csv",
    queue: FromQuery[Queue] = "to_pack",
) -> Stream:
    """A row for each line with units to pack, or of the orders of another queue with all that are kept."""
    own_edition(gateway, merchant, edition_id)

    async def page(after: str | None) -> tuple[list[Row], str | None]:
        views, following = await queued(gateway, merchant, edition_id, queue, after=after, limit=PACKING_PAGE)
        return await gateway.reads.run(lambda: _packing_rows(gateway, views, queue)), following

    return await sheet(form, "packing", PACKING_COLUMNS, _filled(page))


ROUTES: Final = [export_orders, export_guests, export_packing]


def _filled(page: Callable[[str | None], Awaitable[tuple[list[Row], str | None]]]) -> NextPage:
    """The pages that have rows. `page` gives the rows after an order, and the order after which to go on."""
    after: str | None = None
    ended = False

    async def next_page() -> list[Row]:
        nonlocal after, ended
        rows: list[Row] = []
        while not rows and not ended:
            rows, after = await page(after)
            ended = after is None
        return rows

    return next_page


def _pages(gateway: Gateway, read: Callable[[cursor, Place | None], list[OrderRow]], names: Titles) -> NextPage:
    after: Place | None = None

    async def next_page() -> list[Row]:
        nonlocal after
        orders = await gateway.reads.query(lambda cur: read(cur, after))
        if not orders:
            return []
        after = orders[-1].placed_at_ms, orders[-1].order_id
        return await gateway.reads.run(lambda: _order_rows(gateway, orders, names))

    return next_page


def _order_rows(gateway: Gateway, orders: Sequence[OrderRow], names: Titles) -> list[Row]:
    """Blocks."""
    sealed = [_Sealed(one.buyer_id, one.delivery, one.tracking or "") for one in orders]
    people = _opened(gateway, sealed)
    return [_order_row(order, plain, names) for order, plain in zip(orders, people, strict=True)]


def _opened(gateway: Gateway, sealed: Sequence[_Sealed]) -> list[dict[str, str]]:
    """Details and tracking number of each, as far as there are any and their buyer isn't erased. Blocks."""
    texts = [(n, one.buyer_id, text) for n, one in enumerate(sealed) for text in (one.delivery, one.tracking) if text]
    opened = gateway.vault.decrypt_many([(buyer_id, text) for _, buyer_id, text in texts]) if texts else []
    people: list[dict[str, str]] = [{} for _ in sealed]
    for (n, _, _), plain in zip(texts, opened, strict=True):
        people[n] |= plain or {}
    return people


def _order_row(order: OrderRow, plain: Mapping[str, str], names: Titles) -> tuple[Any, ...]:
    currency = order.currency
    charge = order_lines.charges_in(order.charges).get(order.payment_id or "") if order.charges else None
    delivery_minor = charge.amount_minor if charge is not None else 0
    lines = order.kept_lines()
    discount_minor = sum(line.discount_minor for line in lines)
    goods_minor = sum(line.quantity * line.price_minor for line in lines) - discount_minor
    return (
        *(number_word(order.order_id), order.order_id, order.placed_at_ms, order.edition_id, names.items(order)),
        *(order.quantity, currency, (discount_minor, currency), (delivery_minor, currency)),
        (goods_minor + delivery_minor, currency),
        *((order.paid_minor, currency), (order.refunded_minor, currency), order.state, order.reason),
        *(order.source, order.campaign, order.post),
        *(plain.get("name"), plain.get("email"), *_address_cells(plain)),
        *(order.carrier, plain.get("tracking")),
    )


def _address_cells(plain: Mapping[str, str]) -> tuple[str | None, ...]:
    address: PostalAddress | None = decoded(plain["address"]) if plain.get("address") else None
    if address is None:
        return (None,) * len(ADDRESS)
    return tuple("\n".join(address.street) if name == "street" else getattr(address, name) for name in ADDRESS)


def _guest_row(one: GuestBody) -> Row:
    return (
        *(one.name, one.ticket_id, number_word(one.order_id), one.number, one.variant_title, one.state),
        *(_yes(one.is_passed_on), _yes(one.is_blocked), _yes(one.is_inside)),
    )


def _packing_rows(gateway: Gateway, views: Sequence[OrderView], queue: Queue) -> list[Row]:
    """Blocks."""
    people = _opened(gateway, [_Sealed(one.buyer_id, one.delivery, "") for one in views])
    rows: list[Row] = []
    for view, plain in zip(views, people, strict=True):
        units = view.left_to_pack if queue == "to_pack" else view.kept_units
        who = (plain.get("name"), plain.get("email"), *_address_cells(plain))
        for line in view.lines:
            if number := units[line.variant_id]:
                item = ": ".join(filter(None, (view.title, line.title if len(view.lines) > 1 else "")))
                order = (number_word(view.order_id), view.order_id, view.placed_at_ms)
                rows.append((*order, line.variant_id, item, number, *who))
    return rows


def _yes(is_so: bool) -> str:
    return "yes" if is_so else ""
