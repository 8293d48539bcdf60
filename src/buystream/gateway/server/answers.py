"""The decisions' way back: one thread tails the events of all partitions, hands each answer to the request that waits
for it, keeps the catalogue and tells watchers what changed. Attributes decide what is decoded."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec

from buystream.delivery.sequence import EventSequence
from buystream.gateway.server.catalogue import CONCERNS, DECIDES_ORDER, Catalogue
from buystream.host.log_lines import about
from buystream.log import EVENTS, Log, LogUnavailable, Record
from buystream.vocabulary.codec import EventHead, Unreadable, read_event
from buystream.vocabulary.events import Event

POLL_SECONDS = 1.0
BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)

_log = logging.getLogger(__name__)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The event that answers a command, and its place in the log."""

    event: Event
    partition: int
    position: int


class Polled(msgspec.Struct, frozen=True):
    """What one poll found: answers by command id, and what changed (order or edition id → newest record's place),
    and the events of followed orders (type, order id)."""

    answers: list[tuple[str, Answer]]
    changed: dict[str, tuple[int, int]]
    followed: list[tuple[str, str]]


class AnswerTail:
    """`deliver` is called on the event loop, once per poll that found something. `watched` holds the order and edition
    ids that are being watched, `followed` the orders that count towards a limit; both are only read here."""

    def __init__(
        self,
        log: Log,
        catalogue: Catalogue,
        *,
        instance_id: str,
        watched: Mapping[str, object],
        deliver: Callable[[Polled], None],
        followed: Mapping[str, object] = {},
    ) -> None:
        self._log = log
        self._catalogue = catalogue
        self._instance_id = instance_id
        self._watched = watched
        self._deliver = deliver
        self._followed = followed
        self._sequence = EventSequence(log, "gateway", {})
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = "still reading the log"
        """Why no answers can come now; None when all is well."""
        self.failure: str | None = None
        """Why none will come again: this gateway has to end."""

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
                if not failures:
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
                _log.critical("no more answers, this gateway ends", exc_info=True)
                self.problem = self.failure = f"stopped: {error}"
                return

    def _note_caught_up(self) -> None:
        if self.problem is not None and all(self._next[p] >= end for p, end in self._ends.items()):
            self.problem = None

    def _take(self, records: Sequence[Record]) -> None:
        answers: list[tuple[str, Answer]] = []
        changed: dict[str, tuple[int, int]] = {}
        followed: list[tuple[str, str]] = []
        watched_now, followed_now = self._watched, self._followed
        are_watched = bool(watched_now or followed_now)
        # Everybody's events pass here: each call in this loop costs a tenth of it.
        for record, head in zip(records, self._sequence.heads(records), strict=True):
            if head is None:
                continue
            if head.replyto or head.type in CONCERNS:
                self._read(record, head, answers)
            if not are_watched:
                continue
            order_id, key = head.subject.partition(".")[0], head.partitionkey
            if order_id in followed_now:
                followed.append((head.type, order_id))
            if order_id in watched_now:
                changed[order_id] = (record.partition, record.position)
            if key in watched_now:
                changed[key] = (record.partition, record.position)
        self._next |= {record.partition: record.position + 1 for record in records}
        if answers or changed or followed:
            self._loop.call_soon_threadsafe(self._deliver, Polled(answers, changed, followed))

    def _read(self, record: Record, head: EventHead, answers: list[tuple[str, Answer]]) -> None:
        """Add it to the answers if it is one of ours, and take it into the catalogue."""
        is_ours = head.replyto == self._instance_id
        try:
            if is_ours:
                answers.append((head.causationid, Answer(read_event(record.value), record.partition, record.position)))
            if not (is_ours and head.type in DECIDES_ORDER):  # those of ours it has known since they were sent
                self._catalogue.apply(head.type, head.subject, record)
        except Unreadable as error:
            _log.error("position %d of partition %d: %s", record.position, record.partition, error, extra=about(record))
