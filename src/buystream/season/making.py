"""Making a season: processes by partition write it to an empty log, and leave the shop as it would be after it: folded
partitions, checkpoints, the sandbox's books. Progress is read off the log."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from multiprocessing.connection import Connection, wait
from typing import Final, Protocol

import msgspec

from buystream.database import one_transaction
from buystream.delivery.policy import Checkpoints, Place
from buystream.errors import BuystreamError
from buystream.log import COMMANDS, EVENTS, TOPICS, Log, Record
from buystream.log.filling import Filler, nobody_decides
from buystream.log.postgres.filling import PostgresFiller, begin_filling, end_filling
from buystream.projections.engine import snapshots
from buystream.providers import sandbox_books
from buystream.season.playing import Placed, play
from buystream.season.stage import PartitionStage

LOOK_SECONDS: Final = 0.5
ADVICE: Final = (
    "A season needs a shop of its own: choose a new folder with --data-dir, or another BUYSTREAM_KAFKA_PREFIX"
)
RUNS: Final = "the shop runs: a season needs a new one"

OnProgress = Callable[[int], None]
"""Called with how many commands are on the log by now."""


class FillingPlace(Protocol):
    """Where a log is: enough for another process to fill it."""

    def begin(self) -> None:
        """Mark the log as a part of something, for every reader."""
        ...

    def filler(self) -> Filler:
        """A filler with connections of its own."""
        ...

    def complete(self) -> None:
        """Take the mark away."""
        ...


class PostgresPlace(msgspec.Struct, frozen=True):
    """A log in PostgreSQL."""

    dsn: str

    def begin(self) -> None:
        """A mark in the database."""
        begin_filling(self.dsn)

    def filler(self) -> Filler:
        """Fills it."""
        return PostgresFiller(self.dsn)

    def complete(self) -> None:
        """Without the mark."""
        end_filling(self.dsn)


class PartitionMade(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the season a partition has; the checksum is over everything that a reader sees."""

    partition: int
    commands: int
    events: int
    checksum: str


class PartitionFailed(msgspec.Struct, frozen=True):
    """Why a process ended."""

    reason: str


def make(
    season: Placed, log: Log, place: FillingPlace, dsn: str, *, processes: int, on_progress: OnProgress
) -> list[PartitionMade]:
    """Write the season to the log, which is empty, and whose database is at `dsn`. Raises FillRefused when a shop runs,
    and BuystreamError when a process failed: then the log holds part of a season, and is of no use."""
    with nobody_decides(log, RUNS) as still_nobody:
        place.begin()
        with _started(season, place, dsn, processes) as connections:
            made = gathered(connections, season.plan.partitions, lambda: on_progress(_commands_on(log)))
        still_nobody()
        for consumer in ("payments", "flows"):
            with closing(Checkpoints(dsn, consumer, partitions=season.plan.partitions)) as checkpoints:
                checkpoints.save({one.partition: Place(one.events, one.events) for one in made})
        place.complete()
    return made


def checksum_of(made: Sequence[PartitionMade]) -> str:
    """Of the whole season."""
    return blake2b("".join(one.checksum for one in made).encode(), digest_size=16).hexdigest()


def _commands_on(log: Log) -> int:
    return sum(log.end(COMMANDS, partition) for partition in range(log.partitions))


@contextmanager
def _started(season: Placed, place: FillingPlace, dsn: str, processes: int) -> Iterator[list[Connection]]:
    """The processes at work, and where each reports; at the end none of them is left."""
    spawn = multiprocessing.get_context("spawn")
    connections: list[Connection] = []
    children = []
    try:
        for number in range(min(processes, season.plan.partitions)):
            ours, theirs = spawn.Pipe(duplex=False)
            partitions = range(number, season.plan.partitions, processes)
            child = spawn.Process(target=_make_partitions, args=(season, partitions, place, dsn, theirs), daemon=True)
            child.start()
            theirs.close()
            children.append(child)
            connections.append(ours)
        yield connections
    finally:
        for child in children:
            child.kill()
            child.join()


def gathered(connections: Sequence[Connection], partitions: int, on_look: Callable[[], None]) -> list[PartitionMade]:
    """What processes report of so many partitions; looks up now and then. Raises BuystreamError when one failed, or was
    killed."""
    made: list[PartitionMade] = []
    left = list(connections)
    while left:
        for ready in wait(left, LOOK_SECONDS):
            if isinstance(ready, Connection):
                try:
                    said = ready.recv()
                except EOFError:
                    left.remove(ready)
                    continue
                if isinstance(said, PartitionFailed):
                    raise BuystreamError(f"the season isn't complete: {said.reason}. {ADVICE}")
                made.append(said)
        on_look()
    if len(made) < partitions:
        raise BuystreamError(f"the season isn't complete: a process was killed. {ADVICE}")
    return sorted(made, key=lambda one: one.partition)


def _make_partitions(
    season: Placed, partitions: Sequence[int], place: FillingPlace, dsn: str, report: Connection
) -> None:
    """In a process of its own; whatever goes wrong is reported."""
    try:
        with closing(place.filler()) as filler:
            for partition in partitions:
                report.send(_make_partition(season, partition, filler, dsn))
    except BaseException as error:
        report.send(PartitionFailed(f"{type(error).__name__}: {error}"))
        raise
    finally:
        report.close()


def _make_partition(season: Placed, partition: int, filler: Filler, dsn: str) -> PartitionMade:
    sink = Checked(filler)
    stage = play(season, partition, sink, lambda _: None)
    with one_transaction(dsn, "season") as cur:
        sandbox_books.fill(cur, stage.bank.books.values())
    _keep(stage, dsn)
    return PartitionMade(
        partition=partition,
        commands=stage.ends[COMMANDS],
        events=stage.ends[EVENTS],
        checksum=sink.checksum,
    )


def _keep(stage: PartitionStage, dsn: str) -> None:
    """The partition as it is now, so that the shop's first owner needn't fold it."""
    with one_transaction(dsn, "season") as cur:
        snapshots.TABLES.ensure(cur)
        snapshots.save(cur, stage.number, stage.ends[EVENTS] - 1, stage.partition)


class Checked:
    """Passes records on, and sums up what they say: topic by topic, so that batches don't matter."""

    def __init__(self, filler: Filler) -> None:
        self._filler = filler
        self._digests = {topic: blake2b(digest_size=16) for topic in TOPICS}

    @property
    def checksum(self) -> str:
        """Over everything so far, as 32 hex digits."""
        whole = blake2b(digest_size=16)
        for digest in self._digests.values():
            whole.update(digest.digest())
        return whole.hexdigest()

    def write(self, records: Sequence[Record]) -> None:
        """Records of one topic, in order."""
        digest = self._digests[records[0].topic]
        for record in records:
            digest.update(f"{record.position} {record.at_ms} {record.key} ".encode())
            digest.update(record.value)
        self._filler.write(records)
