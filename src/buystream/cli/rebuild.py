"""The command that rebuilds a view, or the search index."""

from typing import Any

import click

from buystream.cli import options
from buystream.consumers.search import indexing
from buystream.consumers.search.tables import TABLES
from buystream.database import one_transaction
from buystream.delivery import policy as delivery
from buystream.errors import BuystreamError
from buystream.wiring.opening import open_database, open_log
from buystream.wiring.views import HISTORY, VIEWS, projector


@click.command()
@click.argument("projection", type=click.Choice([*(view.name for view in VIEWS), HISTORY, indexing.CONSUMER]))
@options.data_dir
def rebuild(projection: str, **chosen: Any) -> None:
    """Rebuild the view PROJECTION from the log next to the live one, then swap it in.

    The search index is emptied instead, and the role `search` fills it again. Safe to run while the shop is running.
    """
    settings = options.of_a_shop(chosen, level="INFO")
    if projection == HISTORY and not settings.is_on_kafka:
        raise BuystreamError("a log in PostgreSQL is its own history: there is nothing to rebuild")
    with open_database(settings) as database, open_log(database, settings) as log:
        if projection == indexing.CONSUMER:
            with one_transaction(database.dsn, "search") as cur:
                delivery.TABLES.ensure(cur)
                TABLES.ensure(cur)
                indexing.start_again(cur, log.partitions)
            return
        views = projector(log, database.dsn)
        views.prepare()
        views.rebuild(projection)
