"""The projector: follows the events and keeps all views. Rows and positions are one transaction; a process that finds
that a position moved meanwhile rolls back, so a crash changes nothing and two projectors apply each event once."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from time import monotonic

from psycopg2.extensions import connection, cursor

from buystream.database import DatabaseUnavailable, connected, transaction
from buystream.delivery.batch_reader import Batch, BatchReader, Places, Slice
from buystream.delivery.dead_letters import DeadLetters
from buystream.delivery.gathering import Gathering
from buystream.delivery.policy import POISON_IN_A_ROW_MAX, Backoff, Place, Poisoned
from buystream.log import EVENTS, Log, LogUnavailable, Tail
from buystream.metrics import EVENTS_BEHIND, EVENTS_POISONED, EVENTS_PROJECTED, PROJECTION_SECONDS
from buystream.projections.engine import builds
from buystream.projections.engine.builds import Build, Projection, caught_up, next_positions

__all__ = ["Batch", "Projection", "Projector", "caught_up", "next_positions"]

POLL_SECONDS = 0.5

logger = logging.getLogger(__name__)


class _Overtaken(Exception):
    """Another projector moved a position, or a rebuild took a build's place: read them again."""


Standing = dict[Build, Places]


class Projector:
    """Keeps the views of all `projections` up to date. `run` belongs to one thread, the rest to any."""

    def __init__(
        self,
        log: Log,
        dsn: str,
        projections: Sequence[Projection],
        *,
        on_reached: Callable[[Mapping[int, int]], None] = lambda reached: None,
    ) -> None:
        """`on_reached` is called with the positions that all views have reached, by partition, as `position` has
        them."""
        self._log = log
        self._dsn = dsn
        self._on_reached = on_reached
        self._projections = {projection.name: projection for projection in projections}
        self._moved = threading.Condition()
        self._reached: dict[int, int] = {}
        self._tail: Tail | None = None
        self._tail_lock = threading.Lock()
        self._backoff = Backoff("views")
        self._poison_in_a_row = 0
        self._dead_letters = DeadLetters(log, "views")
        self._lag_measured = 0.0

    def prepare(self) -> None:
        """Create the views that are missing, empty; rebuild those of another version. `run` does it too, but readers
        need the tables from the start."""
        with connected(self._dsn, "views") as conn:
            self._prepare(conn)

    def run(self, stop: threading.Event) -> None:
        """Apply events until `stop` is set (it looks twice a second, and when woken). While PostgreSQL is away it
        tries again. Raises Damaged, Poisoned, and what PostgreSQL says about a row that breaks a rule."""
        for partition in range(self._log.partitions):
            EVENTS_POISONED.labels(partition)  # from the start: a counter that is born at 1 has not grown
        while not stop.is_set():
            try:
                self._follow(stop)
            except _Overtaken as overtaken:
                logger.info("%s; reading the positions again", overtaken)
            except (DatabaseUnavailable, LogUnavailable) as error:
                self._backoff.wait(stop, error)
            except Exception as error:
                logger.critical("views stop: %s", error)
                raise

    def wake(self) -> None:
        """Make `run` look at its stop event now."""
        with self._tail_lock:
            if self._tail is not None:
                self._tail.wake()

    def position(self, partition: int) -> int:
        """The position up to which (exclusive) all views show the partition's events."""
        return self._reached.get(partition, 0)

    def wait_for(self, positions: Mapping[int, int], timeout_seconds: float) -> bool:
        """Read your writes: True when all views show every event before these positions (by partition), False after
        the time-out. In other processes, ask `caught_up`."""
        with self._moved:
            return self._moved.wait_for(
                lambda: all(self._reached.get(partition, 0) >= end for partition, end in positions.items()),
                timeout_seconds,
            )

    def rebuild(self, name: str) -> None:
        """Build the projection's tables again beside the live ones, from the first event on, then let them take the
        live ones' place in one transaction. Safe while projectors run, here and elsewhere. Raises Poisoned, and leaves
        the live ones, when they were built from events that this program can't read."""
        projection = self._projections[name]
        with connected(self._dsn, "views") as conn:
            with transaction(conn) as cur:
                cur.execute("SELECT pg_advisory_lock(hashtext(%s))", (f"buystream rebuild {name}",))
                builds.prepare_schema(cur)
                build = builds.create(cur, projection, partitions=self._log.partitions)
                places = builds.places(cur, build)
                live = builds.live_build(cur, name)
                shown = builds.places(cur, live) if live else {}
            reader = BatchReader(self._log, places)
            for partition in places:
                while self._read_on(conn, reader, build, places, partition, shown):
                    pass
            with transaction(conn) as cur:
                self._catch_up_and_promote(cur, reader, build, places)
        logger.info("view %s was rebuilt as build %d, version %d", name, build.number, build.version)

    def _read_on(
        self, conn: connection, reader: BatchReader, build: Build, places: Places, partition: int, shown: Places
    ) -> bool:
        """Apply the next batch of a build that nobody reads yet; False when there is none. `shown` is how far the live
        one goes."""
        records = self._log.read(EVENTS, partition, places[partition].position)
        slices = reader.read(records)
        for part in slices:
            if part.partition in shown:
                self._refuse_to_lose(part, shown[part.partition])
        with transaction(conn) as cur:
            self._write(cur, {build: places}, slices)
        return bool(records)

    def _refuse_to_lose(self, part: Slice, shown: Place) -> None:
        """An older program, or one that begins with a newer log, can't read every event; what was set aside before was
        in no view. Raises Poisoned."""
        read_before = [unfit for unfit in part.poison if unfit.record.position < shown.position]
        if read_before and (lost := self._dead_letters.not_there(part.partition, read_before)):
            raise Poisoned(
                f"position {lost[0].record.position} of partition {part.partition}, which the live view was built from,"
                f" can't be read: {lost[0].reason}. The view stays: rebuild it by a release that reads the whole log"
            )

    def _catch_up_and_promote(self, cur: cursor, reader: BatchReader, build: Build, places: Places) -> None:
        builds.hold(cur)  # before the positions: preparing takes them in this order too
        live = builds.live_build(cur, build.projection)
        goal = builds.places(cur, live, lock=True) if live else {}
        for partition, place in goal.items():
            while places[partition].position < place.position:
                records = self._log.read(EVENTS, partition, places[partition].position)
                self._write(cur, {build: places}, reader.read(records))
        builds.promote(cur, build)

    def _prepare(self, conn: connection) -> None:
        changed = []
        with transaction(conn) as cur:
            builds.prepare_schema(cur)
            for projection in self._projections.values():
                live = builds.live_build(cur, projection.name)
                if live is not None and self._ahead_of_log(cur, live):
                    live = None
                if live is None:
                    build = builds.create(cur, projection, partitions=self._log.partitions)
                    builds.promote(cur, build)
                elif live.version != projection.version:
                    changed.append(projection.name)
                else:
                    builds.add_partitions(cur, live, self._log.partitions)
        for name in changed:
            logger.warning("view %s is of another version: rebuilding it", name)
            self.rebuild(name)

    def _ahead_of_log(self, cur: cursor, build: Build) -> bool:
        for partition, place in builds.places(cur, build).items():
            end = self._log.end(EVENTS, partition)
            if place.position > end:
                logger.warning(
                    "view %s has seen event %d of partition %d, but the log ends before %d: DISCARDED, rebuilding it",
                    *(build.projection, place.position - 1, partition, end),
                )
                return True
        return False

    def _follow(self, stop: threading.Event) -> None:
        with connected(self._dsn, "views") as conn:
            self._prepare(conn)
            standing = self._stand(conn)
            starts = {
                partition: min((places[partition] for places in standing.values()), key=lambda p: p.position)
                for partition in range(self._log.partitions)
            }
            reader = BatchReader(self._log, starts)
            with self._following({partition: place.position for partition, place in starts.items()}) as tail:
                gathering = Gathering()
                while not stop.is_set():
                    gathering.wait()
                    records = tail.poll(POLL_SECONDS)
                    gathering.note(len(records))
                    self._backoff.reset()
                    if records:
                        self._step(conn, standing, reader.read(records))
                    self._measure_lag()

    @contextmanager
    def _following(self, starts: Mapping[int, int]) -> Iterator[Tail]:
        """A tail that `wake` reaches while it is open, and not a moment longer."""
        with closing(self._log.tail(EVENTS, starts)) as tail:
            with self._tail_lock:
                self._tail = tail
            try:
                yield tail
            finally:
                with self._tail_lock:
                    self._tail = None

    def _stand(self, conn: connection) -> Standing:
        with transaction(conn) as cur:
            standing: Standing = {}
            for name in self._projections:
                build = builds.live_build(cur, name)
                places = builds.places(cur, build) if build is not None else {}
                if build is None or places.keys() < set(range(self._log.partitions)):
                    # A rebuild, here or in another process, took its place between the two questions.
                    raise _Overtaken(f"view {name} is being replaced")
                standing[build] = places
        self._publish(standing)
        return standing

    def _step(self, conn: connection, standing: Standing, slices: Sequence[Slice]) -> None:
        for part in slices:
            self._set_aside(part)
        with PROJECTION_SECONDS.time(), transaction(conn) as cur:
            self._write(cur, standing, slices)
        for part in slices:
            EVENTS_PROJECTED.labels(part.partition).inc(len(part.events))
        self._publish(standing)

    def _write(self, cur: cursor, standing: Standing, slices: Sequence[Slice]) -> None:
        """Positions first: a projector that is behind finds out before doing any work."""
        moves = [
            (build, part.partition, places[part.partition], part)
            for part in slices
            for build, places in standing.items()
            if places[part.partition].position < part.place.position
        ]
        if not moves:
            return
        if not builds.advance(cur, [(build, number, old, part.place) for build, number, old, part in moves]):
            raise _Overtaken("another projector was quicker")
        for build, partition, old, part in moves:
            builds.enter(cur, build)
            self._projections[build.projection].apply(cur, partition, _from(old, part.events))
        for build, partition, _, part in moves:
            standing[build][partition] = part.place

    def _set_aside(self, part: Slice) -> None:
        """What isn't ours or can't be read goes to the dead letters before its position is passed."""
        self._poison_in_a_row = 0 if part.events else self._poison_in_a_row + len(part.poison)
        if self._poison_in_a_row > POISON_IN_A_ROW_MAX:
            raise Poisoned(
                f"{self._poison_in_a_row} events in a row can't be read, the last of partition {part.partition}:"
                f" {part.poison[-1].reason}"
            )
        if part.poison or part.foreign:
            number = self._dead_letters.add(
                part.partition, sorted([*part.foreign, *part.poison], key=lambda unfit: unfit.record.position)
            )
            EVENTS_POISONED.labels(part.partition).inc(number)

    def _publish(self, standing: Standing) -> None:
        with self._moved:
            self._reached = {
                partition: min(places[partition].position for places in standing.values())
                for partition in range(self._log.partitions)
            }
            self._moved.notify_all()
        self._on_reached(self._reached)

    def _measure_lag(self) -> None:
        """About once a second."""
        if monotonic() - self._lag_measured >= 1:
            self._lag_measured = monotonic()
            self._dead_letters.look()
            for partition, reached in self._reached.items():
                EVENTS_BEHIND.labels(partition).set(self._log.end(EVENTS, partition) - reached)


def _from(place: Place, batch: Batch) -> Batch:
    """What a build has not applied yet."""
    if not batch or batch[0][0] >= place.position:
        return batch
    return [item for item in batch if item[0] >= place.position]
