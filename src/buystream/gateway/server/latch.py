"""The sold-out latch: clicks on a sold-out edition are refused from memory, counted, and logged in batches."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter

from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.problems import HttpProblem
from buystream.vocabulary.commands import RecordDemand

FLUSH_SECONDS = 1.0

_log = logging.getLogger(__name__)

Ask = Callable[[RecordDemand], Awaitable[object]]


class Latch:
    """Counts per edition. A batch that could not be reported is kept, with its id, and retried."""

    def __init__(self, ask: Ask, registry: CollectorRegistry) -> None:
        self._ask = ask
        self._counts: dict[str, tuple[int, int]] = {}
        self._untold: list[RecordDemand] = []
        self._refused = Counter(
            "buystream_latch_refusals", "Orders refused from memory, being sold out.", registry=registry
        )

    def refuse(self, offer: Listing, quantity: int) -> HttpProblem:
        """Count the click; returns its answer."""
        clicks, wanted = self._counts.get(offer.edition_id, (0, 0))
        self._counts[offer.edition_id] = (clicks + 1, wanted + quantity)
        self._refused.inc()
        return HttpProblem("sold-out", reason="sold_out")

    async def run(self) -> None:
        """Report to the log about once a second, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Report to the log what was counted since the last time, and earlier reports that failed."""
        if not self._untold:
            self._untold = [
                RecordDemand(edition_id=edition_id, demand_id=secrets.token_hex(10), clicks=clicks, quantity=quantity)
                for edition_id, (clicks, quantity) in self._counts.items()
            ]
            self._counts.clear()
        while self._untold:
            try:
                await self._ask(self._untold[-1])
            except HttpProblem as problem:
                _log.info("demand is kept for later: %s", problem)
                return
            self._untold.pop()
