"""Two processes show their metrics as one."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from buystream.host.health import serve_health
from buystream.host.joined_metrics import joined


def registry(number: int) -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("sold", "Sold.", ["partition"], registry=made).labels("0").inc(number)
    Counter(f"only_{number}", "One process has it.", registry=made).inc()
    Gauge("partitions", "As many in both.", registry=made).set(4)
    Gauge("behind", "One of them knows.", registry=made).set(0 if number == 1 else 7)
    Gauge("process_resident_memory_bytes", "Of each.", registry=made).set(100 * number)
    Histogram("seconds", "How long.", registry=made, buckets=(1, 2)).observe(number)
    return made


def lines(shown: CollectorRegistry) -> set[str]:
    return set(generate_latest(shown).decode().splitlines())


def test_what_counts_is_added_up_and_of_what_stands_the_larger_counts() -> None:
    with serve_health("127.0.0.1", 0, lambda: None, registries=[registry(2)]) as port:
        shown = lines(joined(registry(1), lambda: f"http://127.0.0.1:{port}/metrics"))
    assert shown >= {
        'sold_total{partition="0"} 3.0',
        "only_1_total 1.0",
        "only_2_total 1.0",
        "partitions 4.0",
        "behind 7.0",
        "process_resident_memory_bytes 300.0",
        'seconds_bucket{le="1.0"} 1.0',
        'seconds_bucket{le="2.0"} 2.0',
        "seconds_count 2.0",
        "seconds_sum 3.0",
    }
    assert len([line for line in shown if line.startswith("# TYPE sold_total ")]) == 1


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:9/metrics"])
def test_without_the_other_one_its_own_are_there(address: str) -> None:
    own = registry(1)
    assert lines(joined(own, lambda: address)) == lines(own)
