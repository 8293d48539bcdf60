"""Deciders, and one decision for a command of the command line."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid
from time import monotonic

from buystream.consumers.decider import Decider
from buystream.errors import BuystreamError
from buystream.host.workers import Workers
from buystream.log import COMMANDS, EVENTS, Log, Message, Record
from buystream.log.postgres import PostgresLog
from buystream.projections.engine.snapshots import Snapshots
from buystream.settings import Settings
from buystream.vocabulary.actors import OPERATOR
from buystream.vocabulary.codec import Unreadable, encode_command, read_event, read_head
from buystream.vocabulary.commands import Command, address_of
from buystream.vocabulary.events import Event
from buystream.vocabulary.ids import new_command_id

DECISION_SECONDS = 30.0


class NoDecision(BuystreamError):
    """No decision in time; the command is on the log and may still be decided."""


def decider(log: Log, settings: Settings, snapshots: Snapshots) -> Decider:
    """A decider with a name that says who owned a partition when."""
    owner = f"{socket.gethostname()}-{getpid()}"
    return Decider(
        log,
        owner=owner,
        grace_seconds=settings.restart_grace_seconds,
        snapshots=snapshots,
        ahead_seconds_max=settings.time_ahead_seconds_max,
    )


@contextmanager
def deciding(log: Log, settings: Settings, dsn: str) -> Iterator[None]:
    """A decider runs while this lasts: the shop that runs, or else we. On Kafka a decider has to run: one of ours
    would take partitions away from those that do."""
    if not isinstance(log, PostgresLog):
        yield
        return
    workers = Workers()
    workers.start("decider", decider(log, settings, Snapshots(log, dsn=dsn)).run)
    try:
        yield
    finally:
        workers.stop()


def decided(log: Log, command: Command) -> Event:
    """Append the operator's command; returns the event that answers it. Raises NoDecision, MalformedId, and
    NotPermitted for what no operator may ask for."""
    return decided_in(log, *address_of(command), command)


def decided_in(log: Log, partition: int, key: str, command: Command) -> Event:
    """The same at an address that the command doesn't name."""
    command_id = new_command_id()
    tail = log.tail(EVENTS, {partition: log.end(EVENTS, partition)})
    try:
        value = encode_command(command, command_id=command_id, actor=OPERATOR)
        log.append(COMMANDS, partition, [Message(value, key)])
        deadline = monotonic() + DECISION_SECONDS
        while (remaining := deadline - monotonic()) > 0:
            for record in tail.poll(remaining):
                if _answers(record, command_id):
                    return read_event(record.value)
    finally:
        tail.close()
    raise NoDecision(f"no decision in {DECISION_SECONDS:.0f} s: is a decider running? The command is on the log")


def _answers(record: Record, command_id: str) -> bool:
    try:
        return read_head(record.value).causationid == command_id
    except Unreadable:
        return False  # nobody of ours wrote it
