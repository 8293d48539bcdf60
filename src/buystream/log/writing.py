"""Appending without waiting: how commands reach a log that commits."""

import logging
import threading
from collections.abc import Callable, Sequence

from buystream.log import Log, Message, Rejected

QUEUE_MAX = 8_192
"""Messages that wait at most: beyond it one is refused at once, and memory stays bounded."""

OnFailure = Callable[[Sequence[Message], Exception], None]
"""Receives, on the writer's thread, the messages that may or may not be on the log."""

_log = logging.getLogger(__name__)


class BatchWriter:
    """Implements `buystream.log.Writer`: one thread, and per round one append for each partition that has something.
    Batch while busy: while one append commits, the next batch collects; no timers."""

    def __init__(self, log: Log, topic: str, *, on_failure: OnFailure) -> None:
        self._log = log
        self._topic = topic
        self._on_failure = on_failure
        self._queue: list[tuple[int, Message]] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"writes {topic}", daemon=True)
        self._thread.start()

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Append what waits, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_seconds)

    @property
    def waiting(self) -> int:
        """Messages not yet on their way."""
        return len(self._queue)

    def submit(self, partition: int, message: Message) -> bool:
        """Queue one message; False when the queue is full or the writer is closed."""
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
            self._log.append(self._topic, partition, messages)
        except Rejected as error:
            if len(messages) == 1:
                self._fail(partition, messages, error)
                return
            for message in messages:  # none of them is on the log, and only the one at fault need fail
                self._append(partition, [message])
        except Exception as error:  # whatever it is, those who wait must hear of it
            self._fail(partition, messages, error)

    def _fail(self, partition: int, messages: list[Message], error: Exception) -> None:
        _log.warning(
            "%d messages to partition %d of %s failed: %s",
            *(len(messages), partition, self._topic, error),
            extra={"topic": self._topic, "partition": partition},
        )
        self._on_failure(messages, error)
