"""The views of a shop, and what projects them."""

from collections.abc import Callable, Mapping
from typing import Final

from buystream.log import Log
from buystream.log.postgres import PostgresLog
from buystream.projections.attribution import Attribution
from buystream.projections.codes import CodeViews
from buystream.projections.door import Doors
from buystream.projections.downloads import DownloadViews
from buystream.projections.edition_board import EditionBoard
from buystream.projections.edition_pages import EditionPages
from buystream.projections.engine.builds import Projection
from buystream.projections.engine.runner import Projector
from buystream.projections.keyframes import Keyframes
from buystream.projections.licences import LicenceViews
from buystream.projections.merchant_dashboard import MerchantDashboard
from buystream.projections.money import Money
from buystream.projections.order_views import OrderViews
from buystream.projections.people import People
from buystream.projections.receipts import Receipts
from buystream.projections.recurring_gifts import RecurringGifts
from buystream.projections.tickets import TicketViews
from buystream.projections.trail import Trail

VIEWS = (
    *(OrderViews, EditionBoard, MerchantDashboard, People, RecurringGifts, Money, Receipts, Keyframes),
    *(TicketViews, Doors, DownloadViews, LicenceViews, Attribution, EditionPages, CodeViews, Trail),
)

HISTORY = "history"
"""The name of one more view, of a log on Kafka."""


def _history() -> Projection:
    from buystream.projections.engine.history import History  # with a library that nothing else here needs

    return History()


VIEWS_BY_NAME: Final[Mapping[str, Callable[[], Projection]]] = {
    **{view.name: view for view in VIEWS},
    HISTORY: _history,
}
"""What makes each of them, by name."""


def projector(log: Log, dsn: str, on_reached: Callable[[Mapping[int, int]], None] = lambda reached: None) -> Projector:
    """The projector of every view. A log in PostgreSQL is its own history; of another one it is a view. `on_reached` as
    Projector has it."""
    views: list[Projection] = [view() for view in VIEWS]
    if not isinstance(log, PostgresLog):
        views.append(_history())
    return Projector(log, dsn, views, on_reached=on_reached)
