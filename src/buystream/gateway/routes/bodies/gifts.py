"""Recurring gifts as their givers see them."""

from typing import Literal

from msgspec import Struct

from buystream.gateway.routes.bodies.fields import Amount, EditionId, OrderId, Request, Token
from buystream.gateway.routes.bodies.orders import ClickFrom, OrderBody, order_body
from buystream.gateway.routes.bodies.payments import Delivery
from buystream.projections import allowed
from buystream.projections.recurring_gifts import GiftView


class NewGift(Request, frozen=True, kw_only=True):
    """Give this amount now and at each interval, charged to the saved card (`one_tap`), or to a new payment method that
    the first payment saves, with delivery details. The browser generates the gift's id, in the form of an order id."""

    gift_id: OrderId
    edition_id: EditionId
    amount_minor: Amount
    interval_months: Literal[1, 3, 6, 12]
    one_tap: bool = True
    payment_method: Token | None = None
    delivery: Delivery | None = None
    placement: ClickFrom | None = None


class GiftBody(Struct, frozen=True, kw_only=True):
    """A recurring gift. States: running, ended (`reason`: giver, declined, unpaid, closed). `given` gifts have been
    paid so far; `skipped` ones were missed in an outage of the shop and are not charged; `next_at_ms` is when the next
    one is due, `last` the newest one. `can_end`: the giver can stop it."""

    gift_id: str
    edition_id: str
    merchant_id: str
    title: str
    amount_minor: int
    currency: str
    interval_months: int
    state: str
    reason: str | None
    started_at_ms: int
    next_at_ms: int | None
    given: int
    given_minor: int
    skipped: int
    last: OrderBody | None
    can_end: bool
    version: int


class GiftsBody(Struct, frozen=True):
    """The buyer's recurring gifts, newest first."""

    gifts: list[GiftBody]


def gift_body(view: GiftView, *, at_ms: int) -> GiftBody:
    """A recurring gift as its giver sees it."""
    fields: dict[str, object] = {name: getattr(view, name) for name in GiftView.__struct_fields__}
    fields["last"] = None if view.last is None else order_body(view.last, at_ms=at_ms)
    fields["can_end"] = allowed.can_end(view.state)
    return GiftBody(**fields)  # type: ignore[arg-type]
