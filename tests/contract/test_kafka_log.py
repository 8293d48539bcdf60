"""What a log on Kafka must keep to beyond the common contract: transactions, zombies in other processes, gaps."""

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar

import pytest
from confluent_kafka import Producer, TopicPartition

from buystream.host.broker import Broker
from buystream.log import (
    COMMANDS,
    DEADLETTER,
    EVENTS,
    Damaged,
    Fenced,
    LogError,
    LogUnavailable,
    Message,
    Record,
    Rejected,
)
from buystream.log.kafka import KafkaLog
from tests.support.kafka import KafkaPlace
from tests.support.logs import reads, values
from tests.support.patience import Deadline, patient, wait_until

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 30
T = TypeVar("T")


def events(log: KafkaLog) -> list[str]:
    return values(log.read(EVENTS, 0, 0))


@pytest.fixture
def stranger(kafka_broker: Broker, kafka_prefix: str, kafka_log: KafkaLog) -> Producer:
    """A transactional producer that is no owner, in the middle of whatever a test makes of it."""
    producer = Producer(
        {"bootstrap.servers": kafka_broker.bootstrap, "transactional.id": f"{kafka_prefix}stranger", "linger.ms": 0}
    )
    producer.init_transactions(patient(PATIENCE_SECONDS))
    return producer


def test_what_was_aborted_is_never_seen(kafka_log: KafkaLog, kafka_prefix: str, stranger: Producer) -> None:
    with closing(kafka_log.own(0)) as owner, closing(kafka_log.tail(EVENTS, {0: 0})) as tail:
        owner.commit({EVENTS: [Message(b"a")]})
        for _ in range(2):
            stranger.begin_transaction()
            for _ in range(100):
                stranger.produce(kafka_prefix + EVENTS, b"never", partition=0)
            stranger.flush()
            stranger.abort_transaction()
        owner.commit({EVENTS: [Message(b"b")]})
        assert reads(kafka_log, EVENTS, 0, ["a", "b"])
        seen: list[Record] = []
        while len(seen) < 2:
            seen += tail.poll(patient(PATIENCE_SECONDS))
        assert [record.value for record in seen] == [b"a", b"b"]
        assert [record.position for record in seen] == [0, 204]  # a marker, and twice 100 aborted with their markers


def test_the_end_is_after_the_last_record_however_much_was_aborted_behind_it(
    kafka_log: KafkaLog, kafka_prefix: str, stranger: Producer
) -> None:
    with closing(kafka_log.own(0)) as owner:
        owner.commit({EVENTS: [Message(b"a"), Message(b"b")]})
    stranger.begin_transaction()
    for _ in range(700):
        stranger.produce(kafka_prefix + EVENTS, b"never", partition=0)
    stranger.flush()
    stranger.abort_transaction()
    assert kafka_log.end(EVENTS, 0) == 2
    assert values(kafka_log.read(EVENTS, 0, 2)) == []


def test_while_a_transaction_is_open_readers_see_a_prefix_and_owning_ends_it(
    kafka_broker: Broker, kafka_log: KafkaLog, kafka_prefix: str
) -> None:
    with closing(kafka_log.own(0)) as owner:
        owner.commit({EVENTS: [Message(b"a")]})
    hanging = Producer(
        {"bootstrap.servers": kafka_broker.bootstrap, "transactional.id": f"{kafka_prefix}buystream-0", "linger.ms": 0}
    )
    hanging.init_transactions(patient(PATIENCE_SECONDS))
    hanging.begin_transaction()
    hanging.produce(kafka_prefix + EVENTS, b"hangs", partition=0)
    hanging.flush()
    kafka_log.append(EVENTS, 0, [Message(b"behind it")])
    assert reads(kafka_log, EVENTS, 0, ["a"])
    assert kafka_log.end(EVENTS, 0) == 1
    began = time.monotonic()
    with closing(kafka_log.own(0)) as owner:
        assert events(kafka_log) == ["a", "behind it"]
        owner.commit({EVENTS: [Message(b"b")]})
    assert reads(kafka_log, EVENTS, 0, ["a", "behind it", "b"])
    assert time.monotonic() - began < patient(8)  # not the transaction's time-out


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_reading_on_from_where_it_stopped_gives_every_record_once(kafka_log: KafkaLog, limit: int) -> None:
    with closing(kafka_log.own(0)) as owner:
        for n in range(0, 20, 2):
            owner.commit({EVENTS: [Message(str(n).encode()), Message(str(n + 1).encode())]})
        assert reads(kafka_log, EVENTS, 0, [str(n) for n in range(20)])
        seen: list[bytes] = []
        start = 0
        while records := kafka_log.read(EVENTS, 0, start, limit):
            assert len(records) == min(limit, 20 - len(seen))
            seen += [record.value for record in records]
            start = records[-1].position + 1
        assert seen == [str(n).encode() for n in range(20)]
        owner.commit({EVENTS: [Message(b"20")]})  # after an end was seen there
        assert reads(kafka_log, EVENTS, 0, ["20"], start=start)


def test_a_tail_from_beyond_the_log_is_damage(kafka_log: KafkaLog) -> None:
    kafka_log.append(EVENTS, 0, [Message(b"a")])
    with closing(kafka_log.tail(EVENTS, {0: 7})) as tail, pytest.raises(Damaged):
        tail.poll(patient(PATIENCE_SECONDS))


