"""Owning a partition. The event log is the owner's checkpoint: it starts by fencing, folds the partition, and continues
after the command that the last event answers. After anything unclear it throws its memory away and starts again."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from buystream.aggregates.partition import NOWHERE, Partition
from buystream.aggregates.rules import NEWEST_RULES, UnknownRules
from buystream.consumers.answering import REJECTED, Undecidable, decide_batch
from buystream.consumers.batches import BatchRejected, Commits, Deciding
from buystream.consumers.clock import Contact, Gate, LogClock, TimeAhead, Verdicts
from buystream.consumers.shop_id import shop_id_of
from buystream.delivery.folding import SnapshotStore, recover
from buystream.delivery.policy import Backoff
from buystream.host.log_lines import about
from buystream.log import COMMANDS, Damaged, Fenced, Log, LogUnavailable, Message, Record, Tail
from buystream.metrics import COMMANDS_UNDECIDABLE, PARTITIONS_STOPPED
from buystream.vocabulary import actors, codec, commands
from buystream.vocabulary.ids import new_command_id

logger = logging.getLogger(__name__)

IDLE_SECONDS = 5.0

PULSE_SECONDS = 2.0
"""While a hold is about to run out, the owner checks the log for a sign of life after this much silence."""

LOOK_SECONDS = 1.0
"""How often a stopped partition looks for a verdict."""

TICK_RETRY_SECONDS = 60.0
"""After a Tick that couldn't be decided for no known subject."""


class OwnerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What owners are given: see `buystream.consumers.decider.Decider`."""

    name: str
    grace_seconds: int
    snapshots: SnapshotStore | None
    ahead_seconds_max: int
    now_ms: Callable[[], int]


class AskedTick(NamedTuple):
    """The Tick that is on the log and not yet decided."""

    position: int
    asked_at_ms: int


class PartitionDecider:
    """Owns one partition, on a thread of its own. No single command stops it: what can't be decided, or whose answer
    the log rejects, is set aside, see docs/decisions/0018."""

    def __init__(self, log: Log, partition: int, settings: OwnerSettings) -> None:
        self.ready = False
        self.problem: str | None = None
        """Why it can't decide until an operator acts, or None."""
        self.refused = False
        """It has ended: this process never decides here."""
        self._log = log
        self._number = partition
        self._settings = settings
        self._stop = threading.Event()
        self._tail: Tail | None = None
        self._gate = Gate(
            Verdicts(log, partition), ahead_seconds_max=settings.ahead_seconds_max, now_ms=settings.now_ms
        )
        self._clock = LogClock()
        self._contact = Contact()
        self._announced = False
        """Whether holds have got the grace since this owner was last cut off."""
        self._undecidable: dict[int, str] = {}
        self._singly_through = NOWHERE
        self._without: set[str] = set()
        """What Ticks leave out, because one of them failed at it. A new owner tries again."""
        self._tick: AskedTick | None = None
        self._tick_not_before = 0.0
        self._ahead: Record | None = None
        self._source = ""
        """Names the shop in every answer; known once the log was read."""
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
            except Undecidable as error:
                self._set_aside(error.position, error.reason, error.subject, about(error.record))
            except BatchRejected as error:
                self._isolate(error, backoff)
            except TimeAhead as error:
                self._announced = False
                self._wait_for_verdict(error)
            except (Fenced, LogUnavailable) as error:
                self._announced = False
                backoff.wait(self._stop, error)
            except (Damaged, UnknownRules) as error:
                self.problem = f"partition {self._number} is refused: {error}"
                logger.critical("%s", self.problem, extra={"partition": self._number})
                self.refused = True
                return
            except Exception:
                self._announced = False
                logger.exception(
                    "partition %d: the decider starts again from the log",
                    self._number,
                    extra={"partition": self._number},
                )
                backoff.wait(self._stop, RuntimeError("unexpected"))

    def _own_and_decide(self, backoff: Backoff) -> None:
        owner = self._log.own(self._number)
        try:
            self._source = self._source or codec.source_of(shop_id_of(self._log))
            partition = recover(self._log, self._number, self._settings.snapshots)
            partition.rules  # noqa: B018  an owner that lacks the rules refuses the partition before deciding
            if partition.state.sequence == NOWHERE:
                self._append(commands.AdoptRules(rules_version=NEWEST_RULES))  # older partitions: by `adopt-rules`
            if not self._announced:
                self._announce()
            first = partition.state.command_position + 1
            self._undecidable = {position: why for position, why in self._undecidable.items() if position >= first}
            self._tick = self._ahead = None
            self._tail = self._log.tail(COMMANDS, {self._number: first})
            try:
                place = {"partition": self._number, "position": first}
                logger.info("owns partition %d from command %d", self._number, first, extra=place)
                with Commits(owner, on_end=partial(self._committed, self._tail, backoff)) as commits:
                    self._decide(partition, commits, self._tail)
            finally:
                tail, self._tail = self._tail, None
                tail.close()
        finally:
            self.ready = False
            owner.close()

    def _announce(self) -> None:
        """While nobody decided, nobody could pay: holds get the grace."""
        settings = self._settings
        self._append(commands.OwnerStarted(owner=settings.name, grace_seconds=settings.grace_seconds))
        self._announced = True
        self._contact.ignore()

    def _committed(self, tail: Tail, backoff: Backoff, error: BaseException | None) -> None:
        """On the commits' thread."""
        if error is None:
            backoff.reset()
            self._contact.made()
            self.ready = True
        else:
            tail.wake()

    def _decide(self, partition: Partition, commits: Commits, tail: Tail) -> None:
        deciding = Deciding(tail, commits, partial(self._answers, partition), singly_through=self._singly_through)
        while not self._stop.is_set():
            deciding.step(self._seconds_until_due(partition))
            if self._ahead is not None:
                deciding.finish()
                raise self._gate.stop(self._ahead)
            self._keep_time(partition)
        deciding.finish()

    def _answers(
        self, partition: Partition, records: Sequence[Record]
    ) -> tuple[Sequence[Record], dict[str, list[Message]]]:
        """Decide these, up to one whose time stops the partition."""
        if not records:
            return records, {}
        self._contact.made()
        admitted = self._gate.admit(records, partition.state.at_ms)
        self._ahead = admitted.ahead
        answers = decide_batch(
            partition,
            admitted.records,
            undecidable=self._undecidable,
            passed_over=admitted.passed_over,
            source=self._source,
        )
        for record in admitted.records[-1:]:
            if record.position not in admitted.passed_over:
                self._clock.note(record.at_ms)
        if self._tick is not None and partition.state.command_position >= self._tick.position:
            self._note_tick(admitted.records, self._tick)
        return admitted.records, answers

    # Time.

    def _seconds_until_due(self, partition: Partition) -> float:
        """How long to wait for commands at most."""
        patience = PULSE_SECONDS if self._contact.is_watching else IDLE_SECONDS
        due_ms, now_ms = partition.next_deadline_ms(self._without), self._clock.now_ms()
        if due_ms is None or now_ms is None or self._tick is not None:
            return patience
        return min(max((due_ms - now_ms) / 1000, self._tick_not_before - monotonic(), 0.0), patience)

    def _keep_time(self, partition: Partition) -> None:
        """Ask for a Tick when something is due. No hold may run out because the log, or this process, was away: give
        the grace instead."""
        due_ms, now_ms = partition.next_deadline_ms(self._without), self._clock.now_ms()
        if due_ms is None or now_ms is None:
            self._contact.ignore()
            return
        now_ms = max(now_ms, partition.state.at_ms)
        if due_ms - now_ms > self._settings.grace_seconds * 1000:
            self._contact.ignore()  # a hold that is cut off now has more time left than the grace
            return
        self._contact.watch()
        if self._contact.seconds > PULSE_SECONDS:
            self._log.end(COMMANDS, self._number)
            self._contact.made()
        if self._contact.is_lost:
            logger.warning(
                "partition %d was out of touch with the log: holds get the grace",
                self._number,
                extra={"partition": self._number},
            )
            self._announce()
        elif due_ms <= now_ms and self._tick is None and monotonic() >= self._tick_not_before:
            tick = commands.Tick(asked_at_ms=now_ms, without=tuple(sorted(self._without)))
            self._tick = AskedTick(self._append(tick), now_ms)

    def _note_tick(self, records: Sequence[Record], tick: AskedTick) -> None:
        """It was decided. If the log stamped it earlier than it was requested, the log's clock was set back."""
        self._tick = None
        stamps = [record.at_ms for record in records if record.position == tick.position]
        if stamps and stamps[0] < tick.asked_at_ms:
            self._clock.correct(stamps[0])

    # What stops, and what doesn't.

    def _set_aside(self, position: int, reason: str, subject: str = "", known: Mapping[str, Any] | None = None) -> None:
        """The command at this position is answered as undecidable from now on; a Tick leaves its subject out. `known`
        is what it is about, for the log line."""
        logger.error(
            "partition %d: the command at %d is set aside: %s",
            *(self._number, position, reason),
            extra={"topic": COMMANDS, "partition": self._number, "position": position} | dict(known or {}),
        )
        COMMANDS_UNDECIDABLE.inc()
        self._undecidable[position] = reason
        if subject:
            self._without.add(subject)
        elif self._tick is not None and self._tick.position == position:
            self._tick_not_before = monotonic() + TICK_RETRY_SECONDS

    def _isolate(self, error: BatchRejected, backoff: Backoff) -> None:
        """Find the one command whose answer the log rejects: decide these again, each in a commit of its own."""
        *_, last = error.positions
        if len(error.positions) > 1:
            logger.warning(
                "partition %d: %s; each is decided again separately",
                *(self._number, error),
                extra={"partition": self._number},
            )
            self._singly_through = last
        elif last not in self._undecidable:
            self._set_aside(last, f"{REJECTED}{error.reason}")
        else:
            logger.critical(
                "partition %d: the log rejects a refusal: %s",
                *(self._number, error),
                extra={"partition": self._number, "position": last},
            )
            backoff.wait(self._stop, error)

    def _wait_for_verdict(self, error: TimeAhead) -> None:
        """Until an operator's verdict is on the log, or a clock was set right."""
        backoff = Backoff(f"stopped partition {self._number}")
        with PARTITIONS_STOPPED.track_inprogress():
            self.problem = str(error)
            logger.critical("%s", self.problem, extra=about(error.record))
            while not self._stop.wait(LOOK_SECONDS):
                try:
                    if self._gate.admits(error.record):
                        break
                except LogUnavailable as away:
                    backoff.wait(self._stop, away)
        self.problem = None

    def _append(self, command: commands.Command) -> int:
        record = codec.encode_command(command, command_id=new_command_id(), actor=actors.system("decider"))
        position = self._log.append(COMMANDS, self._number, [Message(record)])
        self._contact.made()
        return position
