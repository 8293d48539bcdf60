"""Which partitions a process works on: a consumer group per role. The group's members read nothing with it; its
assignment is advice, the fence is safety."""

import threading
from collections.abc import Callable, Iterable
from time import monotonic

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from buystream.log import COMMANDS
from buystream.log.kafka.clients import KafkaClients, as_log_errors
from buystream.log.kafka.reading import SLICE_SECONDS

SESSION_SECONDS = 6
"""A killed process's partitions move after this; the least that brokers allow by default."""


class KafkaAssignment:
    """Implements `buystream.log.Assignment`."""

    def __init__(
        self, clients: KafkaClients, role: str, *, known: int, on_unknown: Callable[[Iterable[int]], None]
    ) -> None:
        """`known` is how many partitions the log had when it was opened. A group hands out those that were added since,
        too; they are left alone, and `on_unknown` is called with them."""
        self._known = known
        self._on_unknown = on_unknown
        self._held: frozenset[int] = frozenset()
        self._woken = threading.Event()
        self._consumer = clients.consumer(
            group_id=f"{clients.prefix}buystream-{role}",
            partition_assignment_strategy="cooperative-sticky",
            session_timeout_ms=SESSION_SECONDS * 1000,
            heartbeat_interval_ms=1_000,
        )
        with as_log_errors(f"joining the {role} group"):
            self._consumer.subscribe(
                [clients.name_of(COMMANDS)], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken
            )

    def poll(self, timeout_seconds: float) -> frozenset[int]:
        """The partitions that are ours now; with the cluster away, what was ours until the session ends."""
        before, deadline = self._held, monotonic() + timeout_seconds
        while True:
            self._consumer.poll(min(max(deadline - monotonic(), 0), SLICE_SECONDS))
            if self._held != before or monotonic() >= deadline:
                return self._held
            if self._woken.is_set():
                self._woken.clear()
                return self._held

    def wake(self) -> None:
        """Make a waiting poll return, within a tenth of a second."""
        self._woken.set()

    def close(self) -> None:
        """Leave the group: the partitions move at once."""
        self._consumer.close()

    def _given(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        consumer.incremental_assign([TopicPartition(place.topic, place.partition, OFFSET_END) for place in places])
        consumer.pause(places)
        given = {place.partition for place in places}
        self._held |= {partition for partition in given if partition < self._known}
        self._on_unknown(given - self._held)

    def _taken(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        consumer.incremental_unassign(places)
        self._held -= {place.partition for place in places}
