"""The views of a shop, and what projects them."""

from buystream.log import Log
from buystream.log.postgres import PostgresLog
from buystream.projections.edition_board import EditionBoard
from buystream.projections.engine.runner import Projector
from buystream.projections.merchant_dashboard import MerchantDashboard
from buystream.projections.money import Money
from buystream.projections.order_views import OrderViews
from buystream.projections.people import People
from buystream.projections.receipts import Receipts
from buystream.projections.recurring_gifts import RecurringGifts

VIEWS = (OrderViews, EditionBoard, MerchantDashboard, People, RecurringGifts, Money, Receipts)

HISTORY = "history"
"""The name of one more view, of a log on Kafka."""


def projector(log: Log, dsn: str) -> Projector:
    """The projector of every view. A log in PostgreSQL is its own history; of another one it is a view."""
    views = [view() for view in VIEWS]
    if isinstance(log, PostgresLog):
        return Projector(log, dsn, views)
    from buystream.projections.engine.history import History  # with a library that nothing else here needs

    return Projector(log, dsn, [*views, History()])
