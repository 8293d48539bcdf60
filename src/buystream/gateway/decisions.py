"""Asking the log for a decision: send a command, wait for the event that answers it."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from itertools import count, takewhile

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from buystream.codec import command_headers, encode
from buystream.commands import Command
from buystream.gateway.answers import Answer, AnswerTail, Batch
from buystream.gateway.catalogue import Catalogue
from buystream.gateway.problems import HttpProblem
from buystream.gateway.streams import Watchers
from buystream.log import COMMANDS, Log, Message, Writer

IN_FLIGHT_MAX = 4_096
"""Requests that wait for a decision at most; the next one gets 503 at once."""

DECISION_SECONDS = 5.0


SWEEP_SECONDS = 0.25
"""How often the late ones are looked for: one timer for all costs less than one for each."""


Heard = Callable[[Answer | HttpProblem], None]
"""Called once, on the event loop, with the answer or with why there is none. Must not raise."""


class Waiting(msgspec.Struct, frozen=True):
    """Somebody who waits for an answer, since `asked_at` on the loop's clock."""

    heard: Heard
    asked_at: float


class Decisions:
    """Lives on one event loop. Every method but the writer's and the tail's callbacks is called there."""

    def __init__(self, log: Log, catalogue: Catalogue, watchers: Watchers, registry: CollectorRegistry) -> None:
        self.instance_id = f"gw-{secrets.token_hex(8)}"
        self._numbers = count(1)
        self._waiting: dict[str, Waiting] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self._watchers = watchers
        self._log = log
        self._writer: Writer | None = None
        self._tail = AnswerTail(
            log, catalogue, instance_id=self.instance_id, watched=watchers.topics, deliver=self._deliver
        )
        Gauge("buystream_decisions_waiting", "Commands whose answer is awaited.", registry=registry).set_function(
            lambda: len(self._waiting)
        )
        Gauge(
            "buystream_commands_queued", "Commands that the log has not acknowledged.", registry=registry
        ).set_function(lambda: self._writer.waiting if self._writer else 0)
        self._seconds = Histogram(
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
        self._sweep()

    def stop(self) -> None:
        """Write what waits, then stop; requests still waiting are told that the outcome is unknown."""
        if self._writer is not None:
            self._writer.close()
        self._tail.stop()
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._fail(list(self._waiting), "The shop is stopping. Send the same request again.")

    @property
    def problem(self) -> str | None:
        """Why no decision can be had now, or None."""
        return self._tail.problem

    def next_position(self, partition: int) -> int:
        """The position after the newest event that this gateway has seen."""
        return self._tail.next_position(partition)

    async def ask(self, command: Command, *, key: str, partition: int) -> Answer:
        """The answer to the command, which is about `key` (an edition's or a person's id), read back from the log;
        raises HttpProblem (503) when none came in time."""
        outcome: asyncio.Future[Answer | HttpProblem] = self._loop.create_future()

        def heard(answer: Answer | HttpProblem) -> None:
            if not outcome.done():
                outcome.set_result(answer)

        self.submit(command, key=key, partition=partition, heard=heard)
        answer = await outcome
        if isinstance(answer, HttpProblem):
            raise answer
        return answer

    def submit(self, command: Command, *, key: str, partition: int, heard: Heard) -> None:
        """As `ask`, for who has nothing to await. Raises HttpProblem (503) when the command is not sent at all."""
        if self._tail.problem is not None or self._writer is None:
            raise HttpProblem("unavailable")
        if len(self._waiting) >= IN_FLIGHT_MAX:
            raise HttpProblem("overloaded")
        command_id = f"{self.instance_id}-{next(self._numbers)}"
        headers = command_headers(command, command_id=command_id, reply_to=self.instance_id)
        if not self._writer.submit(partition, Message(encode(command), key, headers)):
            raise HttpProblem("overloaded")
        self._waiting[command_id] = Waiting(heard, self._loop.time())

    def _sweep(self) -> None:
        """Give up on those who wait too long; the oldest stand first."""
        too_old = self._loop.time() - DECISION_SECONDS
        late = list(takewhile(lambda command_id: self._waiting[command_id].asked_at <= too_old, self._waiting))
        self._late.inc(len(late))
        self._fail(late, "")
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _deliver(self, batch: Batch) -> None:
        for command_id, answer in batch.answers:
            self._tell(command_id, answer)
        self._watchers.notify(batch.changed)

    def _append_failed(self, messages: Sequence[Message], error: Exception) -> None:
        detail = f"The log could not be written, the outcome is unknown. {error}"
        command_ids = [message.headers["ce_id"] for message in messages]
        self._loop.call_soon_threadsafe(self._fail, command_ids, detail)

    def _fail(self, command_ids: Sequence[str], detail: str) -> None:
        for command_id in command_ids:
            self._tell(command_id, HttpProblem("no-decision", detail))

    def _tell(self, command_id: str, answer: Answer | HttpProblem) -> None:
        waiting = self._waiting.pop(command_id, None)
        if waiting is not None:
            self._seconds.observe(self._loop.time() - waiting.asked_at)
            waiting.heard(answer)
