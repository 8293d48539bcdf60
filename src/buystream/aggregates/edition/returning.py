"""How an edition decides about goods that come back after they were sent: returns, whose money goes back, and exchanges
of one variant for another at the same price. Nothing changes what was paid."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import refunding
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, UNKNOWN_VARIANT, Edition, Outcome
from buystream.aggregates.edition.fulfilment import Units, units_in
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.stock import Stock
from buystream.aggregates.edition.stocking import note_release, note_releases, note_sell_out
from buystream.aggregates.edition.units import by_variant
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.fulfilment import ALL_GOODS, FULFILLING
from buystream.vocabulary.order_states import SENT, SOLD


@decides(commands.RecordReturn)
def record_return(edition: Edition, command: commands.RecordReturn, moment: Moment) -> Outcome:
    """Units came back, and their money goes back."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    known = order.fulfilment.returns.get(command.return_id) if order.fulfilment is not None else None
    if known is not None:
        return REPEATED if known.units == units_in(command.units) else "return_id_conflict"
    if command.goods not in ALL_GOODS:
        return "bad_goods"
    if order.stage not in SOLD:
        return f"order_{order.stage}"
    sent, units = _sent(order), units_in(command.units)
    if not units or any(not 0 < quantity <= sent.get(name, 0) for name, quantity in units.items()):
        return "bad_quantity"
    refund = commands.RefundOrder(
        order_id=order.id,
        merchant_id=command.merchant_id,
        restock=command.goods == "restock",
        refund_id=command.return_id,
        amount_minor=command.amount_minor,
        reason=command.reason,
        units=command.units,
    )
    if outcome := refunding.refund_order(edition, refund, moment):
        return "return_id_conflict" if outcome == REPEATED else outcome
    edition.record_order(
        events.UnitsReturned,
        order,
        moment,
        return_id=command.return_id,
        returned=command.units,
        goods=command.goods,
        reason=command.reason,
    )
    return None


def _sent(order: Order) -> Units:
    """The units of each line that left the merchant and are their buyer's still."""
    if order.fulfilment is not None:
        return order.fulfilment.units(order.kept_units, FULFILLING)
    return order.kept_units if order.served in SENT else {}


@decides(commands.InspectReturn)
def inspect_return(edition: Edition, command: commands.InspectReturn, moment: Moment) -> Outcome:
    """The goods are in order, or they aren't."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    known = order.fulfilment.returns.get(command.return_id) if order.fulfilment is not None else None
    refund = order.paid_payment.refund_for(command.return_id) if order.paid_payment is not None else None
    if known is None or refund is None or refund.state == "failed":
        return "unknown_return"
    if not known.waits:
        return REPEATED if (known.goods == "restock") == command.restock else "unknown_return"
    if refund.state != "refunded":
        return "return_under_way"
    edition.record_order(
        events.ReturnInspected,
        order,
        moment,
        return_id=command.return_id,
        returned=order.units_of(refund.quantity, refund.units),
        restock=command.restock,
    )
    if command.restock:
        note_releases(edition, order.units_of(refund.quantity, refund.units), moment)
    return None


@decides(commands.ExchangeUnits)
def exchange_units(edition: Edition, command: commands.ExchangeUnits, moment: Moment) -> Outcome:
    """Units of one variant for as many of another."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    exchanges = order.exchanges or {}
    if (known := exchanges.get(command.exchange_id)) is not None:
        return REPEATED if _asks_the_same(command, known) else "exchange_id_conflict"
    if order.stage not in SOLD:
        return f"order_{order.stage}"
    if edition.cancellation is not None:
        return "cancelled"
    if edition.terms.event is not None:
        return "tickets_stay"
    instead = edition.stocks.get(command.instead_variant_id)
    if instead is None or command.instead_variant_id == command.variant_id:
        return UNKNOWN_VARIANT
    if not 0 < command.quantity <= by_variant(order.free_units).get(command.variant_id, 0):
        return "bad_quantity"
    if reason := _why_not_given(order, instead, command):
        return reason
    most = moment.rules.exchanges_per_order_max
    if len(exchanges) >= most or len(order.lines) >= most:
        return "too_many_exchanges"
    edition.record_order(
        events.UnitsExchanged,
        order,
        moment,
        exchange_id=command.exchange_id,
        variant_id=command.variant_id,
        instead_variant_id=command.instead_variant_id,
        quantity=command.quantity,
        restock=command.restock,
        reason=command.reason,
    )
    note_sell_out(edition, instead, moment)
    note_release(edition, edition.stocks[command.variant_id], moment)
    return None


def _asks_the_same(command: commands.ExchangeUnits, known: events.UnitsExchanged) -> bool:
    names = ("variant_id", "instead_variant_id", "quantity", "restock")
    return all(getattr(command, name) == getattr(known, name) for name in names)


def _why_not_given(order: Order, instead: Stock, command: commands.ExchangeUnits) -> str:
    """Why the buyer doesn't get these units instead: the price is what was paid, stock and limit bind as for any
    order."""
    price_minor = next(line.price_minor for line in order.lines if line.variant_id == command.variant_id)
    others = [line.price_minor for line in order.lines if line.variant_id == instead.variant_id]
    if not instead.price_min_minor <= price_minor <= instead.price_max_minor or any(
        other != price_minor for other in others
    ):
        return "price_differs"
    if not instead.has(command.quantity):
        return "sold_out"
    taken = instead.taken_by_buyer.get(order.buyer_id, 0) + command.quantity
    return "over_limit" if taken > instead.limit_per_buyer else ""
