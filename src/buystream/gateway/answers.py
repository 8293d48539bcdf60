"""The decisions' way back: one thread tails the events of all partitions, hands each answer to the request that waits
for it, keeps the catalogue and tells watchers what changed. Headers decide what is decoded."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec

from buystream.codec import decode_event
from buystream.events import Event
from buystream.gateway.catalogue import DECIDES_ORDER, Catalogue
from buystream.log import EVENTS, Damaged, Log, LogUnavailable, Record

POLL_SECONDS = 1.0
BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)

_log = logging.getLogger(__name__)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The event that answers a command, and its place in the log."""

    event: Event
    partition: int
    position: int


class Batch(msgspec.Struct, frozen=True):
    """What one poll found: answers by command id, and what changed (order or edition id → newest record's place)."""

    answers: list[tuple[str, Answer]]
    changed: dict[str, tuple[int, int]]


class AnswerTail:
    """`deliver` is called on the event loop, once per poll that found something. `watched` holds the order and edition
    ids that somebody watches; it is only asked."""

    def __init__(
        self,
        log: Log,
        catalogue: Catalogue,
        *,
        instance_id: str,
        watched: Mapping[str, object],
        deliver: Callable[[Batch], None],
    ) -> None:
        self._log = log
        self._catalogue = catalogue
        self._instance_id = instance_id
        self._watched = watched
        self._deliver = deliver
        self._sequences: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = "still reading the log"
        """Why no answers can come now; None when all is well."""

    def start(self, starts: Mapping[int, int], loop: asyncio.AbstractEventLoop) -> None:
        """Follow the events from `starts` on. The problem clears when today's end of the log is reached."""
        partitions = range(self._log.partitions)
        self._next = {partition: starts.get(partition, 0) for partition in partitions}
        self._ends = {partition: self._log.end(EVENTS, partition) for partition in partitions}
        self._tail = self._log.tail(EVENTS, self._next)
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name="answer-tail", daemon=True)
        self._thread.start()

    def next_position(self, partition: int) -> int:
        """The position after the newest event that was read."""
        return self._next.get(partition, 0)

    def stop(self) -> None:
        """End the thread and close the tail."""
        if self._thread is None:
            return
        self._stopping.set()
        self._tail.wake()
        self._thread.join()
        self._tail.close()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._note_caught_up()
                self._take(self._tail.poll(POLL_SECONDS))
                if failures:
                    _log.warning("the log is back")
                failures = 0
            except LogUnavailable as error:
                if not failures:
                    _log.warning("no answers until the log is back: %s", error)
                self.problem = str(error)
                self._stopping.wait(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
                failures += 1
            except Exception as error:
                _log.critical("no more answers, this gateway must be restarted", exc_info=True)
                self.problem = f"stopped: {error}"
                return

    def _note_caught_up(self) -> None:
        if self.problem is not None and all(self._next[p] >= end for p, end in self._ends.items()):
            self.problem = None

    def _take(self, records: Sequence[Record]) -> None:
        answers: list[tuple[str, Answer]] = []
        changed: dict[str, tuple[int, int]] = {}
        for record in records:
            headers = record.headers
            self._next[record.partition] = record.position + 1
            if not self._is_next(record.partition, int(headers["ce_sequence"])):
                continue
            kind = headers["ce_type"]
            is_ours = headers.get("ce_replyto") == self._instance_id
            if is_ours:
                answer = Answer(decode_event(record.value), record.partition, record.position)
                answers.append((headers["ce_causationid"], answer))
            if not (is_ours and kind in DECIDES_ORDER):  # those of ours the catalogue has known since they were sent
                self._catalogue.apply(kind, record)
            if self._watched:
                order_id, edition_id = headers["ce_subject"].partition(".")[0], headers["ce_partitionkey"]
                for subject in (order_id, edition_id):
                    if subject in self._watched:
                        changed[subject] = (record.partition, record.position)
        if answers or changed:
            self._loop.call_soon_threadsafe(self._deliver, Batch(answers, changed))

    def _is_next(self, partition: int, sequence: int) -> bool:
        """False for a duplicate; raises Damaged at a gap. Counting starts at a partition's first record."""
        last = self._sequences.get(partition, sequence - 1)
        if sequence <= last:
            return False
        if sequence != last + 1:
            raise Damaged(f"partition {partition}: event {sequence} follows {last}; some are missing in between")
        self._sequences[partition] = sequence
        return True
