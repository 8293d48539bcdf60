"""Commands that are decided and written, and the views that show them.

Fixture: `author`, whose log is `postgres_log`."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import cursor

from buystream.aggregates.partition import Partition
from buystream.consumers.decider import messages_of
from buystream.log import COMMANDS, EVENTS, Message, Record
from buystream.log.postgres import PostgresLog
from buystream.projections.engine.runner import Projection, Projector
from buystream.vocabulary import codec, commands
from buystream.wiring.views import VIEWS
from tests.support.actors import actor_of
from tests.support.examples import (
    ANNA,
    T0,
    example,
    order_id,
)
from tests.support.patience import patient

SHOP = (example(commands.RegisterMerchant), example(commands.ReleaseEdition))
PURCHASE = (
    example(commands.PlaceOrder),
    example(commands.RequestPayment),
    example(commands.RecordAuthorisation),
    example(commands.RecordCapture),
)


class Author:
    """Decides commands of partition 0 and writes the events as its owner would."""

    def __init__(self, log: PostgresLog) -> None:
        self.log = log
        self.partition = Partition(0)
        self.position = -1

    def messages(self, *asked: commands.Command, at_ms: int = T0) -> list[Message]:
        written: list[Message] = []
        for command in asked:
            self.position += 1
            command_id = f"c{self.position}"
            actor = actor_of(command)
            value = codec.encode_command(command, actor=actor, command_id=command_id)
            record = Record(COMMANDS, 0, self.position, at_ms, value, "")
            decided = self.partition.decide(command, command_position=self.position, at_ms=at_ms, actor=actor)
            written += messages_of(self.partition, decided, record, command_id, "", actor, "")
        return written

    def write(self, *asked: commands.Command, at_ms: int = T0) -> None:
        self.log.append(EVENTS, 0, self.messages(*asked, at_ms=at_ms))


def place(number: int, buyer_id: str = ANNA, quantity: int = 1) -> commands.PlaceOrder:
    return example(commands.PlaceOrder, order_id=order_id(number), buyer_id=buyer_id, quantity=quantity)


def buyer(number: int) -> str:
    return f"by0-{number:020d}"


def all_projections() -> list[Projection]:
    return [view() for view in VIEWS]


@contextmanager
def running(projector: Projector) -> Iterator[threading.Thread]:
    """The projector in a thread of its own; what it raises is the test's failure."""
    stop, raised = threading.Event(), []

    def run() -> None:
        try:
            projector.run(stop)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        projector.wake()
        thread.join()
    assert not raised, raised


def show(log: PostgresLog, dsn: str, projections: Sequence[Projection] | None = None) -> None:
    """Apply everything that is on the log."""
    projector = Projector(log, dsn, projections or all_projections())
    with running(projector):
        assert projector.wait_for({0: log.end(EVENTS, 0)}, timeout_seconds=patient(60))


@contextmanager
def reading(dsn: str) -> Iterator[cursor]:
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        yield cur


def everything(dsn: str) -> dict[str, list[Any]]:
    """Every row of every view."""
    with reading(dsn) as cur:
        cur.execute("SELECT viewname FROM pg_views WHERE schemaname = 'views' ORDER BY 1")
        found: dict[str, list[Any]] = {}
        for (view,) in cur.fetchall():
            cur.execute(f"SELECT row::text FROM views.{view} AS row ORDER BY 1")
            found[view] = cur.fetchall()
        return found


@pytest.fixture
def author(postgres_log: PostgresLog) -> Author:
    return Author(postgres_log)
