"""Who waits for stock of what is sold out, and whose turn it is when there is some."""

from itertools import islice

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_VARIANT, Edition, Outcome
from buystream.aggregates.edition.stock import Stock
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events


@decides(commands.RequestStockAlert)
def request_stock_alert(edition: Edition, command: commands.RequestStockAlert, moment: Moment) -> Outcome:
    """Wait behind those who came before."""
    stock = edition.stocks.get(command.variant_id)
    if stock is None:
        return UNKNOWN_VARIANT
    if over := admission.why_over(edition):
        return "cancelled" if over == admission.EDITION_CANCELLED else "closed"
    waiting = edition.alerts.get(stock.variant_id, {})
    if command.buyer_id in waiting:
        return REPEATED
    if not stock.sold_out:
        return "in_stock"
    if len(waiting) >= moment.rules.stock_alerts_max:
        return "too_many_alerts"
    edition.record_own(
        events.StockAlertRequested,
        moment,
        variant_id=stock.variant_id,
        buyer_id=command.buyer_id,
        delivery=command.delivery,
    )
    return None


def alert_the_waiting(edition: Edition, stock: Stock, units: int, moment: Moment) -> None:
    """No more buyers than there are units for."""
    waiting = edition.alerts.get(stock.variant_id)
    if not waiting:
        return
    for buyer_id, delivery in list(islice(waiting.items(), units)):
        edition.record_own(
            events.StockAlertDue, moment, variant_id=stock.variant_id, buyer_id=buyer_id, delivery=delivery
        )
