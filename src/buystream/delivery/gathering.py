"""While the log is busy, readers that nobody waits for in milliseconds take what comes in larger batches: each batch
costs them a wake-up and a commit or two of their own, which the owners and the gateway need more."""

from time import monotonic, sleep
from typing import Final

GATHER_SECONDS: Final = 0.025
"""The time from one batch to the next at least."""

BUSY_RECORDS: Final = 4
"""A batch of fewer says that the log isn't busy, and the next one is taken at once."""

FULL_RECORDS: Final = 500
"""A batch of as many needs nothing to be added to it."""


class Gathering:
    """Of one reader. Used by one thread."""

    def __init__(self) -> None:
        self._next_at = 0.0

    def wait(self) -> None:
        """Before the next batch is taken."""
        seconds = self._next_at - monotonic()
        if seconds > 0:
            sleep(seconds)

    def note(self, records: int) -> None:
        """A batch of so many was taken."""
        self._next_at = monotonic() + GATHER_SECONDS if BUSY_RECORDS <= records < FULL_RECORDS else 0.0
