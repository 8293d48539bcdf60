"""Workers: the threads of a shop. None of them may end before it is stopped; one that does is logged as critical
and makes the shop not ready."""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

STOP_SECONDS = 60.0

logger = logging.getLogger(__name__)

Run = Callable[[threading.Event], None]


class _Worker(NamedTuple):
    thread: threading.Thread
    stop: threading.Event
    outlasts: bool


class Workers:
    """Started one by one, and stopped together: none needs another, apart from those that outlast the rest."""

    def __init__(self) -> None:
        self._started: list[_Worker] = []
        self._ended: list[str] = []

    @property
    def problem(self) -> str | None:
        """Which workers ended before they were stopped, or None."""
        return f"ended unexpectedly: {', '.join(self._ended)}; restart the shop" if self._ended else None

    def start(self, name: str, run: Run, *, outlasts: bool = False) -> None:
        """Run until stopped; what `outlasts` the others, once they have ended."""
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(name, run, stop), name=name, daemon=True)
        self._started.append(_Worker(thread, stop, outlasts))
        thread.start()

    def stop_first(self) -> None:
        """Stop those that outlast nothing, at once."""
        _stop([worker for worker in self._started if not worker.outlasts])

    def stop(self) -> None:
        """Stop all of them at once, then those that outlast them: the last one started first, each one done before the
        next is stopped."""
        self.stop_first()
        started, self._started = self._started, []
        for worker in reversed(started):
            if worker.outlasts:
                _stop([worker])

    def _watch(self, name: str, run: Run, stop: threading.Event) -> None:
        try:
            run(stop)
        except BaseException:
            logger.critical("%s died; restart the shop", name, exc_info=True)
            self._ended.append(name)
        else:
            if not stop.is_set():
                logger.critical("%s ended unexpectedly; restart the shop", name)
                self._ended.append(name)


def _stop(workers: list[_Worker]) -> None:
    """Signal all before waiting for any: each looks at its signal when its own wait is over, up to half a second."""
    for worker in workers:
        worker.stop.set()
    deadline = monotonic() + STOP_SECONDS
    for thread, _, _ in workers:
        thread.join(max(0.0, deadline - monotonic()))
        if thread.is_alive():
            logger.error("%s does not stop; going on without it", thread.name)
