"""Reading from Kafka: ranges up to the stable end, and tails that follow. Positions are offsets; transaction markers
and aborted records take offsets too, so positions increase with gaps."""

import threading
from collections.abc import Mapping, Sequence
from time import monotonic

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from buystream.log import READ_LIMIT, LogUnavailable, Record
from buystream.log.kafka.clients import KafkaClients, as_log_errors, log_error_of, record_of

SLICE_SECONDS = 0.1
"""A waiting poll looks this often whether it was woken: the client can't be interrupted. Costs 0.1 % of a core."""

LEADER_SECONDS = 2.0
"""How long a partition's leader is asked. A client that follows nothing keeps asking the leader that it once knew, even
a dead one, so the next question is a new client's."""

IDLE_READERS_MAX = 2
END_WINDOW = 64


class Ends:
    """Asks where partitions end. Safe for many threads."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._consumer = clients.consumer()

    def stable(self, topic: str, partition: int) -> int:
        """The position before which everything is decided: committed or aborted."""
        attempts = max(1, round(self._clients.answer_seconds / LEADER_SECONDS))
        for left in reversed(range(attempts)):
            consumer = self._consumer
            try:
                return self._ask(consumer, topic, partition)
            except LogUnavailable:
                if self._consumer is consumer:  # dropped, not closed: others may be asking it now
                    self._consumer = self._clients.consumer()
                if not left:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def partitions(self) -> dict[str, int]:
        """How many partitions each topic of the cluster has."""
        with as_log_errors("asking for its topics"):
            topics = self._consumer.list_topics(timeout=self._clients.answer_seconds).topics
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()

    def _ask(self, consumer: Consumer, topic: str, partition: int) -> int:
        place = TopicPartition(self._clients.name_of(topic), partition)
        with as_log_errors(f"asking where partition {partition} of {topic} ends"):
            found = consumer.get_watermark_offsets(place, timeout=min(LEADER_SECONDS, self._clients.answer_seconds))
        if found is None:
            raise LogUnavailable(f"Kafka doesn't say where partition {partition} of {topic} ends")
        return found[1]


class RangeReader:
    """Reads one range after another with a consumer of its own; quick where one begins at the end of the last."""

    def __init__(self, clients: KafkaClients, ends: Ends) -> None:
        self._clients = clients
        self._ends = ends
        self._consumer = clients.consumer(
            enable_partition_eof=True,
            fetch_wait_max_ms=5,  # an empty answer marks the end: don't let the broker wait for more
            fetch_message_max_bytes=4_194_304,
        )
        self.place: tuple[str, int, int] | None = None
        """Where it would continue at once: topic, partition, position."""

    def read(self, topic: str, partition: int, start: int, limit: int) -> list[Record]:
        """Up to `limit` records; fewer only at the end. After an error: close it."""
        with as_log_errors(f"reading partition {partition} of {topic}"):
            if self.place != (topic, partition, start):
                self._consumer.assign([TopicPartition(self._clients.name_of(topic), partition, start)])
            self.place = None
            records: list[Record] = []
            while len(records) < limit:
                if not self._take(topic, partition, limit, records):
                    self._consumer.unassign()
                    return records
            self.place = (topic, partition, records[-1].position + 1)
            return records

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()

    def _take(self, topic: str, partition: int, limit: int, records: list[Record]) -> bool:
        """Adds what is there, after waiting for some; False at the end."""
        first = self._consumer.poll(self._clients.answer_seconds)
        if first is None:
            raise LogUnavailable(f"Kafka doesn't answer in {self._clients.answer_seconds:g} s: reading {topic}")
        for message in _with_rest(self._consumer, first, limit - len(records)):
            error = message.error()
            if error is None:
                records.append(record_of(topic, message))
            elif error.code() == KafkaError._AUTO_OFFSET_RESET and self._is_beyond(topic, partition, message):
                return False
            elif error.code() != KafkaError._PARTITION_EOF:
                raise log_error_of(error, f"reading partition {partition} of {topic}")
            elif self._is_beyond(topic, partition, message):
                return False
        return True

    def _is_beyond(self, topic: str, partition: int, told_end: Message) -> bool:
        """The end may have been noticed a while ago: only one that is still the end counts."""
        return (told_end.offset() or 0) >= self._ends.stable(topic, partition)


class RangeReaders:
    """Lends range readers to threads: first the one that stands where reading is to continue."""

    def __init__(self, clients: KafkaClients, ends: Ends) -> None:
        self._clients = clients
        self._ends = ends
        self._idle: list[RangeReader] = []
        self._lock = threading.Lock()

    def read(self, topic: str, partition: int, start: int, limit: int) -> list[Record]:
        """Up to `limit` committed records from position `start` on; fewer only at the end."""
        if limit < 1:
            return []
        reader = self._lend((topic, partition, start))
        try:
            records = reader.read(topic, partition, start, limit)
        except BaseException:
            reader.close()
            raise
        self._give_back(reader)
        return records

    def close(self) -> None:
        """Release the connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    def _lend(self, place: tuple[str, int, int]) -> RangeReader:
        with self._lock:
            fitting = [reader for reader in self._idle if reader.place == place] or self._idle
            if fitting:
                self._idle.remove(lent := fitting[0])
                return lent
        return RangeReader(self._clients, self._ends)

    def _give_back(self, reader: RangeReader) -> None:
        with self._lock:
            self._idle.append(reader)
            surplus = self._idle.pop(0) if len(self._idle) > IDLE_READERS_MAX else None
        if surplus is not None:
            surplus.close()


