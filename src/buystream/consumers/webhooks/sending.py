"""Sends what is due, many at once on one event loop, and notes what came of it."""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from psycopg2.extensions import cursor

from buystream.consumers.notifications.queueing import WEBHOOK_DISABLED, WEBHOOK_FAILING, tell_merchant
from buystream.consumers.webhooks import queue
from buystream.consumers.webhooks.calling import WebhookCaller
from buystream.consumers.webhooks.queue import Due
from buystream.consumers.webhooks.schedule import Health, TryResult, health_after, settle
from buystream.consumers.webhooks.signing import signed_headers
from buystream.delivery.policy import ConsumerDatabase
from buystream.metrics import WEBHOOK_ENDPOINTS_DISABLED, WEBHOOK_TRIES, WEBHOOKS_IN_FLIGHT

LOOK_SECONDS: Final = 0.2
"""How often what has become due is looked for, if nothing else happens."""

IN_FLIGHT_MAX: Final = 256

RESOLVING_MAX: Final = 64
"""Threads that resolve names. One that hangs there keeps none from the database, which has a thread of its own."""

FORGET_SECONDS: Final = 600.0

logger = logging.getLogger(__name__)


class Sender:
    """The deliveries of some partitions. `step` is one round; `run` repeats it in a thread of its own."""

    def __init__(
        self,
        dsn: str,
        root: bytes,
        partitions: Collection[int],
        *,
        caller: WebhookCaller,
        clock_ms: Callable[[], int],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = ConsumerDatabase(dsn)
        self._root = root
        self._partitions = partitions
        self._caller = caller
        self._clock_ms = clock_ms
        self._chance = chance
        self._calls: dict[asyncio.Task[TryResult], Due] = {}
        self._forget_at = 0.0
        self._settling = ThreadPoolExecutor(1, thread_name_prefix="webhooks settling")
        self.failure: BaseException | None = None
        """Why it ended before it was stopped."""

    def run(self, stop: threading.Event) -> None:
        """Until `stop`, or until PostgreSQL is away: see `failure`."""
        try:
            asyncio.run(self._run(stop))
        except BaseException as error:
            self.failure = error
        finally:
            self.close()

    def close(self) -> None:
        """Release the connection."""
        self._settling.shutdown()
        self._database.close()

    async def step(self) -> int:
        """Note what was answered, and begin what is due; how many are under way."""
        done = [(self._calls.pop(call), call.result()) for call in [call for call in self._calls if call.done()]]
        in_flight = [one.name for one in self._calls.values()]
        loop = asyncio.get_running_loop()
        for one in await loop.run_in_executor(self._settling, self._settle_and_look, done, in_flight):
            self._calls[asyncio.create_task(self._call(one))] = one
        WEBHOOKS_IN_FLIGHT.set(len(self._calls))
        return len(self._calls)

    async def answered(self, timeout_seconds: float) -> None:
        """Until one of those under way is answered, or until the time is up."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(timeout_seconds)

    async def _run(self, stop: threading.Event) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(RESOLVING_MAX, "resolving"))
        try:
            while not stop.is_set():
                await self.step()
                await self.answered(LOOK_SECONDS)
        finally:
            for call in self._calls:
                call.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*self._calls, return_exceptions=True)
            WEBHOOKS_IN_FLIGHT.set(0)

    async def _call(self, one: Due) -> TryResult:
        headers = signed_headers(one.webhook_id, one.body, one.keys, at_seconds=self._clock_ms() // 1000)
        return await self._caller.post(one.url, headers, one.body)

    def _settle_and_look(self, done: list[tuple[Due, TryResult]], in_flight: list[tuple[str, str]]) -> list[Due]:
        now_ms = self._clock_ms()
        with self._database.transaction() as cur:
            for tried, answer in sorted(done, key=lambda one: one[0].name):
                health = queue.lock_health(cur, tried.endpoint_id)
                if health is None:
                    continue
                after = health_after(health, tried.trial, answer, now_ms=now_ms)
                settled = settle(tried.trial, answer, now_ms=now_ms, chance=self._chance)
                queue.note(cur, tried, answer, settled, after, now_ms=now_ms)
                _report(cur, tried, health, after)
                WEBHOOK_TRIES.labels("delivered" if answer.is_success else settled.state).inc()
            if now_ms >= self._forget_at:
                self._forget_at = now_ms + FORGET_SECONDS * 1000
                queue.forget_old(cur, self._partitions, now_ms=now_ms)
            room = IN_FLIGHT_MAX - len(in_flight)
            return queue.due(cur, self._root, self._partitions, in_flight, now_ms=now_ms)[:room]


def _report(cur: cursor, tried: Due, before: Health, after: Health) -> None:
    """What its merchant has to know: by mail, and the desk shows it too."""
    if after.disabled_at_ms is not None and not before.disabled_why:
        WEBHOOK_ENDPOINTS_DISABLED.inc()
        _tell_merchant(cur, tried, WEBHOOK_DISABLED, after.disabled_at_ms)
        logger.warning("webhook endpoint %s (%s) is disabled: %s", tried.endpoint_id, tried.url, after.disabled_why)
    elif after.warned_at_ms is not None and before.warned_at_ms is None:
        _tell_merchant(cur, tried, WEBHOOK_FAILING, after.warned_at_ms)
        logger.warning("webhook endpoint %s (%s) accepts nothing and will be disabled", tried.endpoint_id, tried.url)


def _tell_merchant(cur: cursor, tried: Due, kind: str, at_ms: int) -> None:
    tell_merchant(cur, kind, tried.endpoint_id, merchant_id=tried.merchant_id, address=tried.url, at_ms=at_ms)
