"""The decider: one owner per partition turns commands into events, in log order, in batches, in memory. Each partition
that is assigned to this process has an owner here, in a thread of its own."""

import threading
from collections.abc import Callable

from buystream.consumers.answering import decide_batch, messages_of
from buystream.consumers.clock import wall_clock_ms
from buystream.consumers.owning import OwnerSettings, PartitionDecider
from buystream.delivery.folding import SnapshotStore
from buystream.delivery.policy import tell_assigned
from buystream.log import Log
from buystream.metrics import PARTITIONS_ASSIGNED

__all__ = ["Decider", "decide_batch", "messages_of"]
"""With what decides a batch without owning a partition: measurements and replays do."""


class Decider:
    """Decides for all partitions that are assigned to this process, each in a thread of its own."""

    def __init__(
        self,
        log: Log,
        *,
        owner: str,
        grace_seconds: int = 60,
        snapshots: SnapshotStore | None = None,
        ahead_seconds_max: int = 600,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """`now_ms` is this machine's clock: a command whose time is more than `ahead_seconds_max` ahead of it stops its
        partition."""
        self._log = log
        self._settings = OwnerSettings(
            name=owner,
            grace_seconds=grace_seconds,
            snapshots=snapshots,
            ahead_seconds_max=ahead_seconds_max,
            now_ms=now_ms,
        )
        self._running: dict[int, PartitionDecider] = {}

    @property
    def ready(self) -> bool:
        """Whether all partitions are assigned here, folded, and answering."""
        running = list(self._running.values())
        return len(running) == self._log.partitions and all(decider.ready for decider in running)

    @property
    def problem(self) -> str | None:
        """Which of the partitions that are assigned here get no answers now, and why; or None."""
        running = sorted(self._running.copy().items())
        stopped = [decider.problem for _, decider in running if decider.problem]
        late = [partition for partition, decider in running if not decider.ready and not decider.problem]
        if late:
            stopped.append(f"partitions are being taken over: {late}")
        return "; ".join(stopped) or None

    @property
    def owned(self) -> list[int]:
        """The partitions that this process answers for now."""
        return sorted(partition for partition, decider in self._running.items() if decider.ready)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`: take what is assigned, give up what isn't any more."""
        assignment = self._log.assignment("decider")
        try:
            while not stop.is_set():
                self._adopt(assignment.poll(timeout_seconds=0.5))
        finally:
            self._adopt(frozenset())
            assignment.close()

    def _adopt(self, assigned: frozenset[int]) -> None:
        lost = [self._running.pop(partition) for partition in set(self._running) - assigned]
        for decider in lost:
            decider.stop()
        for decider in lost:
            decider.join()
        if lost or assigned - set(self._running):
            tell_assigned("decider", assigned)
        for partition in sorted(assigned - set(self._running)):
            self._running[partition] = decider = PartitionDecider(self._log, partition, self._settings)
            decider.start()
        # A partition that is refused has no decider, as far as an alarm is concerned.
        PARTITIONS_ASSIGNED.labels("decider").set(sum(not one.refused for one in self._running.values()))
