"""What can be done now with an order, an edition or a recurring gift: what its state allows
(`buystream.vocabulary.order_states`), restricted by the facts that the views show. Bodies carry it to pages. The
decision remains the authority: a view may be a moment old."""

from typing import Final, TypedDict

from buystream.aggregates.rules import NEWEST_RULES, rules_of
from buystream.projections.order_views import OrderView
from buystream.vocabulary.fulfilment import PACKED
from buystream.vocabulary.money import currency_of, whole_steps
from buystream.vocabulary.order_states import (
    CANCELLABLE,
    DELIVERABLE,
    PAYABLE,
    PROMISED,
    REFUNDABLE,
    SALE_STATES,
    SENT,
    SHIPPABLE,
    SOLD,
    GiftState,
    SaleState,
)

_RULES: Final = rules_of(NEWEST_RULES)


class ByBuyer(TypedDict):
    """What the buyer can do with an order."""

    can_pay: bool
    can_cancel: bool
    can_return: bool
    can_change_address: bool
    can_ask_back: bool


class ByMerchant(TypedDict):
    """What the merchant can do with an order."""

    can_ship: bool
    can_pack: bool
    can_deliver: bool
    can_refund: bool
    can_resend: bool


class WithEdition(TypedDict):
    """What the merchant can do with an edition."""

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


def by_buyer(view: OrderView, at_ms: int) -> ByBuyer:
    """At that time."""
    is_over = view.terms is not None and view.terms.is_over
    campaign = view.terms.campaign if view.terms is not None else None
    is_charging = view.state == "pledged" and campaign is not None and campaign.is_charging
    return {
        "can_pay": view.state in PAYABLE
        and not (is_over or view.is_unanswered)
        and view.attempts < _RULES.payment_attempts_max,
        "can_cancel": view.state in CANCELLABLE and not is_charging,
        "can_return": view.returnable_minor(at_ms) is not None,
        "can_change_address": _may_be_readdressed(view) and not is_over,
        "can_ask_back": view.stage in SOLD
        and view.terms is not None
        and not (view.terms.is_ticketed or view.terms.is_cancelled)
        and _has_askable_units(view),
    }


def _may_be_readdressed(view: OrderView) -> bool:
    """Whether it is sent, and nothing of it is packed: as `buystream.aggregates.edition.delivering` decides it."""
    is_sent = view.terms is not None and view.terms.needs_address and (view.shipping is None or view.shipping.country)
    packed = any(parcel.stage in PACKED for parcel in view.parcels.parcels.values())
    return bool(is_sent) and not packed and view.served not in SENT and view.stage in PROMISED | {"confirmed"}


def _has_askable_units(view: OrderView) -> bool:
    """Whether the buyer keeps units, and hasn't asked to send them back yet."""
    asked = {name for one in view.parcels.requests.values() if one.is_pending for name in one.units}
    return any(line.kept > 0 and line.variant_id not in asked for line in view.lines)


def by_merchant(view: OrderView) -> ByMerchant:
    """A parcel is shipped to an address: what needs none is used, which is a delivery."""
    terms = view.terms
    takes_place = terms is not None and not terms.is_cancelled
    left_minor = whole_steps(view.refundable_minor, currency_of(view.currency))
    return {
        "can_ship": view.stage in SHIPPABLE
        and takes_place
        and view.kept > 0
        and terms is not None
        and terms.needs_address,
        "can_pack": view.stage in SOLD
        and takes_place
        and any(view.left_to_pack.values())
        and terms is not None
        and terms.needs_address,
        "can_deliver": view.stage in DELIVERABLE and (view.stage in SENT or (takes_place and view.kept > 0)),
        "can_resend": view.stage in SOLD,
        "can_refund": view.state in REFUNDABLE and (left_minor > 0 if view.paid_minor else view.kept > 0),
    }


def with_edition(
    state: SaleState,
    *,
    stock: int | None,
    available: int | None,
    is_paused: bool,
    is_cancelled: bool,
    is_missed: bool,
    has_event: bool,
    has_shipping: bool,
    is_campaign: bool,
    is_archived: bool,
    has_fixed_prices: bool,
) -> WithEdition:
    """What would change nothing for a buyer isn't offered: to pause or stock a sale that is over."""
    is_over = SALE_STATES[state].over or is_missed
    return {
        "can_pause": not is_over and not is_paused,
        "can_resume": not is_over and is_paused,
        "can_add_stock": not is_over and stock is not None and stock < _RULES.issued_max,
        "can_withdraw_stock": bool(available),
        "can_cancel": not is_cancelled,
        "can_move_event": has_event and not is_cancelled,
        "can_change_shipping": has_shipping and not is_cancelled,
        "can_set_prices": has_fixed_prices and not is_cancelled,
        "can_schedule": not (is_cancelled or is_campaign or is_archived),
        "can_end": not (SALE_STATES[state].over or is_campaign),
        "can_archive": SALE_STATES[state].over and not is_archived,
    }


def can_end(gift: GiftState) -> bool:
    """Whether the giver can stop it."""
    return gift == "running"
