"""The metrics of two processes as those of one."""

import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

ASK_SECONDS: Final = 2.0

ADDED_UP: Final = frozenset({"process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds"})
"""Gauges of which each process has its own share. Of the others the larger one counts: what only one process measures
is 0 in the other."""


def joined(own: CollectorRegistry, address: Callable[[], str]) -> CollectorRegistry:
    """A registry that shows `own` and what is shown at the address, as far as there is one and it answers."""
    both = CollectorRegistry(auto_describe=False)
    both.register(_Joined(own, address))
    return both


class _Joined(Collector):
    def __init__(self, own: CollectorRegistry, address: Callable[[], str]) -> None:
        self._own = own
        self._address = address

    def collect(self) -> Iterator[Metric]:
        """Every metric of both."""
        families = {family.name: family for family in _families(generate_latest(self._own).decode())}
        for theirs in _families(_asked(self._address())):
            ours = families.setdefault(theirs.name, theirs)
            if ours is not theirs:
                ours.samples = _added(ours, theirs.samples)
        yield from families.values()

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known once it is asked."""
        return ()


def _families(text: str) -> Iterator[Metric]:
    return iter(text_string_to_metric_families(text))


def _asked(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=ASK_SECONDS) as answer:
            text: str = answer.read().decode()
            return text
    except (OSError, ValueError):  # it is starting, or dying
        return ""


def _added(ours: Metric, theirs: Iterable[Sample]) -> list[Sample]:
    """The samples of both, those with the same name and labels as one."""
    adds_up = ours.type != "gauge" or ours.name in ADDED_UP
    found = {(one.name, tuple(sorted(one.labels.items()))): one for one in ours.samples}
    for sample in theirs:
        key = sample.name, tuple(sorted(sample.labels.items()))
        if key in found:
            mine = found[key].value
            sample = sample._replace(value=mine + sample.value if adds_up else max(mine, sample.value))
        found[key] = sample
    return list(found.values())
