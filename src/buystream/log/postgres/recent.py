"""The records of lately. The parts of a shop that run in one process follow the same partitions: what one part commits,
or reads from PostgreSQL, the others have from here."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from psycopg2.extensions import cursor

from buystream.log import Record
from buystream.log.postgres.rows import read

RECENT_RECORDS_MAX: Final = 2_000
"""How many of a partition are kept. A reader that is further behind reads from PostgreSQL."""

RECENT_BYTES_MAX: Final = 4_000_000
"""How large the kept values of a partition may be."""


class Recent:
    """The newest records of each partition that this process reads. Safe for many threads."""

    def __init__(self) -> None:
        self._stretches: defaultdict[tuple[str, int], _Stretch] = defaultdict(_Stretch)

    def read(
        self, opened: Callable[[], cursor], topic: str, partition: int, start: int, *, until: int, limit: int
    ) -> list[Record]:
        """Up to `limit` committed records from `start` on, among them all before `until`, which a commit announced.
        `opened` gives a cursor when PostgreSQL has to be asked."""
        if until - start > RECENT_RECORDS_MAX:
            return read(opened(), topic, partition, start, limit)
        stretch = self._stretches[topic, partition]
        with stretch.lock:  # who comes second waits for what the first one reads
            if stretch.start <= start and until <= stretch.end:
                return stretch.records[start - stretch.start :][:limit]
            records = read(opened(), topic, partition, start, limit)
            stretch.add(records)
            return records

    @contextmanager
    def committing(self, written: Sequence[list[Record]]) -> Iterator[None]:
        """Around the commit of these, of one partition each: readers that it wakes find them here. Nothing is kept of
        what nobody reads here, or when the commit raises."""
        kept = [
            (stretch, records)
            for records in written
            if (stretch := self._stretches.get((records[0].topic, records[0].partition)))
        ]
        with ExitStack() as locks:
            for stretch, _ in kept:
                locks.enter_context(stretch.lock)
            yield
            for stretch, records in kept:
                stretch.add(records)


class _Stretch:
    """Records of one partition, one after another: positions are dense in PostgresLog."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.records: list[Record] = []
        self.start = 0
        self._bytes = 0

    @property
    def end(self) -> int:
        """The position after the last one."""
        return self.start + len(self.records)

    def add(self, records: list[Record]) -> None:
        """Keep the newest: what is older or already here is left out."""
        if not records or records[-1].position < self.end:
            return
        if not self.start <= records[0].position <= self.end:
            self.records, self.start, self._bytes = [], records[0].position, 0
        fresh = records[self.end - records[0].position :]
        self.records += fresh
        self._bytes += sum(len(record.value) for record in fresh)
        while len(self.records) > RECENT_RECORDS_MAX or self._bytes > RECENT_BYTES_MAX:
            self._drop_older_half()

    def _drop_older_half(self) -> None:
        dropped = (len(self.records) + 1) // 2
        self._bytes -= sum(len(record.value) for record in self.records[:dropped])
        self.records = self.records[dropped:]
        self.start += dropped
