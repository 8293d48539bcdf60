"""How fast the notary takes up events: from its start to the published checkpoint that covers the last one."""

import threading
from contextlib import closing
from pathlib import Path
from time import perf_counter, sleep

from bench.measuring import BenchError
from buystream.consumers.notary.notary import Notary
from buystream.database import DatabaseRefused, one_transaction
from buystream.host.embedded import EmbeddedPostgres
from buystream.log import Log
from buystream.transparency import tables

LOOK_SECONDS = 0.05
GIVE_UP_SECONDS = 1_800
ROOT = b"the root secret of the bench, 32"


def seconds_to_publish(log: Log, events: int, folder: Path) -> float:
    """In a PostgreSQL of its own in that folder, whose settings are a shop's (it syncs). Raises BenchError when the
    notary ends, or the tree has other leaves."""
    with EmbeddedPostgres(folder) as postgres, closing(log):
        stop, failed = threading.Event(), list[BaseException]()
        notary = Notary(log, dsn=postgres.dsn, root=ROOT, origin="bench.example/tlog")

        def work() -> None:
            try:
                notary.run(stop)
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=work, name="notary")
        began = perf_counter()
        thread.start()
        try:
            while (size := _published(postgres.dsn)) < events and not failed:
                if perf_counter() - began > GIVE_UP_SECONDS:
                    raise BenchError(f"{size} leaves of {events} events after {GIVE_UP_SECONDS} s")
                sleep(LOOK_SECONDS)
            seconds = perf_counter() - began
        finally:
            stop.set()
            thread.join()
    if failed or size != events:
        raise BenchError(f"{size} leaves of {events} events: {failed}")
    return seconds


def _published(dsn: str) -> int:
    try:
        with one_transaction(dsn, "bench") as cur:
            return tables.published_size(cur)
    except DatabaseRefused:
        return -1  # the notary hasn't made its tables yet
