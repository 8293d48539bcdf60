"""A replay into another shop, which then shows this one's past and decides nothing (docs/decisions/0036)."""

from collections.abc import Sequence
from contextlib import closing
from typing import Final

from buystream.analysis.rows import TOPIC_OF, Row
from buystream.delivery.sequence import Foreign, sequence_of
from buystream.log import EVENTS, Log
from buystream.log.postgres import PostgresLog
from buystream.log.replayed import ReplayedLog
from buystream.replay.playing import ReachedBy
from buystream.replay.selection import BadSelection, Selection
from buystream.replay.sinks import CantResume
from buystream.replay.tables_folder import Reached

LOOK_BACK: Final = 1_000


class ShopSink:
    """Writes commands and events to the shop's log as they were. Their own positions say how far it came."""

    def __init__(self, dsn: str, log: Log, *, source: str, selection: Selection, resume: bool) -> None:
        """`log` is the one that is replayed. Raises BadSelection unless all of it is selected, up to a time: a log with
        holes is none. Raises NotAReplay, CantResume, LogUnavailable."""
        if selection != Selection(until_ms=selection.until_ms):
            raise BadSelection("a shop's log is replayed whole, from its beginning: only --until can be chosen")
        self._log = ReplayedLog(dsn, partitions=log.partitions, of=source)
        with closing(PostgresLog(dsn, partitions=log.partitions)) as there:
            self._reached = {
                f"{table}/{partition}": reached
                for table, topic in TOPIC_OF.items()
                for partition in range(there.partitions)
                if (reached := _reached(there, topic, partition))
            }
        if self._reached and not resume:
            self._log.close()
            raise CantResume("that shop has this replay: continue it with --resume, or choose an empty data folder")

    @property
    def reached(self) -> ReachedBy:
        """As the shop's log says."""
        return self._reached

    def write(self, rows: Sequence[Row], reached: ReachedBy) -> None:
        """In one transaction; where they end is where they are."""
        if rows:
            self._log.write([row.record for row in rows])

    def close(self) -> None:
        """Release the connection."""
        self._log.close()


def _reached(log: Log, topic: str, partition: int) -> Reached | None:
    end = log.end(topic, partition)
    if not end:
        return None
    if topic != EVENTS:
        return Reached(position=end)
    for record in reversed(log.read(topic, partition, max(0, end - LOOK_BACK), LOOK_BACK)):
        try:
            return Reached(position=end, sequence=sequence_of(record) + 1)
        except Foreign:
            continue
    return Reached(position=end, sequence=None)
