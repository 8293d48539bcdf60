"""KafkaLog, put together from its parts: appending, reading, owning and being assigned."""

import threading
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as Sent

from buystream.log import COMMANDS, READ_LIMIT, TOPICS, LogError, LogUnavailable, Message, Record
from buystream.log.kafka.assignment import KafkaAssignment
from buystream.log.kafka.clients import Clients, telling, told
from buystream.log.kafka.owner import KafkaOwner
from buystream.log.kafka.reading import END_WINDOW, Ends, KafkaTail, RangeReaders
from buystream.log.kafka.writing import KafkaWriter
from buystream.log.writing import OnFailure


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
        self._clients = Clients(bootstrap, prefix, answer_seconds, options or {})
        self._appender = Appender(self._clients)
        try:
            self._partitions = self._count_partitions()
        except BaseException:
            self._appender.close()
            raise
        self._ends = Ends(self._clients)
        self._readers = RangeReaders(self._clients, self._ends)

    @property
    def partitions(self) -> int:
        """How many partitions every topic had when this process began."""
        return self._partitions

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append in this order; returns the first position. After LogUnavailable each may or may not be there."""
        if topic not in TOPICS or not 0 <= partition < self._partitions:
            raise LogError(f"there is no partition {partition} of {topic}")
        if not messages:
            return self.end(topic, partition)
        return self._appender.append(topic, partition, messages)

    def writer(self, topic: str, *, on_failure: OnFailure) -> KafkaWriter:
        """Append one by one, without waiting."""
        return KafkaWriter(self._clients, topic, on_failure=on_failure)

    def read(self, topic: str, partition: int, start: int, limit: int = READ_LIMIT) -> list[Record]:
        """Up to `limit` committed records from `start` on."""
        return self._readers.read(topic, partition, start, limit)

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
        return KafkaAssignment(self._clients, role)

    def own(self, partition: int) -> KafkaOwner:
        """Become the owner, fencing any earlier one at once."""
        return KafkaOwner(self._clients, partition)

    def close(self) -> None:
        """Release the connections."""
        self._appender.close()
        self._readers.close()
        self._ends.close()

    def _count_partitions(self) -> int:
        found = self._appender.partitions()
        counts = {topic: found.get(self._clients.name_of(topic), 0) for topic in TOPICS}
        if missing := [topic for topic, count in counts.items() if count == 0]:
            raise LogError(f"Kafka has no topic {', '.join(missing)}; 'buystream topics apply' creates them")
        if len(set(counts.values())) > 1:
            raise LogError(f"the topics' partitions differ: {counts}; 'buystream topics check' says more")
        return counts[COMMANDS]


class Delivery:
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

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._producer = self._make_producer()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-append", daemon=True)
        self._thread.start()

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Returns the first position when all are durable."""
        name, produce, delivery = self._clients.name_of(topic), self._producer.produce, Delivery(len(messages))
        doing = f"appending to partition {partition} of {topic}"
        with telling(doing):
            for one in messages:
                produce(name, one.value, one.key or None, partition, headers=one.headers, on_delivery=delivery)  # type: ignore[arg-type]
        if not delivery.done.wait(self._clients.answer_seconds * 2):  # the producer gives up, and says so, long before
            raise LogUnavailable(f"Kafka, {doing}: no answer")
        if delivery.error is not None:
            raise told(delivery.error, doing)
        if delivery.first_position is None:
            raise LogUnavailable(f"Kafka, {doing}: no position")
        return delivery.first_position

    def partitions(self) -> dict[str, int]:
        """How many partitions each topic of the cluster has."""
        with telling("asking for its topics"):
            topics = self._producer.list_topics(timeout=self._clients.answer_seconds).topics
        return {name: len(topic.partitions) for name, topic in topics.items()}

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
