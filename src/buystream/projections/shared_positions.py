"""How far the views are, in memory that two processes share: the projector's writes it, the gateway's reads it."""

import mmap
from collections.abc import Mapping
from time import monotonic, sleep
from typing import Final

PARTITIONS_MAX: Final = 4_096
LOOK_SECONDS: Final = 0.004


class SharedPositions:
    """Made before the other process is forked. One writes; a number is written and read whole."""

    def __init__(self) -> None:
        self._numbers = memoryview(mmap.mmap(-1, PARTITIONS_MAX * 8)).cast("q")

    def publish(self, reached: Mapping[int, int]) -> None:
        """What `Projector` calls with the positions that all views have reached, by partition."""
        for partition, position in reached.items():
            self._numbers[partition] = position

    def position(self, partition: int) -> int:
        """The position up to which (exclusive) all views show the partition's events."""
        return self._numbers[partition]

    def wait_for(self, positions: Mapping[int, int], timeout_seconds: float) -> bool:
        """As `Projector.wait_for`."""
        deadline = monotonic() + timeout_seconds
        while any(self._numbers[partition] < end for partition, end in positions.items()):
            if monotonic() >= deadline:
                return False
            sleep(LOOK_SECONDS)
        return True
