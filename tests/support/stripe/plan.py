"""How the provider misbehaves: a plan, made from its seed, so that a failed run is made again from that number alone.
Each decision depends on the seed and on what it is about (a payment, what is done to it, for the how-manieth time), and
not on when it is asked, so that it stays the same when threads run in another order."""

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from tests.support.stripe.answers import Json


class Fault(Enum):
    """What goes wrong with one call to the API."""

    CUT_BEFORE = "the connection ends before anything was done"
    DROPPED_AFTER = "it was done, and the answer never comes: the connection ends"
    SILENT_BEFORE = "nothing was done, and nothing is answered until the client has given up"
    SILENT_AFTER = "it was done, and nothing is answered until the client has given up"
    HANGS = "it is done only after the client has given up and come again: meanwhile its key is in use"
    SLOW = "it is done and answered, slowly"
    RATE_LIMITED = "429, and nothing was done"
    UNAVAILABLE = "503 from before the API, and nothing was done"
    ERROR_BEFORE = "500, nothing was done, and the key answers 500 from now on"
    ERROR_AFTER = "500, it was done, and the key answers 500 from now on"
    WEBHOOKS_FIRST = "the webhooks of what was done arrive before the answer"

    @property
    def acts(self) -> bool:
        """Whether the API does what it was asked."""
        return self not in (
            Fault.CUT_BEFORE, Fault.SILENT_BEFORE, Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.ERROR_BEFORE,
        )  # fmt: skip


class Plan(Protocol):
    """Asked by the wall. `about` is our payment's id where the request or the object tells it."""

    def fault(self, about: str, operation: str) -> Fault | None:
        """What goes wrong with the next call of this kind about this."""
        ...

    def copies(self, about: str, event: Json) -> tuple[float, ...]:
        """After how many seconds each copy of an event leaves; none: it is lost."""
        ...

    def refund_pends(self, about: str) -> bool:
        """Whether the next refund is pending at first."""
        ...


class Behaves:
    """Nothing goes wrong."""

    def fault(self, about: str, operation: str) -> Fault | None:
        return None

    def copies(self, about: str, event: Json) -> tuple[float, ...]:
        return (0.0,)

    def refund_pends(self, about: str) -> bool:
        return False


@dataclass
class Scripted(Behaves):
    """The next calls of an operation go wrong as told, each list from its beginning: for tests of one thing."""

    faults: dict[str, list[Fault]] = field(default_factory=dict)
    deliveries: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """By the event's type; others arrive once, at once."""
    pending_refunds: bool = False

    def fault(self, about: str, operation: str) -> Fault | None:
        waiting = self.faults.get(operation)
        return waiting.pop(0) if waiting else None

    def copies(self, about: str, event: Json) -> tuple[float, ...]:
        return self.deliveries.get(event["type"], (0.0,))

    def refund_pends(self, about: str) -> bool:
        return self.pending_refunds


FAULTS_IN_A_ROW = 4
"""After so many the call goes well: a schedule ends."""


@dataclass
class Seeded:
    """A share of everything goes wrong, in a way drawn from the seed."""

    seed: int
    faults: float = 0.4
    """Share of the calls."""
    lost: float = 0.2
    """Share of the events."""
    doubled: float = 0.25
    delay_seconds: float = 0.08
    """The longest delay; each copy draws its own, so that events overtake each other."""
    pending: float = 0.2
    """Share of the refunds."""
    weights: dict[Fault, float] = field(default_factory=lambda: dict.fromkeys(Fault, 1.0))
    _counts: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def fault(self, about: str, operation: str) -> Fault | None:
        draw, number = self._next(about, operation)
        if number > FAULTS_IN_A_ROW or draw.random() > self.faults:
            return None
        return draw.choices(list(self.weights), list(self.weights.values()))[0]

    def copies(self, about: str, event: Json) -> tuple[float, ...]:
        draw, _ = self._next(about, "event", event["type"])
        if draw.random() < self.lost:
            return ()
        number = 2 if draw.random() < self.doubled else 1
        return tuple(draw.uniform(0, self.delay_seconds) for _ in range(number))

    def refund_pends(self, about: str) -> bool:
        draw, _ = self._next(about, "pending")
        return draw.random() < self.pending

    def _next(self, *what: str) -> tuple[random.Random, int]:
        self._counts[what] += 1
        number = self._counts[what]
        return random.Random("/".join((str(self.seed), *what, str(number)))), number