class KafkaTail:
    """Implements `buystream.log.Tail` with a consumer of its own that belongs to no group."""

    def __init__(self, clients: KafkaClients, topic: str, starts: Mapping[int, int]) -> None:
        self._name = clients.name_of(topic)
        self._topic = topic
        self._next = dict(starts)
        self._woken = threading.Event()
        self._unreachable: KafkaError | None = None
        self._consumer = clients.consumer(on_error=self._note)
        self._consumer_stands = False

    def poll(self, timeout_seconds: float, limit: int = READ_LIMIT) -> list[Record]:
        """The next records, in order within each partition."""
        deadline = monotonic() + timeout_seconds
        with as_log_errors(f"following {self._topic}"):
            self._stand()
            while True:
                wait = min(max(deadline - monotonic(), 0), SLICE_SECONDS)
                first = self._consumer.poll(wait)
                if first is not None:
                    return self._take(_with_rest(self._consumer, first, limit))
                if self._unreachable is not None:
                    unreachable, self._unreachable = self._unreachable, None
                    raise log_error_of(unreachable, f"following {self._topic}")
                if self._woken.is_set() or monotonic() >= deadline:
                    self._woken.clear()
                    return []

    def wake(self) -> None:
        """Make a waiting poll return, within a tenth of a second."""
        self._woken.set()

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()

    def _stand(self) -> None:
        if not self._consumer_stands:
            places = [TopicPartition(self._name, partition, position) for partition, position in self._next.items()]
            self._consumer.assign(places)
            self._consumer_stands = True

    def _note(self, error: KafkaError) -> None:
        """The client keeps reconnecting; report it to waiting callers."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._unreachable = error

    def _take(self, messages: Sequence[Message]) -> list[Record]:
        records: list[Record] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._consumer_stands = False  # the next poll starts again after what was handed over
                if not records:
                    raise log_error_of(error, f"following {self._topic}")
                break
            records.append(record := record_of(self._topic, message))
            self._next[record.partition] = record.position + 1
        return records


def _with_rest(consumer: Consumer, first: Message, limit: int) -> list[Message]:
    """What has arrived: `consume` with a time-out would wait until it has as many as it may have."""
    return [first, *consumer.consume(limit - 1, 0)] if limit > 1 else [first]
