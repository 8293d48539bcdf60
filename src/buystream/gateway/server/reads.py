"""Reading the views: a few threads with a PostgreSQL connection each; and read-your-writes, by waiting for the
projector."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from psycopg2.extensions import cursor

from buystream.database import ConnectionPerThread, DatabaseError
from buystream.gateway.server.problems import HttpProblem

THREADS = 4
WAITING_MAX = 1_024
"""Reads that wait for a thread at most; the next one gets 503."""

VIEWS_SECONDS = 1.0
"""How long a read waits for the views to show what this gateway has seen, unless configured."""

PROJECTED_POLL_SECONDS = 0.004

T = TypeVar("T")

ProjectedPosition = Callable[[int], int]
"""Partition → the position of `buystream.events` up to which (exclusive) the views stand. Cheap: it is asked often."""


def now_ms() -> int:
    """The wall clock, for pages only; deciding never reads it."""
    return time.time_ns() // 1_000_000


class Reads:
    """Lives on one event loop."""

    def __init__(self, dsn: str, projected: ProjectedPosition, *, views_seconds: float = VIEWS_SECONDS) -> None:
        self._projected = projected
        self._views_seconds = views_seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="reads")
        self._connections = ConnectionPerThread(dsn, "gateway")
        self._in_use = 0
        self._shared: dict[str, tuple[float, asyncio.Future[Any]]] = {}
        self._behind: list[tuple[int, int, asyncio.Future[bool]]] = []
        self._polling: asyncio.Task[None] | None = None

    async def query(self, read: Callable[[cursor], T]) -> T:
        """The result of `read` on an open cursor, in one transaction; raises HttpProblem (503) without PostgreSQL."""
        return await self.run(lambda: self._transaction(read))

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work in one of the threads; raises HttpProblem (503) when too much is waiting."""
        if self._in_use >= WAITING_MAX:
            raise HttpProblem("overloaded")
        self._in_use += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._in_use -= 1

    async def shared(self, key: str, seconds: float, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """`read`'s result, at most `seconds` old; concurrent callers share it."""
        now = asyncio.get_running_loop().time()
        until, reading = self._shared.get(key, (0.0, None))
        if reading is None or (reading.done() and until <= now):
            for old in [old for old, (end, done) in self._shared.items() if end <= now and done.done()]:
                del self._shared[old]
            reading = asyncio.ensure_future(read())
            reading.add_done_callback(lambda done: self._forget_failure(key, done))
            self._shared[key] = (now + seconds, reading)
        result: T = await asyncio.shield(reading)
        return result

    def reached(self, partition: int) -> int:
        """The position up to which (exclusive) the views show the partition's events."""
        return self._projected(partition)

    async def passed(self, partition: int, position: int) -> bool:
        """True once the views hold the event at this position; False when they don't in time."""
        if self._projected(partition) > position:
            return True
        arrived: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._behind.append((partition, position, arrived))
        if self._polling is None:
            self._polling = asyncio.ensure_future(self._poll_projected())
        try:
            return await asyncio.wait_for(arrived, self._views_seconds)
        except TimeoutError:
            return False

    def close(self) -> None:
        """End the threads and close their connections."""
        if self._polling is not None:
            self._polling.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._connections.close()

    async def _poll_projected(self) -> None:
        """One loop for all waiting readers, so that a crowd of them costs no more than one."""
        while self._behind:
            await asyncio.sleep(PROJECTED_POLL_SECONDS)
            reached = {partition: self._projected(partition) for partition, _, _ in self._behind}
            waiting, self._behind = self._behind, []
            for partition, position, arrived in waiting:
                if reached[partition] <= position and not arrived.done():
                    self._behind.append((partition, position, arrived))
                elif not arrived.done():
                    arrived.set_result(True)
        self._polling = None

    def _forget_failure(self, key: str, done: asyncio.Future[Any]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._shared.pop(key, None)

    def _transaction(self, read: Callable[[cursor], T]) -> T:
        try:
            with self._connections.transaction() as cur:
                return read(cur)
        except DatabaseError as error:
            raise HttpProblem("unavailable") from error
