"""What KafkaLog's clients share: their configuration, and records and errors in the port's words. The hot path is on
confluent-kafka (librdkafka); its settings: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from buystream.log import TOPICS, Damaged, Fenced, LogError, LogUnavailable, Record, Rejected

MESSAGE_BYTES_MAX = 4_194_304

READERS_GROUP = "buystream"
"""The group that the library asks for, and asks the cluster about, of consumers that join none."""

FENCED_CODES = frozenset(
    (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.FENCED_INSTANCE_ID)
)
REJECTED_CODES = frozenset(
    (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
    )
)
"""The message is at fault: it will be refused again."""

MISUSE_CODES = frozenset(
    (
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    )
)
"""Waiting doesn't help: an operator has to change something. An unknown topic or partition is not among them: the log
has found its topics when it was opened, and a broker that has just started says so of those it has not loaded yet."""


SILENT = logging.Logger("librdkafka", level=logging.CRITICAL + 1)
"""What matters comes as an error from the call that it concerns; librdkafka would print it as well."""


class KafkaClients(msgspec.Struct, frozen=True):
    """Makes clients of one cluster. `prefix` goes before every name (topics, groups, transactional ids): several shops
    can share a cluster. After `answer_seconds` without an answer the outcome counts as unknown. `options` are added to
    every client's configuration (SASL, TLS)."""

    bootstrap: str
    prefix: str
    answer_seconds: float
    options: Mapping[str, str | int]

    @property
    def where(self) -> str:
        """The cluster and the names on it that are ours, for people."""
        return f"Kafka at {self.bootstrap} ({f'prefix {self.prefix}' if self.prefix else 'no prefix'})"

    def name_of(self, topic: str) -> str:
        """A topic's name on the cluster."""
        return self.prefix + topic

    def producer(self, **settings: Any) -> Producer:
        """A producer; settings are written with `_` for `.`. Dropped rather than closed: `close` waits for the broker
        without a limit, and complains about a transaction whose outcome is unknown."""
        return Producer(
            {
                "acks": "all",
                "queue.buffering.max.messages": 1_000_000,
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "compression.type": "lz4",  # attributes repeat: a tenth of the bytes, and less work for everybody
            }
            | self.configuration(settings),
            logger=SILENT,
        )

    def consumer(self, on_error: Callable[[KafkaError], None] | None = None, **settings: Any) -> Consumer:
        """A consumer that sees what is committed; it never stores offsets in Kafka."""
        return Consumer(
            {"group.id": self.prefix + READERS_GROUP}
            | self.configuration(settings)
            | {
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",  # a place that isn't there is never skipped silently
                "fetch.queue.backoff.ms": 10,  # the default, 1 s, is how long a quick reader of a full queue pauses
                "queued.max.messages.kbytes": 16_384,
            }
            | ({"error_cb": on_error} if on_error else {}),
            logger=SILENT,
        )

    def configuration(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What every client is given; settings are written with `_` for `.`."""
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": "buystream",
            "log_level": 0,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            **{name.replace("_", "."): value for name, value in settings.items()},
            **self.options,
        }


_HEADERS: Final[list[tuple[str, str | bytes | None]]] = [("content-type", b"application/cloudevents+json")]
"""Of a record in the structured mode of CloudEvents
(https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md)."""


def headers_of(topic: str) -> list[tuple[str, str | bytes | None]] | None:
    """The headers of a record that we write to the topic, as the client takes them."""
    return _HEADERS if topic in TOPICS else None


def key_text(value: bytes) -> str:
    """A key, whatever its bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode(errors="replace")


def record_of(topic: str, message: Message) -> Record:
    """A message as the port gives it; its key is text, whatever its bytes. What is ours says all in its value."""
    key = message.key()
    return Record(
        topic,
        message.partition(),  # type: ignore[arg-type]
        message.offset(),  # type: ignore[arg-type]
        message.timestamp()[1],
        message.value() or b"",
        key_text(key) if key else "",
    )


def log_error_of(error: KafkaError, doing: str) -> LogError:
    """The error in the port's words; anything unclear is LogUnavailable."""
    code, text = error.code(), f"Kafka, {doing}: {error.str()}"
    if code in FENCED_CODES:
        return Fenced(text)
    if code == KafkaError._AUTO_OFFSET_RESET:
        return Damaged(f"{text}. The log doesn't reach to where reading should go on")
    if code in REJECTED_CODES:
        return Rejected(text)
    if code in MISUSE_CODES:
        return LogError(text)
    return LogUnavailable(text)


@contextmanager
def as_log_errors(doing: str) -> Iterator[None]:
    """Raises what Kafka says as an error of the port."""
    try:
        yield
    except KafkaException as error:
        raise log_error_of(error.args[0], doing) from error
    except BufferError as error:
        raise LogUnavailable(f"Kafka, {doing}: {error}") from error
    except UnicodeEncodeError as error:
        raise Rejected(f"Kafka, {doing}: keys are UTF-8: {error}") from error
