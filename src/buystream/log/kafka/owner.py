"""The owner of a partition on Kafka: a producer with the partition's fixed transactional id. Initialising it makes the
broker end whatever an earlier owner left open, and refuse that owner from then on."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Sent

from buystream.log import LogError, Message, Rejected
from buystream.log.kafka.clients import FENCED_CODES, KafkaClients, as_log_errors, headers_of, log_error_of


class Broken(NamedTuple):
    """Why an owner is of no use any more; without the traceback, which would keep its producer alive."""

    kind: type[LogError]
    text: str

    def again(self) -> LogError:
        """The error once more."""
        return self.kind(self.text)


class KafkaOwner:
    """Implements `buystream.log.Owner`. After any error of `commit` it only repeats that error."""

    def __init__(self, clients: KafkaClients, partition: int) -> None:
        self._clients = clients
        self._partition = partition
        self._refusal: KafkaError | None = None
        self._broken: Broken | None = None
        self._producer: Producer | None = clients.producer(
            transactional_id=f"{clients.prefix}buystream-{partition}",
            transaction_timeout_ms=int(clients.answer_seconds * 1000),
            linger_ms=100,  # the commit sends what waits: one request for the whole batch
            delivery_report_only_error=True,  # the commit answers for the rest
            # The next transaction waits until the last one's markers are written (KAFKA-5477); the default asks again
            # only after 100 ms.
            retry_backoff_ms=2,
            retry_backoff_max_ms=10,
        )
        with as_log_errors(f"becoming the owner of partition {partition}"):
            self._producer.init_transactions(clients.answer_seconds)

    def commit(self, batches: Mapping[str, Sequence[Message]]) -> None:
        """All topics or none, in one transaction. After any error the outcome is unknown or another's: own again."""
        if self._broken is not None:
            raise self._broken.again()
        if self._producer is None:
            raise LogError("this owner was closed")
        try:
            self._commit(self._producer, batches)
        except (KafkaException, BufferError) as error:
            log_error = log_error_of(self._reason(error), f"committing to partition {self._partition}")
            self._broken = Broken(type(log_error), str(log_error))
            raise log_error from error
        except UnicodeEncodeError as error:
            rejected = Rejected(f"Kafka: keys are UTF-8: {error}")
            self._broken = Broken(Rejected, str(rejected))
            raise rejected from error

    def close(self) -> None:
        """Release the connections. A transaction that is still open is ended by the next owner, or by its time-out."""
        self._producer = None

    def _commit(self, producer: Producer, batches: Mapping[str, Sequence[Message]]) -> None:
        produce, partition, note = producer.produce, self._partition, self._note
        producer.begin_transaction()
        for topic, messages in batches.items():
            name, headers = self._clients.name_of(topic), headers_of(topic)
            for one in messages:
                produce(name, one.value, one.key or None, partition, headers=headers, on_delivery=note)
        producer.commit_transaction(self._clients.answer_seconds)

    def _note(self, error: KafkaError | None, sent: Sent) -> None:
        if error is not None and (self._refusal is None or error.code() in FENCED_CODES):
            self._refusal = error

    def _reason(self, error: KafkaException | BufferError) -> KafkaError:
        """A failed delivery shows in the commit only as a count: the delivery says why."""
        said = error.args[0]
        if not isinstance(said, KafkaError):
            return KafkaError(KafkaError._QUEUE_FULL, str(error))
        return self._refusal if self._refusal is not None and said.code() not in FENCED_CODES else said
