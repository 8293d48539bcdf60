"""The owner and time. A gate in front of deciding stops a partition at a command whose time can't be right, until an
operator gives a verdict on the log. The log's own clock, as far as the owner knows it, says when a Tick is due. And the
owner notices when it was out of touch with the log, so that it can give the grace."""

import time
from collections.abc import Callable, Sequence

import msgspec

from buystream.delivery.sequence import head_of
from buystream.errors import BuystreamError
from buystream.log import COMMANDS, EVENTS, READ_LIMIT, Log, Record
from buystream.vocabulary import codec, commands

TIME_MS_MAX = 253_402_300_799_999
"""The end of the year 9999, the last one that a date can name. No verdict accepts a later time."""

AWAY_SECONDS_MAX = 5.0
"""Out of touch with the log for longer than this, the owner gives the grace."""


def wall_clock_ms() -> int:
    """This machine's clock."""
    return time.time_ns() // 1_000_000


class TimeAhead(BuystreamError):
    """A command's time is too far ahead of this machine's clock."""

    def __init__(self, record: Record, ahead_ms: int) -> None:
        super().__init__(
            f"partition {record.partition} is stopped: its command {record.position} is stamped"
            f" {shown_time(record.at_ms)}, {ahead_ms / 1000:,.0f} s ahead of this machine's clock; set the wrong clock"
            " right, then see 'buystream clock show'"
        )
        self.record = record


def shown_time(at_ms: int) -> str:
    """A time for people, also one that no date can name."""
    return codec.rfc3339(at_ms) if 0 <= at_ms <= TIME_MS_MAX else f"{at_ms} ms"


class Verdict(msgspec.Struct, frozen=True):
    """An operator's word about the times of the commands from `first` to its own position `last`."""

    first: int
    last: int
    stamped_ms: int
    passes_over: bool


class Verdicts:
    """The verdicts that are on the command log of a partition; reads ahead for them, and remembers how far."""

    def __init__(self, log: Log, partition: int) -> None:
        self._log = log
        self._partition = partition
        self._scanned = 0
        self._found: list[Verdict] = []

    def covering(self, record: Record) -> Verdict | None:
        """The first verdict about this command's time, or None. Raises LogUnavailable."""
        self._scanned = max(self._scanned, record.position)  # it may be a verdict about itself, too
        return self._known(record) or (self._known(record) if self._scan() else None)

    def _known(self, record: Record) -> Verdict | None:
        return next(
            (one for one in self._found if one.first <= record.position <= one.last and self._is_meant(one, record)),
            None,
        )

    def _is_meant(self, verdict: Verdict, record: Record) -> bool:
        """A verdict names a time too, so that a mistyped position means nothing."""
        if record.position != verdict.first:
            record = self._log.read(COMMANDS, self._partition, verdict.first, 1)[0]
        return (record.position, record.at_ms) == (verdict.first, verdict.stamped_ms)

    def _scan(self) -> bool:
        """Read on to the end; whether there were verdicts."""
        before = len(self._found)
        while records := self._log.read(COMMANDS, self._partition, self._scanned, READ_LIMIT):
            self._found += [verdict for record in records if (verdict := _verdict_of(record))]
            self._scanned = records[-1].position + 1
        return len(self._found) > before


def _verdict_of(record: Record) -> Verdict | None:
    if b"Time" not in record.value:
        return None
    try:
        command = codec.read_command(record.value).data
    except codec.Unreadable:
        return None
    if not isinstance(command, commands.AcceptTime | commands.PassOverTime) or command.position >= record.position:
        return None
    passes_over = isinstance(command, commands.PassOverTime)
    return Verdict(command.position, record.position, command.stamped_ms, passes_over)


class Admitted(msgspec.Struct, frozen=True):
    """What may be decided of a batch. `ahead` is the command that stops the partition, if one does; `passed_over` are
    the positions of those that are decided at the partition's present time."""

    records: Sequence[Record]
    passed_over: frozenset[int] = frozenset()
    ahead: Record | None = None


