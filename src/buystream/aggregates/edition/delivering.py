"""How an edition decides about delivery: what it costs, by the terms of the release, and where a paid order goes."""

from typing import Final

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.terms import Terms
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.fulfilment import PACKED
from buystream.vocabulary.money import why_not_charge
from buystream.vocabulary.order_states import PROMISED, SENT
from buystream.vocabulary.shipping import DeliveryCharge, Shipping

COUNTRY_NOT_SERVED: Final = "country_not_served"


def price(
    edition: Edition, order: Order, command: commands.RequestPayment, moment: Moment
) -> DeliveryCharge | str | None:
    """What delivery costs the buyer who pays now: None where it has no price, or the reason of a refusal."""
    terms = edition.terms
    shipping = terms.shipping_at(order.placed_at_ms)
    if shipping is None:
        return None
    charge = _charge(terms, shipping, order, command.country, command.delivery_method)
    if isinstance(charge, str):
        return charge
    if charge.amount_minor != command.delivery_minor:
        return "wrong_delivery_price"
    return why_not_charge(order.goods_minor + charge.amount_minor, terms.charges_in(moment.rules)) or charge


def _charge(terms: Terms, shipping: Shipping, order: Order, country: str, method_id: str) -> DeliveryCharge | str:
    """Of the order as it was placed: an exchange doesn't change what was paid."""
    lines = order.ordered or order.lines
    return shipping.charge(
        country,
        method_id,
        grams=sum(line.quantity * terms.grams[line.variant_id] for line in lines),
        goods_minor=sum(line.total_minor for line in lines) - order.discount_minor,
    )


def total_minor(order: Order, charge: DeliveryCharge | None) -> int:
    """What the buyer pays, delivery included."""
    return order.goods_minor + (0 if charge is None else charge.amount_minor)


def charged(order: Order) -> DeliveryCharge | None:
    """What delivery costs by the payment that the order stands by."""
    payment = order.current_payment
    return None if payment is None else payment.shipping


def is_kept(edition: Edition, order: Order) -> bool:
    """Whether a refund of the whole order leaves the merchant what delivery cost."""
    shipping = edition.terms.shipping
    return shipping is not None and not shipping.refunds_delivery and charged(order) is not None


def whole_minor(edition: Edition, order: Order, left_minor: int) -> int:
    """What goes back with an order's last units: all that is left, or what they cost where delivery isn't refunded."""
    free = order.free_units
    return min(order.worth_minor(free), left_minor) if free and is_kept(edition, order) else left_minor


@decides(commands.ChangeShipping)
def change_shipping(edition: Edition, command: commands.ChangeShipping, moment: Moment) -> Outcome:
    """The merchant prices delivery anew. Whether refunds include it stays as it was released."""
    terms = edition.terms
    if terms.shipping is None:
        return "no_delivery_price"
    if edition.cancellation is not None:
        return "cancelled"
    if command.shipping == terms.shipping:
        return REPEATED
    if command.shipping.refunds_delivery != terms.shipping.refunds_delivery:
        return "bad_shipping"
    if not command.shipping.is_possible(terms.charges_in(moment.rules)):
        return "bad_shipping"
    if len(terms.past_shipping) >= moment.rules.shipping_changes_max:
        return "too_many_changes"
    edition.record_own(events.ShippingChanged, moment, shipping=command.shipping, old_shipping=terms.shipping)
    return None


@decides(commands.ChangeAddress)
def change_address(edition: Edition, command: commands.ChangeAddress, moment: Moment) -> Outcome:
    """The buyer has a paid order sent elsewhere, while nothing of it is packed."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    if order.served in SENT or _is_packed(order):
        return "already_packed"
    if order.stage not in PROMISED | {"confirmed"}:
        return f"order_{order.stage}"
    if reason := admission.why_over(edition) or _why_not_there(edition.terms, order, command.country):
        return reason
    edition.record_order(events.AddressChanged, order, moment, delivery=command.delivery, country=command.country)
    return None


def _is_packed(order: Order) -> bool:
    parcels = order.fulfilment.parcels.values() if order.fulfilment is not None else ()
    return any(parcel.stage in PACKED for parcel in parcels)


def _why_not_there(terms: Terms, order: Order, country: str) -> str:
    """What was paid never changes, so the price there has to be the same."""
    paid = charged(order)
    if not terms.needs_address:
        return "not_posted"
    shipping = terms.shipping_at(order.placed_at_ms)
    if shipping is None or paid is None:
        return ""
    if not paid.country:
        return "not_posted"
    there = _charge(terms, shipping, order, country, paid.method_id)
    if there == COUNTRY_NOT_SERVED:
        return COUNTRY_NOT_SERVED
    if isinstance(there, str):
        return "delivery_price_differs"  # that way of delivery doesn't exist there
    return "" if there.amount_minor == paid.amount_minor else "delivery_price_differs"
