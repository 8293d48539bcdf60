"""Filling an empty log with records as they are: position, time, key and value come with them. Nobody decides
meanwhile, so that nothing comes between."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol

from buystream.errors import BuystreamError
from buystream.log import TOPICS, Log, Record

ASSIGNMENT_SECONDS = 2.0

UNFINISHED = (
    "this log is only a part of what was to be written: `simulate` or `log copy` still writes it, or was ended before"
    " it was complete. Begin anew with an empty log"
)


class FillRefused(BuystreamError):
    """The log isn't filled; the message says why, and what to do."""


class Filler(Protocol):
    """Appends records at the places that they name. Used by one thread."""

    def write(self, records: Sequence[Record]) -> None:
        """All of these, of one topic's partition, in order. Raises FillRefused when the log doesn't end where they
        begin, and LogUnavailable, after which any may be there."""
        ...

    def close(self) -> None:
        """What was written is durable, and connections are released."""
        ...


@contextmanager
def nobody_decides(log: Log, otherwise: str) -> Iterator[Callable[[], None]]:
    """Holds all partitions, so that no shop can run on the log; gives a check that it is still so. Raises FillRefused
    with these words."""
    everything = frozenset(range(log.partitions))

    def check() -> None:
        if assignment.poll(0) != everything:
            raise FillRefused(otherwise)

    with closing(log.assignment("decider")) as assignment:
        assignment.poll(ASSIGNMENT_SECONDS)
        check()
        yield check


def refuse_unless_empty(log: Log, advice: str) -> None:
    """Raises FillRefused, with this advice, when anything was ever written to the log."""
    for topic in TOPICS:
        for partition in range(log.partitions):
            if end := log.end(topic, partition):
                raise FillRefused(f"the log isn't empty: partition {partition} of {topic} ends at {end}. {advice}")
