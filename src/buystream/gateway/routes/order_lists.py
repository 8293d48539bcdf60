"""The merchant's orders page by page: all of them, those that are looked for, and all as they were."""

from collections.abc import Sequence
from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct
from msgspec.structs import replace
from psycopg2.extensions import cursor

from buystream import ticket_codes
from buystream.consumers.search import asking
from buystream.consumers.search.asking import Filters
from buystream.gateway.routes.bodies.merchants import (
    FoundOrdersBody,
    MerchantOrderBody,
    MerchantOrdersBody,
    PastMerchantOrdersBody,
)
from buystream.gateway.routes.merchants import past_moments, seen_by_merchant
from buystream.gateway.routes.money import FOR_EVER_MS, period_of
from buystream.gateway.routes.paging import page_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.projections import order_views
from buystream.projections.order_views import OrderView
from buystream.projections.past_orders import order_ids_of_merchant, past_orders
from buystream.projections.people import MerchantView
from buystream.ticket_codes import BadCode
from buystream.vocabulary.ids import MalformedId, edition_of, ticket_of
from buystream.vocabulary.money import ANY_AMOUNT_MINOR_MAX
from buystream.vocabulary.order_states import OrderState

ORDERS_PAGE_MAX: Final = 100
SEARCH_CHARS_MAX: Final = 320
"""A ticket's code is the longest of what may be looked for."""

FIRST_DAY: Final = "1970-01-02"
LAST_DAY: Final = "9998-12-31"

SearchText = Annotated[str, QueryParameter(max_length=SEARCH_CHARS_MAX)]
Amount = Annotated[int | None, QueryParameter(ge=0, le=ANY_AMOUNT_MINOR_MAX)]


class Wanted(Struct, frozen=True, kw_only=True):
    """Which of the merchant's orders are looked for, or as of when all of them."""

    text: str
    filters: Filters
    as_of: str | None

    @property
    def is_search(self) -> bool:
        """Whether not all orders are wanted."""
        return bool(self.text.strip()) or self.filters != Filters()


async def wanted_orders(
    merchant: NamedDependency[MerchantView],
    q: SearchText = "",
    in_state: Annotated[OrderState | None, QueryParameter(name="state")] = None,
    edition_id: FromQuery[str | None] = None,
    source: FromQuery[str | None] = None,
    amount_minor: Amount = None,
    from_: Annotated[str | None, QueryParameter(name="from")] = None,
    to: FromQuery[str | None] = None,
    as_of: FromQuery[str | None] = None,
) -> Wanted:
    """What a query asks for; raises HttpProblem (422) for a period that is none, and for a search in the past."""
    filters = Filters(state=in_state, source=source, edition_id=edition_id, paid_minor=amount_minor)
    if from_ is not None or to is not None:
        period = period_of(None, from_ or FIRST_DAY, to or LAST_DAY, now_ms(), merchant.time_zone)
        filters = replace(filters, from_ms=period.from_ms, to_ms=period.to_ms)
    wanted = Wanted(text=q, filters=filters, as_of=as_of)
    if wanted.is_search and as_of is not None:
        raise HttpProblem("invalid", "as_of shows all orders of that time: it can't be combined with a search.")
    return wanted


WANTED_ORDERS: Final = {"wanted": Provide(wanted_orders)}
"""For the routes that show or export what is looked for."""


@get("/v1/merchant/orders", dependencies=WANTED_ORDERS, summary="The merchant's orders, page by page")
async def merchant_orders(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    wanted: NamedDependency[Wanted],
    after: FromQuery[str | None] = None,
    limit: FromQuery[int] = ORDERS_PAGE_MAX,
) -> MerchantOrdersBody | FoundOrdersBody | PastMerchantOrdersBody:
    """Newest first, with the buyers' delivery details. Pass one page's `next` as `after` to get the next.

    `q` finds an order by its number or id, words of its buyer's name or their beginnings, an e-mail address or a part
    of one, a tracking number, a ticket's id or its code. `state`, `source`, `edition_id`, `amount_minor` (what was paid
    in all) and `from` and `to` (dates or times when it was placed) narrow it down. What is looked for is found a moment
    after it happened.

    With `as_of`, all orders as they were at that time in ISO 8601; without an offset it is a time in the merchant's
    zone."""
    if not 1 <= limit <= ORDERS_PAGE_MAX:
        raise HttpProblem("invalid", f"limit must be 1 to {ORDERS_PAGE_MAX}.")
    if after is not None:
        gateway.offer_of_order(after)
    if wanted.as_of is not None:
        (at_ms,) = await past_moments(gateway, merchant, wanted.as_of)
        return await _past_orders(gateway, merchant, at_ms=at_ms, after=after, limit=limit)
    if wanted.is_search:
        return await _looked_for(gateway, merchant, wanted, after=after, limit=limit)
    found = await gateway.reads.query(
        lambda cur: order_views.orders_of_merchant(cur, merchant.merchant_id, after=after, limit=limit + 1)
    )
    views, last = page_of(found, limit)
    bodies = await gateway.reads.run(lambda: _bodies(gateway, views))
    return MerchantOrdersBody(bodies, last.order_id if last else None)


