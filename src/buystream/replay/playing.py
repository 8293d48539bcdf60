"""The selected commands and events of all partitions in one order, that of their times, at a pace of choice: a command
comes before the events that answer it."""

import heapq
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from buystream.analysis.columns import COMMANDS_TABLE, EVENTS_TABLE
from buystream.analysis.keyed_ids import KeyedIds
from buystream.analysis.rows import TOPIC_OF, EventRow, Row, Rows
from buystream.log import Log
from buystream.replay.selection import Selection, editions_of
from buystream.replay.tables_folder import Reached
from buystream.vocabulary.codec import REPLAY_OF, rfc3339

READ_RECORDS: Final = 2_000
TOGETHER_MAX: Final = 2_000
"""Rows that are committed at once."""

GRAIN_SECONDS: Final = 0.05
"""Rows that are due within this time of each other are written together."""

ReachedBy = Mapping[str, Reached]
"""How far each stream was replayed, by its name: `events/0`."""

OnProgress = Callable[[int], None]


class Sink(Protocol):
    """Where rows go."""

    @property
    def reached(self) -> ReachedBy:
        """How far earlier runs came; empty for the first."""
        ...

    def write(self, rows: Sequence[Row], reached: ReachedBy) -> None:
        """Write these rows and remember how far they came, both or neither."""
        ...

    def close(self) -> None:
        """Release what the sink holds."""
        ...


class Tempo:
    """The time between messages, `speed` times faster than it was; without a speed there is none, nor before
    `from_ms`."""

    def __init__(
        self,
        speed: float | None,
        *,
        from_ms: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._speed = speed
        self._from_ms = from_ms
        self._clock = clock
        self._sleep = sleep
        self._began: tuple[float, int] | None = None

    def seconds_until(self, at_ms: int) -> float:
        """How long it is until a message of that time is due; the first one is due at once."""
        if self._speed is None or at_ms < self._from_ms:
            return 0.0
        if self._began is None:
            self._began = (self._clock(), at_ms)
        began, first_ms = self._began
        return began + (at_ms - first_ms) / 1_000 / self._speed - self._clock()

    def wait(self, seconds: float) -> None:
        """Until then."""
        self._sleep(seconds)


class Player:
    """Plays a selection of a log; `reached` is where an earlier run ended. What is appended meanwhile isn't played."""

    def __init__(self, log: Log, selection: Selection, reached: ReachedBy, on_progress: OnProgress) -> None:
        """Raises BadSelection and LogUnavailable."""
        selection.check(log)
        self._log = log
        self._keep = selection.wanted(editions_of(log, selection.merchants))
        self._on_progress = on_progress
        self._spans = {
            (table, partition): selection.span(log, table, partition) for table, partition in selection.streams(log)
        }
        self.reached: dict[str, Reached] = {}
        for (table, partition), span in self._spans.items():
            start = Reached(position=span.start, sequence=None if span.start else 0)
            self.reached[_name(table, partition)] = reached.get(_name(table, partition), start)

    @property
    def total(self) -> int:
        """How many positions there are to read."""
        return sum(max(0, span.stop - self.reached[_name(*stream)].position) for stream, span in self._spans.items())

    def play(self, sink: Sink, pace: Tempo) -> int:
        """Write everything to the sink, each row when it is due; returns how many rows that were."""
        together: list[Row] = []
        count = 0
        for row in self._rows():
            seconds = pace.seconds_until(row.at_ms)
            if seconds > GRAIN_SECONDS or len(together) >= TOGETHER_MAX:
                count += self._write(sink, together)
                together = []
            if seconds > GRAIN_SECONDS:
                pace.wait(pace.seconds_until(row.at_ms))
            together.append(row)
        self._note(together)
        for stream, span in self._spans.items():
            reached = self.reached[_name(*stream)]
            self.reached[_name(*stream)] = msgspec.structs.replace(reached, position=max(reached.position, span.stop))
        sink.write(together, self.reached)
        return count + len(together)

    def _write(self, sink: Sink, together: list[Row]) -> int:
        if together:
            self._note(together)
            sink.write(together, self.reached)
        return len(together)

    def _note(self, rows: Sequence[Row]) -> None:
        for row in rows:
            is_event = isinstance(row, EventRow)
            name = _name(EVENTS_TABLE if is_event else COMMANDS_TABLE, row.record.partition)
            sequence = int(row.sequence) + 1 if isinstance(row, EventRow) else 0
            self.reached[name] = Reached(position=row.record.position + 1, sequence=sequence)

    def _rows(self) -> Iterator[Row]:
        streams = [self._stream(table, partition, span) for (table, partition), span in self._spans.items()]
        for _, _, _, row in heapq.merge(*streams, key=lambda timed: timed[:3]):
            yield row

    def _stream(self, table: str, partition: int, span: range) -> Iterator[tuple[int, bool, int, Row]]:
        """The rows of one partition with what orders them among others. A clock that stepped back holds nothing up."""
        reached = self.reached[_name(table, partition)]
        rows = Rows(self._log, table, partition, _NO_KEYS, expected=reached.sequence, keep=self._keep)
        position, at_ms = reached.position, 0
        while position < span.stop:
            records = self._log.read(TOPIC_OF[table], partition, position, READ_RECORDS)
            records = [record for record in records if record.position < span.stop]
            if not records:
                return
            for row in rows.rows(records):
                at_ms = max(at_ms, row.at_ms)
                yield at_ms, table == EVENTS_TABLE, partition, row
            self._on_progress(records[-1].position + 1 - position)
            position = records[-1].position + 1


def marked(row: Row) -> bytes:
    """The row's record as a replay of the past: the original's CloudEvent with REPLAY_OF, and with a `time` if it is a
    command, whose time the log alone knows."""
    record = row.record
    extra = {REPLAY_OF: f"{record.topic}/{record.partition}/{record.position}"}
    if not isinstance(row, EventRow):
        extra["time"] = rfc3339(row.at_ms)
    body: bytes = record.value.rstrip()
    return body[:-1] + b"," + msgspec.json.encode(extra)[1:]


def _name(table: str, partition: int) -> str:
    return f"{table}/{partition}"


_NO_KEYS: Final = KeyedIds(b"")
"""Nothing is keyed: rows keep their records."""
