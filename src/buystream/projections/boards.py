"""What the API shows of an edition: to everybody, and to its merchant."""

from collections.abc import Mapping
from typing import Any

import msgspec

from buystream.aggregates.edition.sale import why_not_on_sale
from buystream.aggregates.rules import NEWEST_RULES, rules_of
from buystream.projections import allowed
from buystream.projections.campaigns import CampaignView, campaign_view
from buystream.projections.offer_columns import (
    EVENT,
    SHIPPING,
    as_it_is_now,
    event_of,
    refund_of,
    shipping_of,
    stock_of,
    terms_of,
    variants_of,
    window_of,
)
from buystream.projections.pictures import PictureView, first_of
from buystream.vocabulary.edition_pages import PageNote
from buystream.vocabulary.order_states import SaleState
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.values import Offer, PriceTier, RefundRule, TicketedEvent, tier_at

AWAITS_TERMS = "awaits_terms"


class CancellationView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """It won't take place. While it isn't `completed`, `held` and `sold` of the board are what is left to refund;
    `failed` refunds need the merchant."""

    reason: str
    cancelled_at_ms: int
    completed: bool
    failed: int


class VariantBoard(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of the things that an edition is offered in, as the API shows it; of a plain edition the only one, without id
    and title. `is_sold_out`: nothing of it is left. With `tiers`, its prices are those of now: `left_at_price` units
    are left at it (null: all), and it ends at `price_until_ms` (null: with them); then comes the next tier that
    applies, and at last `full_price_minor`."""

    variant_id: str
    title: str
    price_minor: int | None
    price_min_minor: int
    price_max_minor: int
    limit_per_buyer: int
    weight_grams: int
    full_price_minor: int | None
    left_at_price: int | None
    price_until_ms: int | None
    tiers: tuple[PriceTier, ...]
    stock: int | None
    available: int | None
    held: int
    sold: int
    withdrawn: int
    is_sold_out: bool


class Board(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An edition as the API shows it. Prices, limit and counts are those of all `variants`; a plain edition has one.
    `price_minor` is None when the buyer chooses within the bounds; prices include `tax_bps` (10 000: 100 %) of tax.
    `stock` and `available` are None when unlimited. `available + held + sold + withdrawn = stock`. `reason` says why it
    is `scheduled` when that isn't the clock: awaits_terms. A gift can be given every so many `recurring_months`; none
    means once only. With `vouched_only`, only buyers that a host application vouches for may order. With an
    `event`, its units are tickets; with `shipping`, delivery has prices of its own. `can_order`: it takes orders now.
    `picture` is the first of its page, `notes` are what there is to know, and with `has_story` there is more to read.
    With `takes_codes` it has codes. `version` is the edition's."""

    edition_id: str
    merchant_id: str
    merchant_name: str
    title: str
    description: str
    kind: str
    image: str
    currency: str
    price_minor: int | None
    price_min_minor: int
    price_max_minor: int
    suggested_minor: tuple[int, ...]
    limit_per_buyer: int
    stock: int | None
    available: int | None
    held: int
    sold: int
    withdrawn: int
    state: SaleState
    can_order: bool
    opens_at_ms: int | None
    closes_at_ms: int | None
    hold_seconds: int
    needs_address: bool
    version: int
    reason: str | None
    tax_bps: int
    tax_label: str
    refund: RefundRule
    receipts: bool
    vouched_only: bool
    event: TicketedEvent | None
    shipping: Shipping | None
    takes_codes: bool
    recurring_months: tuple[int, ...]
    variants: tuple[VariantBoard, ...]
    campaign: CampaignView | None
    cancellation: CancellationView | None
    picture: PictureView | None
    notes: tuple[PageNote, ...]
    has_story: bool

    @property
    def awaits_terms(self) -> bool:
        """Whether it takes no orders yet because its merchant's terms are on their way."""
        return self.reason == AWAITS_TERMS


class MerchantBoard(Board, frozen=True, kw_only=True, gc=False):
    """An edition as its merchant sees it: with what the merchant can do about it now. A sale that is over is neither
    paused nor resumed, and gets no stock."""

    can_pause: bool
    can_resume: bool
    can_add_stock: bool
    can_withdraw_stock: bool
    can_cancel: bool
    can_move_event: bool
    can_change_shipping: bool
    can_set_prices: bool
    can_schedule: bool
    can_end: bool
    can_archive: bool
    is_archived: bool


def board_of(fields: Mapping[str, Any], at_ms: int) -> Board:
    """From the columns of an edition, and its merchant's name."""
    return Board(**_shown(fields, at_ms))


def merchant_board_of(fields: Mapping[str, Any], at_ms: int) -> MerchantBoard:
    """The same, as its merchant sees it."""
    shown = _shown(fields, at_ms)
    can = allowed.with_edition(
        shown["state"],
        stock=shown["stock"],
        available=shown["available"],
        is_paused=fields["paused"],
        is_cancelled=shown["cancellation"] is not None,
        is_missed=shown["campaign"] is not None and shown["campaign"].is_missed,
        has_event=shown["event"] is not None,
        has_shipping=shown["shipping"] is not None,
        is_campaign=shown["campaign"] is not None,
        is_archived=fields["archived"],
        has_fixed_prices=_has_fixed_prices(shown),
    )
    return MerchantBoard(**shown, **can, is_archived=fields["archived"])


def _has_fixed_prices(shown: Mapping[str, Any]) -> bool:
    """Whether a variant may have price tiers: as `buystream.aggregates.edition.pricing` decides it."""
    is_given = shown["kind"] == "gift" or shown["campaign"] is not None
    return not is_given and any(one.full_price_minor is not None for one in shown["variants"])


def _shown(fields: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    fields = as_it_is_now(fields)
    state, reason = _state(fields, at_ms)
    variants = tuple(_variant(row, at_ms) for row in fields["variants"])
    least_minor, most_minor = (
        min(one.price_min_minor for one in variants),
        max(one.price_max_minor for one in variants),
    )
    campaign = campaign_view(fields)
    once = fields["kind"] != "gift" or (campaign is not None and campaign.all_or_nothing)
    cancellation = None
    if fields["cancelled_at_ms"] is not None:
        cancellation = CancellationView(
            reason=fields["cancelled_reason"],
            cancelled_at_ms=fields["cancelled_at_ms"],
            completed=fields["cancellation_completed"],
            failed=fields["refunds_failed"],
        )
    computed = {
        "price_minor": least_minor if least_minor == most_minor else None,
        "price_min_minor": least_minor,
        "price_max_minor": most_minor,
        "state": state,
        "can_order": state == "open",
        "reason": reason,
        "suggested_minor": tuple(fields["suggested_minor"]),
        "refund": refund_of(fields),
        "event": event_of(fields),
        "shipping": shipping_of(fields),
        "recurring_months": () if once else rules_of(NEWEST_RULES).gift_interval_months,
        "variants": variants,
        "campaign": campaign,
        "cancellation": cancellation,
        "picture": first_of(fields["picture"]),
        "notes": msgspec.convert(fields["notes"] or (), tuple[PageNote, ...]),
        "has_story": bool(fields["has_story"]),
    }
    return {name: fields[name] for name in Board.__struct_fields__ if name not in computed} | computed


def _state(fields: Mapping[str, Any], at_ms: int) -> tuple[SaleState, str | None]:
    """What an order would be refused for; and the reason, where the state alone doesn't tell it."""
    reason = why_not_on_sale(
        at_ms,
        cancelled=fields["cancelled_at_ms"] is not None,
        window=window_of(fields),
        awaits_terms=fields["awaits_terms"],
        paused=fields["paused"],
    )
    if reason == "not_open":
        waits_for_time = fields["opens_at_ms"] is not None and at_ms < fields["opens_at_ms"]
        return "scheduled", None if waits_for_time else AWAITS_TERMS
    if reason:
        return reason, None
    return ("sold_out" if all(map(_is_sold_out, fields["variants"])) else "open"), None


def _variant(row: Mapping[str, Any], at_ms: int) -> VariantBoard:
    """From the columns of a variant."""
    low_minor, high_minor = row["price_min_minor"], row["price_max_minor"]
    full_minor = low_minor if low_minor == high_minor else None
    tiers, taken = msgspec.convert(row["tiers"], tuple[PriceTier, ...]), row["held"] + row["sold"]
    tier = tier_at(tiers, taken, at_ms)
    return VariantBoard(
        **{name: row[name] for name in _VARIANT_COLUMNS},
        price_minor=full_minor if tier is None else tier.price_minor,
        price_min_minor=low_minor if tier is None else tier.price_minor,
        price_max_minor=high_minor if tier is None else tier.price_minor,
        full_price_minor=full_minor,
        left_at_price=None if tier is None else tier.left(taken),
        price_until_ms=None if tier is None else tier.until_ms,
        tiers=tiers,
        is_sold_out=_is_sold_out(row),
    )


_PRICES = ("price_minor", "price_min_minor", "price_max_minor", "full_price_minor", "left_at_price", "price_until_ms")
_VARIANT_COLUMNS = tuple(
    name for name in VariantBoard.__struct_fields__ if name not in (*_PRICES, "tiers", "is_sold_out")
)


def _is_sold_out(row: Mapping[str, Any]) -> bool:
    return bool(row["sold_out"]) or row["available"] == 0


def board_of_draft(edition_id: str, merchant_id: str, merchant_name: str, offer: Offer, at_ms: int) -> Board:
    """As it will be once it is released by this offer, and has its terms."""
    untouched = {"held": 0, "sold": 0, "withdrawn": 0}
    variants = [
        {**row, **untouched, "available": row["stock"], "sold_out": False, "tiers": ()} for row in variants_of(offer)
    ]
    fields = {
        **terms_of(offer),
        **untouched,
        **dict.fromkeys(("moved_event", "moved_window", "changed_shipping", "renamed")),
        **dict.fromkeys(("cancelled_at_ms", "cancelled_reason", "outcome")),
        **dict.fromkeys(("paused", "awaits_terms", "archived", "takes_codes", "reached", "saves_methods"), False),
        **dict.fromkeys(("raised_minor", "givers", "version"), 0),
        "edition_id": edition_id,
        "merchant_id": merchant_id,
        "merchant_name": merchant_name,
        "suggested_minor": offer.suggested_minor,
        "available": stock_of(offer),
        "variants": variants,
        "picture": next(iter(offer.page.pictures), None),
        "notes": offer.page.notes,
        "has_story": bool(offer.page.story),
        EVENT: offer.event,
        SHIPPING: offer.shipping,
    }
    return board_of(fields, at_ms)
