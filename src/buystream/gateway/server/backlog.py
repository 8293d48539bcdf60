"""How many commands may wait for one partition's decisions: those that are decided before their senders give up. Past
that a queue only makes everybody late, and the work on it is wasted."""

MEASURE_SECONDS = 1.0
"""Over which the decisions are counted."""

BACKLOG_MIN = 64
"""While fewer wait on average, the partition isn't busy, and how many it decides says nothing of how many it could."""


class Backlog:
    """One partition's, at one gateway. Lives on its event loop."""

    def __init__(self, wait_seconds_max: float) -> None:
        """Nobody is let in who would wait longer than that."""
        self._wait_seconds_max = wait_seconds_max
        self._waiting = 0
        self._waiting_max: float | None = None
        self._waited_seconds = 0.0
        self._decided = 0

    @property
    def is_full(self) -> bool:
        """Whether one more would wait too long. A partition that decides nothing at all is never full: it has no owner
        for some seconds, and the next one decides what is there at once."""
        return self._waiting_max is not None and self._waiting >= self._waiting_max

    def enter(self) -> None:
        """One more waits."""
        self._waiting += 1

    def leave(self, waited_seconds: float) -> None:
        """One fewer waits, decided or not."""
        self._waiting -= 1
        self._waited_seconds += waited_seconds

    def note_decided(self) -> None:
        """A command of this gateway was decided, perhaps too late for its sender."""
        self._decided += 1

    def measure(self, seconds: float) -> None:
        """Take stock of the last so many seconds, and start counting again."""
        if self._waited_seconds / seconds < BACKLOG_MIN:  # so many waited on average (Little's law)
            self._waiting_max = None
        elif self._decided:
            self._waiting_max = max(self._decided / seconds * self._wait_seconds_max, 2 * BACKLOG_MIN)
        self._waited_seconds, self._decided = 0.0, 0
