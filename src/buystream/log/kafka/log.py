"""KafkaLog, put together from its parts: appending, reading, owning and being assigned."""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as Sent

from buystream.log import COMMANDS, READ_LIMIT, TOPICS, LogError, LogUnavailable, Message, Record
from buystream.log.kafka.assignment import KafkaAssignment
from buystream.log.kafka.clients import KafkaClients, as_log_errors, headers_of, log_error_of
from buystream.log.kafka.owner import KafkaOwner
from buystream.log.kafka.reading import END_WINDOW, Ends, KafkaTail, RangeReaders
from buystream.log.kafka.writing import KafkaWriter
from buystream.log.writing import OnFailure

_log = logging.getLogger(__name__)


class KafkaLog:
    """Implements `buystream.log.Log`. Safe for many threads. The topics must exist (`buystream.log.topics`)."""

    def __init__(
        self,
        bootstrap: str,
        *,
        prefix: str = "",
        answer_seconds: float = 10.0,
        options: Mapping[str, str | int] | None = None,
    ) -> None:
        """Raises LogUnavailable, and LogError when the topics aren't there. See `Clients` for what is asked."""
        self._clients = KafkaClients(bootstrap, prefix, answer_seconds, options or {})
        self._ends = Ends(self._clients)
        try:
            self._partitions = self._count_partitions()
        except BaseException:
            self._ends.close()
            raise
        self._appender: Appender | None = None
        self._appender_lock = threading.Lock()
        self._readers = RangeReaders(self._clients, self._ends)
        self._unknown: frozenset[int] = frozenset()

    @property
    def partitions(self) -> int:
        """How many partitions every topic had when this process began."""
        return self._partitions

    @property
    def problem(self) -> str | None:
        """Which partitions were added since this process began, as far as it knows."""
        if not self._unknown:
            return None
        return (
            f"partitions {sorted(self._unknown)} were added after this process began, which leaves them alone:"
            " restart it; see docs/operations.md, 'Adding partitions'"
        )

    def note_unknown(self, partitions: Iterable[int]) -> None:
        """These were added since this process began; said once."""
        if new := frozenset(partitions) - self._unknown:
            self._unknown |= new
            _log.warning("%s", self.problem)

    def look_for_partitions(self) -> None:
        """Ask the cluster; a partition counts once every topic has it."""
        found = self._ends.partitions()
        self.note_unknown(range(self._partitions, min(found.get(self._clients.name_of(topic), 0) for topic in TOPICS)))

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append in this order; returns the first position. After LogUnavailable each may or may not be there. A
        partition that was added meanwhile takes what is appended: its owner is a process that knows it."""
        if topic not in TOPICS or not self._has(partition):
            raise LogError(f"there is no partition {partition} of {topic}")
        if not messages:
            return self.end(topic, partition)
        with self._appender_lock:
            if self._appender is None:  # made for who writes: the cluster ends the producer of a user who may only read
                self._appender = Appender(self._clients)
        return self._appender.append(topic, partition, messages)

    def writer(self, topic: str, *, on_failure: OnFailure) -> KafkaWriter:
        """Append one by one, without waiting."""
        return KafkaWriter(self._clients, topic, on_failure=on_failure)

    def read(self, topic: str, partition: int, start: int, limit: int = READ_LIMIT) -> list[Record]:
        """Up to `limit` committed records from `start` on."""
        return self._readers.read(topic, partition, start, limit)

    def faults(self, topic: str, partition: int, start: int = 0) -> Iterator[tuple[int, str]]:
        """None that a reader could see: nothing is kept beside the records, and gaps between positions are Kafka's."""
        yield from ()

    def end(self, topic: str, partition: int) -> int:
        """The position after the last committed record; markers and aborted records may stand after it."""
        stable, window = self._ends.stable(topic, partition), END_WINDOW
        while stable > 0:
            start = max(stable - window, 0)
            records = self.read(topic, partition, start, limit=stable - start)
            if records:
                return records[-1].position + 1
            if start == 0:
                break
            window *= 8
        return 0

    def tail(self, topic: str, starts: Mapping[int, int]) -> KafkaTail:
        """Follow partitions from their positions."""
        return KafkaTail(self._clients, topic, starts)

    def assignment(self, role: str) -> KafkaAssignment:
        """Share the role's partitions with the group's other members."""
        return KafkaAssignment(self._clients, role, known=self._partitions, on_unknown=self.note_unknown)

    def own(self, partition: int) -> KafkaOwner:
        """Become the owner, fencing any earlier one at once."""
        return KafkaOwner(self._clients, partition)

    def close(self) -> None:
        """Release the connections."""
        if self._appender is not None:
            self._appender.close()
        self._readers.close()
        self._ends.close()

    def _has(self, partition: int) -> bool:
        if 0 <= partition < self._partitions or partition in self._unknown:
            return True
        if not self._partitions <= partition < self._count_partitions():
            return False
        self.note_unknown([partition])
        return True

    def _count_partitions(self) -> int:
        found = self._ends.partitions()
        counts = {topic: found.get(self._clients.name_of(topic), 0) for topic in TOPICS}
        if missing := [topic for topic, count in counts.items() if count == 0]:
            raise NoSuchTopic(self._clients, [self._clients.name_of(topic) for topic in missing], found)
        if len(set(counts.values())) > 1:
            raise LogError(f"the topics' partitions differ: {counts}; 'buystream topics check' says more")
        return counts[COMMANDS]


