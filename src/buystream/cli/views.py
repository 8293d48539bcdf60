"""The views of a shop as they are now, for commands that list what is in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import cursor

from buystream.cli import options
from buystream.database import one_transaction
from buystream.errors import BuystreamError
from buystream.host.workers import Workers
from buystream.log import EVENTS
from buystream.wiring.opening import open_database, open_log, refuse_moved
from buystream.wiring.views import projector

SECONDS = 60.0


@contextmanager
def views_of(chosen: dict[str, Any]) -> Iterator[cursor]:
    """A cursor at views that show all that was decided before, whether or not the shop runs: meanwhile we project too.
    Raises BuystreamError when they are too far behind."""
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database, open_log(database, settings) as log:
        refuse_moved(database, settings)
        views = projector(log, database.dsn)
        views.prepare()
        workers = Workers()
        workers.start("projector", views.run)
        try:
            if not views.wait_for({each: log.end(EVENTS, each) for each in range(log.partitions)}, SECONDS):
                raise BuystreamError(f"the views don't show everything after {SECONDS:.0f} s; try again later")
            with one_transaction(database.dsn, "views") as cur:
                yield cur
        finally:
            workers.stop()
