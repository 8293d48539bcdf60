"""Work that keeps a processor busy, one piece after the other, so that answers to buyers aren't late for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from buystream.gateway.server.problems import HttpProblem


class Turns:
    """One piece at a time; so many are under way or wait, and more are refused."""

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._turn = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def next(self) -> AsyncIterator[None]:
        """Waits for the turn; raises HttpProblem (503) when too many wait."""
        if self._waiting >= self._waiting_max:
            raise HttpProblem("overloaded")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1