class Gate:
    """Lets commands pass to be decided whose times are at most `ahead_seconds_max` ahead of this machine's clock, or
    about which there is a verdict. Deciding itself stays pure: it is given a time, and reads no clock."""

    def __init__(self, verdicts: Verdicts, *, ahead_seconds_max: int, now_ms: Callable[[], int]) -> None:
        self._verdicts = verdicts
        self._ahead_ms_max = ahead_seconds_max * 1000
        self._now_ms = now_ms

    def admit(self, records: Sequence[Record], clock_ms: int) -> Admitted:
        """What of these may be decided by a partition whose clock has reached `clock_ms`. A time that doesn't move that
        clock is never too far ahead."""
        latest_ms = self._now_ms() + self._ahead_ms_max
        if all(record.at_ms <= latest_ms for record in records):
            return Admitted(records)
        passed_over: set[int] = set()
        for number, record in enumerate(records):
            if record.at_ms <= latest_ms or record.at_ms <= clock_ms:
                continue
            verdict = self._verdicts.covering(record)
            if verdict is not None and verdict.passes_over:
                passed_over.add(record.position)
            elif verdict is not None and record.at_ms <= TIME_MS_MAX:
                clock_ms = record.at_ms
            else:
                return Admitted(records[:number], frozenset(passed_over), record)
        return Admitted(records, frozenset(passed_over))

    def stop(self, record: Record) -> TimeAhead:
        """Why the partition is stopped at this command."""
        return TimeAhead(record, record.at_ms - self._now_ms())

    def admits(self, record: Record) -> bool:
        """Whether this command may be decided now. Raises LogUnavailable."""
        return self.admit([record], 0).ahead is None


class LogClock:
    """The log's time, as far as its owner knows: the latest stamp that it has read, and its own stopwatch since. It
    doesn't depend on how this machine's clock is set, and is never ahead of a log whose clock goes steadily."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self._offset_ms: float | None = None

    def note(self, at_ms: int) -> None:
        """A record with this stamp was just read. The one that was read soonest after its append says it best."""
        offset_ms = at_ms - self._stopwatch() * 1000
        if self._offset_ms is None or offset_ms > self._offset_ms:
            self._offset_ms = offset_ms

    def correct(self, at_ms: int) -> None:
        """The log stamps this now, earlier than was thought: its clock was set back."""
        self._offset_ms = at_ms - self._stopwatch() * 1000

    def now_ms(self) -> int | None:
        """None until a record was read."""
        return None if self._offset_ms is None else int(self._offset_ms + self._stopwatch() * 1000)


class Contact:
    """Notices when the owner was out of touch with the log for too long, while it matters."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self._since: float | None = None
        self._was_lost = False

    def watch(self) -> None:
        """It matters from now on."""
        if self._since is None:
            self._since = self._stopwatch()

    def ignore(self) -> None:
        """It doesn't matter for now."""
        self._since, self._was_lost = None, False

    def made(self) -> None:
        """The log has just answered. May be called from any thread."""
        if self.is_lost:
            self._was_lost = True
        if self._since is not None:
            self._since = self._stopwatch()

    @property
    def is_watching(self) -> bool:
        """Whether it matters now."""
        return self._since is not None

    @property
    def seconds(self) -> float:
        """How long ago the log answered last; 0 while it doesn't matter."""
        return 0.0 if self._since is None else self._stopwatch() - self._since

    @property
    def is_lost(self) -> bool:
        """Whether there was a gap that is too long."""
        return self._was_lost or self.seconds > AWAY_SECONDS_MAX


def stopped_at(log: Log, partition: int, gate: Gate) -> Record | None:
    """The command whose time stops this partition, or None; from the log alone. Raises LogUnavailable."""
    position, clock_ms = 0, 0
    if end := log.end(EVENTS, partition):
        (last,) = log.read(EVENTS, partition, end - 1, 1)
        position, clock_ms = head_of(last).commandposition + 1, codec.read_event(last.value).at_ms
    while records := log.read(COMMANDS, partition, position, READ_LIMIT):
        admitted = gate.admit(records, clock_ms)
        if admitted.ahead is not None:
            return admitted.ahead
        own = [record.at_ms for record in records if record.position not in admitted.passed_over]
        clock_ms = max([clock_ms, *own])
        position = records[-1].position + 1
    return None
