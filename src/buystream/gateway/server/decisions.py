"""Requesting a decision from the log: send a command, wait for the event that answers it."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from itertools import count, takewhile

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from buystream.gateway.server.answers import Answer, AnswerTail, Polled
from buystream.gateway.server.backlog import MEASURE_SECONDS, Backlog
from buystream.gateway.server.catalogue import Catalogue
from buystream.gateway.server.durations import Durations
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.rates import RateLimiter
from buystream.gateway.server.streams import Watchers
from buystream.log import COMMANDS, Log, Message, Writer
from buystream.vocabulary.codec import answer_to, encode_command
from buystream.vocabulary.commands import Command, PlaceOrder, address_of
from buystream.vocabulary.trace import CURRENT

_log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 4_096
"""Requests that wait for a decision at most; the next one gets 503 at once."""

DECISION_SECONDS = 5.0
"""How long a request waits for a decision, unless configured; then it gets 503."""

WAIT_SHARE_MAX = 0.5
"""Of that time; a new order that would probably wait longer gets 503 at once."""

SWEEP_SECONDS = 0.25
"""How often the late ones are looked for: one timer for all costs less than one for each."""


OnAnswer = Callable[[Answer | HttpProblem], None]
"""Called once, on the event loop, with the answer or with why there is none. Must not raise."""


class Waiting(msgspec.Struct, frozen=True):
    """A waiting request, made at `asked_at` on the loop's clock."""

    on_answer: OnAnswer
    asked_at: float
    partition: int


