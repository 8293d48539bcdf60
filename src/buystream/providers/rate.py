"""Outgoing calls, no more per second than the provider takes. Three lanes: who buys is never stuck behind a pile of
refunds, and neither behind the comparing of books."""

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from buystream.metrics import PROVIDER_CALLS_WAITING, PROVIDER_WAIT_SECONDS

BURST_SECONDS: Final = 0.25
"""How much of an unused second may be made up for."""

SHARE_OF_THE_LAST: Final = 8
"""Every so manieth turn goes to the last lane that waits: it gets little while others are busy, and never nothing."""


class Lane(Enum):
    """What a call is for, the most urgent first."""

    BUY = "buy"
    REFUND = "refund"
    BOOKS = "books"


class RateLimit:
    """A token bucket with a queue per lane. For any number of threads of one process."""

    def __init__(self, calls_per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = calls_per_second
        self._burst = max(1.0, calls_per_second * BURST_SECONDS)
        self._clock = clock
        self._tokens = self._burst
        self._filled_at = clock()
        self._turns = 0
        self._changed = threading.Condition()
        self._waiting: dict[Lane, deque[object]] = {lane: deque() for lane in Lane}
        for lane in Lane:
            PROVIDER_CALLS_WAITING.labels(lane.value).set(0)

    def wait(self, lane: Lane) -> None:
        """Returns when it is this call's turn."""
        began = self._clock()
        me = object()
        with self._changed:
            self._waiting[lane].append(me)
            PROVIDER_CALLS_WAITING.labels(lane.value).set(len(self._waiting[lane]))
            while (seconds := self._seconds_until(lane, me)) > 0:
                self._changed.wait(seconds)
            self._tokens -= 1
            self._turns += 1
            self._waiting[lane].popleft()
            PROVIDER_CALLS_WAITING.labels(lane.value).set(len(self._waiting[lane]))
            self._changed.notify_all()
        PROVIDER_WAIT_SECONDS.labels(lane.value).observe(self._clock() - began)

    def _seconds_until(self, lane: Lane, me: object) -> float:
        """0 when it is `me`'s turn; otherwise when to look again, unless somebody's turn comes before."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._per_second
        return 0 if self._waiting[self._next()][0] is me else 1.0

    def _next(self) -> Lane:
        waiting = [lane for lane in Lane if self._waiting[lane]]
        return waiting[-1] if self._turns % SHARE_OF_THE_LAST == SHARE_OF_THE_LAST - 1 else waiting[0]
