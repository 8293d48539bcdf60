"""Moves a log from PostgreSQL to Kafka, record by record: position, time, key and value stay what they are.

Until the copy is complete `topics check` finds the topics wrong, so no role starts on half a copy, and a copy that was
interrupted continues: see `buystream.log.kafka.filling`."""

from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import blake2b
from itertools import islice

import msgspec

from buystream.log import READ_LIMIT, TOPICS, Log, Record, read_all
from buystream.log.filling import nobody_decides
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import KafkaClients
from buystream.log.kafka.filling import KafkaFiller, make_ready, misplaced
from buystream.log.topics import Topic, Topics


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
    shall be, with the source's partitions. Raises FillRefused, LogError, LogUnavailable: then run it again."""
    with nobody_decides(source, "the shop runs: stop it, then copy its log") as still_nobody:
        make_ready(topics, planned)
        target = KafkaLog(clients.bootstrap, prefix=clients.prefix, options=clients.options)
        with closing(target):
            places = [(topic, partition) for topic in TOPICS for partition in range(source.partitions)]
            filler = KafkaFiller(clients)
            for topic, partition in places:
                _copy(source, target, filler, topic, partition, on_progress, still_nobody)
            copied = [_compare(source, target, topic, partition) for topic, partition in places]
        still_nobody()
        topics.stamp_from_now_on(planned)
    return copied


def _copy(
    source: Log,
    target: KafkaLog,
    filler: KafkaFiller,
    topic: str,
    partition: int,
    on_progress: OnProgress,
    still_nobody: Callable[[], None],
) -> None:
    """From where the target ends."""
    position = target.end(topic, partition)
    on_progress(position)
    while records := source.read(topic, partition, position, READ_LIMIT):
        filler.write(records)
        position = records[-1].position + 1
        on_progress(len(records))
        still_nobody()


def _compare(source: Log, target: Log, topic: str, partition: int) -> Copied:
    """Read both to the end; raises FillRefused at the first records that differ."""
    ours, theirs = read_all(source, topic, partition), read_all(target, topic, partition)
    checksum, count = blake2b(digest_size=16), 0
    while True:
        one, other = list(islice(ours, READ_LIMIT)), list(islice(theirs, READ_LIMIT))
        for record, copied in zip(one, other, strict=False):
            if _seen(record) != _seen(copied):
                raise misplaced(record)
            checksum.update(msgspec.json.encode(_seen(record)))
        if len(one) != len(other):
            longer = one if len(one) > len(other) else other
            raise misplaced(longer[min(len(one), len(other))])
        if not one:
            return Copied(topic=topic, partition=partition, records=count, checksum=checksum.hexdigest())
        count += len(one)


def _seen(record: Record) -> tuple[int, int, str, bytes]:
    """What a reader sees of it."""
    return record.position, record.at_ms, record.key, record.value
