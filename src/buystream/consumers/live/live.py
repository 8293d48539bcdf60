"""live: windowed rates for the merchants' desks, and a flag for buyers who are too fast; by Faust, so on Kafka only.

A batch is done when its flags are on the log and its windows, together with the position after it, are in PostgreSQL;
then it is acknowledged. Either may be written again without harm: a flag has its id, a window only grows. After an
assignment the last minutes are read again to fill the windows that are open; what was done already writes nothing."""

import asyncio
import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from faust.types import TP
from psycopg2.extensions import cursor

from buystream.consumers.live.faust_app import App, Bundle, faust_app
from buystream.consumers.live.velocity import Velocity, VelocityLimits
from buystream.database import DatabaseUnavailable, KeptConnection
from buystream.delivery.batch_reader import BatchReader, Slice
from buystream.delivery.policy import POISON_IN_A_ROW_MAX, Backoff, Poisoned, tell_assigned
from buystream.delivery.sequence import sequence_of
from buystream.log import COMMANDS, EVENTS, Log, LogUnavailable, Message, Record
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import key_text
from buystream.metrics import PARTITIONS_ASSIGNED
from buystream.projections import live_rates
from buystream.projections.live_rates import LiveProgress
from buystream.projections.windows import LONGEST_SECONDS, SECOND_MS, Tally, Window, Windows
from buystream.vocabulary import actors
from buystream.vocabulary.codec import encode_command
from buystream.vocabulary.commands import FlagVelocity
from buystream.vocabulary.events import OrderPlaced, OrderRefused

logger = logging.getLogger(__name__)

T = TypeVar("T")

ROLE: Final = "live"
GROUP: Final = f"buystream-{ROLE}"
BATCH_BUNDLES_MAX: Final = 32
BATCH_SECONDS: Final = 0.1
TELL_SECONDS: Final = 1.0
FORGET_SECONDS: Final = 30.0
WARM_UP_SECONDS_MORE: Final = 10
"""Beyond the longest window: the brokers' clocks and ours may differ."""


class Live:
    """One process of the role. Any number of them share the partitions, as one consumer group."""

    def __init__(
        self,
        bootstrap: str,
        *,
        dsn: str,
        log: Log,
        limits: VelocityLimits | None = None,
        prefix: str = "",
        security: Mapping[str, Any] | None = None,
        rack: str = "",
    ) -> None:
        """`prefix` is the one of the log's topics; `security` as `faust_app.credentials` reads it; `rack` is whose
        replicas to read."""
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._security = security or {}
        self._rack = rack
        self._log = log
        self._limits = limits or VelocityLimits()
        self._database = _Database(dsn)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. Raises Damaged and Poisoned."""
        backoff = Backoff("live")
        try:
            while not stop.is_set():
                try:
                    following = _Following(self._log, self._database, self._limits, stop)
                    asyncio.run(following.run(self._bootstrap, self._prefix, self._security, self._rack))
                except _Crashed as error:
                    backoff.wait(stop, error)
        finally:
            self._database.close()


class _Crashed(Exception):
    """Faust gave up; it is restarted."""


class _Stopped(Exception):
    """Stopped before the work was done."""


class _Partition:
    """What is open in one partition since it was assigned to us; what new records ask for waits until it is written."""

    def __init__(self, log: Log, number: int, *, done: LiveProgress, end: int, limits: VelocityLimits) -> None:
        self.number = number
        self.end = end
        self.windows = Windows()
        self.touched: set[Window] = set()
        self.flags: list[FlagVelocity] = []
        self._done = done
        self._position, self._at_ms = 0, done.at_ms
        self._written = (self._position, self._at_ms)
        self._reader = BatchReader(log, {})
        self._velocity = Velocity(limits)
        self._poison_in_a_row = 0

    @property
    def is_warm(self) -> bool:
        """Whether all that was done before has been read again."""
        return self._written[0] >= self._done.position

    @property
    def written(self) -> LiveProgress:
        """How far all is done."""
        return self._progress(*self._written)

    @property
    def read_up_to(self) -> LiveProgress:
        """How far all is counted."""
        return self._progress(self._position, self._at_ms)

    def read(self, records: Sequence[Record]) -> None:
        """Count records, in order. Raises Damaged and Poisoned."""
        for part in self._reader.read(records):
            self._pass_over(part)
            if part.events:
                self._count(part)
            self._position = part.place.position

    def settle(self) -> None:
        """What waited is written."""
        self._written = (self._position, self._at_ms)
        self.touched.clear()
        self.windows.forget_final()

    def _progress(self, position: int, at_ms: int) -> LiveProgress:
        """The last records of a log may be transactions' markers, which nobody gets: never quite 0 behind."""
        return LiveProgress(position, at_ms, max(0, self.end - position))

    def _count(self, part: Slice) -> None:
        if not self._position:
            _, first, record = part.events[0]
            self.windows.begin(first.at_ms, is_first=sequence_of(record) == 0)
        new = bisect_left(part.events, self._done.position, key=lambda entry: entry[0])
        happened = [event for _, event, _ in part.events]
        self.windows.count(happened[:new])
        self.touched |= self.windows.count(happened[new:])
        for index, event in enumerate(happened):
            if isinstance(event, OrderPlaced | OrderRefused):
                flag = self._velocity.flag(event)
                if flag is not None and index >= new:
                    self.flags.append(flag)
        self._at_ms = happened[-1].at_ms

    def _pass_over(self, part: Slice) -> None:
        """The projector sets aside what isn't ours or can't be read."""
        self._poison_in_a_row = 0 if part.events else self._poison_in_a_row + len(part.poison)
        if self._poison_in_a_row > POISON_IN_A_ROW_MAX:
            raise Poisoned(f"live: {self._poison_in_a_row} unreadable events in a row: {part.poison[-1].reason}")


