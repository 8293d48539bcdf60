"""The command that rebuilds a view."""

from typing import Any

import click

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.wiring.opening import open_database, open_log
from buystream.wiring.views import HISTORY, VIEWS, projector


@click.command()
@click.argument("projection", type=click.Choice([*(view.name for view in VIEWS), HISTORY]))
@options.data_dir
def rebuild(projection: str, **chosen: Any) -> None:
    """Rebuild the view PROJECTION from the log next to the live one, then swap it in.

    Safe to run while the shop is running.
    """
    settings = options.of_a_shop(chosen, level="INFO")
    if projection == HISTORY and not settings.is_on_kafka:
        raise BuystreamError("a log in PostgreSQL is its own history: there is nothing to rebuild")
    with open_database(settings) as database, open_log(database, settings) as log:
        views = projector(log, database.dsn)
        views.prepare()
        views.rebuild(projection)
