"""Appending without waiting, on Kafka: what is submitted while one batch is on its way is the next."""

import logging
import threading
from functools import partial
from queue import Empty, SimpleQueue
from time import sleep
from typing import Final

from confluent_kafka import KafkaError
from confluent_kafka import Message as Sent

from buystream.log import Message
from buystream.log.kafka.clients import KafkaClients, as_log_errors, headers_of, log_error_of
from buystream.log.writing import QUEUE_MAX, OnFailure
from buystream.vocabulary.codec import answer_to

LINGER_MS: Final = 5
"""Only of what is handed over while a batch is late: a batch's end is known, and it is sent at once. To wait behind a
request that is on its way costs the client a processor until that returns."""

ANSWER_SECONDS: Final = 0.05
"""How long a batch may be on its way before the next one follows. Partitions have leaders of their own, and one that is
away must not hold up the others'."""

GATHER_SECONDS: Final = 0.0001
"""Times the messages of the last batch: how long the next one gathers. A request costs the broker and its readers as
much as some 20 messages, so the more come, the more share one."""

GATHER_SECONDS_MAX: Final = 0.008

POLL_SECONDS: Final = 0.2

_log = logging.getLogger(__name__)

_Waiting = tuple[int, Message]


class KafkaWriter:
    """Implements `buystream.log.Writer` with an idempotent producer of its own, on a thread of its own."""

    def __init__(self, clients: KafkaClients, topic: str, *, on_failure: OnFailure) -> None:
        self._topic = topic
        self._name = clients.name_of(topic)
        self._on_failure = on_failure
        self._headers = headers_of(topic)
        self._producer = clients.producer(
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            message_timeout_ms=int(clients.answer_seconds * 1000),
            delivery_report_only_error=True,
        )
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"writes {topic}", daemon=True)
        self._thread.start()

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Send what waits, then end."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()
        self._producer.flush(timeout_seconds)

    @property
    def waiting(self) -> int:
        """Messages that the broker has not acknowledged."""
        return self._queue.qsize() + len(self._producer)

    def submit(self, partition: int, message: Message) -> bool:
        """Queue one message; False when too many wait or the writer is closed."""
        if self._stopping.is_set() or self.waiting >= QUEUE_MAX:
            return False
        self._queue.put((partition, message))
        return True

    def _run(self) -> None:
        while not self._stopping.is_set() or not self._queue.empty():
            batch = self._next_batch()
            for partition, message in batch:
                self._send(partition, message)
            self._producer.flush(ANSWER_SECONDS if batch else 0)
            if len(batch) > 1:
                sleep(min(len(batch) * GATHER_SECONDS, GATHER_SECONDS_MAX))

    def _next_batch(self) -> list[_Waiting]:
        """What waits; after a while without anything, nothing."""
        batch: list[_Waiting] = []
        try:
            waiting = self._queue.get(timeout=POLL_SECONDS)
            while waiting is not None:
                batch.append(waiting)
                waiting = self._queue.get_nowait()
        except Empty:
            pass
        return batch

    def _send(self, partition: int, message: Message) -> None:
        try:
            self._producer.produce(
                self._name,
                message.value,
                message.key or None,
                partition,
                headers=self._headers,
                on_delivery=partial(self._note, message),
            )
        except Exception:
            self._note_refusal(partition, message)

    def _note_refusal(self, partition: int, message: Message) -> None:
        """Whatever was just raised, those who wait must learn of it."""
        try:
            with as_log_errors(f"appending to partition {partition} of {self._topic}"):
                raise
        except Exception as error:
            self._fail(partition, message, error)

    def _note(self, message: Message, error: KafkaError | None, sent: Sent) -> None:
        if error is not None:
            doing = f"appending to partition {sent.partition()} of {self._topic}"
            self._fail(sent.partition(), message, log_error_of(error, doing))

    def _fail(self, partition: int | None, message: Message, error: Exception) -> None:
        _log.warning(
            "a message to partition %s of %s: outcome unknown: %s",
            *(partition, self._topic, error),
            extra={"topic": self._topic, "partition": partition, "command": answer_to(message.value)[0]},
        )
        self._on_failure([message], error)
