"""The decider: one owner per partition turns commands into events, in log order, in batches, in memory. The event log
is its checkpoint: it starts by fencing, folds the partition, and goes on after the command that the last event
answers."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Protocol, Self

from buystream import codec, commands
from buystream.aggregates.partition import NOWHERE, Partition
from buystream.aggregates.rules import NEWEST_RULES, UnknownRules
from buystream.consumers.delivery import Backoff, dead_letter, tell_assigned
from buystream.events import Event
from buystream.ids import new_command_id
from buystream.log import (
    COMMANDS,
    DEADLETTER,
    EVENTS,
    READ_LIMIT,
    Damaged,
    Fenced,
    Log,
    LogUnavailable,
    Message,
    Owner,
    Record,
    Tail,
)
from buystream.metrics import BATCH_COMMANDS, COMMANDS_DECIDED, COMMIT_SECONDS, EVENTS_DECIDED, FOLD_SECONDS

logger = logging.getLogger(__name__)

BATCH_COMMANDS_MAX = 5_000
"""Decided in one commit; what came meanwhile is the next batch. A commit on Kafka costs some 9 ms whatever its size."""

COLLECT_SECONDS = 0.003
"""While a commit runs, the next batch collects: how often what has come meanwhile is decided."""

IDLE_SECONDS = 5.0
TICK_PAUSE_SECONDS = 0.1
"""Between two Ticks: the log's clock may lag behind ours, and then the first one finds nothing due."""


class SnapshotStore(Protocol):
    """Where folded partitions are kept."""

    def newest(self, partition: int) -> tuple[Partition, int] | None:
        """A partition as it once was, and the position of the first event after it."""
        ...


