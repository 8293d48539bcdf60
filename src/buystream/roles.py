"""The roles: each a process of its own, as many of each as wanted, on one log and one database. What is composed stands
in `wiring`, and which role runs what stands in its roster; here a role runs until a signal."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import msgspec

from buystream.database_grants import prepare
from buystream.errors import BuystreamError
from buystream.host.health import serve_health
from buystream.host.sockets import free_port
from buystream.log import Log, LogUnavailable
from buystream.projections.engine.leading import leading
from buystream.projections.shown import Shown
from buystream.settings import Settings
from buystream.wiring.opening import SIGNALS, Database, open_database, open_log, refuse_moved, replayed
from buystream.wiring.parts import Parts
from buystream.wiring.roster import IN_A_REPLAY, ONE_AT_A_TIME, ROSTER, Runs, problem_of
from buystream.wiring.running import ignore_signals, start_workers
from buystream.wiring.views import VIEWS

LOOK_SECONDS: Final = 0.5

PARTITIONS_SECONDS: Final = 5.0
"""How often such a role asks whether partitions were added."""

logger = logging.getLogger(__name__)


class RoleEnded(BuystreamError):
    """A part of a role ended before it was stopped: the process's supervisor restarts it."""


def _leading(parts: Parts, runs: Runs) -> Runs:
    """One process at a time does the role's work; the others stand by."""
    logger.info("works on all %d partitions whenever it leads", parts.log.partitions)
    leads = {name: leading(parts.dsn, name, run) for name, run in runs.items()}
    return {"partitions": lambda stop: _look_for_partitions(parts.log, stop), **leads}


def _look_for_partitions(log: Log, stop: threading.Event) -> None:
    """Such a role is in no group that would hand it an added partition, whether it leads or stands by."""
    while not stop.wait(PARTITIONS_SECONDS):
        with suppress(LogUnavailable):  # next time
            log.look_for_partitions()


def run_role(name: str, settings: Settings) -> None:
    """Run a role until SIGINT or SIGTERM; raises RoleEnded when it ends before that."""
    with _opened(settings, name) as (parts, database, stack):
        runs = ROSTER[name](parts)
        if name in ONE_AT_A_TIME:
            runs = _leading(parts, runs)
        workers = start_workers(runs, database, stack)
        port = stack.enter_context(
            serve_health(
                settings.metrics_host,
                settings.metrics_port,
                lambda: workers.problem or problem_of(name, parts) or parts.log.problem,
            )
        )
        logger.info("%s runs; health and metrics at http://%s:%d", name, settings.metrics_host, port)
        stopping = threading.Event()
        for number in SIGNALS:
            signal.signal(number, lambda *_: stopping.set())
        while not stopping.wait(LOOK_SECONDS):
            if workers.problem:
                raise RoleEnded(f"{name} {workers.problem}")
        ignore_signals()
        logger.info("stopping")
    logger.info("stopped")


def run_gateway(settings: Settings) -> None:
    """Serve HTTP until SIGINT or SIGTERM."""
    from buystream.gateway import serve  # with the web framework, which takes long to import

    if settings.port == 0:
        settings = msgspec.structs.replace(settings, port=free_port())
    with _opened(settings, "gateway") as (parts, database, stack):
        shown = Shown(parts.dsn, [view.name for view in VIEWS])
        gateway = parts.gateway(shown.position, lambda: workers.problem or shown.problem, lambda: workers.problem)
        workers = start_workers({"positions of the views": shown.run}, database, stack)
        try:
            serve.run(
                gateway,
                host=settings.host,
                port=settings.port,
                on_listening=lambda _stop: logger.info(
                    "gateway of all %d partitions, open at %s", parts.log.partitions, settings.url
                ),
            )
        finally:
            ignore_signals()
            logger.info("stopping")
    logger.info("stopped")


@contextmanager
def _opened(settings: Settings, role: str) -> Iterator[tuple[Parts, Database, ExitStack]]:
    with ExitStack() as stack:
        if settings.is_on_kafka:
            from buystream import cluster  # with Kafka's clients, which take long to import
            from buystream.log.kafka.reaching import reach

            reach(cluster.clients(settings))  # before a database is started for nothing
        database = stack.enter_context(open_database(settings))
        prepare(settings, database.dsn, role)
        refuse_moved(database, settings)
        if (source := replayed(database, settings)) and role not in ("gateway", *IN_A_REPLAY):
            raise BuystreamError(f"this shop's log is a replay of {source}: no {role} runs on it")
        log = stack.enter_context(open_log(database, settings))
        if settings.is_on_kafka:
            cluster.require_topics(settings, partitions=log.partitions)
        yield Parts(settings, database, log, stack), database, stack
