"""The logs that the contract suite runs on. A backend can be made to misbehave; it travels to other processes."""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from typing import Protocol

import msgspec

from buystream.host.embedded import EmbeddedPostgres
from buystream.log import Log, Message, Record
from buystream.log.postgres import PostgresLog
from tests.support.patience import patient, settled
from tests.support.postgres import run_sql

SPAWN = multiprocessing.get_context("spawn")


class Place(Protocol):
    """Where a log is: enough to open it from any process."""

    def open(self, partitions: int) -> Log:
        """A log of its own connections; the same records for everybody."""
        ...


class Backend(Place, Protocol):
    """A log's servers, in the hand of a test."""

    appends_whole: bool
    """Whether the messages of one append stand together, and are seen all at once."""

    heals: bool
    """Whether the log mends a broken connection before anyone notices."""

    unacceptable: Message
    """The log never takes it."""

    @property
    def place(self) -> Place:
        """What another process needs."""
        ...

    def cut_connections(self) -> None:
        """Every open connection is dead on return; new ones work."""
        ...

    def outage(self) -> "Iterator[None]":
        """A context in which the server is gone."""
        ...

    def last_asked(self) -> object:
        """Changes whenever any log asks the server something."""
        ...

    def connections(self) -> int:
        """How many connections the server holds for logs."""
        ...


class PostgresPlace(msgspec.Struct, frozen=True):
    """A database."""

    dsn: str

    def open(self, partitions: int) -> Log:
        """A log in this database."""
        return PostgresLog(self.dsn, partitions=partitions)


class PostgresBackend:
    """PostgresLog in a database of its own."""

    appends_whole = True
    heals = False
    unacceptable = Message(b"", "text with a \0")

    def __init__(self, server: EmbeddedPostgres, dsn: str) -> None:
        self._server = server
        self._dsn = dsn
        self.place = PostgresPlace(dsn)

    def open(self, partitions: int) -> Log:
        """A log in this database."""
        return self.place.open(partitions)

    def cut_connections(self) -> None:
        """Terminate every other backend of this database and wait until it is gone."""
        run_sql(
            self._dsn,
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Stop the server, start it again afterwards."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()

    def last_asked(self) -> object:
        """When any of the logs' connections last changed its state."""
        return self._activity("max(state_change)")

    def connections(self) -> int:
        """The logs' connections."""
        return int(str(self._activity("count(*)")))

    def _activity(self, aggregate: str) -> object:
        ((value,),) = run_sql(
            self._dsn,
            f"SELECT {aggregate} FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'buystream log'",
        )
        return value


def values(records: Sequence[Record]) -> list[str]:
    """What the records say, as text."""
    return [record.value.decode() for record in records]


def reads(log: Log, topic: str, partition: int, expected: list[str], *, start: int = 0) -> bool:
    """Whether readers see exactly this from `start` on, as soon as they see what was committed."""
    found = settled(lambda: values(log.read(topic, partition, start, 100_000)), expected)
    assert found == expected
    return True


def read_elsewhere(place: Place, topic: str, partition: int) -> list[Record]:
    """What another process reads."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_read, args=(theirs, place, topic, partition))
    process.start()
    try:
        assert ours.poll(patient(60))
        return list(ours.recv())
    finally:
        process.join()


def _read(answer: Connection, place: Place, topic: str, partition: int) -> None:
    with closing(place.open(1)) as log:
        answer.send(log.read(topic, partition, 0))


@contextmanager
def assigned_elsewhere(place: Place, role: str) -> Iterator[frozenset[int]]:
    """Another process holds what it gets of a role, and is killed on the way out."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_hold, args=(theirs, place, role))
    process.start()
    try:
        assert ours.poll(patient(60))
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def _hold(answer: Connection, place: Place, role: str) -> None:
    with closing(place.open(1)) as log, closing(log.assignment(role)) as assignment:
        answer.send(assignment.poll(patient(30)))
        answer.recv()  # until we are killed
