"""A histogram for what happens on the event loop only: prometheus_client's own takes two locks for each observation,
and a click can't afford them."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

INFINITY: Final = float("inf")


class Durations(Collector):
    """Observed by one thread, collected by any."""

    def __init__(self, name: str, meaning: str, *, buckets: Sequence[float], registry: CollectorRegistry) -> None:
        """`buckets` are upper bounds in seconds, ascending."""
        self._name = name
        self._meaning = meaning
        self._bounds = (*buckets, INFINITY)
        self._counts = [0] * len(self._bounds)
        self._sum_seconds = 0.0
        registry.register(self)

    def observe(self, seconds: float) -> None:
        """One more, of that duration."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum_seconds += seconds

    def collect(self) -> Iterable[Metric]:
        """The histogram, as Prometheus has it: each bucket counts all below it too."""
        counts = zip(self._bounds, accumulate(self._counts), strict=True)
        buckets = [("+Inf" if bound == INFINITY else repr(float(bound)), float(count)) for bound, count in counts]
        yield HistogramMetricFamily(self._name, self._meaning, buckets=buckets, sum_value=self._sum_seconds)
