"""Batches of decisions: what comes while one commit runs joins the next."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Self

import msgspec

from buystream.errors import BuystreamError
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Message, Owner, Record, Rejected, Tail
from buystream.metrics import BATCH_COMMANDS, COMMANDS_DECIDED, COMMIT_SECONDS, EVENTS_DECIDED, RECORDS_SET_ASIDE

BATCH_COMMANDS_MAX = 5_000
"""Decided in one commit; what came meanwhile is the next batch. A commit on Kafka costs some 9 ms whatever its size."""

COLLECT_SECONDS = 0.003
"""While a commit runs, the next batch collects: how often what has come meanwhile is decided."""


class BatchRejected(BuystreamError):
    """The log will never take the answers to the commands at these positions; one of the answers is at fault."""

    def __init__(self, positions: Sequence[int], reason: str) -> None:
        super().__init__(f"the log rejects the answers to {len(positions)} commands: {reason}")
        self.positions = positions
        self.reason = reason


class CommitBatch(msgspec.Struct):
    """What one commit appends, by topic, and the positions of the commands that it answers."""

    messages: dict[str, list[Message]]
    positions: list[int]


class Commits:
    """Commits one batch in a thread of its own while the next is decided; never two at a time. What is decided
    meanwhile assumes that the batch before gets committed: after an error, forget it all. At the end the last batch is
    waited for. `on_end` is called with how each commit ended, on the commits' thread."""

    def __init__(self, owner: Owner, *, on_end: Callable[[BaseException | None], None] = lambda error: None) -> None:
        self._owner = owner
        self._on_end = on_end
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{threading.current_thread().name} commits")
        self._running: tuple[Future[None], CommitBatch] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.shutdown()
        if kind is None:
            self.wait()

    def begin(self, batch: CommitBatch) -> None:
        """Commit this when the batch before is committed; raises what that raised."""
        self.wait()
        self._running = self._thread.submit(self._commit, batch), batch

    def check(self) -> None:
        """Raises what the last commit raised, if it has ended."""
        if self._running is not None and self._running[0].done():
            self.wait()

    def idle_within(self, seconds: float) -> bool:
        """Whether nothing is being committed, now or after waiting for that time."""
        return self._running is None or not wait([self._running[0]], seconds).not_done

    def wait(self) -> None:
        """Until the last batch is committed; raises what its commit raised, and BatchRejected for Rejected."""
        running, self._running = self._running, None
        if running is not None:
            future, batch = running
            try:
                future.result()
            except Rejected as error:
                raise BatchRejected(batch.positions, str(error)) from error

    def _commit(self, batch: CommitBatch) -> None:
        try:
            with COMMIT_SECONDS.time():
                self._owner.commit(batch.messages)
        except BaseException as error:
            self._on_end(error)
            raise
        COMMANDS_DECIDED.inc(len(batch.positions))
        EVENTS_DECIDED.inc(len(batch.messages[EVENTS]))
        RECORDS_SET_ASIDE.labels(COMMANDS).inc(len(batch.messages.get(DEADLETTER, ())))
        BATCH_COMMANDS.observe(len(batch.positions))
        self._on_end(None)


class Deciding:
    """Decides what a tail brings, batch after batch. What comes while one batch commits is decided meanwhile and joins
    the next, up to the moment when that begins. Up to `singly_through` each command is a batch of its own."""

    def __init__(
        self,
        tail: Tail,
        commits: Commits,
        decide: Callable[[Sequence[Record]], tuple[Sequence[Record], Mapping[str, list[Message]]]],
        *,
        singly_through: int = -1,
    ) -> None:
        """`decide` returns the records that it decided, from the first on, and the answers by topic."""
        self._tail = tail
        self._commits = commits
        self._decide = decide
        self._singly_through = singly_through
        self._last_position = -1
        self._collected = CommitBatch({}, [])

    def step(self, wait_seconds: float) -> int:
        """Decide what is there, after waiting for it for that time at most, and commit unless the last commit still
        runs; returns how many commands were decided. Raises what a commit raised."""
        if self._collected.positions:
            self._commits.idle_within(COLLECT_SECONDS)
            wait_seconds = 0.0
        batch_max = 1 if self._last_position < self._singly_through else BATCH_COMMANDS_MAX
        records = self._tail.poll(wait_seconds, limit=max(batch_max - len(self._collected.positions), 1))
        self._commits.check()
        decided, answers = self._decide(records)
        for topic, messages in answers.items():
            self._collected.messages.setdefault(topic, []).extend(messages)
        self._collected.positions += [record.position for record in decided]
        if decided:
            self._last_position = decided[-1].position
        if len(self._collected.positions) >= batch_max or self._commits.idle_within(0):
            self._begin()
        return len(decided)

    def finish(self) -> None:
        """Commit what is decided; raises what a commit raised."""
        self._begin()
        self._commits.wait()

    def _begin(self) -> None:
        if self._collected.positions:
            self._commits.begin(self._collected)
            self._collected = CommitBatch({}, [])
