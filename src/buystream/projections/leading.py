"""One of several processes works, the others stand by: by a lock in PostgreSQL, which gives it back the moment that a
process is gone. Only for peace: projectors are safe beside each other, they just hinder one another."""

import logging
import threading
from contextlib import closing
from typing import Final

import psycopg2
from psycopg2.extensions import connection

from buystream.consumers.delivery import Backoff
from buystream.workers import Run

LOOK_SECONDS: Final = 0.25

logger = logging.getLogger(__name__)


def leading(dsn: str, name: str, run: Run) -> Run:
    """A worker that runs `run` whenever this process is the one that leads."""

    def lead(stop: threading.Event) -> None:
        backoff = Backoff(f"lead of the {name}")
        while not stop.is_set():
            try:
                with closing(psycopg2.connect(dsn, connect_timeout=5, application_name="buystream")) as conn:
                    conn.autocommit = True
                    backoff.reset()
                    if _wait_for_lead(conn, name, stop):
                        logger.info("%s leads", name)
                        _run_while_connected(conn, run, stop)
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                backoff.wait(stop, error)

    return lead


def _wait_for_lead(conn: connection, name: str, stop: threading.Event) -> bool:
    """True once it is ours, False at `stop`."""
    told = False
    while not stop.is_set():
        with conn.cursor() as cur:
            cur.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (f"buystream lead of the {name}",))
            if cur.fetchone() == (True,):
                return True
        if not told:
            logger.info("%s stands by: another one leads", name)
            told = True
        stop.wait(LOOK_SECONDS)
    return False


def _run_while_connected(conn: connection, run: Run, stop: threading.Event) -> None:
    """Until `stop`, or until the lock may be another's."""
    ended = threading.Event()

    def watch() -> None:
        try:
            with conn.cursor() as cur:
                while not stop.wait(LOOK_SECONDS) and not ended.is_set():
                    cur.execute("SELECT 1")
        except psycopg2.Error as error:
            logger.warning("the lead is lost: %s", str(error).strip())
        finally:
            ended.set()

    watcher = threading.Thread(target=watch, name="lead", daemon=True)
    watcher.start()
    try:
        run(ended)
    finally:
        ended.set()
        watcher.join()