def test_a_message_that_is_too_large_is_an_error_and_spoils_nothing(kafka_log: KafkaLog) -> None:
    huge = Message(b"x" * 5_000_000)
    with pytest.raises(Rejected):
        kafka_log.append(COMMANDS, 0, [huge])
    with closing(kafka_log.own(0)) as owner, pytest.raises(Rejected):
        owner.commit({EVENTS: [Message(b"a"), huge]})
    with closing(kafka_log.own(0)) as owner:
        owner.commit({EVENTS: [Message(b"b")]})
    assert reads(kafka_log, EVENTS, 0, ["b"])
    assert kafka_log.append(COMMANDS, 0, [Message(b"a")]) == 0


def test_a_record_has_one_header_which_says_that_it_is_a_cloudevent(kafka_log: KafkaLog) -> None:
    kafka_log.append(COMMANDS, 0, [Message(b"{}", "key")])
    with closing(kafka_log.own(0)) as owner:
        owner.commit({EVENTS: [Message(b"{}", "key")], DEADLETTER: [Message(b"{}", "key")]})
    with closing(kafka_log.writer(COMMANDS, on_failure=lambda lost, error: None)) as writer:
        writer.submit(0, Message(b"{}", "key"))
    clients = kafka_log._clients
    for topic, count in ((COMMANDS, 2), (EVENTS, 1), (DEADLETTER, 1)):
        with closing(clients.consumer()) as consumer:
            consumer.assign([TopicPartition(clients.name_of(topic), 0, 0)])
            found = consumer.consume(count, patient(30))
        assert [one.headers() for one in found] == [[("content-type", b"application/cloudevents+json")]] * count


def test_a_record_goes_to_another_process(kafka_log: KafkaLog) -> None:
    kafka_log.append(COMMANDS, 0, [Message(b"", "key")])
    (record,) = kafka_log.read(COMMANDS, 0, 0)
    assert pickle.loads(pickle.dumps(record)) == record


def test_a_waiting_tail_and_a_waiting_assignment_cost_next_to_nothing(kafka_log: KafkaLog) -> None:
    with closing(kafka_log.tail(EVENTS, {0: 0, 1: 0})) as tail, closing(kafka_log.assignment("decider")) as assignment:
        tail.poll(1)
        assignment.poll(1)
        before = time.process_time()
        tail.poll(2)
        assignment.poll(2)
        assert time.process_time() - before < patient(0.08)  # 2 % of a core, on a machine that does other things too


def test_members_of_a_role_share_its_partitions_and_one_that_leaves_gives_its_own_at_once(kafka_log: KafkaLog) -> None:
    first, second = kafka_log.assignment("decider"), kafka_log.assignment("decider")
    with closing(second):
        with closing(first):
            wait_until(lambda: {len(first.poll(0.05)), len(second.poll(0.05))} == {1})
            assert first.poll(0) | second.poll(0) == {0, 1}
        left = time.monotonic()
        wait_until(lambda: second.poll(0.05) == {0, 1}, PATIENCE_SECONDS)
        assert time.monotonic() - left < patient(5)  # the session would take longer


# Owners in other processes.


@contextmanager
def committing_elsewhere(place: KafkaPlace, name: str) -> Iterator[tuple[int, Connection]]:
    """Another process owns partition 0 and commits numbers until it is refused; the pid, and a connection that gives
    the number of each commit that was acknowledged, and at last the name of the refusal."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_commit_until_refused, args=(theirs, place, name))
    process.start()
    theirs.close()
    assert process.pid is not None
    try:
        yield process.pid, ours
    finally:
        process.kill()
        process.join()


def _commit_until_refused(told: Connection, place: KafkaPlace, name: str) -> None:
    with closing(place.open(1)) as log, closing(log.own(0)) as owner:
        number = 0
        try:
            while True:
                both = [Message(f"{name}{number}".encode())]
                owner.commit({EVENTS: both, DEADLETTER: both})
                told.send(number)
                number += 1
        except LogError as error:
            told.send(type(error).__name__)


def acknowledged_until_the_end(told: Connection, commits: int) -> tuple[int, str]:
    """How many commits were acknowledged in all, and how it ended."""
    try:
        while True:
            assert told.poll(patient(PATIENCE_SECONDS))
            heard = told.recv()
            if isinstance(heard, str):
                return commits, heard
            commits = heard + 1
    except EOFError:
        return commits, "killed"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_killed_owner_and_a_zombie_lose_nothing_and_leave_nothing_half(
    kafka_broker: Broker, kafka_prefix: str, kafka_log: KafkaLog, end: signal.Signals
) -> None:
    with committing_elsewhere(KafkaPlace(kafka_broker.bootstrap, kafka_prefix), "old") as (pid, told):
        for _ in range(20):
            assert told.poll(patient(PATIENCE_SECONDS))
            told.recv()
        os.kill(pid, end)
        with closing(patiently(lambda: kafka_log.own(0))) as owner:
            taken_over = events(kafka_log)
            owner.commit({EVENTS: [Message(b"new")], DEADLETTER: [Message(b"new")]})
            os.kill(pid, signal.SIGCONT)
            commits, refusal = acknowledged_until_the_end(told, 20)
            owner.commit({EVENTS: [Message(b"newer")], DEADLETTER: [Message(b"newer")]})
        assert refusal in (("killed",) if end == signal.SIGKILL else (Fenced.__name__, LogUnavailable.__name__))
    assert taken_over == [f"old{number}" for number in range(len(taken_over))]
    assert commits <= len(taken_over) <= commits + 1
    for topic in (EVENTS, DEADLETTER):
        assert reads(kafka_log, topic, 0, [*taken_over, "new", "newer"])


def patiently(work: Callable[[], T]) -> T:
    deadline = Deadline(PATIENCE_SECONDS)
    while True:
        try:
            return work()
        except LogUnavailable:
            assert not deadline.passed
