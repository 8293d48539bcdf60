"""Filling topics on Kafka. Positions stay because one idempotent producer fills empty topics without transactions.
Times stay because the topics take the writer's time while they are filled; then they are set to stamp the broker's,
which leaves what is there alone. Until then `topics check` finds them wrong, so no role starts on half a log."""

from collections.abc import Sequence
from typing import Final

import msgspec
from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as Sent

from buystream.log import LogUnavailable, Record
from buystream.log.filling import FillRefused
from buystream.log.kafka.clients import KafkaClients, as_log_errors, headers_of, log_error_of
from buystream.log.topics import Topic, Topics

STAMP: Final = "message.timestamp.type"
FILLING: Final = {STAMP: "CreateTime", "message.timestamp.after.max.ms": str(2**63 - 1)}
"""While topics are filled: a record that the old log's clock stamped far ahead keeps that time too."""

ANSWER_SECONDS: Final = 60.0


def make_ready(topics: Topics, planned: Sequence[Topic]) -> None:
    """Let the topics take the writer's time; creates those that are missing. Raises FillRefused when one has records
    that weren't written by filling it."""
    filling = [msgspec.structs.replace(one, settings=dict(one.settings) | FILLING) for one in planned]
    for difference in topics.check(filling):
        if difference.refused:
            why = "it isn't empty" if difference.what == STAMP else difference.refused
            raise FillRefused(
                f"can't write to {difference.topic}: {why}. Use an empty cluster, or another BUYSTREAM_KAFKA_PREFIX"
            )
    topics.apply(filling)


class KafkaFiller:
    """Implements `buystream.log.filling.Filler`, and finds out that each record stands where it belongs."""

    def __init__(self, clients: KafkaClients) -> None:
        self._name_of = clients.name_of
        self._failure: Exception | None = None
        self._producer: Producer = clients.producer(
            enable_idempotence=True,
            compression_type="lz4",
            message_timeout_ms=0,  # none may be given up while a later one is written
        )

    def write(self, records: Sequence[Record]) -> None:
        """All of these, in order; raises FillRefused when one stands elsewhere."""
        with as_log_errors("filling the log"):
            for record in records:
                self._produce(record)
            waiting = self._producer.flush(ANSWER_SECONDS)
        if self._failure is not None:
            raise self._failure
        if waiting:
            raise LogUnavailable(f"Kafka doesn't answer in {ANSWER_SECONDS:.0f} s")

    def _produce(self, record: Record) -> None:
        def note(error: KafkaError | None, sent: Sent) -> None:
            if error is not None:
                self._failure = self._failure or log_error_of(error, "filling the log")
            elif sent.offset() != record.position:
                self._failure = self._failure or misplaced(record)

        self._producer.produce(
            self._name_of(record.topic),
            record.value,
            record.key or None,
            record.partition,
            headers=headers_of(record.topic),
            timestamp=record.at_ms,
            on_delivery=note,
        )

    def close(self) -> None:
        """What was written was acknowledged."""


def misplaced(record: Record) -> FillRefused:
    """Something else stands where the record belongs."""
    return FillRefused(
        f"record {record.position} of partition {record.partition} of {record.topic} is not the shop's own: delete this"
        " shop's topics with Kafka's tools and begin again, or use another BUYSTREAM_KAFKA_PREFIX"
    )
