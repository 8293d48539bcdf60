"""A log whose records take for ever to read."""

import threading
from collections.abc import Sequence

from buystream.log import COMMANDS, READ_LIMIT, Record
from tests.support.memory_log import MemoryLog
from tests.support.sold_log import sold_log


class SlowLog(MemoryLog):
    """Tells where it ends; reading commands waits until the process is killed."""

    def read(self, topic: str, partition: int, start: int, limit: int = READ_LIMIT) -> Sequence[Record]:
        """Never returns commands."""
        if topic == COMMANDS and start:
            threading.Event().wait()
        return super().read(topic, partition, start, limit)


def slow_log() -> SlowLog:
    """With a small sale on it."""
    log = sold_log()
    log.__class__ = SlowLog
    return log  # type: ignore[return-value]
