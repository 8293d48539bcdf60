"""What nobody waits for who buys, in a process of its own beside the gateway and the deciders: a shop in two
processes."""

import os
import threading
from contextlib import ExitStack
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry

from buystream.database import DatabaseUnavailable
from buystream.errors import BuystreamError
from buystream.host.companion import Companion, Orders, Said, Stop
from buystream.host.health import serve_health
from buystream.host.joined_metrics import joined
from buystream.host.workers import Workers
from buystream.log import LogUnavailable
from buystream.projections.shared_positions import SharedPositions
from buystream.settings import Settings
from buystream.wiring.opening import Database, open_log, replayed
from buystream.wiring.parts import Parts
from buystream.wiring.roster import background_runs, replay_runs
from buystream.wiring.running import start_workers

LOOK_SECONDS: Final = 0.5
LOOPBACK: Final = "127.0.0.1"


def wanted(settings: Settings) -> bool:
    """Whether a shop that starts now is to have two processes. One that other threads run beside can't be forked."""
    processes = settings.processes or _processors()
    return processes > 1 and threading.active_count() == 1


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Background:
    """The second process, as the first one sees it."""

    def __init__(self, settings: Settings) -> None:
        """Forks."""
        self.positions = SharedPositions()
        self.companion = Companion(lambda dsn, orders: _work(settings, dsn, orders, self.positions))

    def metrics(self) -> CollectorRegistry:
        """Of both processes."""
        return joined(REGISTRY, lambda: self._address)

    @property
    def _address(self) -> str:
        port = self.companion.port
        return f"http://{LOOPBACK}:{port}/metrics" if port else ""

    def stop(self, stop: threading.Event) -> None:
        """A worker: when it is stopped, so is what works there."""
        stop.wait()
        self.companion.stop()


def _work(settings: Settings, dsn: str, orders: Orders, positions: SharedPositions) -> None:
    try:
        with ExitStack() as stack:
            database = Database(dsn)
            log = stack.enter_context(open_log(database, settings))
            parts = Parts(settings, database, log, stack, does_everything=True, on_reached=positions.publish)
            runs = replay_runs(parts) if replayed(database, settings) else background_runs(parts, settings)
            workers = start_workers(runs, database, stack, outlasting=("snapshots",))
            port = stack.enter_context(serve_health(LOOPBACK, 0, lambda: workers.problem))
            orders.say(Said(port=port))
            _obey(orders, workers)
    except (DatabaseUnavailable, LogUnavailable):
        raise
    except BuystreamError as error:
        orders.say(Said(failure=str(error)))
        while True:
            orders.next()


def _obey(orders: Orders, workers: Workers) -> None:
    """Until it is ordered to finish."""
    failed = False
    while True:
        order = orders.next(LOOK_SECONDS)
        if isinstance(order, Stop):
            workers.stop_first()
        elif order is not None:
            return
        if workers.problem and not failed:
            failed = True
            orders.say(Said(failure=workers.problem))