class Decider:
    """Decides for all partitions that are assigned to this process, each in a thread of its own."""

    def __init__(
        self, log: Log, *, owner: str, grace_seconds: int = 60, snapshots: SnapshotStore | None = None
    ) -> None:
        self._log = log
        self._owner = owner
        self._grace_seconds = grace_seconds
        self._snapshots = snapshots
        self._running: dict[int, PartitionDecider] = {}

    @property
    def ready(self) -> bool:
        """Whether all partitions are assigned here, folded, and answering."""
        running = list(self._running.values())
        return len(running) == self._log.partitions and all(decider.ready for decider in running)

    @property
    def problem(self) -> str | None:
        """Which of the partitions that are assigned here get no answers now, or None."""
        late = sorted(partition for partition, decider in self._running.copy().items() if not decider.ready)
        return f"partitions are being taken over: {late}" if late else None

    @property
    def owned(self) -> list[int]:
        """The partitions that this process answers for now."""
        return sorted(partition for partition, decider in self._running.items() if decider.ready)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`: take what is assigned, give up what isn't any more."""
        assignment = self._log.assignment("decider")
        try:
            while not stop.is_set():
                self._adopt(assignment.poll(timeout_seconds=0.5))
        finally:
            self._adopt(frozenset())
            assignment.close()

    def _adopt(self, assigned: frozenset[int]) -> None:
        lost = [self._running.pop(partition) for partition in set(self._running) - assigned]
        for decider in lost:
            decider.stop()
        for decider in lost:
            decider.join()
        if lost or assigned - set(self._running):
            tell_assigned("decider", assigned)
        for partition in sorted(assigned - set(self._running)):
            self._running[partition] = decider = PartitionDecider(
                self._log,
                partition,
                owner=self._owner,
                grace_seconds=self._grace_seconds,
                snapshots=self._snapshots,
            )
            decider.start()


class PartitionDecider:
    """Owns one partition. After anything unclear it throws its memory away and starts again from the log."""

    def __init__(
        self, log: Log, partition: int, *, owner: str, grace_seconds: int, snapshots: SnapshotStore | None
    ) -> None:
        self.ready = False
        self._log = log
        self._number = partition
        self._owner_name = owner
        self._grace_seconds = grace_seconds
        self._snapshots = snapshots
        self._stop = threading.Event()
        self._tail: Tail | None = None
        self._thread = threading.Thread(target=self._run, name=f"decider-{partition}")

    def start(self) -> None:
        """Begin to own and decide."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after the batch at hand."""
        self._stop.set()
        tail = self._tail
        if tail is not None:
            tail.wake()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _run(self) -> None:
        backoff = Backoff(f"decider of partition {self._number}")
        while not self._stop.is_set():
            try:
                self._own_and_decide(backoff)
            except (Fenced, LogUnavailable) as error:
                backoff.wait(self._stop, error)
            except (Damaged, UnknownRules) as error:
                logger.critical("partition %d is refused: %s", self._number, error)
                return
            except Exception:
                logger.exception("partition %d: the decider starts again from the log", self._number)
                backoff.wait(self._stop, RuntimeError("unexpected"))
            finally:
                self.ready = False

    def _own_and_decide(self, backoff: Backoff) -> None:
        owner = self._log.own(self._number)
        try:
            partition = recover(self._log, self._number, self._snapshots)
            partition.rules  # noqa: B018  an owner that lacks the rules refuses the partition before deciding
            if partition.state.sequence == NOWHERE:
                self._append(commands.AdoptRules(rules_version=NEWEST_RULES))  # older partitions: when told to
            self._append(commands.OwnerStarted(owner=self._owner_name, grace_seconds=self._grace_seconds))
            self._tail = self._log.tail(COMMANDS, {self._number: partition.state.command_position + 1})
            try:
                logger.info("owns partition %d from command %d", self._number, partition.state.command_position + 1)
                with Commits(owner, on_end=partial(self._committed, self._tail, backoff)) as commits:
                    self._decide(partition, commits, self._tail)
            finally:
                tail, self._tail = self._tail, None
                tail.close()
        finally:
            owner.close()

    def _committed(self, tail: Tail, backoff: Backoff, error: BaseException | None) -> None:
        """On the commits' thread."""
        if error is None:
            backoff.reset()
            self.ready = True
        else:
            tail.wake()

    def _decide(self, partition: Partition, commits: "Commits", tail: Tail) -> None:
        tick_not_before = 0.0
        deciding = Deciding(partition, tail, commits)
        while not self._stop.is_set():
            due_in = self._seconds_to_deadline(partition)
            wait = IDLE_SECONDS if due_in is None else max(due_in, tick_not_before - time.monotonic(), 0.0)
            deciding.step(min(wait, IDLE_SECONDS))
            due_in = self._seconds_to_deadline(partition)
            if due_in is not None and due_in <= 0 and time.monotonic() >= tick_not_before:
                self._append(commands.Tick())
                tick_not_before = time.monotonic() + TICK_PAUSE_SECONDS
        deciding.finish()

    def _seconds_to_deadline(self, partition: Partition) -> float | None:
        deadline_ms = partition.next_deadline_ms()
        return None if deadline_ms is None else deadline_ms / 1000 - time.time()

    def _append(self, command: commands.Command) -> None:
        headers = codec.command_headers(command, command_id=new_command_id())
        self._log.append(COMMANDS, self._number, [Message(codec.encode(command), headers=headers)])


Batches = dict[str, list[Message]]
"""What one commit appends, by topic."""


class Commits:
    """Commits one batch in a thread of its own while the next is decided; never two at a time. What is decided
    meanwhile stands on the last batch's being committed: after an error, forget it all. At the end the last batch is
    waited for. `on_end` hears how each commit ended, on the commits' thread."""

    def __init__(self, owner: Owner, *, on_end: Callable[[BaseException | None], None] = lambda error: None) -> None:
        self._owner = owner
        self._on_end = on_end
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{threading.current_thread().name} commits")
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.shutdown()
        if kind is None:
            self.wait()

    def begin(self, batches: Batches, commands: int) -> None:
        """Commit these, which answer so many commands, when the batch before is committed; raises what that raised."""
        self.wait()
        self._running = self._thread.submit(self._commit, batches, commands)

    def check(self) -> None:
        """Raises what the last commit raised, if it has ended."""
        if self._running is not None and self._running.done():
            self.wait()

    def idle_within(self, seconds: float) -> bool:
        """Whether nothing is being committed, now or after waiting so long at most."""
        return self._running is None or not wait([self._running], seconds).not_done

    def wait(self) -> None:
        """Until the last batch is committed; raises what its commit raised."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def _commit(self, batches: Batches, commands: int) -> None:
        try:
            with COMMIT_SECONDS.time():
                self._owner.commit(batches)
        except BaseException as error:
            self._on_end(error)
            raise
        COMMANDS_DECIDED.inc(commands)
        EVENTS_DECIDED.inc(len(batches[EVENTS]))
        BATCH_COMMANDS.observe(commands)
        self._on_end(None)


class Deciding:
    """Decides what a tail brings, batch after batch. What comes while one batch commits is decided meanwhile and joins
    the next, up to the moment when that begins."""

    def __init__(self, partition: Partition, tail: Tail, commits: Commits) -> None:
        self._partition = partition
        self._tail = tail
        self._commits = commits
        self._collected: Batches = {}
        self._commands = 0

    def step(self, wait_seconds: float) -> int:
        """Decide what is there, after waiting for it so long at most, and commit unless the last commit still runs;
        returns how many commands were decided. Raises what a commit raised."""
        if self._commands:
            self._commits.idle_within(COLLECT_SECONDS)
            wait_seconds = 0.0
        records = self._tail.poll(wait_seconds, limit=BATCH_COMMANDS_MAX - self._commands)
        self._commits.check()
        for topic, messages in decide_batch(self._partition, records).items():
            self._collected.setdefault(topic, []).extend(messages)
        self._commands += len(records)
        if self._commands >= BATCH_COMMANDS_MAX or self._commits.idle_within(0):
            self._begin()
        return len(records)

    def finish(self) -> None:
        """Commit what is decided; raises what a commit raised."""
        self._begin()
        self._commits.wait()

    def _begin(self) -> None:
        if self._commands:
            self._commits.begin(self._collected, self._commands)
            self._collected, self._commands = {}, 0


def decide_batch(partition: Partition, records: Sequence[Record]) -> Batches:
    """Decide these commands. The state has changed even if nothing of it is ever committed: then it must be thrown
    away."""
    answers: list[Message] = []
    dead: list[Message] = []
    for record in records:
        try:
            command = codec.decode_command(record.value)
            decided = partition.decide(command, command_position=record.position, at_ms=record.at_ms)
        except codec.Unreadable as error:
            decided = partition.refuse_unreadable("unreadable", command_position=record.position, at_ms=record.at_ms)
            dead.append(dead_letter(record, str(error), "decider"))
        answers += messages_of(partition, decided, record)
    return {EVENTS: answers, DEADLETTER: dead} if dead else {EVENTS: answers}


def messages_of(partition: Partition, decided: Sequence[Event], command: Record) -> list[Message]:
    """The events of one decision as they go on the log; `partition` stands right after it."""
    state = partition.state
    sequence = state.sequence - len(decided) + 1
    reply_to = command.headers.get("ce_replyto", "")
    command_id = command.headers.get("ce_id", "")
    messages = []
    for event in decided:
        headers = codec.event_headers(
            event,
            partition=state.number,
            sequence=sequence,
            command_position=command.position,
            command_id=command_id,
            rules_version=state.rules_version,
            reply_to=reply_to,
        )
        messages.append(Message(codec.encode(event), headers["ce_partitionkey"], headers))
        sequence, reply_to = sequence + 1, ""
    return messages


def recover(log: Log, number: int, snapshots: SnapshotStore | None) -> Partition:
    """Fold the partition to the end of its events: from the newest snapshot if there is one, otherwise from the first
    event. Raises Damaged when the sequence isn't dense."""
    with FOLD_SECONDS.time():
        found = snapshots.newest(number) if snapshots else None
        partition, start = found or (Partition(number), 0)
        fold_from(log, partition, start)
        gc.freeze()  # what was folded stays for as long as the owner: no need to visit it at every collection
        return partition


def fold_from(log: Log, partition: Partition, start: int) -> int:
    """Fold all events from position `start` to the end; returns the position after the last one. While some are
    folded, the next are read."""
    read = partial(log.read, EVENTS, partition.state.number, limit=READ_LIMIT)
    with ThreadPoolExecutor(1, thread_name_prefix="reads ahead") as reading:
        ahead = reading.submit(read, start)
        while records := ahead.result():
            start = records[-1].position + 1
            ahead = reading.submit(read, start)
            fold_batch(partition, records)
    return start


def fold_batch(partition: Partition, records: Sequence[Record]) -> None:
    """Fold these events, in order; raises Damaged unless they are the next ones. Where the first and the last are so
    many apart as there are records, those between are known by their aggregates' dense versions: headers take longer
    to read than events to fold."""
    state, last = partition.state, records[-1]
    following, last_sequence = state.sequence + 1, sequence_of(last)
    if sequence_of(records[0]) != following or last_sequence != following + len(records) - 1:
        for record in records:
            fold_record(partition, record)
        return
    for record in records:
        event = _event_of(record)
        if not partition.expects(event):
            raise Damaged(f"event at position {record.position} of partition {record.partition} has no dense version")
        partition.apply(event)
    state.sequence, state.at_ms = last_sequence, event.at_ms
    state.command_position = codec.command_position_of(last.headers)


def fold_record(partition: Partition, record: Record) -> None:
    """Fold one event that was read back; raises Damaged unless it is the next one."""
    sequence = sequence_of(record)
    if sequence != partition.state.sequence + 1:
        if sequence <= partition.state.sequence:
            return
        raise Damaged(
            f"events of partition {record.partition} jump from sequence {partition.state.sequence} to {sequence}"
            f" at position {record.position}"
        )
    event = _event_of(record)
    partition.fold(event, sequence=sequence, command_position=codec.command_position_of(record.headers))


def sequence_of(record: Record) -> int:
    """An event's place in the dense order of its partition."""
    return int(record.headers["ce_sequence"])


def _event_of(record: Record) -> Event:
    try:
        return codec.decode_event(record.value)
    except codec.Unreadable as error:
        raise Damaged(f"event at position {record.position} of partition {record.partition}: {error}") from error
