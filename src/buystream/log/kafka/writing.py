"""Appending without waiting, on Kafka: the client keeps the order and makes the batches."""

import logging
import threading
from functools import partial

from confluent_kafka import KafkaError
from confluent_kafka import Message as Sent

from buystream.log import Message
from buystream.log.kafka.clients import KafkaClients, as_log_errors, headers_of, log_error_of
from buystream.log.writing import QUEUE_MAX, OnFailure
from buystream.vocabulary.codec import answer_to

LINGER_MS = 2
"""A request to the broker, and the look at it that follows, cost as much as some 20 clicks: those that come within this
time share one."""

POLL_SECONDS = 0.2

_log = logging.getLogger(__name__)


class KafkaWriter:
    """Implements `buystream.log.Writer` with an idempotent producer of its own, and a thread that collects delivery
    failures."""

    def __init__(self, clients: KafkaClients, topic: str, *, on_failure: OnFailure) -> None:
        self._clients = clients
        self._topic = topic
        self._name = clients.name_of(topic)
        self._on_failure = on_failure
        self._headers = headers_of(topic)
        self._producer = clients.producer(
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            message_timeout_ms=int(clients.answer_seconds * 1000),
            queue_buffering_max_messages=QUEUE_MAX,
            delivery_report_only_error=True,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll_deliveries, name=f"writes {topic}", daemon=True)
        self._thread.start()

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Send what waits, then end."""
        self._stopping.set()
        self._thread.join()
        self._producer.flush(timeout_seconds)

    @property
    def waiting(self) -> int:
        """Messages that the broker has not acknowledged."""
        return len(self._producer)

    def submit(self, partition: int, message: Message) -> bool:
        """Send one message; False when too many wait or the writer is closed. Raises LogUnavailable."""
        if self._stopping.is_set():
            return False
        try:
            self._producer.produce(
                self._name,
                message.value,
                message.key or None,
                partition,
                headers=self._headers,
                on_delivery=partial(self._note, message),
            )
        except BufferError:
            return False
        except Exception:
            with as_log_errors(f"appending to partition {partition} of {self._topic}"):
                raise
        return True

    def _note(self, message: Message, error: KafkaError | None, sent: Sent) -> None:
        if error is not None:
            partition = sent.partition()
            reason = log_error_of(error, f"appending to partition {partition} of {self._topic}")
            _log.warning(
                "a message to partition %s of %s: outcome unknown: %s",
                *(partition, self._topic, reason),
                extra={"topic": self._topic, "partition": partition, "command": answer_to(message.value)[0]},
            )
            self._on_failure([message], reason)

    def _poll_deliveries(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_SECONDS)
