"""Small seasons in memory."""

from collections.abc import Sequence

from buystream.log import Record
from buystream.season.acts import Group, SeasonPlan
from buystream.season.making import Checked
from buystream.season.playing import placed, play
from buystream.season.programme import GROUPS
from buystream.season.stage import PartitionStage
from tests.support.memory_log import MemoryLog

STARTS_MS = 1_756_684_800_000
"""2025-09-01."""


class MemoryFiller:
    """Implements `buystream.log.filling.Filler`."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def write(self, records: Sequence[Record]) -> None:
        """At their places, with their times."""
        for record in records:
            self._log.put(record)

    def close(self) -> None:
        """Nothing to release."""


class Season:
    """A whole season in memory."""

    def __init__(
        self, *, commands: int, seed: int = 1, partitions: int = 2, groups: tuple[Group, ...] = GROUPS
    ) -> None:
        plan = SeasonPlan(seed=seed, commands=commands, partitions=partitions, starts_ms=STARTS_MS, groups=groups)
        self.placed = placed(plan)
        self.log = MemoryLog(partitions=partitions, stamp=lambda: self.placed.ends_ms)
        self.stages: list[PartitionStage] = []
        self.checksums: list[str] = []
        for partition in range(partitions):
            sink = Checked(MemoryFiller(self.log))
            self.stages.append(play(self.placed, partition, sink, lambda _: None))
            self.checksums.append(sink.checksum)
