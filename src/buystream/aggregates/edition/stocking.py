"""How an edition decides about its stock: more of it, less of it, and the latch of a sell-out."""

from collections.abc import Iterable

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission
from buystream.aggregates.edition.alerting import alert_the_waiting
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_VARIANT, Edition, Outcome
from buystream.aggregates.edition.stock import Stock
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.values import LineUnits, OrderLine


@decides(commands.AddStock)
def add_stock(edition: Edition, command: commands.AddStock, moment: Moment) -> Outcome:
    """Issue more."""
    stock = edition.stocks.get(command.variant_id)
    if stock is None:
        return UNKNOWN_VARIANT
    if (known := _known_change(stock, command.change_id, command.quantity)) is not None:
        return known
    if over := admission.why_over(edition):
        return "cancelled" if over == admission.EDITION_CANCELLED else "closed"
    if stock.available is None:
        return "unlimited"
    if not 0 < command.quantity <= moment.rules.issued_max - (stock.issued or 0):
        return "bad_quantity"
    is_on_sale = not stock.sold_out
    edition.record_own(
        events.StockAdded, moment, change_id=command.change_id, quantity=command.quantity, variant_id=stock.variant_id
    )
    note_release(edition, stock, moment)
    if is_on_sale:  # there were too few units before for all who wait
        alert_the_waiting(edition, stock, command.quantity, moment)
    return None


@decides(commands.WithdrawStock)
def withdraw_stock(edition: Edition, command: commands.WithdrawStock, moment: Moment) -> Outcome:
    """Take unsold stock off the sale; what is held or sold stays its buyer's."""
    stock = edition.stocks.get(command.variant_id)
    if stock is None:
        return UNKNOWN_VARIANT
    if (known := _known_change(stock, command.change_id, -command.quantity)) is not None:
        return known
    if stock.available is None:
        return "unlimited"
    if not 0 < command.quantity <= stock.available:
        return "bad_quantity"
    edition.record_own(
        events.StockWithdrawn,
        moment,
        change_id=command.change_id,
        quantity=command.quantity,
        variant_id=stock.variant_id,
    )
    note_sell_out(edition, stock, moment)
    return None


def _known_change(stock: Stock, change_id: str, quantity: int) -> Outcome:
    """The answer to a stock change whose id was used before; None for a new one."""
    known = stock.changes.get(change_id)
    if known is None:
        return None
    return REPEATED if known == quantity else "change_id_conflict"


def note_sell_out(edition: Edition, stock: Stock, moment: Moment) -> None:
    """Set the variant's latch when nothing of it is available."""
    if stock.available == 0 and not stock.sold_out:
        edition.record_own(events.EditionSoldOut, moment, variant_id=stock.variant_id)


def note_sell_outs(edition: Edition, moved: Iterable[OrderLine | LineUnits], moment: Moment) -> None:
    """The same of each variant whose units were moved."""
    for one in moved:
        note_sell_out(edition, edition.stocks[one.variant_id], moment)


def note_release(edition: Edition, stock: Stock, moment: Moment) -> None:
    """Lift the variant's latch when there is stock again, and a buyer may have it."""
    if stock.sold_out and stock.available and not admission.why_over(edition):
        edition.record_own(events.StockReleased, moment, available=stock.available, variant_id=stock.variant_id)
        alert_the_waiting(edition, stock, stock.available, moment)


def note_releases(edition: Edition, moved: Iterable[OrderLine | LineUnits], moment: Moment) -> None:
    """The same of each variant whose units were moved."""
    for one in moved:
        note_release(edition, edition.stocks[one.variant_id], moment)
