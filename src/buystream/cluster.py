"""A shop's Kafka cluster, as the settings name it: its clients, its log, and the topics that must be there."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

import msgspec

from buystream.consumers.feeds import create_missing, memory_topic
from buystream.errors import BuystreamError
from buystream.log import Log, LogError
from buystream.log.filling import UNFINISHED, Filler, FillRefused
from buystream.log.grants import Grants
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import KafkaClients
from buystream.log.kafka.filling import KafkaFiller, make_ready
from buystream.log.kafka.reaching import reach
from buystream.log.topics import Topic, TopicDifference, Topics, plan
from buystream.settings import Settings
from buystream.variables import BadSetting

ANSWER_SECONDS: Final = 10.0

PURE_PYTHON: Final = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
}
"""What librdkafka's options are called by kafka-python; its other ones concern librdkafka alone."""


class NeedsKafka(BuystreamError):
    """Only a shop on Kafka has this."""


def clients(settings: Settings) -> KafkaClients:
    """Makes clients of the cluster; raises NeedsKafka."""
    if not settings.is_on_kafka:
        raise NeedsKafka("this needs the log on Kafka: set BUYSTREAM_KAFKA_BOOTSTRAP")
    return KafkaClients(settings.kafka_bootstrap, settings.kafka_prefix, ANSWER_SECONDS, options_of(settings))


def kafka_log(settings: Settings) -> KafkaLog:
    """The log; raises LogUnavailable, and LogError when this client is refused or its topics are missing."""
    reach(clients(settings))
    return KafkaLog(
        settings.kafka_bootstrap,
        prefix=settings.kafka_prefix,
        answer_seconds=ANSWER_SECONDS,
        options=options_of(settings),
    )


def options_of(settings: Settings) -> dict[str, str]:
    """What every client on librdkafka is given."""
    rack = {"client.rack": settings.kafka_client_rack} if settings.kafka_client_rack else {}
    return settings.kafka_options | rack


@contextmanager
def open_topics(settings: Settings) -> Iterator[Topics]:
    """Their administration; raises NeedsKafka, LogUnavailable, LogError."""
    reach(clients(settings))
    with closing(Topics(settings.kafka_bootstrap, options=pure_python(settings.kafka_options))) as topics:
        yield topics


@contextmanager
def open_grants(settings: Settings) -> Iterator[Grants]:
    """What merchants' and analysts' users may do; raises NeedsKafka, LogUnavailable, LogError."""
    reach(clients(settings))
    grants = Grants(
        settings.kafka_bootstrap,
        bytes_per_second=settings.merchant_bytes_per_second,
        prefix=settings.kafka_prefix,
        analysts=settings.kafka_analysts,
        options=pure_python(settings.kafka_options),
    )
    with closing(grants):
        yield grants


def pure_python(options: Mapping[str, str]) -> dict[str, Any]:
    """librdkafka's options as kafka-python reads them; raises BadSetting."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in PURE_PYTHON:
            found[PURE_PYTHON[name]] = value
        elif name == "ssl.endpoint.identification.algorithm":
            found["ssl_check_hostname"] = value != "none"
        elif name.startswith(("sasl.", "ssl.", "security.")):
            raise BadSetting(f"BUYSTREAM_KAFKA_OPTIONS: {name} is not supported; use {', '.join(PURE_PYTHON)}")
    return found


def log_topics(settings: Settings, *, partitions: int) -> list[Topic]:
    """The log's topics as they should be."""
    return plan(partitions=partitions, replication=settings.kafka_replication, prefix=settings.kafka_prefix)


def all_topics(settings: Settings, *, partitions: int) -> list[Topic]:
    """The log's, and the memory of the feeds. Merchants' topics come with the merchants."""
    memory = memory_topic(partitions, replication=settings.kafka_replication, prefix=settings.kafka_prefix)
    return [*log_topics(settings, partitions=partitions), memory]


def create_missing_topics(settings: Settings) -> None:
    """For who runs all in one process: create what isn't there, and change nothing."""
    with open_topics(settings) as topics:
        create_missing(topics, log_topics(settings, partitions=settings.partitions))


class KafkaPlace(msgspec.Struct, frozen=True):
    """A log on Kafka: enough for another process to fill it."""

    clients: KafkaClients

    def begin(self) -> None:
        """The topics are marked: they take the writer's time."""

    def filler(self) -> Filler:
        """Fills its topics."""
        return KafkaFiller(self.clients)

    def complete(self) -> None:
        """`filling_topics` lets the broker stamp from now on."""


@contextmanager
def filling_topics(settings: Settings, log: Log) -> Iterator[KafkaPlace]:
    """Empty topics that take the writer's time meanwhile; the broker stamps what comes afterwards. Raises FillRefused
    when one isn't empty, and leaves the topics as they are when filling them fails: no role starts on them."""
    planned = log_topics(settings, partitions=log.partitions)
    with open_topics(settings) as topics:
        make_ready(topics, planned)
        yield KafkaPlace(clients(settings))
        topics.stamp_from_now_on(planned)


def require_topics(settings: Settings, *, partitions: int) -> None:
    """Raises LogError, in one line, unless all topics are as planned; `partitions` is how many the log has."""
    with open_topics(settings) as topics:
        differences = topics.check(all_topics(settings, partitions=partitions))
    if differences:
        found = "; ".join(map(described, differences))
        where = clients(settings).where
        raise LogError(
            f"the topics on {where} are not as they must be: {found}. 'buystream topics apply' fixes what it can"
        )


def refuse_unfinished(settings: Settings) -> None:
    """Raises FillRefused for a log whose topics are still being filled, or were left so. Nothing is
    checked for a user who may not read how topics are set."""
    with suppress(LogError), open_topics(settings) as topics:
        if topics.take_writers_time(log_topics(settings, partitions=1)):
            raise FillRefused(UNFINISHED)


def described(difference: TopicDifference) -> str:
    """One difference in words."""
    if difference.what == "topic":
        return f"{difference.topic} is missing"
    refused = f" ({difference.refused})" if difference.refused else ""
    return f"{difference.topic} has {difference.what} {difference.found}, not {difference.wanted}{refused}"


def made(change: TopicDifference) -> str:
    """What was done about a difference, in words."""
    if change.what == "topic":
        return f"created {change.topic} with {change.wanted}"
    return f"changed {change.topic}: {change.what} is {change.wanted} now, it was {change.found or 'not set'}"