class Decisions:
    """Lives on one event loop. Every method but the writer's and the tail's callbacks is called there."""

    def __init__(
        self,
        log: Log,
        catalogue: Catalogue,
        watchers: Watchers,
        registry: CollectorRegistry,
        *,
        rates: RateLimiter,
        decision_seconds: float = DECISION_SECONDS,
    ) -> None:
        self.instance_id = f"gw-{secrets.token_hex(8)}"
        self._numbers = count(1)
        self._waiting: dict[str, Waiting] = {}
        self._backlogs: dict[int, Backlog] = {}
        self._measured_at = 0.0
        self._sweeping: asyncio.TimerHandle | None = None
        self._watchers = watchers
        self._rates = rates
        self._log = log
        self._decision_seconds = decision_seconds
        self._writer: Writer | None = None
        self._tail = AnswerTail(
            log,
            catalogue,
            instance_id=self.instance_id,
            watched=watchers.topics,
            deliver=self._deliver,
            followed=rates.followed,
        )
        Gauge("buystream_decisions_waiting", "Commands whose answer is awaited.", registry=registry).set_function(
            lambda: len(self._waiting)
        )
        Gauge(
            "buystream_commands_queued", "Commands that the log has not acknowledged.", registry=registry
        ).set_function(lambda: self._writer.waiting if self._writer else 0)
        self._seconds = Durations(
            "buystream_decision_seconds",
            "From a command's submission to its answer.",
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
        )
        self._late = Counter("buystream_decisions_late", "Commands without an answer in time.", registry=registry)

    def start(self, starts: dict[int, int]) -> None:
        """Begin to write and to follow the events from these positions on."""
        self._loop = asyncio.get_running_loop()
        self._writer = self._log.writer(COMMANDS, on_failure=self._append_failed)
        self._tail.start(starts, self._loop)
        self._measured_at = self._loop.time()
        self._sweep()

    def stop(self) -> None:
        """Write what waits, then stop; requests still waiting learn that the outcome is unknown."""
        if self._writer is not None:
            self._writer.close()
        self._tail.stop()
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._fail(list(self._waiting), "The shop is stopping. Send the same request again.")

    @property
    def problem(self) -> str | None:
        """Why no decision is possible now, or None."""
        return self._tail.problem

    @property
    def failure(self) -> str | None:
        """Why none will be possible again, or None."""
        return self._tail.failure

    def next_position(self, partition: int) -> int:
        """The position after the newest event that this gateway has seen."""
        return self._tail.next_position(partition)

    async def ask(self, command: Command, *, actor: str, address: tuple[int, str] | None = None) -> Answer:
        """The answer to the actor's command, read back from the log; raises HttpProblem (503) when none came in time.
        A command about a partition needs an address."""
        outcome: asyncio.Future[Answer | HttpProblem] = self._loop.create_future()

        def on_answer(answer: Answer | HttpProblem) -> None:
            if not outcome.done():
                outcome.set_result(answer)

        self.submit(command, actor=actor, address=address, on_answer=on_answer, traceparent=CURRENT.get())
        answer = await outcome
        if isinstance(answer, HttpProblem):
            raise answer
        return answer

    def submit(
        self,
        command: Command,
        *,
        actor: str,
        on_answer: OnAnswer,
        address: tuple[int, str] | None = None,
        traceparent: str = "",
    ) -> None:
        """As `ask`, for callers that can't await. Raises HttpProblem (503) when the command is not sent at all."""
        if self._tail.problem is not None or self._writer is None:
            raise HttpProblem("unavailable")
        partition, key = address or address_of(command)
        backlog = self._backlogs.get(partition) or self._backlog(partition)
        is_late = backlog.is_full and isinstance(command, PlaceOrder)  # who already holds something may pay for it
        if is_late or len(self._waiting) >= IN_FLIGHT_MAX:
            raise HttpProblem("overloaded")
        command_id = f"{self.instance_id}-{next(self._numbers)}"
        record = encode_command(
            command, command_id=command_id, actor=actor, reply_to=self.instance_id, traceparent=traceparent
        )
        if not self._writer.submit(partition, Message(record, key)):
            raise HttpProblem("overloaded")
        self._waiting[command_id] = Waiting(on_answer, self._loop.time(), partition)
        backlog.enter()

    def _backlog(self, partition: int) -> Backlog:
        if partition not in self._backlogs:
            self._backlogs[partition] = Backlog(self._decision_seconds * WAIT_SHARE_MAX)
        return self._backlogs[partition]

    def _sweep(self) -> None:
        """Give up on requests that have waited too long, the oldest first; once a second, count what is decided."""
        now = self._loop.time()
        if now - self._measured_at >= MEASURE_SECONDS:
            for backlog in self._backlogs.values():
                backlog.measure(now - self._measured_at)
            self._measured_at = now
        too_old = now - self._decision_seconds
        late = list(takewhile(lambda command_id: self._waiting[command_id].asked_at <= too_old, self._waiting))
        self._late.inc(len(late))
        self._fail(late, "")
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _deliver(self, batch: Polled) -> None:
        for kind, order_id in batch.followed:
            self._rates.note(kind, order_id)
        now = self._loop.time()
        for command_id, answer in batch.answers:
            (self._backlogs.get(answer.partition) or self._backlog(answer.partition)).note_decided()
            self._notify(command_id, answer, now)
        self._watchers.notify(batch.changed)

    def _append_failed(self, messages: Sequence[Message], error: Exception) -> None:
        _log.warning("the log could not be written: %s", error)
        detail = "The log could not be written, the outcome is unknown. Send the same request again."
        command_ids = [answer_to(message.value)[0] for message in messages]
        self._loop.call_soon_threadsafe(self._fail, command_ids, detail)

    def _fail(self, command_ids: Sequence[str], detail: str) -> None:
        now = self._loop.time()
        for command_id in command_ids:
            self._notify(command_id, HttpProblem("no-decision", detail), now)

    def _notify(self, command_id: str, answer: Answer | HttpProblem, now: float) -> None:
        waiting = self._waiting.pop(command_id, None)
        if waiting is not None:
            waited_seconds = now - waiting.asked_at
            self._backlogs[waiting.partition].leave(waited_seconds)
            self._seconds.observe(waited_seconds)
            waiting.on_answer(answer)
