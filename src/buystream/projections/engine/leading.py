"""One of several processes works, the others stand by: by a lock in PostgreSQL, which releases it the moment that a
process is gone. Only for peace: projectors are safe beside each other, they just hinder one another."""

import logging
import threading
from typing import Final

from psycopg2.extensions import connection

from buystream.database import DatabaseError, DatabaseUnavailable, connected, translated
from buystream.delivery.policy import Backoff
from buystream.host.workers import Run

LOOK_SECONDS: Final = 0.25

logger = logging.getLogger(__name__)


def leading(dsn: str, name: str, run: Run) -> Run:
    """A worker that runs `run` whenever this process is the one that leads."""

    def lead(stop: threading.Event) -> None:
        backoff = Backoff(f"lead of the {name}")
        while not stop.is_set():
            try:
                with connected(dsn, "lead", autocommit=True) as conn:
                    backoff.reset()
                    if _wait_for_lead(conn, name, stop):
                        logger.info("%s leads", name)
                        _run_while_connected(conn, run, stop)
            except DatabaseUnavailable as error:
                backoff.wait(stop, error)

    return lead


def _wait_for_lead(conn: connection, name: str, stop: threading.Event) -> bool:
    """True once it is ours, False at `stop`."""
    was_logged = False
    while not stop.is_set():
        with conn.cursor() as cur:
            cur.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (f"buystream lead of the {name}",))
            if cur.fetchone() == (True,):
                return True
        if not was_logged:
            logger.info("%s stands by: another one leads", name)
            was_logged = True
        stop.wait(LOOK_SECONDS)
    return False


def _run_while_connected(conn: connection, run: Run, stop: threading.Event) -> None:
    """Until `stop`, or until the lock may be another's."""
    ended = threading.Event()

    def watch() -> None:
        try:
            with translated(), conn.cursor() as cur:
                while not stop.wait(LOOK_SECONDS) and not ended.is_set():
                    cur.execute("SELECT 1")
        except DatabaseError as error:
            logger.warning("the lead is lost: %s", error)
        finally:
            ended.set()

    watcher = threading.Thread(target=watch, name="lead", daemon=True)
    watcher.start()
    try:
        run(ended)
    finally:
        ended.set()
        watcher.join()
