"""Workers: the threads of a shop. None of them may end before it is told to; one that does is said loudly and makes the
shop not ready."""

import logging
import threading
from collections.abc import Callable

STOP_SECONDS = 60.0

logger = logging.getLogger(__name__)

Run = Callable[[threading.Event], None]


class Workers:
    """Started one by one, stopped in reverse."""

    def __init__(self) -> None:
        self._started: list[tuple[threading.Thread, threading.Event]] = []
        self._ended: list[str] = []

    @property
    def problem(self) -> str | None:
        """Which workers ended before they were told to, or None."""
        return f"ended unexpectedly: {', '.join(self._ended)}; restart the shop" if self._ended else None

    def start(self, name: str, run: Run) -> None:
        """Run until stopped."""
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(name, run, stop), name=name, daemon=True)
        self._started.append((thread, stop))
        thread.start()

    def stop(self) -> None:
        """Stop all of them, the last one started first, each one done before the next is told."""
        while self._started:
            thread, stop = self._started.pop()
            stop.set()
            thread.join(STOP_SECONDS)
            if thread.is_alive():
                logger.error("%s does not stop; going on without it", thread.name)

    def _watch(self, name: str, run: Run, stop: threading.Event) -> None:
        try:
            run(stop)
        except BaseException:
            logger.critical("%s died; restart the shop", name, exc_info=True)
            self._ended.append(name)
        else:
            if not stop.is_set():
                logger.critical("%s ended by itself; restart the shop", name)
                self._ended.append(name)
