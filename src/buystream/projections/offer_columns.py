"""How an edition's row keeps its offer: a column for each field, also for those of the values in it."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.value import Value
from buystream.vocabulary.values import CampaignTerms, Offer, RefundRule, SaleWindow, Tax, TicketedEvent, Variant

V = TypeVar("V", bound=Value)

_OFFERED: Final = (
    *("title", "description", "kind", "image", "currency"),
    *("hold_seconds", "needs_address", "receipts", "vouched_only"),
)
"""Columns that carry the name of their field in the offer."""

_FLATTENED: Final = {
    "window": {name: name for name in SaleWindow.__struct_fields__},
    "tax": {name: f"tax_{name}" for name in Tax.__struct_fields__},
    "refund": {name: f"refund_{name}" for name in RefundRule.__struct_fields__},
    "campaign": {name: name for name in CampaignTerms.__struct_fields__},
}
"""The column of each field of the offer's values."""

REFUND: Final = tuple(_FLATTENED["refund"].values())
EVENT: Final = "event"
"""What the tickets are for, as JSON, as it was released."""

MOVED_EVENT: Final = "moved_event"
"""The same since it was moved; null when it never was."""

MOVED_WINDOW: Final = "moved_window"
"""When the sale opens and closes since it was scheduled anew, as JSON; null when it never was."""

RENAMED: Final = "renamed"
"""What the edition is called since it was renamed; null when it never was."""

SHIPPING: Final = "shipping"
"""What delivery costs, as JSON, as it was released."""

CHANGED_SHIPPING: Final = "changed_shipping"
"""The same since it was changed; null when it never was."""

_SUMMED: Final = ("price_min_minor", "price_max_minor", "limit_per_buyer", "stock")
TERMS: Final = (
    *_OFFERED,
    *_SUMMED,
    EVENT,
    SHIPPING,
    *(column for columns in _FLATTENED.values() for column in columns.values()),
)
VARIANT: Final = ("number", *Variant.__struct_fields__)


def terms_of(offer: Offer) -> dict[str, Any]:
    """What an edition's row keeps of its offer, by column: of its variants, the bounds of their prices, the highest
    limit and the sum of their stocks. Those of a campaign are null where there is none."""
    terms = {column: getattr(offer, column) for column in _OFFERED} | {
        "price_min_minor": min(variant.price_min_minor for variant in offer.variants),
        "price_max_minor": max(variant.price_max_minor for variant in offer.variants),
        "limit_per_buyer": max(variant.limit_per_buyer for variant in offer.variants),
        "stock": stock_of(offer),
        EVENT: None if offer.event is None else json_of(offer.event),
        SHIPPING: None if offer.shipping is None else json_of(offer.shipping),
    }
    for value, columns in _FLATTENED.items():
        terms |= {column: getattr(getattr(offer, value), name, None) for name, column in columns.items()}
    return terms


def variants_of(offer: Offer) -> list[dict[str, Any]]:
    """What the rows of an offer's variants keep of them, by column."""
    return [{"number": number, **msgspec.structs.asdict(one)} for number, one in enumerate(offer.variants)]


def stock_of(offer: Offer) -> int | None:
    """Units of all variants together; None when one is unlimited."""
    limited = [variant.stock for variant in offer.variants if variant.stock is not None]
    return sum(limited) if len(limited) == len(offer.variants) else None


def window_of(row: Mapping[str, Any]) -> SaleWindow:
    """When the edition takes orders."""
    return _value("window", SaleWindow, row)


def as_it_is_now(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns, with the title and the sale's times of now instead of those of the release."""
    moved = msgspec.convert(row[MOVED_WINDOW], SaleWindow | None)
    now = {} if moved is None else {name: getattr(moved, name) for name in SaleWindow.__struct_fields__}
    return {**row, **now, "title": row["title"] if row[RENAMED] is None else row[RENAMED]}


def title_at(edition: str, at_ms: str) -> str:
    """What an edition was called at a time, as SQL: columns of `views.editions`, and of what happened then."""
    return f"""coalesce((SELECT t.title FROM views.edition_titles AS t
        WHERE t.edition_id = {edition}.edition_id AND t.since_ms <= {at_ms} ORDER BY t.since_ms DESC LIMIT 1),
        {edition}.title)"""


def refund_of(row: Mapping[str, Any]) -> RefundRule:
    """Who may give an order of the edition back."""
    return _value("refund", RefundRule, row)


def event_of(row: Mapping[str, Any]) -> TicketedEvent | None:
    """What the edition's tickets are for now."""
    return msgspec.convert(row[MOVED_EVENT] or row[EVENT], TicketedEvent | None)


def json_of(value: Value) -> str:
    """For a column of the type jsonb."""
    return msgspec.json.encode(value).decode()


def shipping_of(row: Mapping[str, Any]) -> Shipping | None:
    """What delivery costs those who order now."""
    return msgspec.convert(row[CHANGED_SHIPPING] or row[SHIPPING], Shipping | None)


def _value(name: str, kind: type[V], row: Mapping[str, Any]) -> V:
    return kind(**{field: row[column] for field, column in _FLATTENED[name].items()})
