"""What a gateway counts on its own and reports to the log, many at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from buystream.gateway.server.problems import HttpProblem
from buystream.vocabulary.commands import RecordDemand, RecordImpressions

_log = logging.getLogger(__name__)

Report = RecordDemand | RecordImpressions
Ask = Callable[[Report], Awaitable[object]]


class Reports:
    """Reports what `counted` gives, which begins to count anew. One that could not be reported is kept, with its id,
    and retried."""

    def __init__(self, ask: Ask, counted: Callable[[], Sequence[Report]], *, every_seconds: float) -> None:
        self._ask = ask
        self._counted = counted
        self._every_seconds = every_seconds
        self._kept: list[Report] = []

    async def run(self) -> None:
        """Report about so often, until cancelled."""
        while True:
            await asyncio.sleep(self._every_seconds)
            await self.flush()

    async def flush(self) -> None:
        """Report what was counted since the last time, and earlier reports that failed."""
        if not self._kept:
            self._kept = list(self._counted())
        while self._kept:
            try:
                await self._ask(self._kept[-1])
            except HttpProblem as problem:
                _log.info("a report of %s is kept for later: %s", self._kept[-1].edition_id, problem)
                return
            self._kept.pop()