class _Following:
    """One life of the Faust application, in an event loop of its own."""

    def __init__(self, log: Log, database: "_Database", limits: VelocityLimits, stop: threading.Event) -> None:
        self._log = log
        self._database = database
        self._limits = limits
        self._stop = stop
        self._writing = asyncio.Lock()
        self._partitions: dict[int, _Partition] = {}
        self._generation = -1
        self._failure: BaseException | None = None
        self._app: App

    async def run(self, bootstrap: str, prefix: str, security: Mapping[str, Any], rack: str) -> None:
        """Until the stop event; raises _Crashed, Damaged and Poisoned."""
        self._app = app = faust_app(prefix + GROUP, bootstrap, security, assigned=self._assigned, rack=rack)
        self._topic = prefix + EVENTS
        app.agent(app.topic(self._topic, value_serializer="raw"))(self._watch)
        try:
            await app.start()
            await self._publish_until_the_end()
        except _Stopped:
            pass
        finally:
            await app.stop()
            PARTITIONS_ASSIGNED.labels(ROLE).set(0)
        if self._failure is not None:
            raise self._failure

    async def _assigned(self, ends: Mapping[int, int]) -> Mapping[int, int]:
        """Restart with these partitions: from where their windows end, or from now if that is earlier, less the
        longest window; but not from before what is kept."""
        unknown = {partition for partition in ends if partition >= self._log.partitions}
        if unknown and isinstance(self._log, KafkaLog):
            self._log.note_unknown(unknown)
        done = await self._in_thread(self._database.progress)
        for partition, end in ends.items():
            if partition in done and done[partition].position > end:
                logger.warning(
                    "live was ahead of partition %d, which ends at %d: DISCARDED",
                    *(partition, end),
                    extra={"partition": partition, "position": end},
                )
                del done[partition]
        if self._generation != self._app.consumer_generation_id:
            self._generation = self._app.consumer_generation_id
            self._partitions = {
                partition: _Partition(
                    self._log, partition, done=done.get(partition, _NOTHING), end=end, limits=self._limits
                )
                for partition, end in ends.items()
                if partition not in unknown
            }
            tell_assigned(ROLE, frozenset(self._partitions))
        now_ms = time.time_ns() // 1_000_000
        warm_up_ms = (max(LONGEST_SECONDS, self._limits.window_seconds) + WARM_UP_SECONDS_MORE) * SECOND_MS
        return {
            partition: max(min(done.get(partition, _NOTHING).at_ms, now_ms), now_ms - live_rates.KEPT_MS) - warm_up_ms
            for partition in ends
        }

    async def _watch(self, stream: Any) -> None:
        """The agent. Faust acknowledges a batch of `take` even when its work failed; `noack_take` leaves it to us."""
        try:
            async for batch in stream.noack_take(BATCH_BUNDLES_MAX, within=BATCH_SECONDS):
                bundles = [event for event in batch if event.message.generation_id == self._generation]
                await self._work([bundle.value for bundle in bundles if bundle.value[0].partition in self._partitions])
                for bundle in bundles:
                    await stream.ack(bundle)
        except _Stopped:
            pass
        except Exception as error:
            self._failure = error

    async def _work(self, bundles: Sequence[Bundle]) -> None:
        moved = {self._partitions[bundle[0].partition] for bundle in bundles}
        for bundle in bundles:
            self._partitions[bundle[0].partition].read([_record(fetched) for fetched in bundle])
        if any(partition.touched or partition.flags for partition in moved):
            await self._in_thread(lambda: self._write(moved))
        for partition in moved:
            partition.settle()

    def _write(self, moved: Collection[_Partition]) -> None:
        for partition in moved:
            if partition.flags:
                self._log.append(COMMANDS, partition.number, [_message(flag) for flag in partition.flags])
                partition.flags.clear()
        windows = [entry for partition in moved for entry in partition.windows.whole(partition.touched)]
        self._database.write({partition.number: partition.read_up_to for partition in moved}, windows)

    async def _publish_until_the_end(self) -> None:
        """Show readers of the rates that this process is alive, also when nothing happens."""
        told_at, forgot_at = 0.0, time.monotonic()
        while not self._stop.is_set() and self._failure is None:
            if self._app.should_stop:
                raise _Crashed(f"Faust stopped: {self._app.crash_reason!r}")
            now = time.monotonic()
            if now - told_at >= TELL_SECONDS:
                told_at = now
                await self._publish()
            if now - forgot_at >= FORGET_SECONDS:
                forgot_at = now
                await self._in_thread(self._database.forget)
            await asyncio.sleep(0.1)

    async def _publish(self) -> None:
        ends = self._app.monitor.tp_end_offsets
        for partition in self._partitions.values():
            partition.end = max(partition.end, ends.get(TP(self._topic, partition.number)) or 0)
        written = {number: partition.written for number, partition in self._partitions.items() if partition.is_warm}
        await self._in_thread(lambda: self._database.write(written))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do it in place, again and again until it works; one at a time. Raises _Stopped."""
        async with self._writing:
            return await asyncio.to_thread(self._until_it_works, work)

    def _until_it_works(self, work: Callable[[], T]) -> T:
        backoff = Backoff("live")
        while not self._stop.is_set():
            try:
                result = work()
            except LogUnavailable as error:
                backoff.wait(self._stop, error)
            else:
                backoff.reset()
                return result
        raise _Stopped


class _Database:
    """Where the windows go. Used by one thread at a time."""

    def __init__(self, dsn: str) -> None:
        self._connection = KeptConnection(dsn, "live")

    def progress(self) -> dict[int, LiveProgress]:
        """How far live was; raises LogUnavailable, as all here."""
        with self._transaction() as cur:
            live_rates.TABLES.ensure(cur)
            return live_rates.progress(cur)

    def write(self, reached: Mapping[int, LiveProgress], windows: Sequence[tuple[Window, Tally]] = ()) -> None:
        """Windows and the positions after them, in one transaction."""
        with self._transaction() as cur:
            live_rates.write(cur, windows)
            live_rates.publish(cur, reached)

    def forget(self) -> None:
        """What is too old to be shown."""
        with self._transaction() as cur:
            live_rates.forget(cur)

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        try:
            with self._connection.transaction() as cur:
                yield cur
        except DatabaseUnavailable as error:
            raise LogUnavailable(str(error)) from error


_NOTHING: Final = LiveProgress(position=0, at_ms=0, records_behind=0)


def _record(fetched: Any) -> Record:
    return Record(
        topic=EVENTS,
        partition=fetched.partition,
        position=fetched.offset,
        at_ms=fetched.timestamp,
        value=fetched.value or b"",
        key=key_text(fetched.key or b""),
    )


def _message(flag: FlagVelocity) -> Message:
    return Message(encode_command(flag, command_id=flag.flag_id, actor=actors.system("live")), flag.edition_id)
