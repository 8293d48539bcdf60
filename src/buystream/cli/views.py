"""The views of a shop as they are now: for commands that list what is in them, and for those that change it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from psycopg2.extensions import cursor

from buystream.cli import options
from buystream.database import one_transaction
from buystream.errors import BuystreamError
from buystream.host.workers import Workers
from buystream.log import EVENTS, Log
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
        with _read_to_the_end(log, database.dsn) as all_shown:
            if not all_shown:
                raise BuystreamError(f"the views don't show everything after {SECONDS:.0f} s; try again later")
            with one_transaction(database.dsn, "views") as cur:
                yield cur


def wait_until_shown(log: Log, dsn: str) -> None:
    """Wait until the views, and so the gateways, know all that was decided before; warns on stderr when they don't in
    time. It is on the log then: nothing has to be done again."""
    with _read_to_the_end(log, dsn) as all_shown:
        if not all_shown:
            click.echo(f"warning: it is decided, but the shop doesn't know it after {SECONDS:.0f} s yet", err=True)


@contextmanager
def _read_to_the_end(log: Log, dsn: str) -> Iterator[bool]:
    """Whether the views reached the present end of the events in time. We project too, whether or not the shop runs."""
    views = projector(log, dsn)
    views.prepare()
    workers = Workers()
    workers.start("projector", views.run)
    try:
        yield views.wait_for({each: log.end(EVENTS, each) for each in range(log.partitions)}, SECONDS)
    finally:
        workers.stop()