ROUTES: Final = [merchant_orders]


def found_ids(
    gateway: Gateway, cur: cursor, merchant: MerchantView, wanted: Wanted, *, after: str | None, limit: int
) -> list[str]:
    """Ids of the merchant's orders that are looked for, newest first, after the order of that id."""
    named = _order_named(wanted.text)
    if named is None:
        merchant_id = merchant.merchant_id
        return gateway.search.orders(cur, merchant_id, wanted.text, wanted.filters, after=after, limit=limit)
    if after is not None:
        return []
    views = order_views.orders(cur, [named])
    return [one.order_id for one in views if one.merchant_id == merchant.merchant_id and _passes(one, wanted.filters)]


async def _looked_for(
    gateway: Gateway, merchant: MerchantView, wanted: Wanted, *, after: str | None, limit: int
) -> FoundOrdersBody:
    def read(cur: cursor) -> tuple[list[OrderView], str | None, int]:
        page, last = page_of(found_ids(gateway, cur, merchant, wanted, after=after, limit=limit + 1), limit)
        views = {
            view.order_id: view for view in order_views.orders(cur, page) if view.merchant_id == merchant.merchant_id
        }
        return [views[order_id] for order_id in page if order_id in views], last, asking.unread_events(cur)

    views, last, unread = await gateway.reads.query(read)
    bodies = await gateway.reads.run(lambda: _bodies(gateway, views))
    return FoundOrdersBody(bodies, last, unread)


def _bodies(gateway: Gateway, views: Sequence[OrderView]) -> list[MerchantOrderBody]:
    """Blocks."""
    gateway.vault.read_keys(view.buyer_id for view in views if view.delivery)
    return [seen_by_merchant(gateway, view) for view in views]


def _order_named(text: str) -> str | None:
    """The order whose whole id was typed, or whose ticket's id or code; None for anything else."""
    typed = text.strip()
    try:
        if typed.upper().startswith(f"{ticket_codes.FORMAT}:"):
            return ticket_codes.unverified(typed.upper()).order_id
        return ticket_of(typed.lower())[0]
    except (BadCode, MalformedId):
        pass
    try:
        edition_of(typed.lower())
    except MalformedId:
        return None
    return typed.lower()


def _passes(view: OrderView, filters: Filters) -> bool:
    wanted = (
        (filters.state, view.state),
        (filters.source, view.placement.source if view.placement is not None else ""),
        (filters.edition_id, view.edition_id),
        (filters.paid_minor, view.paid_minor),
    )
    is_then = (filters.from_ms or 0) <= view.placed_at_ms < (filters.to_ms or FOR_EVER_MS)
    return is_then and all(value in (None, has) for value, has in wanted)


async def _past_orders(
    gateway: Gateway, merchant: MerchantView, *, at_ms: int, after: str | None, limit: int
) -> PastMerchantOrdersBody:
    def read(cur: cursor) -> tuple[list[OrderView], str | None]:
        ids = order_ids_of_merchant(cur, merchant.merchant_id, at_ms=at_ms, after=after, limit=limit + 1)
        page, last = page_of(ids, limit)
        return past_orders(cur, gateway.order_streams, page, at_ms=at_ms), last

    views, last = await gateway.reads.query(read)
    bodies = await gateway.reads.run(lambda: _bodies(gateway, views))
    return PastMerchantOrdersBody(bodies, last, at_ms)
