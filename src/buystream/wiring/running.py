"""The workers of a process, and the signals that stop it."""

import logging
import signal
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack

from buystream.errors import BuystreamError
from buystream.host.embedded import EmbeddedPostgres
from buystream.host.workers import Run, Workers
from buystream.wiring.opening import SIGNALS, Database

KEEP_SECONDS = 0.5
"""How often the embedded PostgreSQL is looked after."""

logger = logging.getLogger(__name__)


def start_workers(
    runs: Mapping[str, Run], database: Database, stack: ExitStack, *, outlasting: Collection[str] = ()
) -> Workers:
    """Start all of these, after what keeps the embedded PostgreSQL running. The stack stops them at once, then those
    that outlast them, PostgreSQL's keeper last."""
    workers = Workers()
    stack.callback(workers.stop)
    if database.embedded is not None:
        workers.start("postgres", keep_running(database.embedded), outlasts=True)
    for name, run in runs.items():
        workers.start(name, run, outlasts=name in outlasting)
    return workers


def keep_running(postgres: EmbeddedPostgres) -> Callable[[threading.Event], None]:
    """A worker that starts the embedded PostgreSQL again when it died, for as long as it takes."""

    def keep(stop: threading.Event) -> None:
        while not stop.wait(KEEP_SECONDS):
            try:
                if postgres.ensure_running():
                    logger.warning("the embedded PostgreSQL had died and runs again")
            except BuystreamError as error:
                logger.error("the embedded PostgreSQL died and does not start: %s", error)

    return keep


def ignore_signals() -> None:
    """Stopping is under way."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
