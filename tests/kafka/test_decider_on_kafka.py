"""Two deciders on Kafka, each a process, while orders keep coming: one dies or freezes, the other takes over, and the
audit finds every order decided once and in order."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count

import pytest

from buystream.consumers.decider import Decider
from buystream.host.broker import Broker
from buystream.log import COMMANDS, EVENTS, LogUnavailable, Message, Record
from buystream.log.kafka import KafkaLog
from buystream.replay.audit import audit
from buystream.vocabulary.codec import encode_command, read_event, read_head
from buystream.vocabulary.commands import Command
from buystream.vocabulary.events import OwnershipTaken
from buystream.vocabulary.ids import new_command_id, new_edition_id
from tests.support.actors import actor_of
from tests.support.kafka import KafkaPlace
from tests.support.patience import Deadline, patient
from tests.support.steps import place, release

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 60
TAKEOVER_SECONDS = 10
"""After a kill -9 of its owner a partition answers again within this, on a machine that isn't slow."""


def decide(place: KafkaPlace, name: str) -> None:
    """The life of a decider process."""
    with closing(place.open(2)) as log:
        Decider(log, owner=name, grace_seconds=60).run(threading.Event())


@contextmanager
def deciders(place: KafkaPlace, *names: str) -> Iterator[dict[str, int]]:
    """Processes that decide, by name; killed in the end."""
    processes = {name: SPAWN.Process(target=decide, args=(place, name)) for name in names}
    for process in processes.values():
        process.start()
    try:
        yield {name: process.pid or 0 for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.join()


class Buyers:
    """Appends orders for one edition in each partition, until told to stop; counts what the log took for sure."""

    def __init__(self, log: KafkaLog) -> None:
        self._log = log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.ordered = 0

    def __enter__(self) -> "Buyers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        editions = [new_edition_id(partition) for partition in range(2)]
        for partition, edition_id in enumerate(editions):
            terms = release(edition_id=edition_id, stock=2_000, limit_per_buyer=10_000, opens_at_ms=None)
            self._log.append(COMMANDS, partition, [message_of(terms)])
        numbers = count(1)
        while not self._stop.wait(0.02):
            for partition, edition_id in enumerate(editions):
                orders = [message_of(place(next(numbers), edition_id=edition_id)) for _ in range(20)]
                self._log.append(COMMANDS, partition, [*orders, orders[0]])  # one of them twice
                self.ordered += 21


def message_of(command: Command) -> Message:
    return Message(encode_command(command, actor=actor_of(command), command_id=new_command_id()))


class Answers:
    """Follows the events: who owns each partition, and when each was last answered."""

    def __init__(self, log: KafkaLog) -> None:
        self._tail = log.tail(EVENTS, {0: 0, 1: 0})
        self.owners: dict[int, str] = {}
        self.answered: dict[int, int] = {}

    def until(self, holds: Callable[[], bool]) -> None:
        """Follow until that is so."""
        deadline = Deadline(PATIENCE_SECONDS)
        while not holds():
            assert not deadline.passed, f"owners {self.owners}, answered {self.answered}"
            for record in self._tail.poll(0.1):
                self._note(record)

    def close(self) -> None:
        self._tail.close()

    def _note(self, record: Record) -> None:
        self.answered[record.partition] = read_head(record.value).commandposition
        event = read_event(record.value)
        if isinstance(event, OwnershipTaken):
            self.owners[record.partition] = event.owner


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen and thawed"])
def test_when_a_decider_is_lost_the_other_takes_over_and_every_order_is_decided_once(
    kafka_broker: Broker, kafka_prefix: str, kafka_log: KafkaLog, end: signal.Signals
) -> None:
    where = KafkaPlace(kafka_broker.bootstrap, kafka_prefix)
    with closing(Answers(kafka_log)) as answers, deciders(where, "one", "two") as pids, Buyers(kafka_log) as buyers:
        answers.until(lambda: len(set(answers.owners.values())) == 2 and min(answers.answered.values()) > 1_000)
        partition, lost = next(iter(answers.owners.items()))
        os.kill(pids[lost], end)
        killed = time.monotonic()
        answers.until(lambda: answers.owners[partition] != lost)
        taken_over_seconds = time.monotonic() - killed
        os.kill(pids[lost], signal.SIGCONT)
        goal = answers.answered[partition] + 1_000
        answers.until(lambda: answers.answered[partition] > goal)
        buyers.__exit__()
        ends = {number: kafka_log.end(COMMANDS, number) - 1 for number in range(2)}
        answers.until(lambda: all(answers.answered[number] >= last for number, last in ends.items()))
        report = audit(kafka_log)
    assert report.violations == []
    assert report.commands >= buyers.ordered + 2
    assert taken_over_seconds < patient(TAKEOVER_SECONDS)


def test_a_restarted_broker_loses_nothing(kafka_broker: Broker, kafka_prefix: str, kafka_log: KafkaLog) -> None:
    where = KafkaPlace(kafka_broker.bootstrap, kafka_prefix)
    with closing(Answers(kafka_log)) as answers, deciders(where, "one"):
        kafka_log.append(COMMANDS, 0, [message_of(release(edition_id="ed0-bef0re0000"))])
        kafka_log.append(COMMANDS, 1, [message_of(release(edition_id="ed1-bef0re0000"))])
        answers.until(lambda: len(answers.answered) == 2)
        kafka_broker.kill()
        kafka_broker.start()
        last = {number: patiently(kafka_log, number) for number in range(2)}
        while True:
            try:
                answers.until(lambda: all(answers.answered[number] >= last[number] for number in last))
                break
            except LogUnavailable:
                continue
    report = audit(kafka_log)
    assert report.ok, report.violations


def patiently(log: KafkaLog, partition: int) -> int:
    """Append an order in the end; its position."""
    while True:
        try:
            return log.append(COMMANDS, partition, [message_of(place(1, edition_id=f"ed{partition}-bef0re0000"))])
        except LogUnavailable:
            continue
