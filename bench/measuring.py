"""What a contender is, and what measuring one gives."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from buystream.errors import BuystreamError


class BenchError(BuystreamError):
    """A measurement could not be made, or what was measured is not what it should be."""


class Measured(msgspec.Struct, kw_only=True):
    """One round. Latencies None where there are none; `facts` tells what was counted beside."""

    per_s: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    facts: dict[str, float] = {}


class Contender(Protocol):
    """One way of selling, or one way of asking for it. `name` is its key in the results; `best_of` names the contender
    whose figure is the best of several such variants, "" if it stands for itself."""

    name: str
    title: str
    durability: str
    best_of: str

    def prepare(self) -> None:
        """Start what it needs; raises BenchError."""
        ...

    def round(self, seconds: float) -> Measured:
        """Measure for about that long; raises BenchError rather than give a doubtful figure."""
        ...

    def close(self) -> None:
        """Stop what `prepare` started."""
        ...


def percentile_ms(latencies_ms: Sequence[float], percent: float) -> float | None:
    """The latency that this percentage did not exceed."""
    if not latencies_ms:
        return None
    ranked = sorted(latencies_ms)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]
