"""What KafkaLog's clients share: their configuration, and records and errors in the port's words. The hot path is on
confluent-kafka (librdkafka); its settings: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md"""

import logging
from collections.abc import Callable, ItemsView, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from buystream.log import Damaged, Fenced, LogError, LogUnavailable, Record

MESSAGE_BYTES_MAX = 4_194_304

FENCED_CODES = frozenset(
    (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.FENCED_INSTANCE_ID)
)
MISUSE_CODES = frozenset(
    (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    )
)
"""Waiting doesn't help: somebody has to change something. An unknown topic or partition is not among them: the log has
found its topics when it was opened, and a broker that has just started says so of those it has not loaded yet."""


SILENT = logging.Logger("librdkafka", level=logging.CRITICAL + 1)
"""What matters comes as an error from the call that it concerns; librdkafka would print it as well."""


class Clients(msgspec.Struct, frozen=True):
    """Makes clients of one cluster. `prefix` goes before every name (topics, groups, transactional ids): several shops
    can share a cluster. After `answer_seconds` without an answer the outcome counts as unknown. `options` are added to
    every client's configuration (SASL, TLS)."""

    bootstrap: str
    prefix: str
    answer_seconds: float
    options: Mapping[str, str | int]

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
                "compression.type": "lz4",  # headers repeat: a tenth of the bytes, and less work for everybody
            }
            | self._configuration(settings),
            logger=SILENT,
        )

    def consumer(self, on_error: Callable[[KafkaError], None] | None = None, **settings: Any) -> Consumer:
        """A consumer that sees what is committed; it never stores offsets in Kafka."""
        return Consumer(
            {"group.id": f"{self.prefix}buystream"}  # required, and unused unless it subscribes
            | self._configuration(settings)
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

    def _configuration(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": "buystream",
            "log_level": 0,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            **{name.replace("_", "."): value for name, value in settings.items()},
            **self.options,
        }


class Headers(Mapping[str, str]):
    """The headers of one record, decoded when somebody asks: most readers want few of them, and decoding all would be
    most of what reading costs."""

    __slots__ = ("_message", "_raw")

    def __init__(self, message: Message) -> None:
        self._message: Message | None = message
        self._raw: dict[str, bytes] | None = None

    def __getitem__(self, name: str) -> str:
        return (self._raw or self._all())[name].decode()

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (dict(self),)

    def get(self, name: str, default: Any = None) -> Any:
        """As dict has it; quicker than Mapping's, which raises and catches."""
        value = (self._raw or self._all()).get(name)
        return default if value is None else value.decode()

    def items(self) -> ItemsView[str, str]:
        """As dict has it; quicker than Mapping's, which asks for one after the other."""
        return {name: value.decode() for name, value in self._all().items()}.items()

    def _all(self) -> dict[str, bytes]:
        raw = self._raw
        if raw is None:
            pairs = self._message.headers() if self._message is not None else None
            self._raw = raw = dict(pairs or ())  # type: ignore[arg-type]
            self._message = None  # kept, its pairs are thousands of objects for the garbage collector to visit
        return raw


def record_of(topic: str, message: Message) -> Record:
    """A message as the port gives it; its key is text, and so are its headers."""
    key = message.key()
    return Record(
        topic,
        message.partition(),  # type: ignore[arg-type]
        message.offset(),  # type: ignore[arg-type]
        message.timestamp()[1],
        message.value() or b"",
        key.decode() if key else "",
        Headers(message),
    )


def told(error: KafkaError, doing: str) -> LogError:
    """The error in the port's words; anything unclear is LogUnavailable."""
    code, text = error.code(), f"Kafka, {doing}: {error.str()}"
    if code in FENCED_CODES:
        return Fenced(text)
    if code == KafkaError._AUTO_OFFSET_RESET:
        return Damaged(f"{text}. The log doesn't reach to where reading should go on")
    if code in MISUSE_CODES:
        return LogError(text)
    return LogUnavailable(text)


@contextmanager
def telling(doing: str) -> Iterator[None]:
    """Raises what Kafka says as an error of the port."""
    try:
        yield
    except KafkaException as error:
        raise told(error.args[0], doing) from error
    except BufferError as error:
        raise LogUnavailable(f"Kafka, {doing}: {error}") from error
