"""Orders that their merchant has something to do with: to pack, packed and waiting, on their way, come back."""

from typing import Any, Final, Literal

from psycopg2.extensions import cursor

from buystream.projections import allowed
from buystream.projections.order_views import OrderView, orders_where
from buystream.vocabulary.fulfilment import STAGES

Queue = Literal["to_pack", "packed", "on_the_way", "asked_back", "came_back"]
"""`packed` waits for its carrier or its buyer; of what is `asked_back` the buyer waits for an answer, or the merchant
for the goods; `came_back` are goods that somebody is to look at."""

LOOKED_AT_MAX: Final = 20_000
"""Orders that one page looks at: at most so many are read before it ends, perhaps with fewer than it could show."""

_CHUNK: Final = 500

_MAY_BE: Final[dict[Queue, str]] = {
    "to_pack": "(o.served = 'confirmed' OR o.lines <> '' OR o.parcels ~ 'lost|returned_to_sender')",
    "packed": "o.parcels ~ 'processing|ready_for_pickup'",
    "on_the_way": "o.served <> '' AND o.parcels <> ''",
    "asked_back": "o.parcels ~ 'requests'",
    "came_back": "o.parcels ~ 'waits'",
}
"""A condition on rows that all orders of the queue meet, and few others."""


def queue_page(
    cur: cursor, edition_id: str, merchant_id: str, queue: Queue, *, after: str | None, limit: int
) -> tuple[list[OrderView], str | None]:
    """The next orders of the queue, the oldest first, after the order of that id; and the id after which to go on, None
    at the end."""
    found: list[OrderView] = []
    looked_at = 0
    while looked_at < LOOKED_AT_MAX:
        chunk = _chunk(cur, edition_id, merchant_id, queue, after)
        for order in chunk:
            after = order.order_id
            if is_in(queue, order):
                found.append(order)
                if len(found) == limit:
                    return found, after
        if len(chunk) < _CHUNK:
            return found, None
        looked_at += _CHUNK
    return found, after


def is_in(queue: Queue, order: OrderView) -> bool:
    """Whether the order is one of the queue's now."""
    stages = [STAGES[parcel.stage] for parcel in order.parcels.parcels.values()]  # type: ignore[index]
    match queue:
        case "to_pack":
            return allowed.by_merchant(order)["can_pack"]
        case "packed":
            return any(stage.keeps and not stage.fulfils for stage in stages)
        case "on_the_way":
            return any(stage.fulfils and not stage.arrived for stage in stages)
        case "asked_back":
            return any(one.is_pending for one in order.parcels.requests.values())
        case "came_back":
            return any(one.waits for one in order.parcels.returns.values())


def _chunk(cur: cursor, edition_id: str, merchant_id: str, queue: Queue, after: str | None) -> list[OrderView]:
    values: dict[str, Any] = {"edition": edition_id, "merchant": merchant_id, "after": after, "limit": _CHUNK}
    page = ""
    if after is not None:
        page = """AND (o.placed_at_ms, o.order_id) >
            (SELECT placed_at_ms, order_id FROM views.orders
             WHERE order_id = %(after)s AND merchant_id = %(merchant)s)"""
    return orders_where(
        cur,
        f"""o.merchant_id = %(merchant)s AND o.edition_id = %(edition)s AND {_MAY_BE[queue]} {page}
            ORDER BY o.placed_at_ms, o.order_id LIMIT %(limit)s""",
        values,
    )
