"""The parts of a shop that are killed: each a process of its own, forked from a clean one, so that it starts in no
time. They end with the process that started them."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from buystream.consumers.decider import Decider
from buystream.consumers.payments import Payments
from buystream.log.postgres import PostgresLog
from tests.support.schedules.provider import Breakage, provider_at

PARTITIONS = 2
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])

STOP_SECONDS = 20


class Worker:
    """One part. It is started, killed, and started again."""

    def __init__(self, run: Callable[..., None], *arguments: Any) -> None:
        self._run = run
        self._arguments = arguments
        self._process: Any = None

    def start(self) -> None:
        self._process = CONTEXT.Process(target=_leashed, args=(self._run, *self._arguments), daemon=True)
        self._process.start()

    @property
    def ended(self) -> bool:
        """By itself, which it never should."""
        return self._process.exitcode is not None

    def kill(self) -> None:
        """kill -9, without a word."""
        self._process.kill()
        self._process.join(STOP_SECONDS)


def decide(dsn: str) -> None:
    """A decider of all partitions. After a restart holds run out as if nothing had happened: their buyers are quick."""
    with closing(PostgresLog(dsn, partitions=PARTITIONS)) as log:
        Decider(log, owner=f"decider-{os.getpid()}", grace_seconds=1).run(threading.Event())


def pay(dsn: str, wall_url: str, breakage: Breakage) -> None:
    """A payments consumer of all partitions."""
    with closing(PostgresLog(dsn, partitions=PARTITIONS)) as log:
        provider = provider_at(wall_url, breakage)
        Payments(log, dsn=dsn, provider=provider, workers=24).run(threading.Event())


def _leashed(run: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
