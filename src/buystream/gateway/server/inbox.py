"""Unsolicited news from the provider, on its way to the log: read and recorded on threads of its own, because reading
it may need further calls to the provider."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from buystream.consumers.payments import Seal, append_fact
from buystream.gateway.server.problems import HttpProblem
from buystream.log import Log
from buystream.vocabulary.commands import Command

THREADS: Final = 8
WAITING_MAX: Final = 256
"""Notifications taken at once; the next one is refused, and the provider sends it again."""


class Notifications(Protocol):
    """Reads what the provider sends."""

    def facts(self, payload: bytes, signature: str) -> Sequence[Command] | None:
        """What it says; None for the kinds that we don't use."""
        ...


class Inbox:
    """Lives on one event loop."""

    def __init__(self, log: Log, notifications: Notifications, seal: Seal) -> None:
        self._log = log
        self._seal = seal
        self._notifications = notifications
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="inbox")
        self._in_use = 0

    async def take(self, payload: bytes, signature: str) -> str:
        """What became of it: `recorded`, once its facts are on the log, or `ignored`. Raises what reading it raises,
        LogUnavailable, and HttpProblem (503) when too many wait."""
        if self._in_use >= WAITING_MAX:
            raise HttpProblem("overloaded")
        self._in_use += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._take, payload, signature)
        finally:
            self._in_use -= 1

    def close(self) -> None:
        """What is waiting is not recorded; the provider sends it again."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, payload: bytes, signature: str) -> str:
        facts = self._notifications.facts(payload, signature)
        for fact in facts or ():
            append_fact(self._log, fact, self._seal)
        return "recorded" if facts else "ignored"
