"""Kafka for tests: one real broker a session, names of its own for each test.

Fixtures, usable in every test: `kafka_broker` (the running `Broker`, session-scoped), `kafka_prefix` (goes before every
name), `kafka_log` (a `KafkaLog` of two partitions)."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import msgspec
import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from buystream.host.broker import Broker
from buystream.log import COMMANDS, Log, LogUnavailable, Message
from buystream.log.kafka import KafkaLog
from buystream.log.topics import Topics, plan
from tests.support.patience import patient
from tests.support.ports import reserved_port
from tests.support.server_logs import show_on_failure

ANSWER_SECONDS = 3.0
"""Short enough to wait for again and again; a slow machine gets longer."""

_numbers = count(1)


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """A running broker in a folder of its own; stopped when the session ends."""
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        show_on_failure("the broker", Path(folder, "broker.log"))
        ports = {"port": reserved_port(), "controller_port": reserved_port()}
        with Broker(Path(folder), **ports, start_seconds=patient(120)) as broker:
            yield broker


@pytest.fixture
def kafka_prefix() -> str:
    """A prefix that no other test uses."""
    return f"test{next(_numbers)}."


@pytest.fixture
def kafka_log(kafka_broker: Broker, kafka_prefix: str) -> Iterator[KafkaLog]:
    """An empty log of two partitions."""
    create_topics(kafka_broker.bootstrap, kafka_prefix, partitions=2)
    with closing(KafkaLog(kafka_broker.bootstrap, prefix=kafka_prefix, answer_seconds=patient(10))) as log:
        yield log


def create_topics(bootstrap: str, prefix: str, *, partitions: int) -> None:
    """The log's topics."""
    with closing(Topics(bootstrap)) as topics:
        topics.apply(plan(partitions=partitions, prefix=prefix))


class KafkaPlace(msgspec.Struct, frozen=True):
    """Names on a broker."""

    bootstrap: str
    prefix: str

    def open(self, partitions: int) -> Log:
        """A log under these names, with at least so many partitions."""
        if self._partitions() < partitions:
            create_topics(self.bootstrap, self.prefix, partitions=partitions)
        return KafkaLog(self.bootstrap, prefix=self.prefix, answer_seconds=patient(ANSWER_SECONDS))

    def _partitions(self) -> int:
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        try:
            topics = client.list_topics(timeout=patient(ANSWER_SECONDS)).topics
        except KafkaException as error:
            raise LogUnavailable(f"no broker: {error}") from error
        found = topics.get(self.prefix + COMMANDS)
        return len(found.partitions) if found else 0


class KafkaBackend:
    """KafkaLog with names of its own on the session's broker."""

    appends_whole = False
    heals = True
    unacceptable = Message(b"x" * 5_000_000)

    def __init__(self, broker: Broker, prefix: str) -> None:
        self._broker = broker
        self.place = KafkaPlace(broker.bootstrap, prefix)

    def open(self, partitions: int) -> Log:
        """A log under these names."""
        return self.place.open(partitions)

    def cut_connections(self) -> None:
        """Shut every socket that this process has to the broker."""
        for connection in self._connections():
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fd)) as ours:
                ours.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Stop the broker, start it again afterwards."""
        self._broker.stop()
        try:
            yield
        finally:
            self._broker.start()

    def last_asked(self) -> object:
        """Nothing to see: a consumer asks all the time, one question at a time, which the broker answers when it has
        something."""
        return None

    def connections(self) -> int:
        """This process's connections to the broker."""
        return len(self._connections())

    def _connections(self) -> list["psutil._common.pconn"]:
        port = int(self._broker.bootstrap.rpartition(":")[2])
        return [
            one
            for one in psutil.Process().net_connections("tcp")
            if one.raddr and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED
        ]
