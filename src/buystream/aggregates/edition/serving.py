"""How an edition decides about what was sold: shipping it, and handing it over."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.order_states import SENT, SHIPPABLE


@decides(commands.ShipOrder)
def ship_order(edition: Edition, command: commands.ShipOrder, moment: Moment) -> Outcome:
    """Mark an order as shipped."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    if order.stage in SENT:
        return REPEATED
    if reason := _why_not_served(edition, order):
        return reason
    edition.record_order(events.OrderShipped, order, moment, carrier=command.carrier, tracking=command.tracking)
    return None


@decides(commands.RecordDelivery)
def record_delivery(edition: Edition, command: commands.RecordDelivery, moment: Moment) -> Outcome:
    """The parcel arrived, or the ticket was used."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    if order.stage == "delivered":
        return REPEATED
    if order.stage != "shipped" and (reason := _why_not_served(edition, order)):
        return reason
    edition.record_order(events.OrderDelivered, order, moment)
    return None


def _why_not_served(edition: Edition, order: Order) -> str:
    """Why the order's units may not be shipped or used; what is on its way back is not the buyer's any more."""
    if order.stage not in SHIPPABLE:
        return f"order_{order.stage}"
    if edition.cancellation is not None:
        return "cancelled"
    return "" if order.free > 0 else "return_under_way"
