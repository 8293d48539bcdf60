"""How far the views are, for processes that read them and don't write them: what `Projector.position` is to its own."""

import threading
from collections.abc import Sequence
from typing import Final

from psycopg2.errorcodes import UNDEFINED_TABLE
from psycopg2.extensions import connection, cursor

from buystream.database import DatabaseError, connected
from buystream.delivery.policy import Backoff

PAUSE_SECONDS: Final = 0.01
"""Between two looks while a reader waits: what a reader of its own writes waits for more, at most."""

IDLE_SECONDS: Final = 1.0

NO_VIEWS: Final = "there are no views yet: 'buystream projector' makes them"

_SHOWN: Final = """
    SELECT partition, min(next_position) FROM views.build JOIN views.position USING (projection, number)
    WHERE live AND projection = ANY(%s) GROUP BY partition"""
_REACHED: Final = """
    SELECT min(next_position) FROM views.build JOIN views.position USING (projection, number)
    WHERE live AND partition = %s"""


class Shown:
    """Looks while it is asked. `run` belongs to one thread, the rest to any."""

    def __init__(self, dsn: str, projections: Sequence[str]) -> None:
        self._dsn = dsn
        self._projections = list(projections)
        self._reached: dict[int, int] = {}
        self._asked = threading.Event()
        self.problem: str | None = "the views were not read yet"
        """Why there is nothing to show, or None."""

    def position(self, partition: int) -> int:
        """The position up to which (exclusive) the views show the partition's events: as it was a moment ago, so
        perhaps too low, never too high."""
        self._asked.set()
        return self._reached.get(partition, 0)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        backoff = Backoff("positions of the views")
        while not stop.is_set():
            try:
                with connected(self._dsn, "positions", autocommit=True) as conn:
                    self._look(conn, stop, backoff)
            except DatabaseError as error:
                self.problem = NO_VIEWS if error.sqlstate == UNDEFINED_TABLE else "the views can't be read"
                backoff.wait(stop, error)

    def _look(self, conn: connection, stop: threading.Event, backoff: Backoff) -> None:
        while not stop.is_set():
            self._asked.clear()
            with conn.cursor() as cur:
                cur.execute(_SHOWN, (self._projections,))
                self._reached = dict(cur.fetchall())
            self.problem = None if self._reached else NO_VIEWS
            backoff.reset()
            stop.wait(PAUSE_SECONDS)
            self._asked.wait(IDLE_SECONDS)


def position_of(cur: cursor, partition: int) -> int:
    """The position up to which (exclusive) every view that is shown has the partition's events."""
    cur.execute(_REACHED, (partition,))
    (position,) = cur.fetchone() or (None,)
    return position or 0
