"""How an edition decides about what buyers ask: to send units back for the money, or for another variant. The merchant
answers; nothing else changes until the goods are there."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, UNKNOWN_VARIANT, Edition, Outcome
from buystream.aggregates.edition.fulfilment import units_in
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.units import by_variant
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.order_states import SOLD


@decides(commands.RequestReturn)
def request_return(edition: Edition, command: commands.RequestReturn, moment: Moment) -> Outcome:
    """One request for a unit at a time."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    requests = order.fulfilment.requests if order.fulfilment is not None else {}
    units = units_in(command.units)
    if (known := requests.get(command.request_id)) is not None:
        is_same = (known.units, known.instead) == (units, command.instead_variant_id)
        return REPEATED if is_same else "request_id_conflict"
    if wrong := _why_not_asked(edition, order, command):
        return wrong
    if any(one.is_pending and not one.units.keys().isdisjoint(units) for one in requests.values()):
        return "already_asked"
    if len(requests) >= moment.rules.exchanges_per_order_max:
        return "too_many_returns"
    edition.record_order(
        events.ReturnRequested,
        order,
        moment,
        request_id=command.request_id,
        units=command.units,
        instead_variant_id=command.instead_variant_id,
        words=command.words,
    )
    return None


def _why_not_asked(edition: Edition, order: Order, command: commands.RequestReturn) -> str:
    """Units that the buyer keeps, whether they were sent or not. Tickets are passed on, or refunded."""
    if order.stage not in SOLD:
        return f"order_{order.stage}"
    if edition.cancellation is not None:
        return "cancelled"
    if edition.terms.event is not None:
        return "tickets_stay"
    free, units = by_variant(order.free_units), units_in(command.units)
    if not units or any(not 0 < quantity <= free.get(name, 0) for name, quantity in units.items()):
        return "bad_quantity"
    instead = command.instead_variant_id
    return UNKNOWN_VARIANT if instead is not None and (instead not in edition.stocks or instead in units) else ""


@decides(commands.AnswerReturnRequest)
def answer_return_request(edition: Edition, command: commands.AnswerReturnRequest, moment: Moment) -> Outcome:
    """The merchant may change the answer until the units are back."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    known = order.fulfilment.requests.get(command.request_id) if order.fulfilment is not None else None
    if known is None:
        return "unknown_request"
    if known.state == "settled":
        return "request_settled"
    if (known.state, known.reply) == ("accepted" if command.accepted else "declined", command.reply):
        return REPEATED
    edition.record_order(
        events.ReturnRequestAnswered,
        order,
        moment,
        request_id=command.request_id,
        accepted=command.accepted,
        reply=command.reply,
    )
    return None