class NoSuchTopic(LogError):
    """The cluster has no topics under these names, or this client may not see them."""

    def __init__(self, clients: KafkaClients, missing: Sequence[str], there: Iterable[str]) -> None:
        others = sorted(name for name in there if name.endswith(COMMANDS) and name not in missing)
        known = f", which has {', '.join(others)}" if others else ""
        unseen = ", if this user may see them" if "sasl.username" in clients.options else ""
        super().__init__(
            f"there is no topic {', '.join(missing)} on {clients.where}{known}; 'buystream topics apply' creates them"
            f"{unseen}"
        )


class Acknowledgements:
    """Counts the broker's answers to one append."""

    __slots__ = ("_outstanding", "done", "error", "first_position")

    def __init__(self, messages: int) -> None:
        self._outstanding = messages
        self.first_position: int | None = None
        self.error: KafkaError | None = None
        self.done = threading.Event()

    def __call__(self, error: KafkaError | None, sent: Sent) -> None:
        """The answer for one message; they come in order."""
        if error is not None:
            self.error = self.error or error
        elif self.first_position is None:
            self.first_position = sent.offset()
        self._outstanding -= 1
        if self._outstanding == 0:
            self.done.set()


class Appender:
    """One idempotent producer for all threads, and a thread that hands out the broker's answers."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._producer = self._make_producer()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-append", daemon=True)
        self._thread.start()

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Returns the first position when all are durable."""
        name, produce, delivery = self._clients.name_of(topic), self._producer.produce, Acknowledgements(len(messages))
        doing = f"appending to partition {partition} of {topic}"
        headers = headers_of(topic)
        with as_log_errors(doing):
            for one in messages:
                produce(name, one.value, one.key or None, partition, headers=headers, on_delivery=delivery)
        if not delivery.done.wait(self._clients.answer_seconds * 2):  # the producer gives up, and says so, long before
            raise LogUnavailable(f"Kafka, {doing}: no answer")
        if delivery.error is not None:
            raise log_error_of(delivery.error, doing)
        if delivery.first_position is None:
            raise LogUnavailable(f"Kafka, {doing}: no position")
        return delivery.first_position

    def close(self) -> None:
        """Send what waits, then release the connections."""
        self._producer.flush(self._clients.answer_seconds)
        self._stopping.set()
        self._thread.join()

    def _make_producer(self) -> Producer:
        return self._clients.producer(
            enable_idempotence=True,
            linger_ms=1,  # writers come with batches
            message_timeout_ms=int(self._clients.answer_seconds * 1000),
        )

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(0.2)
