"""Moves a log from PostgreSQL to Kafka, record by record: position, time, key and value stay what they are.

Positions stay because one idempotent producer fills empty topics without transactions. Times stay because the topics
take the writer's time while they are filled; then they are set to stamp the broker's, which leaves what is there
alone. Until then `topics check` finds them wrong, so no role starts on half a copy, and a copy that was interrupted
continues."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from itertools import islice
from typing import Final

import msgspec
from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as Sent

from buystream.errors import BuystreamError
from buystream.log import READ_LIMIT, TOPICS, Log, LogUnavailable, Record, read_all
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import KafkaClients, as_log_errors, headers_of, log_error_of
from buystream.log.topics import Topic, Topics

STAMP: Final = "message.timestamp.type"
FILLING: Final = {STAMP: "CreateTime", "message.timestamp.after.max.ms": str(2**63 - 1)}
"""While topics are filled: a record that the old log's clock stamped far ahead keeps that time too."""

ANSWER_SECONDS: Final = 60.0
ASSIGNMENT_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)


class CopyRefused(BuystreamError):
    """The log isn't copied; the message says why, and what to do."""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of a topic, as it is on both logs: the checksum is over everything that a reader sees."""

    topic: str
    partition: int
    records: int
    checksum: str


OnProgress = Callable[[int], None]
"""Called with how many records were copied or found to be there."""


def copy_log(
    source: Log, clients: KafkaClients, topics: Topics, planned: Sequence[Topic], on_progress: OnProgress
) -> list[Copied]:
    """Copy everything, compare everything, then let the broker be the clock. `planned` are the log's topics as they
    shall be, with the source's partitions. Raises CopyRefused, LogError, LogUnavailable: then run it again."""
    with _nobody_decides(source) as still_nobody:
        _make_ready(topics, planned)
        target = KafkaLog(clients.bootstrap, prefix=clients.prefix, options=clients.options)
        with closing(target):
            places = [(topic, partition) for topic in TOPICS for partition in range(source.partitions)]
            writer = _Writer(clients)
            for topic, partition in places:
                _copy(source, target, writer, topic, partition, on_progress, still_nobody)
            copied = [_compare(source, target, topic, partition) for topic, partition in places]
        still_nobody()
        topics.stamp_from_now_on(planned)
    return copied


@contextmanager
def _nobody_decides(source: Log) -> Iterator[Callable[[], None]]:
    """Holds all partitions, so that no shop can run on the source; gives a check that it is still so."""
    everything = frozenset(range(source.partitions))

    def check() -> None:
        if assignment.poll(0) != everything:
            raise CopyRefused("the shop runs: stop it, then copy its log")

    with closing(source.assignment("decider")) as assignment:
        assignment.poll(ASSIGNMENT_SECONDS)
        check()
        yield check


def _make_ready(topics: Topics, planned: Sequence[Topic]) -> None:
    filling = [msgspec.structs.replace(one, settings=dict(one.settings) | FILLING) for one in planned]
    for difference in topics.check(filling):
        if difference.refused:
            why = "it isn't empty" if difference.what == STAMP else difference.refused
            raise CopyRefused(
                f"can't copy into {difference.topic}: {why}. Copy to an empty cluster, or under another"
                " BUYSTREAM_KAFKA_PREFIX"
            )
    topics.apply(filling)


def _copy(
    source: Log,
    target: KafkaLog,
    writer: "_Writer",
    topic: str,
    partition: int,
    on_progress: OnProgress,
    still_nobody: Callable[[], None],
) -> None:
    """From where the target ends."""
    position = target.end(topic, partition)
    on_progress(position)
    while records := source.read(topic, partition, position, READ_LIMIT):
        writer.write(records)
        position = records[-1].position + 1
        on_progress(len(records))
        still_nobody()


class _Writer:
    """Appends records as they were, and finds out that each stands where it stood."""

    def __init__(self, clients: KafkaClients) -> None:
        self._name_of = clients.name_of
        self._failure: Exception | None = None
        self._producer: Producer = clients.producer(
            enable_idempotence=True,
            compression_type="lz4",
            message_timeout_ms=0,  # none may be given up while a later one is written
        )

    def write(self, records: Sequence[Record]) -> None:
        """All of these, in order; raises CopyRefused when one stands elsewhere."""
        with as_log_errors("copying the log"):
            for record in records:
                self._produce(record)
            waiting = self._producer.flush(ANSWER_SECONDS)
        if self._failure is not None:
            raise self._failure
        if waiting:
            raise LogUnavailable(f"Kafka doesn't answer in {ANSWER_SECONDS:.0f} s; run the copy again, it goes on")

    def _produce(self, record: Record) -> None:
        def note(error: KafkaError | None, sent: Sent) -> None:
            if error is not None:
                self._failure = self._failure or log_error_of(error, "copying the log")
            elif sent.offset() != record.position:
                self._failure = self._failure or _differs(record.topic, record.partition, record.position)

        self._producer.produce(
            self._name_of(record.topic),
            record.value,
            record.key or None,
            record.partition,
            headers=headers_of(record.topic),
            timestamp=record.at_ms,
            on_delivery=note,
        )


def _compare(source: Log, target: Log, topic: str, partition: int) -> Copied:
    """Read both to the end; raises CopyRefused at the first records that differ."""
    ours, theirs = read_all(source, topic, partition), read_all(target, topic, partition)
    checksum, count = blake2b(digest_size=16), 0
    while True:
        one, other = list(islice(ours, READ_LIMIT)), list(islice(theirs, READ_LIMIT))
        for record, copied in zip(one, other, strict=False):
            if _seen(record) != _seen(copied):
                raise _differs(topic, partition, record.position)
            checksum.update(msgspec.json.encode(_seen(record)))
        if len(one) != len(other):
            raise _differs(topic, partition, count + min(len(one), len(other)))
        if not one:
            return Copied(topic=topic, partition=partition, records=count, checksum=checksum.hexdigest())
        count += len(one)


def _seen(record: Record) -> tuple[int, int, str, bytes]:
    """What a reader sees of it."""
    return record.position, record.at_ms, record.key, record.value


def _differs(topic: str, partition: int, position: int) -> CopyRefused:
    return CopyRefused(
        f"record {position} of partition {partition} of {topic} is not the shop's own: delete this shop's topics with"
        " Kafka's tools and copy again, or copy under another BUYSTREAM_KAFKA_PREFIX"
    )
