"""The dead letters: records that are foreign or can't be read, as they were, each with its place and the reason. Every
topic has one part that sets its records aside: the owner does it for commands, the projector for events, the relay for
its memory. A foreign record among the dead letters stays where it is, and is counted."""

import logging
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from buystream.delivery.policy import dead_letter, read_dead_letter
from buystream.host.log_lines import about
from buystream.log import DEADLETTER, READ_LIMIT, Log, Record
from buystream.metrics import RECORDS_SET_ASIDE

LOOK_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Unfit(NamedTuple):
    """A record to be set aside, and why."""

    record: Record
    reason: str


class RecordPlace(NamedTuple):
    """Where a record that was set aside stands, in the partition of its dead letter."""

    topic: str
    position: int


def place_of(letter: Record) -> RecordPlace | None:
    """Which record this is the dead letter of; None when it is no dead letter of ours."""
    said = read_dead_letter(letter)
    return RecordPlace(said.topic, said.position) if said else None


class DeadLetters:
    """Sets records aside, each once, whatever was set aside before a restart. Used by one thread."""

    def __init__(self, log: Log, consumer: str) -> None:
        self._log = log
        self._consumer = consumer
        self._there: dict[int, set[RecordPlace]] = {}
        self._read_up_to: dict[int, int] = {}
        self._looked_at = 0.0

    def look(self) -> None:
        """Count what has come to the dead letters and is foreign there, now and then. Raises LogUnavailable."""
        if monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = monotonic()
            for partition in range(self._log.partitions):
                self._read_on(partition)

    def add(self, partition: int, unfit: Sequence[Unfit]) -> int:
        """Set these aside unless they are already; returns how many weren't. Raises LogUnavailable, after which some
        may be there: try again."""
        if not unfit:
            return 0
        new = self.not_there(partition, unfit)
        for record, reason in new:
            logger.error(
                "%s: position %d of partition %d is set aside: %s",
                *(record.topic, record.position, partition, reason),
                extra=about(record),
            )
        if new:
            letters = [dead_letter(one.record, one.reason, self._consumer) for one in new]
            self._log.append(DEADLETTER, partition, letters)
        return len(new)

    def not_there(self, partition: int, unfit: Sequence[Unfit]) -> list[Unfit]:
        """Those of them that weren't set aside before. Raises LogUnavailable."""
        there = self._read_on(partition)
        return [one for one in unfit if RecordPlace(one.record.topic, one.record.position) not in there]

    def _read_on(self, partition: int) -> set[RecordPlace]:
        """The places of all that is set aside. What is foreign is news only if it came since the first look."""
        is_first, there = partition not in self._there, self._there.setdefault(partition, set())
        position = self._read_up_to.get(partition, 0)
        while records := self._log.read(DEADLETTER, partition, position, READ_LIMIT):
            foreign = [record for record in records if place_of(record) is None]
            there.update(place for record in records if (place := place_of(record)) is not None)
            self._read_up_to[partition] = position = records[-1].position + 1
            if not is_first:
                self._report(foreign)
        return there

    def _report(self, foreign: Sequence[Record]) -> None:
        RECORDS_SET_ASIDE.labels(DEADLETTER).inc(len(foreign))
        for record in foreign:
            logger.error(
                "%s: position %d of partition %d is foreign",
                *(record.topic, record.position, record.partition),
                extra=about(record),
            )
