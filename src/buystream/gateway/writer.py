"""The commands' way onto the log. Batch while busy: while one append commits, the next batch collects; no timers."""

import logging
import threading
from collections.abc import Callable, Sequence

from buystream.log import COMMANDS, Log, Message

QUEUE_MAX = 8_192
"""Commands that wait at most: beyond it a request is refused at once, and memory stays bounded."""

OnFailure = Callable[[Sequence[str], Exception], None]

_log = logging.getLogger(__name__)


class CommandWriter:
    """One thread; per round one append for each partition that has something. An append that fails is never repeated
    here, because it may have happened: its commands' ids go to `on_failure`, on the writer's thread."""

    def __init__(self, log: Log, *, on_failure: OnFailure) -> None:
        self._log = log
        self._on_failure = on_failure
        self._queue: list[tuple[int, Message]] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="command-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Write what waits, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_seconds)

    @property
    def waiting(self) -> int:
        """Commands not yet on their way."""
        return len(self._queue)

    def submit(self, partition: int, message: Message) -> bool:
        """Queue one command; False when the queue is full or the writer has stopped."""
        with self._changed:
            if self._stopping or len(self._queue) >= QUEUE_MAX:
                return False
            self._queue.append((partition, message))
            if len(self._queue) == 1:
                self._changed.notify()
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    if self._stopping:
                        return
                    self._changed.wait()
                batch, self._queue = self._queue, []
            by_partition: dict[int, list[Message]] = {}
            for partition, message in batch:
                by_partition.setdefault(partition, []).append(message)
            for partition, messages in by_partition.items():
                self._append(partition, messages)

    def _append(self, partition: int, messages: list[Message]) -> None:
        try:
            self._log.append(COMMANDS, partition, messages)
        except Exception as error:  # whatever it is, those who wait must hear of it
            _log.warning("%d commands of partition %d: outcome unknown: %s", len(messages), partition, error)
            self._on_failure([message.headers["ce_id"] for message in messages], error)
