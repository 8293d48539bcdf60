"""The event loop's histogram says what prometheus_client's own says."""

import random

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from buystream.gateway.server.durations import Durations

BUCKETS = (0.002, 0.005, 0.01, 1, 2)


def _without_creation(text: bytes) -> list[bytes]:
    return [line for line in text.splitlines() if b"_created" not in line]


def test_it_is_exposed_as_the_librarys_own() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    durations = Durations("took_seconds", "How long.", buckets=BUCKETS, registry=ours)
    histogram = Histogram("took_seconds", "How long.", buckets=BUCKETS, registry=theirs)
    assert _without_creation(generate_latest(ours)) == _without_creation(generate_latest(theirs))
    chance = random.Random(7)
    for seconds in [0.0, *BUCKETS, 2.5, *(chance.expovariate(20) for _ in range(1_000))]:
        durations.observe(seconds)
        histogram.observe(seconds)
    assert _without_creation(generate_latest(ours)) == _without_creation(generate_latest(theirs))
